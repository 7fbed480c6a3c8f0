"""`inventory-sync replay` that is killed: what it leaves on the machine and on the broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from typer.testing import CliRunner

from inventory_adapters.catalog import MARKETPLACES
from inventory_cli.replay import app
from inventory_cli.schemas import register_schemas
from inventory_cli.settings import load
from inventory_cli.topics import apply_topics
from inventory_cli.wiring import engine_settings
from inventory_streams.engine.replay.apart import left_behind
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Topics

LIMIT_S = 60.0


def wait_for(there: Callable[[], bool], what: str) -> None:
    """Wait until it is so, within a limit."""
    until_s = time.monotonic() + LIMIT_S
    while not there():
        assert time.monotonic() < until_s, f"not within {LIMIT_S:.0f} s: {what}"
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    """The processes that this one has started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def runs(pid: int) -> bool:
    """Whether there is such a process; one that nobody has buried yet does not run."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_killed_replay_leaves_no_process_and_clean_removes_its_topics(
    kafka: str, registry_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = tmp_path / "sync.yaml"
    config.write_text(
        f"kafka: {{bootstrap_servers: '{kafka}'}}\nschema_registry: {{url: '{registry_url}'}}\n"
        f"topics: {{prefix: '{topic_prefix}', partitions: 1, replication: 1}}\n"
        "accounts: {na: {marketplace: amazon, seller_id: S, client_id: C, client_secret: {env: X},"
        " refresh_token: {env: Y}}}\n"
        "channels: {harbor-us: {account: na, locations: [main], marketplace_id: ATVPDKIKX0DER}}\n"
    )
    topics = Topics(tuple(MARKETPLACES), topic_prefix)
    apply_topics(KafkaSettings(kafka), topics, 1, 1)
    register_schemas(registry_url, topics)
    settings = engine_settings(load(config, secrets_at=()))
    command = [sys.executable, "-m", "inventory_cli", "replay", "--config", str(config)]
    replay = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    engine = 0
    try:
        wait_for(lambda: bool(children(replay.pid)), "the replay has started its engine")
        (engine,) = children(replay.pid)
        replay.kill()
        replay.wait(10)

        wait_for(lambda: not runs(engine), "the engine has ended with its replay")
        left = left_behind(settings)
        cleaned = CliRunner().invoke(app, ["--config", str(config), "--clean"])
        again = CliRunner().invoke(app, ["--config", str(config), "--clean"])
    finally:
        for pid in (replay.pid, engine):
            if pid and runs(pid):
                os.kill(pid, signal.SIGKILL)

    assert len(left) == 1
    assert (cleaned.exit_code, cleaned.stdout) == (0, f"removed what the replay {left[0]} left\n")
    assert left_behind(settings) == []
    assert (again.exit_code, again.stdout) == (0, "")
