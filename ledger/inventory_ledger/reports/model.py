"""What a report is made of: a period, a few figures, plots, and sheets of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Final

DAY_MS: Final = 86_400_000
TREND_WEEKS: Final = 8
"""The longest time that a report looks back."""

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Again:
    """From so many cases of its own within so many days on, a listing drifts again and again."""

    cases: int = 3
    days: int = 14


class ReportKind(Enum):
    """DAILY looks at one day; WEEKLY at every listing there is, and the week before."""

    DAILY = "daily"
    WEEKLY = "weekly"


class Tone(Enum):
    """How a figure is meant: PLAIN says something, GOOD needs nobody, BAD needs somebody."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Period:
    """From the start of `first` to the end of `last`, in UTC."""

    kind: ReportKind
    first: date
    last: date

    @property
    def from_ms(self) -> int:
        """The first millisecond of it."""
        return int(datetime(self.first.year, self.first.month, self.first.day, tzinfo=UTC).timestamp() * 1000)

    @property
    def until_ms(self) -> int:
        """The first millisecond after it."""
        return self.from_ms + ((self.last - self.first).days + 1) * DAY_MS

    @property
    def name(self) -> str:
        """What the report is kept under: its first day."""
        return self.first.isoformat()


def period_of(kind: ReportKind, day: date) -> Period:
    """The day itself, or the week from Monday to Sunday that it is in."""
    if kind is ReportKind.DAILY:
        return Period(kind, day, day)
    monday = day - timedelta(days=day.weekday())
    return Period(kind, monday, monday + timedelta(days=6))


def last_period(kind: ReportKind, today: date) -> Period:
    """The newest period that is over: yesterday, or the week before this one."""
    return period_of(kind, today - timedelta(days=1 if kind is ReportKind.DAILY else 7))


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that the whole report can be read by."""

    key: str
    title: str
    value: Cell
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of the report. `note` says what a row means; `left_out` counts rows beyond its limit."""

    key: str
    title: str
    note: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    left_out: int = 0

    @property
    def count(self) -> int:
        """All its rows, those left out with them."""
        return len(self.rows) + self.left_out


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing with its title, what it shows, and the names of its series in the order of their colors."""

    title: str
    note: str
    svg: str
    series: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A report before it is written down."""

    period: Period
    made_at_ms: int
    figures: tuple[Figure, ...]
    plots: tuple[Plot, ...]
    sheets: tuple[Sheet, ...]
