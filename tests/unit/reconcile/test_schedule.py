"""When channels are pulled, and what is refused."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from inventory_domain.corrections import CorrectionPolicy
from inventory_domain.identifiers import AccountId, ChannelId, LocationId
from inventory_domain.ports import OperationLimit
from inventory_domain.reconciliation import CyclePhase, ReconciliationCycle
from inventory_schemas.registry import LocalRegistry
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.reconcile.budget import PullBudget
from inventory_streams.reconcile.codecs import codecs_of
from inventory_streams.reconcile.cycle import CycleEnd, ReconciledAccount, unaffordable
from inventory_streams.reconcile.metrics import ReconcileMetrics
from inventory_streams.reconcile.reconciler import Reconciler, next_due_ms, parts_of
from inventory_streams.reconcile.run import AccountToReconcile, slots_of
from inventory_streams.reconcile.settings import ReconcileSettings
from inventory_streams.topics import Topics
from tests.support.delivery_bench import AtOnce, VirtualClock
from tests.support.pulls import CHANNEL, LIMITS, MARKETPLACE, PagedMarket, a_page

HOUR_MS = 3_600_000
SETTINGS = ReconcileSettings("app", KafkaSettings("nowhere:1"), Topics((MARKETPLACE,)), 4)


@given(started=st.integers(0, 10**13), slot=st.floats(0, 0.999), interval=st.integers(1_000, 10**8))
def test_a_channel_is_pulled_again_within_its_interval_at_its_own_place(
    started: int, slot: float, interval: int
) -> None:
    due = next_due_ms(started, slot, interval)

    assert started < due <= started + interval
    assert (due - round(slot * interval)) % interval == 0


def test_channels_keep_apart_whoever_pulls_them() -> None:
    channels = tuple(ChannelId(f"c{n}") for n in range(4))
    slots = slots_of([AccountToReconcile(AccountId("a"), MARKETPLACE, PagedMarket(a_page()), channels)])  # type: ignore[arg-type]

    due = [next_due_ms(10 * HOUR_MS, slots[one], 4 * HOUR_MS) % (4 * HOUR_MS) for one in channels]

    assert sorted(due) == [0, HOUR_MS, 2 * HOUR_MS, 3 * HOUR_MS]


def account(per_day: int | None) -> ReconciledAccount:
    market = PagedMarket(
        a_page(), limits=(*LIMITS[:1], OperationLimit("read", 1, 1), OperationLimit("pull", 1, 1, per_day))
    )
    budget = PullBudget(market.traits, 0.2, 0.5, VirtualClock())
    return ReconciledAccount(AccountId("acc"), market, (CHANNEL,), budget)  # type: ignore[arg-type]


def test_more_pulls_than_calls_a_day_are_refused_with_the_arithmetic() -> None:
    (why,) = unaffordable(account(5_000), {CHANNEL: 100_000}, SETTINGS)

    assert why == (
        "account acc: 100,000 listings are 1,000 pages of 100; 6 pulls a day are 6,000 calls of pull, and 5,000 a day "
        "are left for pulls (per_day x reconcile.pull_share): pull every 4.8 h or more, or give pulls a larger share"
    )


def test_what_the_calls_suffice_for_is_not_refused() -> None:
    assert unaffordable(account(6_000), {CHANNEL: 100_000}, SETTINGS) == []
    assert unaffordable(account(None), {CHANNEL: 10**7}, SETTINGS) == []


def test_what_the_marketplace_says_of_its_quota_counts_more_than_the_settings() -> None:
    asked = account(5_000)

    asked.budget.of("pull").told_quota(2_000_000)

    assert unaffordable(asked, {CHANNEL: 100_000}, SETTINGS) == []


def test_faults_of_settings_name_their_place() -> None:
    pools = {CHANNEL: LocationId("fba"), ChannelId("other"): LocationId("fba")}
    settings = ReconcileSettings(
        "app",
        KafkaSettings("k"),
        Topics(()),
        4,
        interval_s=0.0,
        pull_share=1.0,
        reserve=2.0,
        rechecks_max=-1,
        sales_memory_s=100.0,
        pools=pools,
        policy=CorrectionPolicy(corrections_max=0),
    )

    assert [fault.path for fault in settings.faults("r")] == [
        "r.corrections_max",
        "r.interval_s",
        "r.pull_share",
        "r.reserve",
        "r.rechecks_max",
        "r.pools",
        "r.sales_memory_s",
    ]


class _Pulled:
    """Keeps when a reconciliation was made, by the time that has passed."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.at_s: list[float] = []

    async def reconcile(self, account: ReconciledAccount, channel: ChannelId, reason: str) -> CycleEnd:
        now_ms = self._clock.now_ms()
        self.at_s.append(self._clock.monotonic_s())
        return CycleEnd(
            ReconciliationCycle(channel, CyclePhase.COMPLETE, now_ms, now_ms, 0, 0, 0, 0, 0, 0, 0, reason), ()
        )


