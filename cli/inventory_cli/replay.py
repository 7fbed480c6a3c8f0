"""`inventory-sync replay`: is the running state what its input says?"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Final

import typer

from inventory_cli.options import ConfigFile

if TYPE_CHECKING:
    from inventory_streams.engine.replay.run import Comparison

DIFFERENCES_TOLD_MAX: Final = 20
STOP_LIMIT_S: Final = 40.0
LAST_WORDS: Final = 2_000

app = typer.Typer()


@app.command()
def replay(
    config: ConfigFile,
    snapshot: Annotated[
        Path | None, typer.Option(help="Begin from this file of `inventory-sync snapshot`, not from the first records.")
    ] = None,
    clean: Annotated[
        bool, typer.Option("--clean", help="Only remove what replays left on the broker that were killed.")
    ] = False,
) -> None:
    """Rebuild the engine's state from the topics under a fresh application id, and compare it with the running one.

    An engine of its own reads copies of the input and writes topics of its own, which reach no marketplace and are
    removed afterwards; the running engine is not disturbed. Needs all input since the beginning within the topics'
    retention, or since a snapshot; says which it was. Ends with 1 when a SKU's stock, orders, product, override or kits
    differ.

        inventory-sync replay --config sync.yaml --snapshot monday.gz
    """
    from inventory_cli import wiring
    from inventory_cli.clock import SystemClock
    from inventory_cli.settings import load
    from inventory_streams.engine.replay.apart import ReplayRefused, apart, left_behind, remove
    from inventory_streams.engine.replay.run import replay as rebuild
    from inventory_streams.engine.snapshots import read_snapshot

    settings = load(config, secrets_at=())
    engine, clock = wiring.engine_settings(settings), SystemClock()
    others = left_behind(engine)
    if clean:
        for name in others:
            try:
                remove(apart(engine, name))
            except ReplayRefused as error:
                typer.echo(f"{error}: left alone")
            else:
                typer.echo(f"removed what the replay {name} left")
        return
    for name in others:
        typer.echo(f"another replay, {name}, is under way or was killed: `--clean` removes what was left", err=True)
    kept = read_snapshot(snapshot, engine) if snapshot is not None else None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that what was made is removed
    name = str(clock.now_ms())
    with tempfile.TemporaryFile() as log:
        result = rebuild(
            engine,
            wiring.registry(settings),
            clock.now_ms,
            name,
            lambda own: EngineProcess(config, name, log),
            kept,
            lambda text: typer.echo(text, err=True),
        )
    _print(result)
    raise typer.Exit(1 if result.differences else 0)


def _print(result: Comparison) -> None:
    typer.echo(f"rebuilt by {result.application}, {result.began}")
    for one in result.differences[:DIFFERENCES_TOLD_MAX]:
        typer.echo(f"{one.sku}: {one.what}")
    if len(result.differences) > DIFFERENCES_TOLD_MAX:
        typer.echo(f"and {len(result.differences) - DIFFERENCES_TOLD_MAX} more SKUs")
    if result.under_way:
        typer.echo(f"kits and components were talking: what {result.under_way} SKUs said of kits was not compared")
    typer.echo(f"{result.skus} SKUs from {result.records} records: {len(result.differences)} differ")


class EngineProcess:
    """`inventory-sync engine` with the settings of a replay, as a process of its own.

    It ends when this process does, however that ends: its standard input is a pipe that closes then.
    """

    def __init__(self, config: Path, name: str, log: IO[bytes]) -> None:
        self._log = log
        command = [sys.executable, "-m", "inventory_cli", "engine", "--config", str(config), "--replay", name]
        self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.PIPE)

    def check(self) -> None:
        """Raises `NotApplied` with what it said last, when it has ended."""
        from inventory_streams.engine.replay.copying import NotApplied

        status = self._process.poll()
        if status is not None:
            self._log.seek(max(0, self._log.seek(0, 2) - LAST_WORDS))
            said = self._log.read().decode(errors="replace")
            raise NotApplied(f"the engine of the replay ended with {status}: {said}")

    def stop(self) -> None:
        """Ask it to end, and end it if it does not."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
