"""The command line as a user meets it."""

import subprocess
import sys
from pathlib import Path

import pytest

LIMIT_S = 60
GROUPS = (
    ["stack", "up"],
    ["stack", "down"],
    ["stack", "status"],
    ["topics", "apply"],
    ["topics", "list"],
    ["schemas", "register"],
    ["schemas", "check"],
    ["config", "init"],
    ["config", "check"],
    ["config", "show"],
    ["engine"],
    ["deliver"],
    ["produce"],
    ["sku", "hold"],
    ["sku", "cap"],
    ["sku", "zero"],
    ["sku", "release"],
    ["sku", "settle"],
    ["sandbox"],
    ["demo"],
    ["version"],
)


def run(*arguments: str, stdin: str | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "inventory_cli", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        cwd=cwd,
    )


def test_help_names_every_command() -> None:
    said = run("--help").stdout

    for command in {group[0] for group in GROUPS}:
        assert f" {command} " in said


def test_what_is_not_a_command_is_told_with_status_2() -> None:
    done = run("enginee")

    assert done.returncode == 2
    assert "engine" in done.stderr


# What takes long to load, and what it is for.
KAFKA = {"confluent_kafka"}
RECORDS = {"fastavro", "authlib", "httpx2"}  # the last two are what the registry's client loads
ENGINE = {"faust", "aiokafka", "aiohttp"}
CALLS = {"httpx", "boto3", "inventory_adapters.accounts"}
LEDGER = {"sqlalchemy", "alembic"}
SERVING = {"uvicorn", "starlette", "jinja2", "prometheus_client"}
SETTINGS = {"yaml", "structlog", "inventory_domain.policies"}
STAGE = {"opentelemetry", "inventory_sandbox", "rich.live"}
ALL = KAFKA | RECORDS | ENGINE | CALLS | LEDGER | SERVING | SETTINGS | STAGE


def loaded(program: str, *arguments: str) -> set[str]:
    """Which of `ALL` are loaded when the program has ended, however it did."""
    text = f"import atexit, sys\natexit.register(lambda: print('loaded', *sys.modules, file=sys.stderr))\n{program}"
    done = subprocess.run(
        [sys.executable, "-c", text, *arguments], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    *_, told = done.stderr.splitlines()
    assert told.startswith("loaded "), done.stderr
    return ALL & set(told.split())


MAIN = "from inventory_cli.main import main; main()"


def test_help_loads_nothing_that_a_command_works_with() -> None:
    """It imports the modules of all commands, so this holds for the help of each of them too."""
    assert loaded(MAIN, "--help") == set()


def test_a_command_does_not_load_what_the_others_need() -> None:
    """Half a second for each process of the pipeline."""
    assert loaded(MAIN, "version") == set()


def test_a_question_loads_the_settings_and_what_answers_it(tmp_path: Path) -> None:
    file = tmp_path / "sync.yaml"
    addresses = ("--bootstrap-servers", "kafka:9092", "--schema-registry", "http://registry:8081")
    run("config", "init", str(file), *addresses)
    of_settings = SETTINGS | KAFKA | {"inventory_adapters.accounts"}

    assert loaded(MAIN, "config", "check", "--skip-secrets", str(file)) == of_settings
    assert loaded(MAIN, "explain", "A-1", "--config", str(file)) == of_settings | {"sqlalchemy"}


@pytest.mark.parametrize(
    ("process", "not_needed"),
    [
        ("inventory_streams.engine.run", LEDGER | {"httpx", "boto3", "uvicorn", "starlette", "jinja2"}),
        ("inventory_streams.delivery.run", ENGINE | LEDGER | {"boto3", "uvicorn", "starlette", "jinja2"}),
        ("inventory_ledger.run", ENGINE | {"httpx", "boto3", "uvicorn", "starlette"}),
    ],
)
def test_a_process_loads_no_other_processes_libraries(process: str, not_needed: set[str]) -> None:
    assert loaded(f"import inventory_cli.wiring, {process}") & not_needed == set()


def test_a_fault_of_the_settings_stops_the_start_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "sync.yaml").write_text("kafka: {}\n")

    done = run("engine", "--config", str(tmp_path / "sync.yaml"))

    assert done.returncode == 2
    assert "kafka.bootstrap_servers: is missing" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_not_there_is_said_in_a_sentence(tmp_path: Path) -> None:
    done = run("config", "check", str(tmp_path / "sync.yaml"))

    assert done.returncode == 1
    assert "config init" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_settings_file_is_written_once_and_checked(tmp_path: Path) -> None:
    addresses = ("--bootstrap-servers", "a:1", "--schema-registry", "http://b:2")

    first = run("config", "init", "sync.yaml", *addresses, cwd=tmp_path)
    again = run("config", "init", "sync.yaml", *addresses, cwd=tmp_path)
    faults = run("config", "check", "sync.yaml", cwd=tmp_path)
    sound = run("config", "check", "sync.yaml", "--skip-secrets", cwd=tmp_path)

    assert first.returncode == 0
    assert again.returncode == 2
    assert faults.returncode == 1
    assert "accounts.shop.access_token: environment variable SHOP_ACCESS_TOKEN is not set" in faults.stderr
    assert sound.returncode == 0
    assert "amazon-us: amazon, withholds 5 units or 15 %" in sound.stdout


def test_a_dry_run_checks_every_line_and_sends_nothing() -> None:
    lines = '{"kind": "StockCounted", "sku": "A", "location": "m", "on_hand": 1}\n{"kind": "StockCounted"}\n'

    done = run("produce", "-", "--dry-run", stdin=lines)

    assert done.returncode == 1
    assert "1 would be sent, 1 with faults" in done.stdout
    assert "line 2: on_hand: is missing" in done.stderr


def test_a_topic_that_is_not_asked_for_is_a_fault() -> None:
    done = run("produce", "-", "--dry-run", "--topic", "changes", stdin='{"kind": "Product", "sku": "A"}\n')

    assert done.returncode == 1
    assert "--topic" in done.stderr


def test_deliver_knows_its_marketplaces(tmp_path: Path) -> None:
    done = run("deliver", "etsy", "--config", str(tmp_path / "sync.yaml"))

    assert done.returncode == 2
    assert "amazon" in done.stderr


def test_a_system_beside_another_is_told_to_have_a_name_of_its_own(tmp_path: Path) -> None:
    """With one name for both, the engines of each are fenced by those of the other."""
    file = tmp_path / "sync.yaml"
    run("config", "init", str(file), "--bootstrap-servers", "kafka:9092", "--schema-registry", "http://registry:8081")
    text = file.read_text()

    alone = run("config", "check", "--skip-secrets", str(file))
    file.write_text(text.replace('prefix: ""', 'prefix: "trial."'))
    beside = run("config", "check", "--skip-secrets", str(file))
    file.write_text(file.read_text().replace("application_id: inventory-sync", "application_id: trial"))
    named = run("config", "check", "--skip-secrets", str(file))

    assert [done.returncode for done in (alone, beside, named)] == [0, 0, 0]
    assert alone.stderr == named.stderr == ""
    assert "needs another application_id too" in beside.stderr
