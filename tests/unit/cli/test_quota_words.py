from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from inventory_cli.config import app
from inventory_cli.quota_words import connection_words, quota_words
from inventory_cli.template import settings_text, starting_draft
from inventory_domain.identifiers import AccountId
from inventory_domain.ports import OperationLimit


@dataclass(frozen=True)
class Limited:
    limits: tuple[OperationLimit, ...]


@pytest.mark.parametrize(("per_day", "told"), [(299, True), (300, False), (None, False)])
def test_a_quota_of_which_a_few_takeovers_leave_nothing_is_worth_a_word(per_day: int | None, told: bool) -> None:
    limited = Limited((OperationLimit("write", 2.0, 20.0, per_day=per_day), OperationLimit("read", 9.0, 90.0)))

    words = quota_words({AccountId("main"): limited}, 5.0)  # type: ignore[dict-item]  # nothing else of it is looked at

    assert [word.split(":")[0] for word in words] == (["accounts.main.limits.write.per_day"] if told else [])
    assert all("299 calls" in word and "30 of them" in word for word in words)


@pytest.mark.parametrize(("per_day", "told"), [(5_000, False), (60, True)])
def test_the_check_says_so(tmp_path: Path, per_day: int, told: bool) -> None:
    """Nothing of what is published."""
    file, text = tmp_path / "sync.yaml", settings_text(starting_draft("a:1", "http://b:2"))
    assert "per_day: 5000" in text
    file.write_text(text.replace("per_day: 5000", f"per_day: {per_day}"))

    done = CliRunner().invoke(app, ["check", "--skip-secrets", str(file)])

    assert done.exit_code == 0, done.output
    assert ("per_day: 60 calls" in done.output) is told


@dataclass(frozen=True)
class Calls:
    connections_max: int


@dataclass(frozen=True)
class Connected:
    calls: Calls


@pytest.mark.parametrize(("connections_max", "told"), [(39, True), (40, False)])
def test_fewer_connections_than_calls_under_way_are_worth_a_word(connections_max: int, told: bool) -> None:
    account = Connected(Calls(connections_max))

    words = connection_words({AccountId("main"): account}, 40)  # type: ignore[dict-item]  # as above

    assert [word.split(":")[0] for word in words] == (["accounts.main.connections_max"] if told else [])


def test_what_is_set_by_default_is_enough_and_fewer_is_told_by_the_check(tmp_path: Path) -> None:
    file, text = tmp_path / "sync.yaml", settings_text(starting_draft("a:1", "http://b:2"))
    file.write_text(text)
    enough = CliRunner().invoke(app, ["check", "--skip-secrets", str(file)])
    file.write_text(text.replace("connections_max: 64", "connections_max: 20"))
    fewer = CliRunner().invoke(app, ["check", "--skip-secrets", str(file)])

    assert enough.exit_code == fewer.exit_code == 0, fewer.output
    assert "connections" not in enough.output and "20 connections; delivery has up to 40 calls" in fewer.output
