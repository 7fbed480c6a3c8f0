"""What `inventory-sync reconcile CHANNEL` shows while it works: a bar at a terminal, else lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from inventory_domain.reconciliation import ReconciliationCycle
from inventory_streams.reconcile.cycle import Waits

Told = tuple[Callable[[ReconciliationCycle], None], Waits]
"""What is to be called as the reconciliation goes on, and with what it waits for."""


@contextmanager
def told(channel: str, console: Console) -> Iterator[Told]:
    """Show the progress of one channel's reconciliation on this console until the block ends."""
    if not console.is_terminal:
        yield _lines(channel, console)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(_reading(channel), total=None)

        def progress(cycle: ReconciliationCycle) -> None:
            total = max(cycle.listings, cycle.found)
            bar.update(task, description=f"{cycle.phase.value} {channel}", completed=cycle.found, total=total)

        yield progress, lambda what: bar.update(task, description=_waiting(what))


def _lines(channel: str, console: Console) -> Told:
    def say(text: str) -> None:
        console.print(text, soft_wrap=True, highlight=False)

    say(_reading(channel))
    return (
        lambda cycle: say(
            f"{cycle.phase.value} {channel}: {cycle.found:,} listings seen, the catalog has {cycle.listings:,}"
        ),
        lambda what: say(_waiting(what)),
    )


def _reading(channel: str) -> str:
    return f"reading what is known of {channel}"


def _waiting(what: str) -> str:
    return f"waiting {what}"
