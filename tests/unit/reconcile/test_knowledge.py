"""What is known of listings, and that it is known again after a restart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inventory_domain.changes import InventoryChange, SaleCancelled, StockAdjusted, StockCounted, UnitsSold
from inventory_domain.corrections import Standing
from inventory_domain.expected import ReadTraits
from inventory_domain.exposure import Exposure, observe
from inventory_domain.identifiers import ChannelId, EventId, ListingId, LocationId, OrderId, Sku, SourceId
from inventory_domain.reconciliation import Action, Cause, Discrepancy, Observation, ObservedBy
from inventory_domain.targets import Target
from inventory_schemas.registry import LocalRegistry
from inventory_streams.hints import OWN_HINTS
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.reconcile.codecs import codecs_of
from inventory_streams.reconcile.knowledge import Knowledge
from inventory_streams.reconcile.settings import ReconcileSettings
from inventory_streams.topics import Topics
from tests.support.delivery import a_target
from tests.support.pulls import MARKETPLACE
from tests.support.reconciling import CHANNEL, HOUR, LISTING, SETTLING, SKU, a_reading, at, settling, shown

SETTINGS = ReconcileSettings("app", KafkaSettings("nowhere:1"), Topics((MARKETPLACE,)), 4)
CODECS = codecs_of(SETTINGS.topics, MARKETPLACE, LocalRegistry())


def knowledge() -> Knowledge:
    """One listing that shows 10 and was seen to."""
    known = Knowledge(SETTINGS, CODECS, {CHANNEL: ReadTraits(True, SETTLING)})
    known._of(LISTING, SKU, CHANNEL).version = 1
    exposure = shown(10, 0, seen_min=20)
    known.exposure(LISTING.encode(), CODECS.exposure.encode(exposure), exposure)
    return known


def a_sale(units: int, minutes: float, order: str = "O1", channel: ChannelId = CHANNEL) -> InventoryChange:
    kind = UnitsSold(channel, OrderId(order), units)
    return InventoryChange(EventId(f"e-{order}"), SourceId("erp"), None, at(minutes), SKU, None, kind)


def test_sales_of_the_channel_are_subtracted_and_others_are_not() -> None:
    known = knowledge()
    for change in (
        a_sale(3, 100),
        a_sale(5, 100, "O2", ChannelId("elsewhere")),
        replace(a_sale(5, 100, "O3"), sku=Sku("B")),
        replace(a_sale(5, 100, "O4"), location=LocationId("main"), kind=StockAdjusted(-5)),
    ):
        known.change(change, at(101))

    verdict = known.judge(a_reading(7, 240), at(240))

    assert verdict is not None and verdict.why == "within"


def test_an_order_that_two_sources_tell_of_counts_once() -> None:
    known = knowledge()
    known.change(a_sale(3, 100), at(101))
    known.change(replace(a_sale(3, 101), source=SourceId("signals"), event_id=EventId("other")), at(102))
    known.change(replace(a_sale(3, 110), kind=SaleCancelled(CHANNEL, OrderId("O1"), 3, "no")), at(111))

    moves = known.moves[SKU, CHANNEL]

    assert [one.units for one in moves] == [3, -3]


@pytest.mark.parametrize(
    ("answered_s", "standing"), [(1, Standing.DISCREPANT), (25, Standing.UNJUDGED), (None, Standing.UNJUDGED)]
)
def test_a_read_that_was_answered_quickly_leaves_no_doubt_about_what_is_read_after_it(
    answered_s: int | None, standing: Standing
) -> None:
    """Of one whose answer was not heard of it is not known how late it was."""
    known = knowledge()
    known.traits[CHANNEL] = ReadTraits(True, SETTLING, read_span_ms=30_000)
    if answered_s is not None:
        read = replace(a_reading(10, 20), observed_by=ObservedBy.READ, observed_at_ms=at(20) + answered_s * 1_000)
        known.read(read)

    verdict = known.judge(replace(a_reading(90, 20), as_of_ms=at(20) + 10_000), at(21))

    assert verdict is not None and (verdict.standing, verdict.look_again) == (standing, standing is Standing.UNJUDGED)


def test_sales_are_forgotten_when_they_are_too_old() -> None:
    known = knowledge()
    known.change(a_sale(3, 0), at(1))
    late = at(0) + round(SETTINGS.sales_memory_s * 1_000) + HOUR
    known.change(a_sale(1, 0, "O2"), late)

    assert [one.order_id for one in known.moves[SKU, CHANNEL]] == ["O2"]
    assert ("O1", SKU, True) not in known.orders


def test_an_open_case_is_known_again_from_what_was_written_down() -> None:
    first = knowledge()
    waiting = first.judge(a_reading(4, 240), at(240))
    assert waiting is not None and waiting.record is not None

    after_restart = knowledge()
    after_restart.discrepancy(waiting.record)
    verdict = after_restart.judge(a_reading(4, 480), at(480))

    assert verdict is not None and verdict.restate == 1


def test_our_own_record_coming_back_does_not_undo_what_was_decided_since() -> None:
    known = knowledge()
    waiting = known.judge(a_reading(4, 240), at(240))
    corrected = known.judge(a_reading(4, 480), at(480))
    assert waiting is not None and waiting.record is not None and corrected is not None
    decided = known.listings[LISTING].case

    known.discrepancy(waiting.record)

    assert known.listings[LISTING].case == decided


def test_a_ghost_that_was_gone_is_none_after_a_restart() -> None:
    told = Discrepancy(LISTING, SKU, CHANNEL, 0, 0, 2, 2, Cause.GHOST.value, Action.REPORT.value, at(240))
    known = knowledge()

    known.discrepancy(told)
    reported = dict(known.ghosts)
    known.discrepancy(replace(told, observed=0, delta=0, action=Action.CLEARED.value, observed_at_ms=at(480)))

    assert (reported, known.ghosts) == ({LISTING: 2}, {})


def test_what_was_given_up_begins_anew_when_somebody_asks() -> None:
    known = knowledge()
    first = known.judge(a_reading(50, 240), at(240))
    assert first is not None and first.record is not None
    known.discrepancy(replace(first.record, action=Action.STOP.value, observed_at_ms=at(241)))
    stopped = known.judge(a_reading(50, 480), at(480))

    known.begin_anew(LISTING)
    again = known.judge(a_reading(50, 490), at(490))

    assert stopped is not None and stopped.restate is None
    assert again is not None and again.restate == 1


def test_a_signal_is_kept_as_evidence() -> None:
    known = knowledge()
    known.signal(Observation(LISTING, SKU, CHANNEL, 50, {}, ObservedBy.SIGNAL, at(100), at(100), "notice-9"))

    verdict = known.judge(a_reading(50, 240), at(240))

    assert verdict is not None and verdict.record is not None and "notice-9" in verdict.record.evidence


@pytest.mark.parametrize("own", OWN_HINTS)
def test_a_hint_of_ours_is_nobodys_word(own: str) -> None:
    known = knowledge()
    known.signal(Observation(LISTING, SKU, CHANNEL, None, {}, ObservedBy.SIGNAL, at(100), at(100), f"{own}old"))

    assert known.listings[LISTING].signal is None


def told(known: Knowledge, exposure: Exposure) -> Exposure:
    """It comes from the topic."""
    known.exposure(LISTING.encode(), CODECS.exposure.encode(exposure), exposure)
    return exposure


def a_read(quantity: int, minutes: float) -> Observation:
    """As delivery reads one listing."""
    return replace(a_reading(quantity, minutes), observed_by=ObservedBy.READ)


def test_a_read_is_judged_by_what_it_left_behind_though_delivery_has_written_since() -> None:
    """The attempt that is open by then would make the number read a part of what is expected."""
    known = knowledge()
    left = told(known, observe(shown(10, 0, seen_min=20), 50, at(100)))
    told(known, settling(left, 10, 100.1))

    verdict = known.judge(a_read(50, 100), at(101))
    again = known.judge(a_read(50, 100), at(102))

    assert verdict is not None and verdict.record is not None and verdict.restate is None
    assert (verdict.record.action, verdict.record.delta) == (Action.WRITE_DUE.value, 40)
    assert again is not None and again.record is None


def test_a_read_is_ahead_until_what_was_written_with_it_has_come() -> None:
    """Judged by what was known before, delivery's own repetition would be asked for once more."""
    known = knowledge()
    before = known.is_ahead(a_read(50, 100))
    told(known, observe(shown(10, 0, seen_min=20), 50, at(100)))

    assert (before, known.is_ahead(a_read(50, 100))) == (True, False)
    assert not known.is_ahead(replace(a_read(50, 100), listing_id=ListingId("market-us/B")))


