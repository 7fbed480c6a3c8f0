"""The console as a process: started by its command, used over HTTP, its commands on the real topic, ended cleanly."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from confluent_kafka import Message

from inventory_cli.settings import load
from inventory_cli.template import AccountDraft, ChannelDraft, Draft, settings_text
from inventory_cli.wiring import registry
from inventory_domain.identifiers import Marketplace
from inventory_domain.operations import OperatorAction, OperatorCommand
from inventory_ledger.settings import Feed
from inventory_ledger.store import Store, opened
from inventory_schemas.codec import Serde
from inventory_schemas.records import LISTING_TARGET, OPERATOR_COMMAND
from inventory_streams.kafka.reading import read_to_end
from tests.support.asking import local
from tests.support.commands import run_here, wait_until
from tests.support.ledger import Tape, a_target, encoded, topic_of, write_all

PASSWORD = "correct horse battery"
COMMAND = (sys.executable, "-m", "inventory_cli")


@pytest.fixture
def config(kafka: str, registry_url: str, topic_prefix: str, application_id: str, tmp_path: Path) -> Path:
    """A settings file whose topics and schemas are there, and a ledger that knows one channel."""
    shop = AccountDraft("shop", Marketplace("shopify"), (ChannelDraft("shop", ["main"]),), {"shop": "a-shop"})
    draft = Draft(kafka, registry_url, (shop,), application_id, topic_prefix, partitions=1, ports={"console": 0})
    file = tmp_path / "sync.yaml"
    text = settings_text(draft).replace("operators: {}", "operators: {alice: {env: CONSOLE_ALICE}}")
    file.write_text(text.replace("port: 9480", "port: 0"))
    for arguments in (["topics", "apply"], ["schemas", "register"], ["ledger", "migrate"]):
        run_here(*arguments, "--config", str(file))
    engine = opened(f"sqlite:///{tmp_path / 'inventory-ledger.db'}")
    tape = Tape()
    target = encoded(LISTING_TARGET, a_target(channel="shop"))
    tape.add(topic_of(tape.topics, Feed.TARGETS), "k", target)
    write_all(Store(engine), tape)
    engine.dispose()
    return file


@pytest.fixture
def console(config: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    log = config.parent / "console.log"
    environment = {**os.environ, "CONSOLE_ALICE": PASSWORD}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*COMMAND, "console", "--config", str(config)], stdout=output, stderr=output, env=environment
        )
    yield process, log
    if process.poll() is None:
        process.kill()
    process.wait(10)


def events(log: Path) -> dict[str, Mapping[str, object]]:
    """What it logged, by the text of the event."""
    lines = [line for line in log.read_text().splitlines() if line.startswith("{") and line.endswith("}")]
    return {one["event"]: one for one in map(json.loads, lines)}


def test_a_command_goes_from_the_page_to_the_topic(config: Path, console: tuple[subprocess.Popen[bytes], Path]) -> None:
    process, log = console
    wait_until(lambda: process.poll() is None and "console served" in events(log), log.read_text()[-2000:], 60)
    address = f"http://127.0.0.1:{events(log)['console served']['port']}"

    with httpx.Client(base_url=address, headers={"origin": address}) as browser:
        signed_in = browser.post("/sign-in", data={"operator": "alice", "password": PASSWORD})
        page = browser.get("/channels/shop").text
        proof = re.search(r'name="csrf" value="([^"]+)"', page)
        assert proof, page
        answer = browser.post("/channels/shop/pause", data={"csrf": proof[1], "why": "stocktaking"})
    probes = f"http://127.0.0.1:{events(log)['probes served']['port']}"
    ready = local().get(f"{probes}/readyz")
    metrics = local().get(f"{probes}/metrics").text
    process.send_signal(signal.SIGTERM)

    assert (signed_in.status_code, answer.status_code, ready.status_code) == (303, 303, 200)
    (command,) = commands(config)
    assert (command.channel, command.action, command.by, command.why) == (
        "shop",
        OperatorAction.PAUSE,
        "alice",
        "stocktaking",
    )
    assert 'inventory_sync_console_actions_total{action="pause",result="written"} 1.0' in metrics
    assert process.wait(60) == 0
    assert PASSWORD not in log.read_text()


def test_an_open_page_does_not_hold_the_end_up(console: tuple[subprocess.Popen[bytes], Path]) -> None:
    """A browser keeps its stream of events open for as long as it lives; Kubernetes would kill the process for it."""
    process, log = console
    wait_until(lambda: process.poll() is None and "console served" in events(log), log.read_text()[-2000:], 60)
    address = f"http://127.0.0.1:{events(log)['console served']['port']}"

    with httpx.Client(base_url=address, headers={"origin": address}, timeout=60) as browser:
        browser.post("/sign-in", data={"operator": "alice", "password": PASSWORD})
        with browser.stream("GET", "/events") as stream:
            assert stream.status_code == 200
            process.send_signal(signal.SIGTERM)
            wait_until(lambda: process.poll() is not None, "the process has ended while the page is open", 60)

    assert process.returncode == 0
    assert "graceful shutdown exceeded" not in log.read_text()  # what the server says of a page that it cut off


def commands(config: Path) -> list[OperatorCommand]:
    """Everything on the topic of operators' commands."""
    settings = load(config, look_up_secrets=False)
    topic = settings.connection.topics.operator_commands
    found: list[Message] = []
    read_to_end(settings.connection.kafka, [(topic, 0)], found.extend)
    schemas = registry(settings)
    serde = Serde(OPERATOR_COMMAND, f"{topic}-value", schemas)
    decoded = [serde.decode(message.value()) for message in found]
    schemas.close()
    return decoded