async def test_a_clock_that_is_set_back_puts_off_no_pull() -> None:
    """Neither in a process that runs, nor in one that starts and reads that the last pull began later than now."""
    clock, codecs = VirtualClock(), codecs_of(SETTINGS.topics, MARKETPLACE, LocalRegistry())
    metrics, asked = ReconcileMetrics(CollectorRegistry()), account(None)
    made = Reconciler(
        SETTINGS, MARKETPLACE, [asked], {}, codecs, clock, metrics, AtOnce(), list[BaseException]().append
    )
    parts = parts_of(SETTINGS, MARKETPLACE, [asked], codecs, metrics, clock.now_ms)
    ahead_ms = clock.now_ms() + 40 * HOUR_MS
    parts.arrivals.cycles[CHANNEL] = ReconciliationCycle(
        CHANNEL, CyclePhase.COMPLETE, ahead_ms, ahead_ms, 0, 0, 0, 0, 0, 0, 0, ""
    )
    pulled = _Pulled(clock)
    made._plan(parts)
    task = asyncio.create_task(made._serve(asked, pulled, parts))  # type: ignore[arg-type]
    await clock.pass_s(4 * 3_600 + 10)
    first = len(pulled.at_s)
    clock.set_back(3 * 3_600)
    await clock.pass_s(4 * 3_600 + 10)
    task.cancel()
    await asyncio.wait({task})

    assert (first, len(pulled.at_s)) == (1, 2)


def test_a_channel_that_is_never_compared_to_the_end_is_told_of_also_after_a_restart() -> None:
    """Overdue is counted from the last reconciliation that reached its end, else from when this process began."""
    clock, codecs, other = VirtualClock(), codecs_of(SETTINGS.topics, MARKETPLACE, LocalRegistry()), ChannelId("other")
    metrics, asked = ReconcileMetrics(registry := CollectorRegistry()), account(None)
    asked = replace(asked, channels=(CHANNEL, other))
    made = Reconciler(
        SETTINGS, MARKETPLACE, [asked], {}, codecs, clock, metrics, AtOnce(), list[BaseException]().append
    )
    parts = parts_of(SETTINGS, MARKETPLACE, [asked], codecs, metrics, clock.now_ms)
    for hours, phase in ((9, CyclePhase.COMPLETE), (1, CyclePhase.INCOMPLETE)):
        at_ms = clock.now_ms() - hours * HOUR_MS
        cycle = ReconciliationCycle(CHANNEL, phase, at_ms, at_ms, 0, 0, 0, 0, 0, 0, 0, "")
        parts.arrivals.apply(parts.arrivals.decoded([AMessage(codecs.cycles.encode(cycle))]))  # type: ignore[list-item]

    made._plan(parts)

    name = "inventory_sync_reconcile_last_complete_timestamp_seconds"
    shown = {one: registry.get_sample_value(name, {"channel": one}) for one in (CHANNEL, other)}
    now_s = clock.now_ms() / 1_000
    assert shown == {CHANNEL: now_s - 9 * 3_600, other: now_s}


@dataclass
class AMessage:
    """A record of the reconciliations."""

    raw: bytes

    def topic(self) -> str:
        return SETTINGS.topics.reconciliations(MARKETPLACE)

    def value(self) -> bytes:
        return self.raw
