"""Tables as commands print them."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 200
"""Columns where no terminal says how many there are: a log or a pipe has no edge at which words must break."""


def width() -> int:
    """How many columns there are."""
    console = Console()
    return console.width if console.is_terminal else PIPE_WIDTH


def show(table: Table) -> None:
    """Print the table."""
    Console(width=width()).print(table)


def as_it_is(values: Iterable[object]) -> list[Text]:
    """Cells of a row with what others wrote: words in brackets are no markup there."""
    return [Text(str(value)) for value in values]
