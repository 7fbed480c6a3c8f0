"""A system of one's own, started command by command as the README gives them."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import yaml

from inventory_cli.defaults import PARTITIONS_DEFAULT
from inventory_sandbox.marketplaces import SandboxSettings
from inventory_schemas.codec import RecordKind, Serde
from inventory_schemas.registry import ConfluentRegistry
from inventory_streams.kafka.reading import read_to_end
from inventory_streams.kafka.settings import KafkaSettings
from tests.support.asking import local
from tests.support.commands import Started, first_line, run_command, run_here, wait_until

T = TypeVar("T")

EXAMPLES = Path(__file__).parents[2] / "examples"
LIMIT_S = 150  # half a dozen processes load at once, and the machine may be busy with more


def ended(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A command that has ended, however it did."""
    return run_command(*arguments, folder=cwd)


def run(*arguments: str, cwd: Path) -> str:
    """What a command printed that ended well."""
    done = ended(*arguments, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def a_system(
    started: Started,
    folder: Path,
    kafka: str,
    registry_url: str,
    prefix: str,
    application_id: str,
    *,
    skus: int = 5,
    factor: float = 0.001,
    partitions: int = PARTITIONS_DEFAULT,
) -> dict[str, str]:
    """The sandbox is up, settings for it are in `sync.yaml`, topics and schemas are there; what the sandbox said."""
    announced = started.start("sandbox", "sandbox", "--json", "--skus", str(skus), "--factor", str(factor))
    facts: dict[str, str] = json.loads(first_line(announced))
    addresses = ("--bootstrap-servers", kafka, "--schema-registry", registry_url)
    settings = folder / "sync.yaml"
    run_here("config", "init", str(settings), "--sandbox", str(announced), *addresses)
    text = settings.read_text().replace('prefix: ""', f"prefix: {prefix}")
    text = text.replace("application_id: inventory-sync", f"application_id: {application_id}")
    text = re.sub(r"partitions: \d+", f"partitions: {partitions}", text)
    settings.write_text(re.sub(r": 94\d\d$", ": 0", text, flags=re.MULTILINE))
    run_here("topics", "apply", "--config", str(settings))
    run_here("schemas", "register", "--config", str(settings))
    return facts


def the_shop_tells(folder: Path) -> None:
    """In these settings the shop's account is to tell of changes, to a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "api.secret").write_text(SandboxSettings().credentials.shopify_api_secret)
    settings = folder / "sync.yaml"
    told = yaml.safe_load(settings.read_text())
    shop = told["accounts"][told["channels"]["shop"]["account"]]
    secret = {"file": str(folder / "api.secret")}
    shop["signals"] = {"endpoint": f"http://127.0.0.1:{port}/shop", "api_secret": secret}
    told["signals"]["port"] = port
    settings.write_text(yaml.safe_dump(told))


def said_on(
    kafka: str, registry_url: str, topic: str, kind: RecordKind[T], *, partitions: int = PARTITIONS_DEFAULT
) -> list[T]:
    """Everything on the topic so far."""
    registry = ConfluentRegistry(registry_url)
    serde = Serde(kind, f"{topic}-value", registry)
    found: list[T] = []
    read_to_end(
        KafkaSettings(kafka),
        [(topic, number) for number in range(partitions)],
        lambda messages: found.extend(serde.decode(one.value()) for one in messages),
    )
    registry.close()
    return found


def shown(control_url: str, until: dict[str, int]) -> dict[str, int]:
    """What the marketplaces show, once it is that or the time is over."""
    end = time.monotonic() + LIMIT_S
    found: dict[str, int] = {}
    while time.monotonic() < end:
        found = {key: local().get(f"{control_url}/listings/{key}").json()["live_quantity"] for key in until}
        if found == until:
            break
        time.sleep(0.1)
    return found


def wait_for(condition: Callable[[], bool]) -> None:
    """Returns when it holds; fails when it does not within the limit."""
    wait_until(condition, "what is waited for", LIMIT_S)
