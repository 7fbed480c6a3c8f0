"""`inventory-sync stack` as a user and a script see it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from inventory_cli.stack import app
from inventory_sandbox.stack import LocalStack
from inventory_sandbox.stack.ports import answers


def run(*arguments: str, folder: Path) -> Result:
    command, *options = arguments
    return CliRunner().invoke(app, [command, "--data-dir", str(folder), *options])


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "stack"
    LocalStack(tmp_path / "stack").down()


@pytest.mark.broker
def test_a_script_starts_asks_and_stops_by_json(folder: Path) -> None:
    started = json.loads(run("up", "--json", folder=folder).stdout)
    found = json.loads(run("status", "--json", folder=folder).stdout)
    stopped = json.loads(run("down", "--json", folder=folder).stdout)

    assert not started["was_running"]
    assert found["running"]
    assert found["bootstrap_servers"] == started["bootstrap_servers"]
    assert found["kafka"] == {"pid": started["kafka_pid"], "answers": True}
    assert stopped == {"stopped": True, "data_dir": str(folder)}
    assert not answers(int(started["bootstrap_servers"].rpartition(":")[2]))


def test_a_stack_that_was_never_started_says_how_to(folder: Path) -> None:
    answer = run("status", folder=folder)

    assert answer.exit_code == 1
    assert "never started here" in answer.stdout
    assert "inventory-sync stack up" in answer.stdout
    assert not folder.exists()


def test_down_without_a_stack_is_no_error(folder: Path) -> None:
    answer = run("down", folder=folder)

    assert answer.exit_code == 0
    assert f"nothing was running in {folder}" in answer.stdout


def test_damaged_notes_are_named_on_standard_error(folder: Path) -> None:
    folder.mkdir()
    (folder / "ports.json").write_text("{")

    answer = run("status", folder=folder)

    assert answer.exit_code == 1
    assert f"{folder / 'ports.json'} is damaged" in answer.stderr


def test_an_impossible_port_is_refused_before_anything_starts(folder: Path) -> None:
    answer = run("up", "--kafka-port", "70000", folder=folder)

    assert answer.exit_code == 2
    assert not folder.exists()
