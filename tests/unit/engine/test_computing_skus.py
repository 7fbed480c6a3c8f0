"""SKUs that are unknown, removed, restated, owed to or looked at again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inventory_domain.changes import (
    StockAdjusted,
    StockCounted,
    StockReserved,
    UnitsSold,
)
from inventory_domain.commands import SaleSettled, SkuCommand
from inventory_domain.exposure import Confirmed, Proof
from inventory_domain.identifiers import ChannelId, EventId, ListingId, Marketplace, OrderId, ReservationId, Sku
from inventory_domain.sku_state import HELD_RECORDS_MAX
from inventory_domain.surges import HighVelocity
from inventory_domain.velocity import ChannelDemand, Demand
from inventory_streams.engine.held import Held
from inventory_streams.engine.settings import PARTITION_HELD_MAX
from inventory_streams.engine.values import RecordEffect, Surroundings
from inventory_streams.kafka.partitioner import partition_of
from tests.support.engine_work import (
    GRACE_MS,
    LISTING,
    PARTITION,
    PARTITIONS,
    TOPICS,
    Memory,
    a_restatement,
    an_exposure,
    effects,
    reasons,
    selling,
    told,
)
from tests.support.stock import NOW_MS, SKU, a_change, a_channel, a_listing, a_policy, a_product


@pytest.fixture
def memory() -> Memory:
    return Memory()


def test_changes_of_an_unknown_sku_wait_for_its_product_and_are_applied_in_their_order(memory: Memory) -> None:
    wire = memory.wire
    first = memory.batch(
        wire.change(a_change(StockCounted(10))),
        wire.change(a_change(StockAdjusted(-4))),
        wire.change(a_change(StockCounted(8))),
    )

    computed = memory.batch(wire.product(a_product()))

    assert effects(first) == {"held": 3}
    assert not first.targets
    assert told(computed) == {LISTING: 8}
    assert computed.released == {RecordEffect.APPLIED: 3}
    assert memory.states[SKU].held == ()


def test_a_bad_record_among_those_that_waited_is_a_dead_letter(memory: Memory) -> None:
    wire = memory.wire
    memory.batch(wire.change(a_change(StockCounted(-1))), wire.change(a_change(StockCounted(8))))

    computed = memory.batch(wire.product(a_product()))

    assert told(computed) == {LISTING: 8}
    assert reasons(computed) == ["bad-quantity"]
    assert computed.released == {RecordEffect.APPLIED: 1, RecordEffect.DEAD_LETTERED: 1}


def test_what_waits_is_bounded(memory: Memory) -> None:
    wire = memory.wire
    changes = [wire.change(a_change(StockCounted(number))) for number in range(HELD_RECORDS_MAX + 2)]

    computed = memory.batch(*changes)

    assert effects(computed) == {"held": HELD_RECORDS_MAX, "dead-lettered": 2}
    assert reasons(computed) == ["unknown-sku"] * 2


def test_what_waits_in_a_partition_is_bounded_over_all_skus(memory: Memory) -> None:
    """A producer that sends names that nobody knows must not fill the memory within the grace time."""
    wire, other = memory.wire, Sku(next(f"X{n}" for n in range(99) if partition_of(f"X{n}", PARTITIONS) == PARTITION))
    changes = [wire.change(replace(a_change(StockCounted(1)), sku=sku), key=sku) for sku in (SKU, other)]
    memory.beside = Surroundings(held=PARTITION_HELD_MAX - 1)

    computed = memory.batch(*changes)
    assert (effects(computed), reasons(computed)) == ({"held": 1, "dead-lettered": 1}, ["unknown-sku"])

    memory.beside = Surroundings(held=PARTITION_HELD_MAX)
    late = wire.change(replace(a_change(StockCounted(2), event_id="later"), sku=other), key=other)
    computed = memory.batch(wire.product(a_product()), late)
    assert effects(computed) == {"applied": 1, "held": 1}, "the product came, so there is room for another's"


def test_what_waits_is_counted_as_it_comes_and_goes(memory: Memory) -> None:
    held = Held()
    waiting = memory.batch(memory.wire.change(a_change(StockCounted(1)))).states[SKU]

    held.note(SKU, waiting)
    held.note(SKU, waiting)
    assert held.records == 1

    held.note(SKU, replace(waiting, held=()))
    assert held.records == 0


def test_after_the_grace_time_what_waited_becomes_dead_letters_and_is_forgotten(memory: Memory) -> None:
    wire = memory.wire
    change = wire.change(a_change(StockCounted(10)))
    memory.batch(change)
    memory.now_ms += GRACE_MS

    computed = memory.batch(wake={SKU: "time"})

    assert reasons(computed) == ["unknown-sku"]
    assert computed.dead_letters[0].record == change
    assert computed.states[SKU].is_empty
    assert SKU not in memory.states


def test_before_the_grace_time_is_over_it_waits_on(memory: Memory) -> None:
    memory.batch(memory.wire.change(a_change(StockCounted(10))))
    memory.now_ms += GRACE_MS - 1

    computed = memory.batch(wake={SKU: "time"})

    assert not computed.dead_letters
    assert memory.states[SKU].held


def test_the_grace_time_begins_with_the_first_change_that_waits(memory: Memory) -> None:
    """A SKU of which something comes all the time would wait for ever."""
    memory.batch(memory.wire.change(a_change(StockCounted(10))))
    memory.now_ms += GRACE_MS - 1
    memory.batch(memory.wire.change(a_change(StockCounted(11))))
    memory.now_ms += 1

    computed = memory.batch(wake={SKU: "time"})

    assert reasons(computed) == ["unknown-sku"] * 2


def test_a_product_on_a_channel_that_is_not_configured_is_refused_and_the_former_stays(memory: Memory) -> None:
    selling(memory)
    former = memory.states[SKU].product

    computed = memory.batch(memory.wire.product(a_product(a_listing("market-mars"))))

    assert reasons(computed) == ["unknown-channel"]
    assert memory.states[SKU].product is former
    assert not computed.targets


def test_a_product_that_is_removed_goes_to_zero_and_its_stock_is_unknown_again(memory: Memory) -> None:
    """Unknown is not zero: when the product comes back, it waits for a count."""
    selling(memory)

    gone = memory.batch(memory.wire.product(None))
    back = memory.batch(memory.wire.product(a_product()))

    assert told(gone) == {LISTING: 0}
    assert gone.targets[0].withdrawn
    assert gone.targets[0].cause == "listing-removed"
    assert not memory.states[SKU].stock.positions
    assert told(back) == {LISTING: 0}, (
        "it was known before, so it is not left alone, and what is uncounted adds nothing"
    )


def test_what_a_channel_sold_is_netted_still_when_the_product_comes_back(memory: Memory) -> None:
    """Its source has not told of the order, and a count says nothing of orders unless it says so."""
    selling(memory)
    sale = UnitsSold(ChannelId("market-us"), OrderId("order-1"), 3)
    memory.batch(memory.wire.change(a_change(sale, location=None, event_id="sale")))
    zero = memory.batch(memory.wire.product(None)).targets[0]
    memory.batch(memory.wire.exposure(an_exposure(0, zero.version)))
    memory.batch(memory.wire.product(a_product()))

    counted = memory.batch(memory.wire.change(a_change(StockCounted(10), sequence=2)))
    again = memory.batch(memory.wire.change(a_change(sale, location=None, event_id="sale")))

    assert told(counted) == {LISTING: 7}
    assert effects(again) == {"duplicate": 1}


def test_a_removal_of_what_is_not_known_changes_nothing(memory: Memory) -> None:
    computed = memory.batch(memory.wire.product(None))

    assert effects(computed) == {"superseded": 1}
    assert not computed.states


def selling_beside(memory: Memory) -> Sku:
    """The SKU, and another one of its partition that has stock and no listing."""
    other, wire = Sku(next(f"X{n}" for n in range(99) if partition_of(f"X{n}", PARTITIONS) == PARTITION)), memory.wire
    selling(memory)
    memory.batch(
        wire.product(replace(a_product(), sku=other, listings=()), key=other),
        wire.change(replace(a_change(StockCounted(6), event_id="other"), sku=other), key=other),
    )
    return other


def test_a_listing_that_another_sku_of_the_partition_has_taken_over_is_not_forgotten(memory: Memory) -> None:
    """Both write one key: the tombstone would come behind the new number, and delivery forget the listing."""
    wire, other = memory.wire, selling_beside(memory)

    (zero,) = memory.batch(wire.product(replace(a_product(), listings=()))).targets
    taken = memory.batch(wire.product(replace(a_product(), sku=other), key=other))
    confirmed = memory.batch(wire.exposure(an_exposure(0, zero.version)))

    assert (zero.withdrawn, told(taken)) == (True, {LISTING: 6})
    assert confirmed.forgotten == ()
    assert LISTING not in memory.states[SKU].targets


@pytest.mark.parametrize("touched_first", [True, False])
def test_a_listing_that_moves_within_a_batch_has_only_its_new_number(memory: Memory, touched_first: bool) -> None:
    """A zero behind it, under the same version, would stay."""
    wire, other = memory.wire, selling_beside(memory)
    touched = [wire.product(replace(a_product(), sku=other, listings=()), key=other)] if touched_first else []

    batch = memory.batch(
        *touched,
        wire.product(replace(a_product(), listings=())),
        wire.product(replace(a_product(), sku=other), key=other),
    )

    assert [(one.sku, one.quantity) for one in batch.targets] == [(other, 6)]


def test_a_listing_is_zero_until_its_new_sku_says_a_number(memory: Memory) -> None:
    """That may be uncounted for long."""
    wire, other = memory.wire, Sku(next(f"X{n}" for n in range(99) if partition_of(f"X{n}", PARTITIONS) == PARTITION))
    selling(memory)

    moved = memory.batch(
        wire.product(replace(a_product(), listings=())), wire.product(replace(a_product(), sku=other), key=other)
    )
    confirmed = memory.batch(wire.exposure(an_exposure(0, moved.targets[0].version)))

    assert [(one.sku, one.quantity) for one in moved.targets] == [(SKU, 0)]
    assert confirmed.forgotten == ((Marketplace("market"), LISTING),)


def test_a_withdrawn_listing_is_forgotten_with_its_state_when_its_zero_is_confirmed(memory: Memory) -> None:
    selling(memory)
    zero = memory.batch(memory.wire.product(None)).targets[0]

    early = memory.batch(memory.wire.exposure(an_exposure(10, zero.version - 1)))
    late = memory.batch(memory.wire.exposure(an_exposure(0, zero.version)))

    assert not early.forgotten
    assert late.forgotten == ((Marketplace("market"), LISTING),)
    assert late.states[SKU].is_empty


def test_a_tombstone_of_an_exposure_is_no_dead_letter(memory: Memory) -> None:
    """Delivery forgets a listing after the engine did, so there is nothing left to do."""
    selling(memory)
    tombstone = memory.wire.record(TOPICS.exposure(Marketplace("market")), LISTING, None)

    computed = memory.batch(tombstone)

    assert effects(computed) == {"applied": 1}
    assert not computed.states


def test_exposure_alone_changes_no_target(memory: Memory) -> None:
    selling(memory)

    computed = memory.batch(memory.wire.exposure(an_exposure(3, 1)))

    assert not computed.targets
    assert computed.states[SKU].exposures[LISTING].units == 3


def test_the_first_proof_of_a_number_tells_how_long_it_took_until_it_was_seen(memory: Memory) -> None:
    """The risk rule goes by it; what was seen before, or only assumed, says nothing."""
    target = selling(memory).targets[0]
    memory.batch(memory.wire.exposure(an_exposure(0, 1)))
    seen = replace(
        an_exposure(10, target.version), confirmed=Confirmed(10, target.version, target.version + 800, Proof.READ)
    )

    first = memory.batch(memory.wire.exposure(seen))
    again = memory.batch(memory.wire.exposure(seen))

    assert first.live == ((target.channel, 800),)
    assert again.live == ()


def test_a_period_of_high_velocity_is_kept_though_no_number_changes_by_it(memory: Memory) -> None:
    """Its end is judged by another threshold than its beginning, also after a restart."""
    memory.policy = replace(a_policy(), high_velocity=HighVelocity())
    selling(memory)
    fast = Demand({ChannelId("market-us"): ChannelDemand(90_000, 10_000)})
    memory.beside = replace(memory.beside, demand=lambda sku: fast)

    computed = memory.batch(wake={SKU: "velocity"})

    assert not computed.targets
    assert computed.states[SKU].high_velocity


def test_exposure_that_says_nothing_new_is_not_written_again(memory: Memory) -> None:
    selling(memory)
    memory.batch(memory.wire.exposure(an_exposure(3, 1)))

    computed = memory.batch(memory.wire.exposure(an_exposure(3, 1)))

    assert effects(computed) == {"applied": 1}
    assert not computed.states


def test_exposure_of_a_listing_that_is_not_the_skus_is_superseded(memory: Memory) -> None:
    """It was forgotten, or moved to another SKU; it must not bring a state to life."""
    selling(memory)

    computed = memory.batch(
        memory.wire.exposure(an_exposure(3, 1, ListingId("market-us/other"))),
        memory.wire.exposure(an_exposure(3, 1, LISTING, Sku("UNKNOWN"))),
    )

    assert effects(computed) == {"superseded": 2}
    assert not computed.states


def test_a_restatement_is_answered_under_a_new_version(memory: Memory) -> None:
    first = selling(memory).targets[0]

    again = memory.batch(memory.wire.command(a_restatement(first.version))).targets[0]

    assert (again.quantity, again.cause) == (first.quantity, "restate")
    assert again.version > first.version


def test_a_restatement_that_judged_an_older_version_is_superseded(memory: Memory) -> None:
    first = selling(memory).targets[0]
    memory.batch(memory.wire.change(a_change(StockAdjusted(-1), sequence=2)))

    computed = memory.batch(memory.wire.command(a_restatement(first.version)))

    assert effects(computed) == {"superseded": 1}
    assert not computed.targets


def test_a_restatement_of_an_unknown_listing_is_superseded(memory: Memory) -> None:
    selling(memory)

    computed = memory.batch(memory.wire.command(a_restatement(10**15, ListingId("market-us/other"))))

    assert effects(computed) == {"superseded": 1}


def test_the_zero_of_a_withdrawn_listing_can_be_asked_for_again(memory: Memory) -> None:
    """Reconciliation sees a ghost listing at 5: its zero did not hold and must go out once more."""
    selling(memory)
    zero = memory.batch(memory.wire.product(None)).targets[0]

    computed = memory.batch(memory.wire.command(a_restatement(zero.version)))

    again = computed.targets[0]
    assert (again.quantity, again.withdrawn, again.cause) == (0, True, "restate")
    assert again.version > zero.version


def test_while_catching_up_a_fall_goes_out_and_a_rise_is_owed(memory: Memory) -> None:
    selling(memory, 10)

    fall = memory.batch(memory.wire.change(a_change(StockCounted(4), sequence=2)), catching_up=True)
    rise = memory.batch(memory.wire.change(a_change(StockCounted(20), sequence=3)), catching_up=True)
    paid = memory.batch(wake={SKU: "caught-up"})

    assert told(fall) == {LISTING: 4}
    assert told(rise) == {}
    assert rise.owing == {SKU: True}
    assert told(paid) == {LISTING: 20}
    assert paid.targets[0].cause == "caught-up"
    assert paid.owing == {SKU: False}


def test_looking_at_a_sku_that_is_as_it_should_be_writes_nothing(memory: Memory) -> None:
    """A sweep over all SKUs must not write all of them."""
    selling(memory)

    computed = memory.batch(wake={SKU: "policy"})

    assert not computed.states
    assert not computed.targets


def test_another_policy_is_applied_when_the_sku_is_looked_at(memory: Memory) -> None:
    selling(memory, 10)
    memory.policy = a_policy(a_channel(units=4))

    computed = memory.batch(wake={SKU: "policy"})

    assert told(computed) == {LISTING: 6}
    assert computed.targets[0].cause == "policy"


def test_what_changes_by_the_time_or_the_policy_changed_when_it_did(memory: Memory) -> None:
    """Not at the last change of its stock, which may be days ago: all that a new policy moves would count as late."""
    selling(memory, 10)
    counted_ms = memory.states[SKU].changed_at_ms
    memory.policy, memory.now_ms = a_policy(a_channel(units=4)), memory.now_ms + 86_400_000

    (by_policy,) = memory.batch(wake={SKU: "policy"}).targets
    memory.policy = a_policy(a_channel(units=2))
    owed = memory.batch(wake={SKU: "policy"}, catching_up=True)
    memory.now_ms += 60_000
    (caught_up,) = memory.batch(wake={SKU: "caught-up"}).targets

    assert counted_ms < by_policy.changed_at_ms == by_policy.computed_at_ms
    assert (owed.targets, caught_up.quantity) == ((), 8)
    assert caught_up.changed_at_ms <= caught_up.computed_at_ms - 60_000  # it waited since


def test_an_expired_reservation_gives_its_units_back_and_is_forgotten(memory: Memory) -> None:
    selling(memory, 10)
    held = StockReserved(ReservationId("r1"), 3, expires_at_ms=NOW_MS + 500)
    memory.batch(memory.wire.change(a_change(held, sequence=2)))
    memory.now_ms += 500

    computed = memory.batch(wake={SKU: "reservation-expired"})

    assert told(computed) == {LISTING: 10}
    assert not next(iter(computed.states[SKU].stock.positions.values())).reservations


def test_a_listing_whose_location_was_never_counted_is_left_alone_and_counted(memory: Memory) -> None:
    computed = memory.batch(memory.wire.product(a_product()))

    assert not computed.targets
    assert computed.uncounted == {SKU: 1}


def test_a_catalog_change_alone_changes_the_number(memory: Memory) -> None:
    selling(memory)

    computed = memory.batch(memory.wire.product(a_product(locations={"dallas": 4})))

    assert told(computed) == {LISTING: 6}
    assert [target.cause for target in computed.targets] == ["product"]


def test_a_sequence_that_says_two_things_is_a_dead_letter_and_changes_nothing(memory: Memory) -> None:
    """The dead letter's reason is a metric's label, so that somebody is told."""
    selling(memory)

    computed = memory.batch(memory.wire.change(a_change(StockCounted(99), sequence=1)))

    assert reasons(computed) == ["sequence-reused"]
    assert told(computed) == {}


def test_at_the_end_of_a_pre_sale_a_timer_zeroes_the_sku(memory: Memory) -> None:
    wire = memory.wire
    memory.batch(wire.product(a_product(sale_stops_at_ms=NOW_MS + 1_000)), wire.change(a_change(StockCounted(10))))
    memory.now_ms = NOW_MS + 1_000

    computed = memory.batch(wake={SKU: "reservation-expired"})

    assert told(computed) == {LISTING: 0}
    assert [target.cause for target in computed.targets] == ["sale-stopped"]


def test_an_order_that_nobody_reports_is_netted_until_an_operator_settles_it(memory: Memory) -> None:
    selling(memory)
    sold = memory.batch(memory.wire.change(a_change(UnitsSold(ChannelId("market-us"), OrderId("o"), 3), location=None)))
    assert told(sold) == {LISTING: 7}
    settled = SkuCommand(EventId("c1"), SKU, NOW_MS, "ann", SaleSettled(OrderId("o"), "ann", "counted since"))

    once = memory.batch(memory.wire.command(settled))
    again = memory.batch(memory.wire.command(settled))

    assert told(once) == {LISTING: 10}
    assert [target.cause for target in once.targets] == ["sale-settled"]
    assert effects(again) == {"superseded": 1}


def test_a_sale_that_is_read_after_it_was_settled_is_not_netted(memory: Memory) -> None:
    """The operator's word is on another topic, and after an outage it may be read before the sale that it is about."""
    selling(memory)
    settled = SkuCommand(EventId("c1"), SKU, NOW_MS, "ann", SaleSettled(OrderId("o"), "ann", "counted since"))
    memory.batch(memory.wire.command(settled))
    again = memory.batch(memory.wire.command(settled))

    sale = UnitsSold(ChannelId("market-us"), OrderId("o"), 3)
    computed = memory.batch(memory.wire.change(a_change(sale, location=None)))

    assert told(computed) == {}
    assert effects(again) == {"superseded": 1}


def test_a_sale_that_is_reported_after_it_was_settled_is_not_netted_again(memory: Memory) -> None:
    selling(memory)
    sale = UnitsSold(ChannelId("market-us"), OrderId("o"), 3)
    memory.batch(memory.wire.change(a_change(sale, location=None)))
    settled = SkuCommand(EventId("c1"), SKU, NOW_MS, "ann", SaleSettled(OrderId("o"), "ann", "counted since"))
    memory.batch(memory.wire.command(settled))

    computed = memory.batch(memory.wire.change(a_change(sale, location=None)))

    assert told(computed) == {}
