"""Who asks the process that reconciles hears what it does meanwhile."""

from __future__ import annotations

from dataclasses import replace

from inventory_domain.identifiers import ChannelId
from inventory_domain.reconciliation import CyclePhase, ReconciliationCycle
from inventory_streams.reconcile.on_demand import _Heard

ASKED_MS = 1_000


def a_cycle(channel: str = "shop", started_at_ms: int = ASKED_MS) -> ReconciliationCycle:
    return ReconciliationCycle(
        ChannelId(channel), CyclePhase.PULLING, started_at_ms, started_at_ms, 220, 25, 0, 0, 0, 0, 0, "schedule"
    )


def test_what_it_does_before_is_heard_too_and_is_not_the_answer() -> None:
    """It pulls an account's channels one after the other, each for up to an hour; it is not silent meanwhile."""
    other, own_before = a_cycle("shop-two"), a_cycle(started_at_ms=ASKED_MS - 1)
    heard = _Heard(ChannelId("shop"), ASKED_MS)

    assert heard.is_news([own_before]) and (heard.own, heard.ahead) == (None, own_before)
    assert not heard.is_news([own_before])
    assert heard.is_news([own_before, replace(own_before, found=50), other])
    assert (heard.own, heard.ahead) == (None, other)

    own = replace(a_cycle(), phase=CyclePhase.COMPLETE)
    assert heard.is_news([own_before, other, own]) and heard.own == own
