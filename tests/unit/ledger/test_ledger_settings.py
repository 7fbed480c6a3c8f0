from __future__ import annotations

from pathlib import Path

import pytest

from inventory_cli.settings import load
from inventory_cli.template import settings_text, starting_draft
from inventory_cli.wiring import ledger_topics
from inventory_domain.errors import ConfigError
from inventory_domain.identifiers import Marketplace
from inventory_ledger import address
from inventory_ledger.reports.model import Again
from inventory_ledger.settings import LedgerSettings, time_of_day
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Topics

URL_LINE = 'url: "sqlite:///inventory-ledger.db"'


def written(folder: Path, *changes: tuple[str, str]) -> Path:
    """A settings file with these lines replaced."""
    text = settings_text(starting_draft("localhost:9092", "http://localhost:8081"))
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    file = folder / "sync.yaml"
    file.write_text(text)
    return file


def faults_of(file: Path, env: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load(file, env)
    return [str(fault) for fault in raised.value.faults if fault.path.startswith(("ledger", "console"))]


def test_sqlites_file_is_meant_from_the_settings_file(tmp_path: Path) -> None:
    """The ledger and `explain` are started in different folders, and must mean the same database."""
    settings = load(written(tmp_path), look_up_secrets=False)

    assert settings.ledger.url == f"sqlite:///{tmp_path / 'inventory-ledger.db'}"


def test_a_password_in_the_address_comes_from_outside_the_file(tmp_path: Path) -> None:
    given = "postgresql://ledger:pa55@db/ledger"
    plain = written(tmp_path, (URL_LINE, f"url: {given}"))
    (fault,) = faults_of(plain, {})
    assert fault.startswith("ledger.url: holds a password")

    secret = written(tmp_path, (URL_LINE, "url: {env: LEDGER_URL}"))
    assert [one for one in faults_of(secret, {"LEDGER_URL": given}) if one.startswith("ledger.url")] == []


def test_every_fault_of_the_section_is_named_with_its_value(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        ("history_days: 30", "history_days: 0"),
        ('daily_report_at: "05:00"', 'daily_report_at: "25:00"'),
        ("operators: {}", "operators: {alice: {env: SHORT}}"),
        ("public_url: null", "public_url: ftp://x"),
    )

    faults = faults_of(file, {"SHORT": "hunter2"})

    assert [fault.partition(":")[0] for fault in faults] == [
        "ledger.history_days",
        "ledger.daily_report_at",
        "console.public_url",
        "console.operators.alice",
    ]
    assert not any("hunter2" in fault for fault in faults)


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("history_days: 30", "history_days: 7", "ledger.history_days: is 7; it must be 8 to 3650"),
        ("kept_days: 400", "kept_days: 30", "ledger.kept_days: is 30; it must be 57 to 3650"),
        ("again_cases: 3", "again_cases: 1", "ledger.again_cases: is 1; it must be 2 to 1000"),
        ("kept_days: 400", "kept_days: 60", "ledger.again_days: is 90, more than kept_days"),
    ],
)
def test_what_reports_are_made_of_is_kept_at_least_as_long(tmp_path: Path, before: str, after: str, fault: str) -> None:
    """A report of what was deleted would say that there was nothing."""
    longer = [("again_days: 14", "again_days: 90")] if "again_days" in fault else []

    (found,) = faults_of(written(tmp_path, (before, after), *longer), {})

    assert found.startswith(fault)


def test_how_often_is_again_and_again_is_read(tmp_path: Path) -> None:
    file = written(tmp_path, ("again_cases: 3", "again_cases: 5"), ("again_days: 14", "again_days: 30"))

    assert load(file, look_up_secrets=False).ledger.again == Again(5, 30)


def test_the_engine_needs_no_secret_of_the_ledger_or_the_console(tmp_path: Path) -> None:
    file = written(
        tmp_path, (URL_LINE, "url: {env: LEDGER_URL}"), ("operators: {}", "operators: {alice: {env: CONSOLE_ALICE}}")
    )

    settings = load(file, {}, secrets_at=())

    assert settings.ledger.url == LedgerSettings(KafkaSettings("")).url


def test_the_ledgers_user_may_read_every_topic_that_it_keeps() -> None:
    topics = Topics((Marketplace("amazon"), Marketplace("ebay")), "x.")
    readable = {one.name for one in topics.declarations() if "ledger" in one.read_by}

    assert {one.name for one in ledger_topics(topics)} <= readable


@pytest.mark.parametrize(("text", "time"), [("05:30", (5, 30)), ("23:59", (23, 59)), ("24:00", None), ("5", None)])
def test_a_time_of_the_day_is_hours_and_minutes(text: str, time: tuple[int, int] | None) -> None:
    assert time_of_day(text) == time


def test_a_password_is_never_shown() -> None:
    url = "postgresql://ledger:pa%2F55@db:5432/ledger"

    assert address.shown(url) == "postgresql://ledger:***@db:5432/ledger"
    assert address.passwords_of(url) == ("pa%2F55", "pa/55")
    assert address.passwords_of("postgresql://ledger@db/ledger") == ()
    assert "pa%2F55" not in repr(LedgerSettings(KafkaSettings("k"), url=url))
