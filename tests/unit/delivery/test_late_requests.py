"""A worker that was frozen between the commit of an attempt and its request: what it did is seen and set right."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from inventory_domain.exposure import Confirmed, Exposure, Proof
from inventory_domain.identifiers import ListingId, Sku
from inventory_domain.outcomes import PushOutcome
from inventory_domain.ports import Push
from inventory_domain.reconciliation import ObservedBy
from inventory_streams.delivery.arrivals import HintArrival
from inventory_streams.delivery.late_requests import Hint, ReadsNotAsked
from tests.support.delivery import CHANNEL, FakeMarketplace, a_target, traits
from tests.support.delivery_bench import a_bench
from tests.support.delivery_feeds import FeedMarketplace, feed_traits

LISTING = ListingId(f"{CHANNEL}/A")
SETTLING_S = 60.0
LONG_S = 1e6  # the engine's silence is not what these are about
SET = {"engine_silent_s": LONG_S, "tick_s": 1.0}


@dataclass
class KeptHints:
    """Hints go to a list."""

    asked: list[Hint] = field(default_factory=list)
    refuses: bool = False

    def ask(self, hints: Sequence[Hint]) -> None:
        if self.refuses:
            raise ReadsNotAsked("nowhere")
        self.asked.extend(hints)


def showing(units: int) -> Exposure:
    return Exposure(LISTING, Sku("A"), Confirmed(units, 0, 1_600_000_000_000, Proof.READ))


class Frozen(FakeMarketplace):
    """Keeps the first request until `open`, as if its worker were frozen just before it sent it."""

    async def push(self, pushes: Sequence[Push]) -> Sequence[PushOutcome]:
        self.open, held = None, self.open
        if held is not None:
            await held.wait()
        return await super().push(pushes)


async def test_what_a_woken_worker_sends_is_read_by_the_owner_once_it_has_settled() -> None:
    """The owner has waited for that request, read the listing back and sent a newer number: 9 undoes its 3."""
    kept, gate = KeptHints(), asyncio.Event()
    market = Frozen(traits=traits(settling_s_max=SETTLING_S), open=gate)
    async with a_bench(market, reads=kept, request_s_max=LONG_S, exposures=[showing(5)], **SET) as zombie:  # type: ignore[arg-type]
        zombie.worker.book.partitions[0].tracked(LISTING).exposure = showing(5)
        await zombie.send(a_target("A", 9, version=1))
        async with a_bench(market, clock=zombie.clock, exposures=[showing(5)], **SET) as owner:  # type: ignore[arg-type]
            owner.worker.book.partitions[0].tracked(LISTING).exposure = showing(5)
            await owner.send(a_target("A", 3, version=2))
            await owner.clock.pass_s(2 * SETTLING_S)
            believed = owner.exposure("A")
            await zombie.worker.lost()
            gate.set()
            await zombie.clock.settle()
            undone = market.shown[LISTING]
            (hint,) = kept.asked
            seen = hint.observation
            reads = len(market.reads)
            await owner.worker.take([HintArrival(hint.partition, 1, seen.listing_id, True, seen.as_of_ms)])
            await owner.clock.pass_s(SETTLING_S - 5)
            early = len(market.reads) - reads
            await owner.clock.pass_s(2 * SETTLING_S)
            late = zombie.metric("requests_late_total")

    assert believed is not None and (believed.open, believed.units(), undone) == ((), 3, 9)
    assert (early, late) == (0, 1.0), "before it has settled a read would say nothing"
    assert (seen.quantity, seen.observed_by) == (None, ObservedBy.SIGNAL)
    assert market.quantities("A") == [3, 9, 3] and market.shown[LISTING] == 3


async def test_a_hint_that_waits_is_followed_by_whoever_has_the_partition_next() -> None:
    """Nothing is committed past it until its read is durable, so the next owner reads it from the topic again."""
    market = FakeMarketplace(traits=traits(settling_s_max=SETTLING_S))
    async with a_bench(market, exposures=[showing(5)], **SET) as bench:  # type: ignore[arg-type]
        await bench.send(a_target("A", 5))
        wait_ms = int(SETTLING_S * 1_000)
        told = [
            HintArrival(0, 0, LISTING, True, bench.clock.now_ms() + wait_ms),
            HintArrival(0, 1, LISTING, True, bench.clock.now_ms() + wait_ms),  # the same again
            HintArrival(0, 2, ListingId(f"{CHANNEL}/unknown"), True),
            HintArrival(0, 3, LISTING, False),
        ]
        await bench.worker.take(told)
        await bench.clock.pass_s(SETTLING_S / 2)
        waiting = (await bench.worker.committable()).observations
        await bench.clock.pass_s(SETTLING_S)
        read = (await bench.worker.committable()).observations

    assert (waiting, read, len(market.reads)) == ({0: 0}, {0: 4}, 1)


async def test_a_hint_ends_with_its_listing() -> None:
    async with a_bench(exposures=[showing(5)], **SET) as bench:  # type: ignore[arg-type]
        await bench.send(a_target("A", 5))
        await bench.worker.take([HintArrival(0, 7, LISTING, True, bench.clock.now_ms() + 60_000)])
        waiting = (await bench.worker.committable()).observations
        await bench.withdraw("A")
        gone = (await bench.worker.committable()).observations

    assert (waiting, gone) == ({0: 7}, {0: 8})


async def test_a_request_that_ends_in_time_asks_for_nothing() -> None:
    kept, gate = KeptHints(), asyncio.Event()
    market = Frozen(open=gate)
    async with a_bench(market, reads=kept, **SET) as bench:  # type: ignore[arg-type]
        await bench.send(a_target("A", 9))
        await bench.clock.pass_s(14)
        gate.set()
        await bench.clock.pass_s(1)

    assert market.quantities("A") == [9] and kept.asked == []


async def test_rows_of_a_feed_that_was_handed_in_late_are_read_too() -> None:
    class Slow(FeedMarketplace):
        async def submit_feed(self, rows):  # type: ignore[no-untyped-def]
            bench.clock.jump_s(600.0)
            return await super().submit_feed(rows)

    kept, slow = KeptHints(), Slow(traits=feed_traits())
    targets = [a_target(f"S{number}", 9) for number in range(30)]
    async with a_bench(slow, reads=kept, targets=targets, **SET) as bench:  # type: ignore[arg-type]
        await bench.clock.pass_s(5)
        now_ms = bench.clock.now_ms()
        rows = {push.listing_id for rows in slow.feeds.values() for push in rows.values()}

    assert len(rows) > 10 and {hint.observation.listing_id for hint in kept.asked} == rows
    assert min(hint.observation.as_of_ms for hint in kept.asked) > now_ms + 290_000, "its report comes first"


async def test_a_process_that_ends_asks_for_what_is_late_and_under_way() -> None:
    """A woken worker is refused by the broker, which ends it at once, whatever its request does."""
    kept, gate = KeptHints(), asyncio.Event()
    market = Frozen(open=gate)
    async with a_bench(market, reads=kept, request_s_max=LONG_S, **SET) as bench:  # type: ignore[arg-type]
        await bench.send(a_target("A", 9))
        bench.worker.late.tell_now()
        early = list(kept.asked)
        bench.clock.jump_s(600.0)
        bench.worker.late.tell_now()
        late = [hint.observation.listing_id for hint in kept.asked]
        gate.set()
        await bench.clock.settle()

    assert (early, late) == ([], [LISTING])


async def test_where_kafka_takes_no_hint_the_worker_goes_on() -> None:
    kept, gate = KeptHints(refuses=True), asyncio.Event()
    market = Frozen(open=gate)
    async with a_bench(market, reads=kept, request_s_max=LONG_S, **SET) as bench:  # type: ignore[arg-type]
        await bench.send(a_target("A", 9))
        bench.clock.jump_s(600.0)
        gate.set()
        await bench.clock.pass_s(1)
        exposure = bench.exposure("A")

    assert exposure is not None and exposure.last is not None and exposure.last.quantity == 9