def test_a_reading_that_was_told_of_is_not_told_of_again_after_a_restart() -> None:
    """Readings of the last minutes are read again at a start, when their case may be over already."""
    first = knowledge()
    left = told(first, observe(shown(10, 0, seen_min=20), 50, at(100)))
    verdict = first.judge(a_read(50, 100), at(101))
    assert verdict is not None and verdict.record is not None

    after_restart = knowledge()
    told(after_restart, left)
    told(after_restart, shown(10, 101, seen_min=120))
    after_restart.discrepancy(verdict.record)
    after_restart.discrepancy(replace(verdict.record, action=Action.VERIFIED.value, observed_at_ms=at(120)))
    again = after_restart.judge(a_read(50, 100), at(121))

    assert again is not None and again.record is None


def test_a_number_that_somebody_set_is_not_taken_for_one_of_ours() -> None:
    """Set once more after our next write, it would be told as a write of ours that came late."""
    known = knowledge()
    left = told(known, observe(shown(10, 0, seen_min=20), 50, at(100)))
    known.listings[LISTING].version = 2
    told(known, settling(left, 8, 101))
    told(known, shown(8, 101, seen_min=120, version=2))

    verdict = known.judge(a_reading(50, 240), at(240))

    assert verdict is not None and verdict.record is not None
    assert verdict.record.cause == Cause.MANUAL_CHANGE.value


