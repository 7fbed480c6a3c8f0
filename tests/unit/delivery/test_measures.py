"""What the metrics of delivery say: what came late by its marketplace's objective, and how large calls are."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from inventory_domain.identifiers import AccountId
from inventory_streams.token_ages import TokenAges
from tests.support.delivery import ACCOUNT, CHANNEL, FakeMarketplace, a_target, traits
from tests.support.delivery_bench import a_bench


async def test_a_change_that_was_taken_after_the_objective_is_late() -> None:
    """Alerts go by it, so it must hold for every channel, whatever its name."""
    async with a_bench(FakeMarketplace(traits=traits(freshness_objective_s=30.0))) as bench:
        now_ms = bench.clock.now_ms()
        await bench.send(
            a_target("A", 5, changed_at_ms=now_ms - 20_000), a_target("B", 5, changed_at_ms=now_ms - 40_000)
        )
        await bench.clock.pass_s(30)

        assert bench.metric("freshness_late_total") == 1
        assert bench.metric("freshness_accepted_seconds_count") == 2
        assert bench.metric("freshness_objective_seconds") == 30


async def test_a_channel_whose_changes_are_all_in_time_has_none_late() -> None:
    """Without the series the share of late ones would be nothing instead of zero."""
    async with a_bench() as bench:
        await bench.send(a_target("A", 5, changed_at_ms=bench.clock.now_ms()))

        name = "inventory_sync_delivery_freshness_late_total"
        assert bench.metrics.get_sample_value(name, {"channel": CHANNEL}) == 0


async def test_the_size_of_a_call_is_how_many_listings_it_sets() -> None:
    async with a_bench(FakeMarketplace(traits=traits(push_group_max=3))) as bench:
        await bench.worker.take([bench.arrival(a_target(name, 5)) for name in "ABC"])
        await bench.clock.pass_s(1)

        assert bench.metric("call_listings_sum", account=ACCOUNT, operation="write") == 3
        assert bench.metric("call_listings_count", account=ACCOUNT, operation="write") == 1


def test_an_account_shows_how_old_its_token_is() -> None:
    class Holds:
        token_age_s: float | None = 12.0

    class Fetched:
        token_age_s: float | None = None

    registry = CollectorRegistry()
    adapters = {AccountId("a"): Holds(), AccountId("b"): Fetched(), AccountId("c"): object()}
    registry.register(TokenAges("signals", adapters))

    found = [sample for family in registry.collect() for sample in family.samples]

    assert [(one.name, one.labels, one.value) for one in found] == [
        ("inventory_sync_signals_token_age_seconds", {"account": "a"}, 12.0)
    ]
