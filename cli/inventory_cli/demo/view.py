"""What the demo shows while it runs: a table at a terminal, a line now and then everywhere else."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from inventory_cli.demo.watch import percentile

LINE_EVERY_S: Final = 5.0
REFRESH_PER_S: Final = 4


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """One channel as it is shown. Freshness in milliseconds; `throttle` is the used share of its account's limit."""

    channel: str
    changes: int
    targets: int
    pushed: int
    retried: int
    dead: int
    freshness_ms: Sequence[int]
    throttle: float | None


@dataclass(frozen=True, slots=True)
class Picture:
    """The demo at one moment: what it does, since when, and its channels."""

    phase: str
    elapsed_s: float
    rows: Sequence[ChannelRow]
    notes: Sequence[str] = ()
    urgent: Sequence[str] = ()


class View:
    """Shows pictures until it is closed."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live: Live | None = None
        self._last_line = 0.0
        self._last_phase = ""

    def show(self, picture: Picture) -> None:
        """Show this now, or when it is time for the next line."""
        if self.console.is_terminal:
            if self._live is None:
                self._live = Live(console=self.console, refresh_per_second=REFRESH_PER_S, transient=True)
                self._live.start()
            self._live.update(_drawn(picture))
        elif picture.phase != self._last_phase or time.monotonic() - self._last_line >= LINE_EVERY_S:
            self._last_line, self._last_phase = time.monotonic(), picture.phase
            self.console.print(_line(picture), soft_wrap=True, highlight=False)

    def say(self, text: str) -> None:
        """A line that stays."""
        self.console.print(text, soft_wrap=True, highlight=False)

    def close(self) -> None:
        """Give the terminal back."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def _drawn(picture: Picture) -> Group:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("channel")
    for name in ("changes in", "targets", "pushed", "retried", "dead", "fresh p50", "p99", "throttle"):
        table.add_column(name, justify="right")
    for row in picture.rows:
        table.add_row(
            row.channel,
            f"{row.changes:,}",
            f"{row.targets:,}",
            f"{row.pushed:,}",
            f"{row.retried:,}",
            f"[red]{row.dead}[/]" if row.dead else "0",
            seconds(percentile(row.freshness_ms, 50)),
            seconds(percentile(row.freshness_ms, 99)),
            "" if row.throttle is None else f"{row.throttle:.0%}",
        )
    head = Text(f"{picture.phase}  {picture.elapsed_s:.0f} s", style="bold")
    return Group(
        head,
        table,
        *(Text(note, style="bold red") for note in picture.urgent),
        *(Text(note, style="dim") for note in picture.notes),
    )


def _line(picture: Picture) -> str:
    pushed = sum(row.pushed for row in picture.rows)
    targets = sum(row.targets for row in picture.rows)
    retried = sum(row.retried for row in picture.rows)
    dead = sum(row.dead for row in picture.rows)
    flow = f"{targets} targets, {pushed} pushed, {retried} retried, {dead} dead"
    urgent = "".join(f"; {note}" for note in picture.urgent)
    return f"{picture.elapsed_s:6.1f} s  {picture.phase}: {flow}{urgent}"


def seconds(value_ms: int | None) -> str:
    """Milliseconds as people read them."""
    if value_ms is None:
        return "-"
    return f"{value_ms} ms" if value_ms < 1_000 else f"{value_ms / 1000:.1f} s"


def verdict_table(rows: Sequence[Mapping[str, object]]) -> Table:
    """The verdict by channel."""
    table = Table(title="Verdict", box=None, header_style="bold", pad_edge=False, title_justify="left")
    names = list(rows[0]) if rows else []
    for index, name in enumerate(names):
        table.add_column(name, justify="left" if index == 0 else "right")
    for row in rows:
        wrong = bool(row.get("wrong"))
        table.add_row(*(f"[red]{row[name]}[/]" if wrong else str(row[name]) for name in names))
    return table
