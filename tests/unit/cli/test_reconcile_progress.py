"""What somebody who asked for a reconciliation sees while it works."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from inventory_cli.reconcile_progress import told
from inventory_domain.identifiers import ChannelId
from inventory_domain.reconciliation import CyclePhase, ReconciliationCycle


def a_pull(found: int) -> ReconciliationCycle:
    return ReconciliationCycle(ChannelId("ebay-us"), CyclePhase.PULLING, 0, 0, 2_000, found, 0, 0, 0, 0, 0, "test")


def test_in_a_log_each_step_is_a_line_the_wait_for_the_rate_too() -> None:
    out = io.StringIO()

    with told("ebay-us", Console(file=out, width=40)) as (progress, waits):
        waits("30 s, until delivery leaves it")
        progress(a_pull(0))
        progress(a_pull(1_500))

    assert out.getvalue().splitlines() == [
        "reading what is known of ebay-us",
        "waiting 30 s, until delivery leaves it",
        "pulling ebay-us: 0 listings seen, the catalog has 2,000",
        "pulling ebay-us: 1,500 listings seen, the catalog has 2,000",
    ]


@pytest.mark.parametrize("seen", ["reading", "waiting 30 s", "pulling ebay-us"])
def test_at_a_terminal_the_bar_says_what_is_waited_for(seen: str) -> None:
    out = io.StringIO()

    with told("ebay-us", Console(file=out, width=160, force_terminal=True)) as (progress, waits):
        if seen != "reading":
            waits("30 s, until delivery leaves it")
        if seen.startswith("pulling"):
            progress(a_pull(1_500))

    assert seen in out.getvalue()
