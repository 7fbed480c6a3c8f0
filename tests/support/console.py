"""A console over a ledger of a test: signed in or not, with commands that are only noted."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine
from starlette.testclient import TestClient

from inventory_console.app import Console
from inventory_console.commands import CommandNotWritten
from inventory_console.events import Watchers
from inventory_console.letters import Decision, LetterNotDecided, LetterPlace
from inventory_console.pages import Pages
from inventory_console.sessions import Sessions
from inventory_console.settings import ConsoleSettings
from inventory_domain.operations import OperatorCommand
from inventory_ledger.migrating import migrate
from inventory_ledger.reports.making import make
from inventory_ledger.reports.model import Again, ReportKind, period_of
from inventory_ledger.store import Store, opened
from tests.support.engine import SystemClock
from tests.support.ledger import write_all
from tests.support.ledger_month import DAY, a_month, at

OPERATOR = "alice"
PASSWORD = "correct horse battery"
ORIGIN = "http://testserver"


class NotedCommands:
    """Keeps what would be written; refuses when told to."""

    def __init__(self) -> None:
        self.written: list[OperatorCommand] = []
        self.away = False

    def write(self, command: OperatorCommand) -> None:
        """Note it, or raise as Kafka's would."""
        if self.away:
            raise CommandNotWritten("operator.commands: Kafka did not acknowledge it within 20 s")
        self.written.append(command)


class NotedLetters:
    """Keeps what would be decided; refuses with the words it was given, and when told that Kafka is away."""

    def __init__(self) -> None:
        self.decided: list[tuple[LetterPlace, Decision, str, str]] = []
        self.refusals: dict[int, str] = {}
        self.away = False

    def decide(self, place: LetterPlace, decision: Decision, by: str, why: str) -> str | None:
        """Note it, or refuse as the desk would."""
        if self.away:
            raise LetterNotDecided("no answer in time")
        if place.offset in self.refusals:
            return self.refusals[place.offset]
        self.decided.append((place, decision, by, why))
        return None


@dataclass
class Seconds:
    """A clock that moves when it is told."""

    now_s: float = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Bench:
    """A console with everything that a test wants to look into."""

    engine: Engine
    commands: NotedCommands = field(default_factory=NotedCommands)
    letters: NotedLetters = field(default_factory=NotedLetters)
    seconds: Seconds = field(default_factory=Seconds)
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)
    settings: ConsoleSettings = field(default_factory=lambda: ConsoleSettings({OPERATOR: PASSWORD}))

    def console(self) -> Console:
        """The console."""

        def count(action: str, result: str) -> None:
            self.counted[action, result] += 1

        return Console(
            settings=self.settings,
            engine=self.engine,
            commands=self.commands,
            letters=self.letters,
            sessions=Sessions(self.settings.operators, self.settings.session_hours, self.seconds),
            clock=SystemClock(),
            pages=Pages(),
            watchers=Watchers(0.05),
            counted=count,
        )

    def client(self) -> TestClient:
        """A browser that nobody is signed in with."""
        return TestClient(self.console().app(), follow_redirects=False, headers={"origin": ORIGIN})

    def signed_in(self) -> TestClient:
        """A browser of the operator's."""
        client = self.client()
        answer = client.post("/sign-in", data={"operator": OPERATOR, "password": PASSWORD, "to": "/"})
        assert answer.status_code == 303
        return client


def csrf_of(page: str) -> str:
    """The proof in a page's form."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found[1]


def a_ledger(file: Path) -> Engine:
    """A month of a seller, with a report of each kind."""
    engine = opened(f"sqlite:///{file}")
    migrate(engine)
    write_all(Store(engine), a_month())
    for kind in ReportKind:
        make(engine, period_of(kind, DAY), at(29), Again())
    return engine
