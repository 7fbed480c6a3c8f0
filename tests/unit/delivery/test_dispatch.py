"""What is sent, when, and what follows from the answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from inventory_domain.errors import InvariantBroken, OwnershipLost
from inventory_domain.exposure import Exposure, Result, begin, conclude
from inventory_domain.identifiers import ListingId, Sku
from inventory_domain.outcomes import (
    GROUP_REFUSED,
    UNRECOGNIZED,
    Accepted,
    LimitSeen,
    PushOutcome,
    Rejected,
    Throttled,
    Transient,
)
from inventory_domain.ports import OperationLimit, Push
from inventory_domain.retry import RetrySchedule
from inventory_streams.delivery.arrivals import RetryArrival
from inventory_streams.delivery.retries import RetryNote
from tests.support.delivery import CHANNEL, MARKETPLACE, FakeMarketplace, a_target, accepted, traits
from tests.support.delivery_bench import Bench, VirtualClock, a_bench

QUICK = RetrySchedule((1.0,), 2.0)


def busy(push: Push) -> PushOutcome:
    return Transient(listing_id=push.listing_id, api="write", reason="busy")


def rejected(push: Push) -> PushOutcome:
    return Rejected(listing_id=push.listing_id, api="write", reason="unknown-sku", error="no such listing")


def an_exposure(own_id: str, version: int, quantity: int, *, answered: bool) -> Exposure:
    """A listing whose last attempt was of that version, with or without an answer."""
    exposure, _ = begin(
        Exposure(ListingId(f"{CHANNEL}/{own_id}"), Sku(own_id)),
        version=version,
        quantity=quantity,
        nodes={},
        mask=None,
        path="single",
        now_ms=1_700_000_000_000,
        settles_by_ms=1_700_000_600_000,
    )
    if not answered:
        return exposure
    answer = Accepted(listing_id=exposure.listing_id, api="write", reason="ok")
    return conclude(exposure, 1, answer, 1_700_000_000_000, 1_700_000_600_000)


async def test_one_request_per_listing_is_under_way() -> None:
    market = FakeMarketplace(open=asyncio.Event())
    async with a_bench(market) as bench:
        await bench.send(a_target("A", 5, version=1))
        await bench.send(a_target("A", 4, version=2))
        await bench.clock.pass_s(3)
        during = market.versions("A")
        assert market.open is not None
        market.open.set()
        await bench.clock.pass_s(1)

    assert during == [1]
    assert market.versions("A") == [1, 2]


async def test_a_target_that_is_older_than_the_newest_known_is_never_sent() -> None:
    async with a_bench() as bench:
        await bench.send(a_target("A", 5, version=2))
        await bench.send(a_target("A", 9, version=1))
        await bench.clock.pass_s(60)

    assert bench.market.versions("A") == [2]
    assert bench.worker.accounting.superseded == 1


async def test_what_was_found_sent_is_not_sent_again() -> None:
    async with a_bench(
        targets=[a_target("A", 5, version=1)], exposures=[an_exposure("A", 1, 5, answered=True)]
    ) as bench:
        await bench.clock.pass_s(60)

    assert bench.market.pushes == []
    assert bench.worker.accounting.already_sent == 1


async def test_an_attempt_of_a_former_owner_waits_and_is_sent_anew() -> None:
    """Its request may still be under way for 20 s."""
    async with a_bench(
        targets=[a_target("A", 5, version=1)], exposures=[an_exposure("A", 1, 5, answered=False)]
    ) as bench:
        await bench.clock.pass_s(19)
        before = list(bench.market.pushes)
        await bench.clock.pass_s(2)

    assert before == []
    assert bench.market.versions("A") == [1]


async def test_a_newer_target_also_waits_for_a_former_owners_request() -> None:
    async with a_bench(
        targets=[a_target("A", 5, version=1)], exposures=[an_exposure("A", 1, 5, answered=False)]
    ) as bench:
        await bench.send(a_target("A", 0, version=2))
        await bench.clock.pass_s(19)
        before = list(bench.market.pushes)
        await bench.clock.pass_s(2)

    assert before == []
    assert bench.market.versions("A") == [2]


async def test_a_target_that_comes_while_its_listing_is_being_committed_goes_instead() -> None:
    """The version is compared once more right before the request is sent."""
    async with a_bench(commit_linger_s=1.0) as bench:
        await bench.send(a_target("A", 5, version=1))
        await bench.send(a_target("A", 4, version=2))
        await bench.clock.pass_s(10)

    assert bench.market.versions("A") == [2]


async def test_an_attempt_whose_commit_took_too_long_is_committed_anew() -> None:
    """Behind the 5 s a successor may already send."""
    async with a_bench(commit_linger_s=0.01) as bench:
        throttled = bench.account.throttles.push
        throttled.refused(LimitSeen(operation="write", wait_s=1.0))
        real = bench.transactions.commit_all

        def slow_once(writes: list[object]) -> None:
            bench.clock.jump_s(6.0)
            bench.transactions.commit_all = real  # type: ignore[method-assign]
            real(writes)  # type: ignore[arg-type]

        bench.transactions.commit_all = slow_once  # type: ignore[method-assign,assignment]
        await bench.send(a_target("A", 5, version=1))
        await bench.clock.pass_s(20)
        exposure = bench.exposure("A")

    assert bench.market.versions("A") == [1]
    assert exposure is not None
    assert exposure.last is not None
    assert (exposure.last.number, len(exposure.open)) == (2, 1)


async def test_a_request_that_takes_too_long_has_an_unknown_effect() -> None:
    class Hangs(FakeMarketplace):
        async def push(self, pushes):  # type: ignore[no-untyped-def]
            raise TimeoutError  # what asyncio.timeout raises

    async with a_bench(Hangs()) as bench:
        await bench.send(a_target("A", 5, version=1))
        await bench.clock.pass_s(1)
        exposure = bench.exposure("A")

    (outcome,) = bench.outcomes()
    assert (outcome.outcome, outcome.reason) == ("transient", "too-slow")
    assert exposure is not None
    assert len(exposure.open) == 1


async def test_failures_are_tried_again_on_their_schedule() -> None:
    async with a_bench(FakeMarketplace(answer=busy)) as bench:
        await bench.send(a_target("A", 5, version=1))
        await bench.clock.pass_s(4.5)
        first = len(bench.market.pushes)
        await bench.clock.pass_s(1.5)
        second = len(bench.market.pushes)
        await bench.clock.pass_s(14)
        still_second = len(bench.market.pushes)
        await bench.clock.pass_s(3.5)

    assert (first, second, still_second, len(bench.market.pushes)) == (1, 2, 2, 3)


async def test_a_newer_target_inherits_the_wait_and_only_it_is_sent() -> None:
    async with a_bench(FakeMarketplace(answer=busy)) as bench:
        await bench.send(a_target("A", 5, version=1))
        await bench.send(a_target("A", 4, version=2))
        await bench.clock.pass_s(4)
        before = bench.market.versions("A")
        bench.market.answer = accepted
        await bench.clock.pass_s(2)

    assert before == [1]
    assert bench.market.versions("A") == [1, 2]


async def test_a_retry_is_finished_only_when_the_listing_was_attempted_again() -> None:
    async with a_bench(FakeMarketplace(answer=busy)) as bench:
        await bench.send(a_target("A", 5, version=1))
        await bench.bring_retries()
        waiting = await bench.worker.committable()
        bench.market.answer = accepted
        await bench.clock.pass_s(7)
        finished = await bench.worker.committable()

    assert (waiting.retries, finished.retries) == ({}, {0: 1})


async def test_a_retry_of_an_attempt_that_was_followed_by_another_says_nothing() -> None:
    async with a_bench(FakeMarketplace(answer=busy)) as bench:
        await bench.send(a_target("A", 5, version=1))
        bench.market.answer = accepted
        await bench.clock.pass_s(7)
        sent = len(bench.market.pushes)
        await bench.bring_retries()
        await bench.clock.pass_s(60)
        finished = await bench.worker.committable()

    assert (sent, len(bench.market.pushes)) == (2, 2)
    assert finished.retries == {0: 1}


async def test_a_rejected_target_is_given_up_and_the_next_one_is_sent() -> None:
    async with a_bench(FakeMarketplace(answer=rejected), retry=QUICK) as bench:
        await bench.send(a_target("A", 5, version=1))
        await bench.clock.pass_s(60)
        bench.market.answer = accepted
        await bench.send(a_target("A", 4, version=2))
        await bench.clock.pass_s(1)

    assert bench.market.versions("A") == [1, 2]
    (letter,) = bench.dead_letters()
    assert letter.value == bench.codecs.targets.encode(a_target("A", 5, version=1))
    assert dict(letter.headers)["reason"] == b"unknown-sku"


async def test_an_answer_that_nobody_understands_is_given_up_after_so_many() -> None:
    def odd(push: Push) -> PushOutcome:
        return Transient(listing_id=push.listing_id, api="write", reason=UNRECOGNIZED)

    async with a_bench(FakeMarketplace(answer=odd), unrecognized_attempts_max=3, retry=QUICK) as bench:
        await bench.send(a_target("A", 5, version=1))
        await bench.clock.pass_s(60)

    assert len(bench.market.pushes) == 3
    assert [one.outcome for one in bench.outcomes()] == ["transient", "transient", "rejected"]
    assert len(bench.dead_letters()) == 1


async def test_a_throttled_target_goes_back_into_the_queue_and_is_no_failure() -> None:
    answers = iter([Throttled, Throttled])

    def throttled(push: Push) -> PushOutcome:
        kind = next(answers, None)
        if kind is None:
            return accepted(push)
        seen = LimitSeen(operation="write", wait_s=2.0)
        return kind(listing_id=push.listing_id, api="write", reason="429", seen=seen)

    async with a_bench(FakeMarketplace(answer=throttled)) as bench:
        await bench.send(a_target("A", 5, version=1))
        await bench.clock.pass_s(1.9)
        first = len(bench.market.pushes)
        await bench.clock.pass_s(5)
        exposure = bench.exposure("A")

    assert (first, len(bench.market.pushes)) == (1, 3)
    assert bench.written(bench.settings.topics.retries(bench.settings.marketplace)) == []
    assert exposure is not None
    assert exposure.last is not None
    assert (exposure.last.result, exposure.last.failures) == (Result.ACCEPTED, 0)


async def test_several_listings_go_in_one_call_where_the_marketplace_takes_them() -> None:
    async with a_bench(FakeMarketplace(traits=traits(push_group_max=3)), commit_linger_s=0.01) as bench:
        await bench.send(*(a_target(own_id) for own_id in "ABCDEFG"))
        await bench.clock.pass_s(1)

    assert sorted(push.listing_id for push in bench.market.pushes) == [f"{CHANNEL}/{own_id}" for own_id in "ABCDEFG"]
    assert max(len(call) for call in bench.market.calls) <= 3


async def test_every_attempt_has_a_key_of_its_own() -> None:
    async with a_bench(FakeMarketplace(answer=busy)) as bench:
        await bench.send(a_target("A", 5, version=1), a_target("B", 5, version=1))
        await bench.clock.pass_s(30)

    keys = [push.key for push in bench.market.pushes]
    assert len(set(keys)) == len(keys) > 4


async def test_a_listing_that_comes_back_while_its_request_is_under_way_leaves_no_offset_behind() -> None:
    """The withdrawal is not carried out any more, and nobody finished it: the position stayed before it for good."""
    market = FakeMarketplace(open=asyncio.Event())
    async with a_bench(market) as bench:
        await bench.send(a_target("A", 5, version=1))
        await bench.withdraw("A")
        await bench.send(a_target("A", 4, version=2))
        assert market.open is not None
        market.open.set()
        await bench.clock.pass_s(1)
        position = (await bench.worker.committable()).targets[0]

    assert market.quantities("A") == [5, 4]
    assert position == bench.offset


async def test_a_withdrawn_listing_is_forgotten_when_its_request_is_over() -> None:
    market = FakeMarketplace(open=asyncio.Event())
    async with a_bench(market) as bench:
        await bench.send(a_target("A", 0, version=1))
        await bench.withdraw("A")
        during = bench.exposure("A")
        assert market.open is not None
        market.open.set()
        await bench.clock.pass_s(1)

        assert during is not None
        assert bench.exposure("A") is None
        assert list(bench.worker.book) == []
        assert (await bench.worker.committable()).targets == {0: 2}


async def test_two_outcomes_for_one_push_are_a_bug() -> None:
    class Confused(FakeMarketplace):
        async def push(self, pushes):  # type: ignore[no-untyped-def]
            return [*(accepted(push) for push in pushes), accepted(pushes[0])]

    async with a_bench(Confused()) as bench:
        await bench.send(a_target("A", 5, version=1))
        await bench.clock.pass_s(1)
        failures, bench.failures[:] = list(bench.failures), []

    assert [type(one) for one in failures] == [InvariantBroken]


async def test_a_refused_commit_ends_the_worker_and_sends_nothing() -> None:
    """Somebody else owns the partition: whatever we would send may be old."""
    async with a_bench() as bench:
        bench.transactions.refuses = OwnershipLost("app-delivery-harbor-0")
        await bench.send(a_target("A", 5, version=1))
        await bench.clock.pass_s(60)
        failures, bench.failures[:] = list(bench.failures), []

    assert [type(one) for one in failures] == [OwnershipLost]
    assert bench.market.pushes == []


@pytest.mark.parametrize("delivered", [True, False])
async def test_everything_that_is_read_is_accounted_for(delivered: bool) -> None:
    """P4: read = delivered + already sent + superseded + dead-lettered + forgotten + pending."""
    answers = {"A": accepted, "B": rejected, "C": busy, "D": accepted}

    def by_listing(push: Push) -> PushOutcome:
        return answers[push.listing_id.rpartition("/")[2]](push)

    async with a_bench(FakeMarketplace(answer=by_listing)) as bench:
        await bench.send(*(a_target(own_id, version=1) for own_id in "ABC"))
        await bench.send(*(a_target(own_id, version=2) for own_id in "ABC"))
        await bench.send(a_target("D", 0, version=1))
        await bench.withdraw("D")
        if delivered:
            answers["C"] = accepted
        await bench.clock.pass_s(30)
        counts = bench.worker.accounting
        really_pending = bench.worker.book.pending(CHANNEL)
        shown = totals(bench)

    assert counts.read == shown.pop("read") == 7
    assert counts.pending() == really_pending == shown["pending"] == (0 if delivered else 1)
    assert sum(shown.values()) == 7


def totals(bench: Bench) -> dict[str, float]:
    """The counters of targets as Prometheus sees them."""
    found: Counter[str] = Counter()
    for family in bench.metrics.collect():
        _, ours, name = family.name.partition("inventory_sync_delivery_targets_")
        for sample in family.samples if ours else ():
            if not sample.name.endswith("_created"):
                found[name] += sample.value
    return dict(found)


async def test_a_rejection_of_what_was_replaced_meanwhile_gives_nothing_up() -> None:
    market = FakeMarketplace(open=asyncio.Event(), answer=rejected)
    async with a_bench(market) as bench:
        await bench.send(a_target("A", 5, version=1))
        await bench.send(a_target("A", 4, version=2))
        bench.market.answer = lambda push: rejected(push) if push.version == 1 else accepted(push)
        assert market.open is not None
        market.open.set()
        await bench.clock.pass_s(1)
        counts = bench.worker.accounting

    assert bench.dead_letters() == []
    assert (counts.superseded, counts.delivered, counts.dead_lettered) == (1, 1, 0)


async def test_the_time_in_a_retry_is_kept_by_a_successor() -> None:
    """It holds the jitter, and so may be later than the schedule says."""
    failed = conclude(an_exposure("A", 1, 5, answered=False), 1, busy(a_push()), 1_700_000_000_000, 0)
    async with a_bench(targets=[a_target("A", 5, version=1)], exposures=[failed]) as bench:
        note = RetryNote(attempt=1, not_before_ms=1_700_000_009_000, reason="busy", error="")
        await bench.worker.take([RetryArrival(0, 0, failed.listing_id, note)])
        await bench.clock.pass_s(8.5)
        before = len(bench.market.pushes)
        await bench.clock.pass_s(1)

    assert (before, len(bench.market.pushes)) == (0, 1)


async def test_a_retry_of_an_earlier_failure_is_no_wait() -> None:
    exposure = an_exposure("A", 1, 5, answered=False)
    for number in (1, 2):
        exposure = conclude(exposure, number, busy(a_push()), 1_700_000_000_000, 0)
        if number == 1:
            exposure, _ = begin(
                exposure,
                version=1,
                quantity=5,
                nodes={},
                mask=None,
                path="single",
                now_ms=1_700_000_000_000,
                settles_by_ms=1_700_000_600_000,
            )
    async with a_bench(targets=[a_target("A", 5, version=1)], exposures=[exposure]) as bench:
        note = RetryNote(attempt=1, not_before_ms=1_700_000_900_000, reason="busy", error="")
        await bench.worker.take([RetryArrival(0, 0, exposure.listing_id, note)])
        await bench.clock.pass_s(16)
        finished = await bench.worker.committable()

    assert bench.market.versions("A") == [1]
    assert finished.retries == {0: 1}


async def test_offsets_move_past_a_target_whose_attempt_is_committed() -> None:
    """From there on what is due is derived from the attempt, so reading the target again would be for nothing."""
    market = FakeMarketplace(open=asyncio.Event())
    async with a_bench(market) as bench:
        bench.account.throttles.push.refused(LimitSeen(operation="write", wait_s=5.0))
        await bench.send(a_target("A", 5, version=1))
        waiting = await bench.worker.committable()
        await bench.clock.pass_s(6)
        under_way = await bench.worker.committable()

    assert (waiting.targets, under_way.targets) == ({}, {0: 1})


def a_push() -> Push:
    target = a_target()
    return Push(target.listing_id, target.channel, 5, {}, {}, 1, "key")


async def test_listings_that_share_an_exclusive_id_go_one_after_the_other() -> None:
    """Some marketplaces refuse a write to an item while another one of it is under way, also in the same call."""
    market = FakeMarketplace(open=asyncio.Event(), traits=traits(push_group_max=5, exclusive_ids=("item",)))
    items = {"A": "1", "B": "1", "C": "2"}
    targets = [replace(a_target(own_id), marketplace_ids={"id": own_id, "item": items[own_id]}) for own_id in "ABC"]
    async with a_bench(market) as bench:
        await bench.send(*targets)
        await bench.clock.pass_s(3)
        together = sorted(push.marketplace_ids["id"] for push in market.pushes)
        assert market.open is not None
        market.open.set()
        await bench.clock.pass_s(1)

    assert together in (["A", "C"], ["B", "C"])
    assert sorted(push.marketplace_ids["id"] for push in market.pushes) == ["A", "B", "C"]


async def test_a_retry_that_was_noted_by_a_clock_that_was_ahead_waits_no_longer_than_any_other() -> None:
    """It would wait until this clock is there: a number that is too high stays on sale for as long."""
    clock = VirtualClock()
    clock.set_back(-3_600)
    refused = FakeMarketplace(answer=lambda push: Transient(listing_id=push.listing_id, api="write", reason="busy"))
    async with a_bench(refused, targets=[a_target("A", 5)], clock=clock) as first:
        await first.clock.pass_s(1)
        left, retries = first.exposure("A"), first.written(first.settings.topics.retries(MARKETPLACE))
    assert left is not None
    async with a_bench(targets=[a_target("A", 5)], exposures=[left]) as bench:
        bench.transactions.commits.append(retries)
        await bench.bring_retries()
        await bench.clock.pass_s(400)

    assert bench.market.quantities("A") == [5]


async def test_a_listing_that_failed_before_the_clock_was_set_back_is_tried_again_in_time() -> None:
    """Else it waits as much longer as the clock was set back by."""
    works = False

    def answer(push: Push) -> PushOutcome:
        return accepted(push) if works else Transient(listing_id=push.listing_id, api="write", reason="busy")

    async with a_bench(FakeMarketplace(answer=answer)) as bench:
        await bench.send(a_target("A", 5, version=1))
        await bench.bring_retries()
        works = True
        bench.clock.set_back(3_600)
        await bench.clock.pass_s(10)

    assert bench.market.quantities("A") == [5, 5]


class OneRefusesAll(FakeMarketplace):
    """Refuses a whole call for the one bad row in it, without saying which that is."""

    async def push(self, pushes: Sequence[Push]) -> Sequence[PushOutcome]:
        bad = any(push.listing_id.endswith("/bad") for push in pushes)
        if bad and len(pushes) > 1:
            self.answer = group_refused
        else:
            self.answer = rejected if bad else accepted
        return await super().push(pushes)


def group_refused(push: Push) -> PushOutcome:
    return Transient(listing_id=push.listing_id, api="write", reason=GROUP_REFUSED)


async def test_listings_of_a_refused_group_go_one_by_one_and_at_once() -> None:
    """The bad one is found so however much waits, and neither a good one nor the channel waits for it."""
    limits = (OperationLimit("write", 10.0, 1.0), OperationLimit("read", 10.0, 10.0))
    market = OneRefusesAll(traits=traits(push_group_max=5, limits=limits))
    targets = [a_target(one, 5) for one in ("a", "b", "bad", "c", *(f"more-{n}" for n in range(30)))]
    async with a_bench(market, targets=targets) as bench:
        await bench.clock.pass_s(20.0)

    assert [len(call) for call in market.calls if "/bad" in str([one.listing_id for one in call])] == [5, 1]
    assert len(market.shown) == len(targets) - 1
    assert [letter.key for letter in bench.dead_letters()] == [f"{CHANNEL}/bad".encode()]
    assert not any(one.failures for one in bench.reports.sent)
