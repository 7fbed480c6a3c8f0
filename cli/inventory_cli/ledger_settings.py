"""The sections of the settings file that are about what people ask: `ledger` and `console`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from inventory_adapters.secrets import Secret
from inventory_cli.documents import SecretSource, read_document
from inventory_cli.fields import FileFields
from inventory_cli.process_settings import ANY, HOST_DEFAULT
from inventory_cli.template_lines import Line
from inventory_console.settings import ConsoleSettings
from inventory_domain.errors import ConfigError, ConfigFault
from inventory_ledger import address
from inventory_ledger.reports.model import Again
from inventory_ledger.settings import LedgerSettings
from inventory_streams.kafka.settings import KafkaSettings

LEDGER: Final = LedgerSettings(KafkaSettings(""))
CONSOLE: Final = ConsoleSettings()
SQLITE: Final = "sqlite:///"


def read_ledger(root: FileFields, secrets: SecretSource, faults: list[ConfigFault]) -> LedgerSettings:
    """The section `ledger`. Where Kafka is and what the topics are called is put in by `wiring`."""
    fields = _section(root, "ledger", secrets, faults)
    settings = replace(
        LEDGER,
        url=_url(fields, secrets.folder, secrets.look_up),
        batch_records_max=fields.whole("batch_records_max", LEDGER.batch_records_max, least=-ANY, most=ANY),
        batch_wait_s=fields.number("batch_wait_s", LEDGER.batch_wait_s, least=-ANY, most=ANY),
        database_wait_s=fields.number("database_wait_s", LEDGER.database_wait_s, least=-ANY, most=ANY),
        history_days=fields.whole("history_days", LEDGER.history_days, least=-ANY, most=ANY),
        kept_days=fields.whole("kept_days", LEDGER.kept_days, least=-ANY, most=ANY),
        again=Again(
            cases=fields.whole("again_cases", LEDGER.again.cases, least=-ANY, most=ANY),
            days=fields.whole("again_days", LEDGER.again.days, least=-ANY, most=ANY),
        ),
        daily_report_at=fields.text("daily_report_at", LEDGER.daily_report_at),
        weekly_report_at=fields.text("weekly_report_at", LEDGER.weekly_report_at),
    )
    fields.end()
    faults.extend(settings.faults("ledger"))
    return settings


def read_console(root: FileFields, secrets: SecretSource, faults: list[ConfigFault]) -> ConsoleSettings:
    """The section `console`."""
    fields = _section(root, "console", secrets, faults)
    given = fields.mapping("operators")
    operators = fields.within("operators")
    settings = replace(
        CONSOLE,
        operators={name: operators.secret(name).reveal() for name in given},
        host=fields.text("host", HOST_DEFAULT),
        port=fields.whole("port", CONSOLE.port, least=0, most=65_535),
        public_url=fields.text_or_none("public_url"),
        session_hours=fields.number("session_hours", CONSOLE.session_hours, least=-ANY, most=ANY),
    )
    fields.end()
    if secrets.look_up:
        faults.extend(settings.faults("console"))
    return settings


def read_alone(config: Path, env: Mapping[str, str] | None = None) -> LedgerSettings:
    """What this settings file says of the ledger itself; no other secret of it is looked up.

    Raises:
        ConfigError: the file or its section `ledger` has faults.
    """
    faults: list[ConfigFault] = []
    secrets = SecretSource(os.environ if env is None else env, config.absolute().parent)
    found = read_ledger(FileFields(read_document(config), "", faults), secrets, faults)
    if faults:
        raise ConfigError(faults)
    return found


def ledger_lines(given: Mapping[str, object]) -> tuple[Line, ...]:
    """The section `ledger` of a settings file; `given` replaces defaults."""
    lines = (
        Line(
            "url",
            LEDGER.url,
            "SQLite's file, relative to this one, or PostgreSQL by {env: NAME} or {file: PATH} with "
            "postgresql://user:password@host/database in it",
        ),
        Line("batch_records_max", LEDGER.batch_records_max, "records of one transaction"),
        Line("batch_wait_s", LEDGER.batch_wait_s, "records are gathered this long"),
        Line("database_wait_s", LEDGER.database_wait_s, "a database that is away longer ends the process"),
        Line("history_days", LEDGER.history_days, "keep changes, targets, attempts and observations"),
        Line("kept_days", LEDGER.kept_days, "keep discrepancies, commands, channels' states, dead letters, reports"),
        Line("again_cases", LEDGER.again.cases, "from so many cases on a listing is said to drift again and again,"),
        Line("again_days", LEDGER.again.days, "within so many days"),
        Line("daily_report_at", LEDGER.daily_report_at, "the review of the day before, in UTC"),
        Line("weekly_report_at", LEDGER.weekly_report_at, "the audit of the week before, on Mondays, in UTC"),
    )
    return tuple(Line(line.key, given.get(line.key, line.value), line.comment) for line in lines)


def console_lines() -> tuple[Line, ...]:
    """The section `console` of a settings file."""
    return (
        Line(
            "operators",
            dict(CONSOLE.operators),
            "who may use it, each with a password of at least 12 characters: {alice: {env: CONSOLE_ALICE}}; "
            "without one it does not start",
        ),
        Line("host", HOST_DEFAULT),
        Line("port", CONSOLE.port, "0 takes a free one and logs it"),
        Line("public_url", None, "where people reach it, when that is elsewhere: https://stock.example.com"),
        Line("session_hours", CONSOLE.session_hours, "then an operator signs in again"),
    )


def _section(root: FileFields, name: str, secrets: SecretSource, faults: list[ConfigFault]) -> FileFields:
    resolved = secrets.resolved(root.mapping(name), name, faults)
    return root.of(name, resolved if isinstance(resolved, Mapping) else {})


def _url(fields: FileFields, folder: Path, looked_up: bool) -> str:
    """The database's address. A relative path of SQLite is meant from the settings file, whoever starts where."""
    value = fields.text_or_secret("url", LEDGER.url)
    if isinstance(value, Secret) and not looked_up:
        return LEDGER.url  # a stand-in: what it says is not known here
    text = value.reveal() if isinstance(value, Secret) else value
    if address.kind_of(text) is None:
        fields.fault("url", "must be like sqlite:///ledger.db or postgresql://user:password@host/database")
        return LEDGER.url
    if address.password_of(text) and not isinstance(value, Secret):
        fields.fault("url", "holds a password: write {env: NAME} or {file: PATH} with the whole address in it")
    file = address.file_of(text)
    return text if file is None else SQLITE + str(folder / Path(file).expanduser())
