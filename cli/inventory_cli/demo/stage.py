"""Sets the demo's stage: stack, sandbox, topics, schemas, settings file, and the pipeline's processes."""

from __future__ import annotations

import json
import selectors
import subprocess
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from inventory_cli.connecting import Connection
from inventory_cli.demo.catalog import DIVIDED, SHARES, DemoCatalog
from inventory_cli.demo.options import DemoOptions
from inventory_cli.demo.outage import in_a_hurry
from inventory_cli.demo.processes import Processes, Running
from inventory_cli.demo.sandbox_control import SandboxControl
from inventory_cli.demo.waiting import BURST_FACTOR, MARKETPLACES, SANDBOX, STACK
from inventory_cli.process_settings import default_ports
from inventory_cli.sandbox_template import sandbox_draft
from inventory_cli.template import settings_text
from inventory_domain.errors import InventorySyncError
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Topics

STACK_LIMIT_S: Final = 900.0  # the first time some 200 MB are fetched
SANDBOX_LIMIT_S: Final = 60.0
UNKNOWN_SKU_GRACE_S: Final = 15.0  # a slow machine reads the catalog late, and nothing of it is to be dead by then


class StageFailed(InventorySyncError):
    """Something the demo needs did not start."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything stands: addresses, the settings file that the processes read, and the sandbox's control address."""

    connection: Connection
    settings_file: Path
    control_url: str


def stage(
    processes: Processes,
    options: DemoOptions,
    run: str,
    settings_file: Path,
    catalog: DemoCatalog,
    say: Callable[[str], None],
) -> Stage:
    """Wait for the stack and the sandbox, prepare both, write the settings file, and release the processes."""
    with ThreadPoolExecutor(3) as pool:
        facts = json.loads(first_line(processes, SANDBOX, SANDBOX_LIMIT_S, say))
        say("the marketplaces' stand-ins answer")
        control_url = str(facts["control_url"])
        filled = pool.submit(_fill, control_url, catalog)
        connection = _connection(processes, options, f"{run}.", say)
        say("Kafka and the schema registry answer")
        draft = sandbox_draft(
            connection.kafka.bootstrap_servers,
            connection.schema_registry_url,
            facts,
            settings_file.parent / "secrets",
            burst_factor=BURST_FACTOR,
        )
        accounts = [
            replace(account, channels=[replace(one, percent=SHARES[one.name]) for one in account.channels])
            for account in draft.accounts
        ]
        draft = replace(
            draft,
            accounts=accounts,
            application_id=run,
            prefix=f"{run}.",
            partitions=options.partitions,
            by_category={DIVIDED: "fixed-percentage"},
            engine={"unknown_sku_grace_s": UNKNOWN_SKU_GRACE_S, "instance_id": f"{run}-engine"},
            ports=dict.fromkeys(default_ports(), 0),
        )
        if options.outage is not None:
            draft = replace(draft, delivery=in_a_hurry(draft.delivery))
        settings_file.write_text(settings_text(draft), encoding="utf-8")
        applied = pool.submit(_apply_topics, connection)
        registered = pool.submit(_register_schemas, connection)
        for done, said in (
            (filled, "listings filled"),
            (applied, "topics created"),
            (registered, "schemas registered"),
        ):
            done.result()
            say(said)
    return Stage(connection, settings_file, control_url)


def first_line(processes: Processes, name: str, limit_s: float, say: Callable[[str], None]) -> str:
    """The first line that the process prints; what it writes to its log meanwhile is said.

    Raises:
        StageFailed: it ended without one, or said nothing within the limit.
    """
    running = processes.get(name)
    process = running.process
    assert isinstance(process, subprocess.Popen)
    assert process.stdout is not None
    told = 0
    end = time.monotonic() + limit_s
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() < end:
            ready = waiting.select(0.2)
            told = _tell_log(running, told, say)
            if ready:
                line = process.stdout.readline().decode()
                if line:
                    return line
                process.wait(10)
                raise StageFailed(f"{name} ended with {process.returncode}\n{running.log_end()}")
    raise StageFailed(f"{name} did not start within {limit_s:.0f} s; its log is {running.log}\n{running.log_end()}")


def _tell_log(running: Running, told: int, say: Callable[[str], None]) -> int:
    if running.name != STACK:
        return told
    lines = running.log.read_text(errors="replace").splitlines()
    for line in lines[told:]:
        say(f"  {line}")
    return len(lines)


def _connection(processes: Processes, options: DemoOptions, prefix: str, say: Callable[[str], None]) -> Connection:
    topics = Topics(MARKETPLACES, prefix)
    if options.bootstrap_servers is not None and options.schema_registry is not None:
        kafka = KafkaSettings(options.bootstrap_servers)
        return Connection(kafka, options.schema_registry, topics, options.partitions)
    facts: Mapping[str, object] = json.loads(first_line(processes, STACK, STACK_LIMIT_S, say))
    processes.forget(STACK)
    kafka = KafkaSettings(str(facts["bootstrap_servers"]))
    return Connection(kafka, str(facts["schema_registry_url"]), topics, options.partitions)


def _fill(control_url: str, catalog: DemoCatalog) -> None:
    control = SandboxControl(control_url)
    try:
        control.fill(catalog.seeds)
    finally:
        control.close()


def _apply_topics(connection: Connection) -> None:
    from inventory_cli.topics import apply_topics

    apply_topics(connection.kafka, connection.topics, connection.partitions)


def _register_schemas(connection: Connection) -> None:
    from inventory_cli.schemas import register_schemas

    register_schemas(connection.schema_registry_url, connection.topics)