def test_a_listing_without_target_or_exposure_is_not_judged() -> None:
    known = knowledge()
    known.exposure(LISTING.encode(), None, None)

    assert known.judge(a_reading(50, 240), at(240)) is None
    assert known.judge(replace(a_reading(50, 240), listing_id=LISTING), at(240)) is None


def test_a_listing_that_the_engine_forgets_is_forgotten() -> None:
    known = knowledge()
    known.target(LISTING.encode(), None)

    assert known.listings == {}


def a_target_of(sku: str, version: int) -> Target:
    return replace(a_target(channel=CHANNEL, version=version), listing_id=LISTING, sku=Sku(sku))


def written(known: Knowledge, exposure: Exposure | None, partition: int) -> None:
    raw = None if exposure is None else CODECS.exposure.encode(exposure)
    known.exposure(LISTING.encode(), raw, exposure, partition)


@pytest.mark.parametrize("new_first", [True, False])
def test_a_listing_that_moved_to_another_sku_is_judged_whichever_partition_is_read_first(new_first: bool) -> None:
    """What is left of it on the partition of the SKU that it was of says nothing: its target is forgotten there."""
    known = Knowledge(SETTINGS, CODECS, {CHANNEL: ReadTraits(True, SETTLING)})

    def left() -> None:
        known.target(LISTING.encode(), a_target_of("A", 1), 1)
        known.target(LISTING.encode(), None, 1)

    def came() -> None:
        known.target(LISTING.encode(), a_target_of("B", 2), 2)

    def left_exposure() -> None:
        written(known, shown(0, 0, seen_min=20, version=1), 1)

    def came_exposure() -> None:
        written(known, replace(shown(10, 30, seen_min=50, version=2), sku=Sku("B")), 2)

    for one in (came, left, came_exposure, left_exposure) if new_first else (left, came, left_exposure, came_exposure):
        one()
    written(known, None, 1)

    verdict = known.judge(replace(a_reading(90, 240), sku=Sku("B")), at(240))
    assert verdict is not None and (verdict.restate, known.listings[LISTING].sku) == (2, "B")


