"""The table of who may import what; the import-linter contracts in pyproject.toml follow the same table."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.sources import ROOMS, ROOT, Source, imports, report, sources

# Structured logs are everywhere but in the domain, which states facts as return values.
OUTSIDE = {
    "domain": set(),
    "schemas": {"fastavro", "confluent_kafka.schema_registry"},
    "adapters": {"httpx"},
    "streams": {"faust", "mode", "aiokafka", "confluent_kafka", "prometheus_client", "structlog", "stamina"},
    "ledger": {
        "sqlalchemy",
        "alembic",
        "apscheduler",  # reports and retention by the clock
        "jinja2",  # reports as pages
        "confluent_kafka",
        "prometheus_client",
        "structlog",
        "stamina",
    },
    "console": {
        "starlette",
        "jinja2",
        "sse_starlette",
        "uvicorn",
        "sqlalchemy",  # the type of the connection that the ledger's questions are asked on
        "confluent_kafka",
        "prometheus_client",
        "structlog",
    },
}
"""Packages of others, by room; `cli` and `sandbox` may use what they need. mode and aiokafka are parts of Faust."""

OURS = {
    "domain": set(),
    "schemas": {"inventory_domain"},
    "adapters": {"inventory_domain"},
    "streams": {"inventory_domain", "inventory_schemas"},
    "ledger": {"inventory_domain", "inventory_schemas", "inventory_streams.kafka"},
    "console": {"inventory_domain", "inventory_schemas", "inventory_streams.kafka", "inventory_ledger"},
    "sandbox": set(),
}
SIGNALS_MAY_ALSO = {
    "inventory_adapters": {"boto3", "botocore", "cryptography"},
    "inventory_streams.signals": {"starlette", "uvicorn"},
}
STREAM_PARTS = ("engine", "delivery", "reconcile", "signals")
MAY_USE_SANDBOX = ("demo", "sandbox", "stack")
SANDBOX_WAIVERS = {"cli/inventory_cli/addresses.py": "where no address is given, asks where the local stack is"}


@pytest.mark.parametrize("room", OUTSIDE)
def test_a_room_uses_only_the_packages_of_its_row(room: str) -> None:
    violations = [
        f"{source.at(statement)} imports {name}"
        for source in sources(room)
        for statement, name in imports(source)
        if not _is_ours(name)
        and name.partition(".")[0] not in sys.stdlib_module_names
        and not _is_under(name, OUTSIDE[room] | _of_signals(source))
    ]

    assert not violations, report(violations)


@pytest.mark.parametrize("room", OURS)
def test_a_room_imports_only_the_rooms_of_its_row(room: str) -> None:
    violations = [
        f"{source.at(statement)} imports {name}"
        for source in sources(room)
        for statement, name in imports(source)
        if _is_ours(name) and not _is_under(name, OURS[room] | {f"inventory_{room}"})
    ]

    assert not violations, report(violations)


@pytest.mark.parametrize("part", STREAM_PARTS)
def test_the_processes_of_streams_do_not_import_each_other(part: str) -> None:
    others = {f"inventory_streams.{other}" for other in STREAM_PARTS if other != part}

    violations = [
        f"{source.at(statement)} imports {name}"
        for source in sources("streams")
        if _is_under(source.module, {f"inventory_streams.{part}"})
        for statement, name in imports(source)
        if _is_under(name, others)
    ]

    assert not violations, report(violations)


def test_only_the_commands_that_need_stand_ins_import_the_sandbox() -> None:
    violations = [
        f"{source.at(statement)} imports {name}"
        for source in sources("cli")
        for statement, name in imports(source)
        if _is_under(name, {"inventory_sandbox"}) and not _may_use_sandbox(source)
    ]

    assert not violations, report(violations)


def test_starting_the_command_line_does_not_load_the_sandbox() -> None:
    """What runs in production is started by the same command, and must not carry stand-ins along."""
    program = "import sys, inventory_cli.main; print(sorted(m for m in sys.modules if m.startswith('inventory_sand')))"

    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert answer.stdout.strip() == "[]"


def test_the_contracts_of_import_linter_hold() -> None:
    lint_imports = Path(sys.executable).parent / "lint-imports"

    answer = subprocess.run(
        [lint_imports, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )

    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_every_room_that_exists_is_in_the_table() -> None:
    found = {path.parent.name for path in ROOT.glob("*/inventory_*") if path.is_dir()}

    assert found <= set(ROOMS)


def _is_ours(name: str) -> bool:
    return name.partition(".")[0].startswith("inventory_")


def _is_under(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _of_signals(source: Source) -> set[str]:
    """Webhooks and queues need more, in the modules named so only."""
    if not {"signals", "queue"} & set(source.module.split(".")):
        return set()
    return {
        package for room, allowed in SIGNALS_MAY_ALSO.items() if source.module.startswith(room) for package in allowed
    }


def _may_use_sandbox(source: Source) -> bool:
    part = source.module.removeprefix("inventory_cli.").partition(".")[0]
    return part.partition("_")[0] in MAY_USE_SANDBOX or str(source.path) in SANDBOX_WAIVERS
