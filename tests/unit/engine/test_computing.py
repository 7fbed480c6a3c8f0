"""What a batch does to the SKUs it touches."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inventory_domain.catalog import Component, Product
from inventory_domain.changes import (
    InventoryChange,
    SourceHeartbeat,
    StockAdjusted,
    StockCounted,
    StockReserved,
)
from inventory_domain.commands import KitRemoved, Override, OverrideKind, Restate, SkuCommand
from inventory_domain.errors import InvariantBroken
from inventory_domain.exposure import Confirmed, Exposure, Proof
from inventory_domain.identifiers import EventId, ListingId, Marketplace, ReservationId, Sku
from inventory_domain.sku_state import HELD_RECORDS_MAX
from inventory_streams.engine.computing import Computed, RecordEffect
from inventory_streams.engine.records import InputRecord
from tests.support.engine_work import GRACE_MS, PARTITION, PARTITIONS, TOPICS, Memory
from tests.support.stock import NOW_MS, SKU, a_change, a_channel, a_listing, a_policy, a_product

LISTING = ListingId("market-us/1")


@pytest.fixture
def memory() -> Memory:
    return Memory()


def told(computed: Computed) -> dict[str, int]:
    """Quantities by listing."""
    return {target.listing_id: target.quantity for target in computed.targets}


def effects(computed: Computed) -> dict[str, int]:
    """How many records had each effect, over all topics."""
    found: dict[str, int] = {}
    for (_, effect), count in computed.effects.items():
        found[effect.value] = found.get(effect.value, 0) + count
    return found


def reasons(computed: Computed) -> list[str]:
    return [letter.reason for letter in computed.dead_letters]


def selling(memory: Memory, units: int = 10) -> Computed:
    """The SKU with its product and a count."""
    wire = memory.wire
    return memory.batch(wire.product(a_product()), wire.change(a_change(StockCounted(units), sequence=1)))


def a_restatement(version: int, listing: ListingId = LISTING) -> SkuCommand:
    return SkuCommand(EventId("c1"), SKU, NOW_MS, "reconcile", Restate(listing, version, "drift"))


def an_exposure(units: int, version: int, listing: ListingId = LISTING, sku: Sku = SKU) -> Exposure:
    return Exposure(listing, sku, Confirmed(units, version, NOW_MS, Proof.READ))


def test_a_sku_is_decided_once_per_batch(memory: Memory) -> None:
    selling(memory)
    changes = [memory.wire.change(a_change(StockAdjusted(-1), sequence=number)) for number in (2, 3, 4)]

    computed = memory.batch(*changes)

    assert told(computed) == {LISTING: 7}
    assert [target.cause for target in computed.targets] == ["stock-adjusted"]


def test_the_durable_state_is_not_touched_before_a_commit(memory: Memory) -> None:
    """A failed commit must leave nothing behind that the next batch would build on (rule 13)."""
    selling(memory)
    before = memory.states[SKU]
    work = memory.work()

    work.record(memory.wire.change(a_change(StockAdjusted(-1), sequence=2)))
    work.finish()

    assert memory.states[SKU] is before
    assert before.stock.positions[next(iter(before.stock.positions))].on_hand == 10


def test_a_replay_is_skipped_whole(memory: Memory) -> None:
    """After a crash between transaction and offset the batch comes again, also changes that no other guard knows."""
    wire = memory.wire
    memory.batch(wire.product(a_product()), wire.change(a_change(StockCounted(10))))
    records = [wire.change(a_change(StockAdjusted(-1))), wire.change(a_change(StockAdjusted(-1)))]
    assert told(memory.batch(*records)) == {LISTING: 8}

    computed = memory.batch(*[replace(record, value=b"as good as another event id") for record in records])

    assert effects(computed) == {"duplicate": 2}
    assert not computed.states
    assert not computed.targets


def test_an_event_sent_again_under_a_new_offset_is_a_duplicate(memory: Memory) -> None:
    selling(memory)
    change = a_change(StockAdjusted(-1), sequence=2, event_id="same")
    memory.batch(memory.wire.change(change))

    computed = memory.batch(memory.wire.change(change))

    assert effects(computed) == {"duplicate": 1}
    assert not computed.states


def test_an_older_count_is_superseded(memory: Memory) -> None:
    wire = memory.wire
    memory.batch(wire.product(a_product()), wire.change(a_change(StockCounted(10), sequence=5)))

    computed = memory.batch(wire.change(a_change(StockCounted(99), sequence=4)))

    assert effects(computed) == {"superseded": 1}
    assert not computed.targets


def test_a_bad_record_is_a_dead_letter_and_those_around_it_are_applied(memory: Memory) -> None:
    wire = memory.wire
    bad = wire.record(TOPICS.inventory_changes, SKU, b"\xff\xff")

    computed = memory.batch(wire.product(a_product()), bad, wire.change(a_change(StockCounted(3), sequence=1)))

    assert told(computed) == {LISTING: 3}
    assert reasons(computed) == ["bad-avro"]
    assert computed.dead_letters[0].record is bad
    assert effects(computed) == {"applied": 2, "dead-lettered": 1}


@pytest.mark.parametrize(
    ("key", "reason"),
    [(None, "no-key"), ("SKU-2", "key-mismatch"), ("", "key-mismatch")],
    ids=["none", "other", "empty"],
)
def test_a_key_that_is_not_the_sku_is_invalid(memory: Memory, key: str | None, reason: str) -> None:
    """The key chose the partition, so a SKU under another key would have two owners."""
    selling(memory)

    computed = memory.batch(memory.wire.change(a_change(StockCounted(3), sequence=2), key=key))

    assert reasons(computed) == [reason]
    assert not computed.targets


def test_a_key_that_is_not_text_is_a_dead_letter(memory: Memory) -> None:
    record = replace(memory.wire.product(a_product()), key=b"\xff")

    computed = memory.batch(record)

    assert reasons(computed) == ["undecodable-key"]


def test_a_sku_in_the_wrong_partition_is_refused(memory: Memory) -> None:
    """A producer with another partitioner would give the SKU a second owner (rule 7)."""
    stray = next(name for name in (f"X{n}" for n in range(100)) if _partition(name) != PARTITION)
    product = replace(a_product(), sku=Sku(stray))

    computed = memory.batch(memory.wire.product(product, key=stray))

    assert reasons(computed) == ["wrong-partition"]
    assert not computed.states


def _partition(sku: str) -> int:
    from inventory_streams.kafka.partitioner import partition_of

    return partition_of(sku, PARTITIONS)


def test_a_tombstone_of_a_change_is_a_dead_letter(memory: Memory) -> None:
    computed = memory.batch(memory.wire.record(TOPICS.inventory_changes, SKU, None))

    assert reasons(computed) == ["no-value"]


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


def test_a_product_on_a_channel_that_is_not_configured_is_refused_and_the_former_stays(memory: Memory) -> None:
    selling(memory)
    former = memory.states[SKU].product

    computed = memory.batch(memory.wire.product(a_product(a_listing("market-mars"))))

    assert reasons(computed) == ["unknown-channel"]
    assert memory.states[SKU].product is former
    assert not computed.targets


def test_kits_are_refused(memory: Memory) -> None:
    kit: Product = replace(a_product(), components=(Component(Sku("PART"), 2),))
    command = SkuCommand(EventId("c1"), SKU, NOW_MS, "engine", KitRemoved(Sku("KIT")))

    computed = memory.batch(memory.wire.product(kit), memory.wire.command(command))

    assert reasons(computed) == ["kits-not-supported", "kits-not-supported"]


def test_overrides_are_refused(memory: Memory) -> None:
    kind = Override(OverrideKind.ZERO, None, None, "me", "recall")

    computed = memory.batch(memory.wire.command(SkuCommand(EventId("c1"), SKU, NOW_MS, "me", kind)))

    assert reasons(computed) == ["override-not-supported"]


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


def test_a_removal_of_what_is_not_known_changes_nothing(memory: Memory) -> None:
    computed = memory.batch(memory.wire.product(None))

    assert effects(computed) == {"superseded": 1}
    assert not computed.states


def test_a_withdrawn_listing_is_forgotten_with_its_state_when_its_zero_is_confirmed(memory: Memory) -> None:
    selling(memory)
    zero = memory.batch(memory.wire.product(None)).targets[0]

    early = memory.batch(memory.wire.exposure(an_exposure(10, zero.version - 1)))
    late = memory.batch(memory.wire.exposure(an_exposure(0, zero.version)))

    assert not early.forgotten
    assert late.forgotten == ((Marketplace("market"), LISTING),)
    assert late.states[SKU].is_empty


def test_exposure_alone_changes_no_target(memory: Memory) -> None:
    selling(memory)

    computed = memory.batch(memory.wire.exposure(an_exposure(3, 1)))

    assert not computed.targets
    assert computed.states[SKU].exposures[LISTING].units == 3


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


def test_sources_words_are_kept_and_never_from_the_future(memory: Memory) -> None:
    selling(memory)
    wire = memory.wire
    ahead = NOW_MS + 3_600_000

    computed = memory.batch(
        wire.change(a_change(StockAdjusted(1), sequence=2, occurred_at_ms=ahead)),
        wire.change(a_heartbeat("wms", NOW_MS - 7), key=None),
    )

    assert computed.words == {"erp": NOW_MS, "wms": NOW_MS - 7}
    assert computed.states[SKU].changed_at_ms == NOW_MS


def a_heartbeat(source: str, at_ms: int) -> InventoryChange:
    change = a_change(StockCounted(0), source=source, occurred_at_ms=at_ms, location=None)
    return replace(change, sku=None, kind=SourceHeartbeat())


def test_a_heartbeat_touches_no_sku(memory: Memory) -> None:
    computed = memory.batch(memory.wire.change(a_heartbeat("wms", NOW_MS), key=None))

    assert effects(computed) == {"applied": 1}
    assert not computed.states


def test_a_change_without_a_sku_is_invalid(memory: Memory) -> None:
    change = replace(a_change(StockCounted(1)), sku=None)

    assert reasons(memory.batch(memory.wire.change(change))) == ["no-sku"]


def test_what_is_not_bad_input_is_not_hidden(memory: Memory) -> None:
    """A bug of ours must end the process uncommitted, not become a dead letter (rule 14)."""

    class Broken(Memory):
        def get(self, sku: Sku) -> None:
            raise InvariantBroken("the changelog has a state that cannot be read")

    broken = Broken()
    record = broken.wire.change(a_change(StockCounted(1)))

    with pytest.raises(InvariantBroken):
        broken.batch(record)


def test_every_record_has_exactly_one_effect(memory: Memory) -> None:
    """P4: the counts of all effects add up to what was read."""
    wire = memory.wire
    change = a_change(StockCounted(5), sequence=3)
    records: list[InputRecord] = [
        wire.product(a_product()),
        wire.change(change),
        wire.change(change),
        wire.change(a_change(StockCounted(5), sequence=2)),
        wire.record(TOPICS.inventory_changes, SKU, b"?"),
        wire.change(a_heartbeat("erp", NOW_MS), key=None),
        wire.exposure(an_exposure(1, 1)),
        wire.command(a_restatement(0)),
    ]

    computed = memory.batch(*records)

    assert sum(computed.effects.values()) == len(records)