@pytest.mark.parametrize("new_first", [True, False])
@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_listing_that_moved_is_judged_whichever_version_either_sku_gave_it(version: int, new_first: bool) -> None:
    """They may come of two engines' clocks: the zero of the SKU that it left may be the newer one by that."""
    known = Knowledge(SETTINGS, CODECS, {CHANNEL: ReadTraits(True, SETTLING)})

    def left() -> None:
        known.target(LISTING.encode(), replace(a_target_of("A", 3), quantity=0, withdrawn=True), 1)
        written(known, shown(0, 0, seen_min=20, version=3), 1)

    def came() -> None:
        known.target(LISTING.encode(), a_target_of("B", version), 2)
        written(known, replace(shown(10, 30, seen_min=50, version=version), sku=Sku("B")), 2)

    known.target(LISTING.encode(), a_target_of("A", 1), 1)
    written(known, shown(9, -60, seen_min=-40, version=1), 1)
    for one in (came, left) if new_first else (left, came):
        one()
    known.target(LISTING.encode(), None, 1)
    written(known, None, 1)

    verdict = known.judge(replace(a_reading(90, 240), sku=Sku("B")), at(240))
    assert verdict is not None and (verdict.restate, known.listings[LISTING].sku) == (version, "B")
    assert known.covered == {}


def test_a_listing_that_its_former_sku_goes_on_with_for_a_while_is_the_new_ones_afterwards() -> None:
    """Two engines read the catalog: the one that has to give it up may be the later one."""
    known = Knowledge(SETTINGS, CODECS, {CHANNEL: ReadTraits(True, SETTLING)})

    known.target(LISTING.encode(), a_target_of("A", 1), 1)
    known.target(LISTING.encode(), a_target_of("B", 2), 2)
    known.target(LISTING.encode(), a_target_of("A", 3), 1)
    written(known, replace(shown(10, 30, seen_min=50, version=2), sku=Sku("B")), 2)
    written(known, shown(9, 40, seen_min=60, version=3), 1)
    known.target(LISTING.encode(), replace(a_target_of("A", 4), quantity=0, withdrawn=True), 1)
    known.target(LISTING.encode(), None, 1)
    written(known, None, 1)

    verdict = known.judge(replace(a_reading(90, 240), sku=Sku("B")), at(240))
    assert verdict is not None and (verdict.restate, known.listings[LISTING].sku) == (2, "B")
    assert (known.covered, known.claims) == ({}, {})


def test_what_a_listing_may_show_is_known_of_its_sku_that_is_heard_of_later() -> None:
    """The topics are read in any order, and delivery may not write the listing again for long."""
    known = knowledge()
    written(known, replace(shown(10, 30, seen_min=50, version=1), sku=Sku("B")), 2)
    known.target(LISTING.encode(), replace(a_target_of("A", 2), quantity=0, withdrawn=True), 0)
    known.target(LISTING.encode(), a_target_of("B", 1), 2)

    verdict = known.judge(replace(a_reading(90, 240), sku=Sku("B")), at(240))
    assert verdict is not None and verdict.restate == 1


def test_an_exposure_that_is_heard_of_before_its_listing_is_forgotten_and_known_anew_is_kept() -> None:
    """Each topic has its own order: a listing that comes back may have been written before its target is heard of."""
    known = knowledge()
    written(known, None, 0)
    written(known, shown(10, 30, seen_min=50, version=2), 0)
    known.target(LISTING.encode(), None)
    known.target(LISTING.encode(), a_target_of("A", 2))

    verdict = known.judge(a_reading(90, 240), at(240))

    assert verdict is not None and verdict.restate == 2


def test_the_sequence_of_a_pools_newest_count_is_known() -> None:
    known = knowledge()
    for sequence in (7, 5):
        kind, source = StockCounted(3), SourceId(f"held-{CHANNEL}")
        known.change(InventoryChange(EventId(str(sequence)), source, sequence, 0, SKU, LocationId("fba"), kind), at(0))

    assert known.held == {CHANNEL: 7}
