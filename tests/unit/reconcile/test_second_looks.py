"""What showed too little is read once more when its orders must be known, and not only by the next pull."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from prometheus_client import CollectorRegistry

from inventory_domain.identifiers import AccountId, ListingId
from inventory_domain.reconciliation import Observation, ObservedBy
from inventory_schemas.registry import LocalRegistry
from inventory_streams.hints import RECONCILE_HINT
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.reconcile.budget import PullBudget
from inventory_streams.reconcile.codecs import codecs_of
from inventory_streams.reconcile.cycle import ReconciledAccount
from inventory_streams.reconcile.metrics import ReconcileMetrics
from inventory_streams.reconcile.reconciler import Parts, Reconciler, parts_of
from inventory_streams.reconcile.settings import ReconcileSettings
from inventory_streams.topics import Topics
from tests.support.delivery import MARKETPLACE, FakeMarketplace, traits
from tests.support.delivery_bench import AtOnce, KeptTransactions, VirtualClock
from tests.support.reconciling import CHANNEL, LISTING, SKU, a_reading, at, shown

SETTINGS = ReconcileSettings("app", KafkaSettings("nowhere:1"), Topics((MARKETPLACE,)), 4)
CODECS = codecs_of(SETTINGS.topics, MARKETPLACE, LocalRegistry())
MARKET = FakeMarketplace(traits=traits(read_age_s_max=60.0))
OTHER = ListingId("market-us/B")


@asynccontextmanager
async def looking(
    clock: VirtualClock, settings: ReconcileSettings = SETTINGS
) -> AsyncIterator[tuple[Parts, KeptTransactions]]:
    """A reconciler that looks at single readings; both listings should show 10."""
    account = ReconciledAccount(AccountId("a"), MARKET, (CHANNEL,), PullBudget(MARKET.traits, 0.2, 0.5, clock))
    metrics, kept, failures = ReconcileMetrics(CollectorRegistry()), KeptTransactions(), list[BaseException]()
    reconciler = Reconciler(settings, MARKETPLACE, [account], {}, CODECS, clock, metrics, AtOnce(), failures.append)
    reconciler._writer = kept  # type: ignore[assignment]  # takes what the broker would
    parts = parts_of(settings, MARKETPLACE, [account], CODECS, metrics, clock.now_ms)
    for listing_id in (LISTING, OTHER):
        parts.knowledge._of(listing_id, SKU, CHANNEL).version = 1
        exposure = replace(shown(10, 0, seen_min=20), listing_id=listing_id)
        parts.knowledge.exposure(listing_id.encode(), CODECS.exposure.encode(exposure), exposure)
    task = asyncio.create_task(reconciler._look(parts))
    try:
        yield parts, kept
    finally:
        task.cancel()
        await asyncio.wait({task})
    assert not failures


def asked(kept: KeptTransactions) -> Sequence[Observation]:
    """The reads that delivery was asked for."""
    topic = SETTINGS.topics.observations(MARKETPLACE)
    return [CODECS.observations.decode(one.value) for commit in kept.commits for one in commit if one.topic == topic]


async def test_what_shows_too_little_is_read_again_after_the_order_delay_and_then_corrected() -> None:
    """After zeros of last resort the next pull is hours away."""
    clock = VirtualClock(at(240))
    async with looking(clock) as (parts, kept):
        parts.knowledge.judge(a_reading(4, 240), at(240))
        await clock.pass_s(3_600)
        before = asked(kept)
        await clock.pass_s(120)
        (hint,) = asked(kept)
        read = replace(a_reading(4, 302, age_min=1), observed_by=ObservedBy.READ)
        verdict = parts.knowledge.judge(read, at(302))
        await clock.pass_s(7_200)

    assert before == []
    assert (hint.listing_id, hint.quantity, hint.observed_by) == (LISTING, None, ObservedBy.SIGNAL)
    assert hint.evidence.startswith(RECONCILE_HINT)
    assert hint.as_of_ms - round(MARKET.traits.read_age_s_max * 1_000) >= at(240) + 3_600_000
    assert verdict is not None and verdict.restate == 1
    assert asked(kept) == [hint], "once"


async def test_what_was_explained_meanwhile_is_not_read_again() -> None:
    clock = VirtualClock(at(240))
    async with looking(clock) as (parts, kept):
        parts.knowledge.judge(a_reading(4, 240), at(240))
        parts.knowledge.judge(a_reading(10, 250), at(250))
        await clock.pass_s(7_200)

    assert asked(kept) == []


async def test_a_second_look_is_known_again_after_a_restart() -> None:
    clock = VirtualClock(at(240))
    async with looking(clock) as (parts, _):
        waiting = parts.knowledge.judge(a_reading(4, 240), at(240))
    assert waiting is not None and waiting.record is not None
    async with looking(clock) as (parts, kept):
        parts.knowledge.discrepancy(waiting.record)
        await clock.pass_s(3_720)

    assert [one.listing_id for one in asked(kept)] == [LISTING]


async def test_no_more_second_looks_wait_than_a_pull_may_ask_for() -> None:
    """When a whole channel shows nothing, the next pull looks at the rest."""
    clock = VirtualClock(at(240))
    async with looking(clock, replace(SETTINGS, rechecks_max=1)) as (parts, kept):
        for listing_id in (LISTING, OTHER):
            parts.knowledge.judge(replace(a_reading(4, 240), listing_id=listing_id), at(240))
        await clock.pass_s(7_200)

    assert [one.listing_id for one in asked(kept)] == [LISTING]
