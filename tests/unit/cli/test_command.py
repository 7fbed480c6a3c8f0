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


@pytest.mark.parametrize("module", ["faust", "uvicorn", "confluent_kafka", "httpx", "rich.live"])
def test_one_command_does_not_load_what_the_others_need(module: str) -> None:
    """Half a second for each process of the pipeline, and for every look at the help of one command."""
    text = (
        "import sys\n"
        "from inventory_cli.main import build\n"
        "build('version')\n"
        f"sys.exit(1 if {module!r} in sys.modules else 0)\n"
    )

    done = subprocess.run([sys.executable, "-c", text], timeout=LIMIT_S, check=False)

    assert done.returncode == 0


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
