"""A schedule of pulls against a day's calls: refused before anything is read, and told when it grows out of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry

from inventory_domain.account_calls import DailyQuota, DailyQuotas
from inventory_domain.bulk import BulkTraits, CallFailed
from inventory_domain.errors import ConfigError
from inventory_domain.identifiers import AccountId, ChannelId
from inventory_domain.ports import OperationLimit
from inventory_schemas.registry import LocalRegistry
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.reconcile.budget import PullBudget
from inventory_streams.reconcile.codecs import codecs_of
from inventory_streams.reconcile.cycle import ReconciledAccount
from inventory_streams.reconcile.metrics import ReconcileMetrics
from inventory_streams.reconcile.reconciler import Reconciler
from inventory_streams.reconcile.settings import ReconcileSettings
from inventory_streams.topics import Topics
from tests.support.delivery_bench import VirtualClock
from tests.support.pulls import CHANNEL, LIMITS, MARKETPLACE, PagedMarket, a_page

QUOTA = (*LIMITS[:2], OperationLimit("pull", 1, 1, per_day=5_000))


class TellingMarket(PagedMarket):
    """Says how many calls a day there are, or does not answer."""

    def __init__(self, calls: int | None) -> None:
        super().__init__(a_page(), limits=QUOTA)
        self.calls = calls

    @property
    def quota_traits(self) -> BulkTraits:
        return BulkTraits("quota", 0)

    async def daily_quotas(self) -> DailyQuotas | CallFailed:
        if self.calls is None:
            return CallFailed(kind="outage", api="quota", reason="down")
        quota = DailyQuota(
            operation="pull", calls=self.calls, remaining=self.calls, window_s=86_400.0, resets_at_ms=None
        )
        return DailyQuotas(quotas=(quota,), api="quota")


def a_reconciler(market: PagedMarket, listings: int, registry: CollectorRegistry | None = None) -> Reconciler:
    """One whose channel is expected to have so many listings. Kafka is not there: what is read raises."""
    settings = ReconcileSettings(
        "app", KafkaSettings("nowhere:1"), Topics((MARKETPLACE,)), 4, listings_expected={CHANNEL: listings}
    )
    clock = VirtualClock()
    account = ReconciledAccount(AccountId("acc"), market, (CHANNEL,), PullBudget(market.traits, 0.2, 0.5, clock))  # type: ignore[arg-type]
    codecs = codecs_of(settings.topics, MARKETPLACE, LocalRegistry())
    metrics = ReconcileMetrics(registry or CollectorRegistry())
    return Reconciler(
        settings, MARKETPLACE, [account], {}, codecs, clock, metrics, ThreadPoolExecutor(1), failed=lambda _: None
    )


@pytest.mark.parametrize("calls", [5_000, None], ids=["told", "not-told"])
async def test_a_schedule_that_cannot_work_is_refused_before_anything_is_read(calls: int | None) -> None:
    reconciler = a_reconciler(TellingMarket(calls), 100_000)

    with pytest.raises(ConfigError) as refused:
        await reconciler.run()

    (fault,) = refused.value.faults
    assert "100,000 listings are 1,000 pages of 100; 6 pulls a day are 6,000 calls of pull" in fault.message


async def test_a_quota_that_the_marketplace_tells_makes_a_schedule_possible() -> None:
    """The settings' number is the careful one; what is refused by it may be well within what was granted."""
    reconciler = a_reconciler(TellingMarket(2_000_000), 100_000)

    await reconciler._ask_quotas()

    assert reconciler._unaffordable(reconciler.accounts[0], lambda _: 100_000) == []


def test_a_catalog_that_outgrows_its_calls_is_shown_by_what_it_needs() -> None:
    registry = CollectorRegistry()
    reconciler = a_reconciler(TellingMarket(None), 0, registry)

    def shown(name: str) -> float | None:
        return registry.get_sample_value(f"inventory_sync_reconcile_calls_{name}_per_day", {"account": "acc"})

    before = reconciler._unaffordable(reconciler.accounts[0], lambda _: 80_000)
    fits = (shown("needed"), shown("allowed"))
    after = reconciler._unaffordable(reconciler.accounts[0], lambda _: 90_000)

    assert (before, fits) == ([], (4_800.0, 5_000.0))
    assert after and (shown("needed"), shown("allowed")) == (5_400.0, 5_000.0)


def test_a_number_of_listings_that_cannot_be_is_a_fault() -> None:
    settings = ReconcileSettings("app", KafkaSettings("k"), Topics(()), 4, listings_expected={ChannelId("ebay-us"): -1})

    assert [fault.path for fault in settings.faults("reconcile")] == ["reconcile.listings_expected.ebay-us"]
