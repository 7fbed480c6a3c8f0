"""`inventory-sync engine`, and `inventory-sync engine adopt`."""

from __future__ import annotations

import os
import signal
import threading
from typing import Annotated

import typer

from inventory_cli.options import ENV_CONFIG, ConfigFile, EngineConfigFile

app = typer.Typer()

InstanceId = Annotated[
    str | None,
    typer.Option(
        envvar="INVENTORY_SYNC_INSTANCE_ID",
        help="This worker's stable name, such as a pod's, for quick restarts. Default: the settings file's.",
    ),
]


Replay = Annotated[str | None, typer.Option(hidden=True, help="Be the engine of the replay of this name.")]


@app.callback(invoke_without_command=True)
def engine(
    context: typer.Context, config: EngineConfigFile = None, instance_id: InstanceId = None, replay: Replay = None
) -> None:
    """Compute what each listing should show, from stock changes and the catalog, until Ctrl-C or SIGTERM.

    Run several for more throughput: they share the partitions. Serves /metrics, /livez and /readyz.

        inventory-sync engine --config sync.yaml
    """
    if context.invoked_subcommand is not None:
        return
    if config is None:
        raise typer.BadParameter(f"is missing; {ENV_CONFIG} may name it too", param_hint="--config")
    from inventory_cli import wiring
    from inventory_cli.clock import SystemClock
    from inventory_cli.logging import configure
    from inventory_cli.settings import load
    from inventory_cli.tracing import traced

    # Before the engine is loaded: a fault of the file is told at once. It calls no marketplace, so it has no secrets.
    settings = load(config, secrets_at=())
    from inventory_streams.engine.run import run

    metrics = wiring.metrics()
    settings = wiring.observed(settings, metrics)
    processes = settings.processes
    configure("engine", level=processes.log_level, form=processes.log_format, secrets=wiring.secrets(settings))
    registry = wiring.registry(settings)
    if replay is not None:
        from inventory_schemas.registry import OtherSubjects
        from inventory_streams.engine.replay.apart import apart

        told = wiring.engine_settings(settings)
        own = apart(told, replay)
        _end_with_the_replay()
        subjects = OtherSubjects(registry, own.topics.prefix, told.topics.prefix)
        raise typer.Exit(run(own, settings.policy, subjects, metrics, SystemClock()))
    with traced(settings, "engine") as settings:
        status = run(wiring.engine_settings(settings, instance_id), settings.policy, registry, metrics, SystemClock())
    raise typer.Exit(status)


def _end_with_the_replay() -> None:
    """Ask this process to end as soon as whoever holds the other end of its standard input is gone."""

    def wait() -> None:
        while os.read(0, 4_096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="replay-gone", daemon=True).start()


@app.command()
def adopt(config: ConfigFile) -> None:
    """Accept topics that were created anew or lost records; they are read from their first record on.

    For when the engine refuses to start because an input is not the one that it had applied. Stop all engines first.

        inventory-sync engine adopt --config sync.yaml
    """
    from inventory_cli import wiring
    from inventory_cli.settings import load

    settings = load(config, secrets_at=())
    from inventory_streams.engine.adopt import adopt as accept

    adopted = accept(wiring.engine_settings(settings), wiring.registry(settings))
    for sentence in adopted:
        typer.echo(sentence)
    if not adopted:
        typer.echo("every input is the one that was applied: nothing to adopt")
