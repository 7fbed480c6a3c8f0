from __future__ import annotations

import json
from dataclasses import replace

from inventory_domain.catalog import ProductStatus
from inventory_domain.changes import SaleCancelled, SourceHeartbeat, UnitsSold
from inventory_domain.commands import Override, OverrideKind, Restate, SkuCommand
from inventory_domain.health import ChannelState, new_channel
from inventory_domain.identifiers import ChannelId, EventId, ListingId, OrderId, Sku
from inventory_domain.operations import OperatorAction, OperatorCommand
from inventory_domain.progress import EngineProgress
from inventory_domain.reconciliation import CyclePhase, announcement
from inventory_ledger import tables
from inventory_ledger.batch import Batch
from inventory_ledger.projection import Projection
from inventory_ledger.reading import arrival_of
from inventory_ledger.settings import Feed
from inventory_schemas.records import (
    CHANNEL_HEALTH,
    DISCREPANCY,
    ENGINE_PROGRESS,
    INVENTORY_CHANGE,
    LISTING_EXPOSURE,
    LISTING_OBSERVATION,
    LISTING_OUTCOME,
    LISTING_TARGET,
    OPERATOR_COMMAND,
    PRODUCT,
    RECONCILIATION_CYCLE,
    SKU_COMMAND,
    SKU_STATE,
    HealthRecord,
)
from tests.support.ledger import (
    NOW_MS,
    REGISTRY,
    Tape,
    a_change,
    a_cycle,
    a_discrepancy,
    a_product,
    a_state,
    a_target,
    an_exposure,
    an_observation,
    an_outcome,
    encoded,
    settings_for,
    topic_of,
)


def projected(tape: Tape) -> Batch:
    return Projection(settings_for(tape.topics).topics, REGISTRY).batch_of(tape.arrivals, {})


def one_row(batch: Batch, table: object) -> dict[str, object]:
    """The only row that the batch has for this table, by column."""
    rows = batch.appends.get(table) or list(batch.replaced[table].values())  # type: ignore[call-overload, index]
    (row,) = rows
    return dict(zip([column.name for column in table.columns], row, strict=True))  # type: ignore[attr-defined]


def a_tape(feed: Feed, value: bytes | None, key: str = "k", **more: object) -> Tape:
    tape = Tape()
    tape.add(topic_of(tape.topics, feed), key, value, **more)  # type: ignore[arg-type]
    return tape


def test_a_change_keeps_its_place_on_the_topic_and_what_it_said() -> None:
    sale = a_change(UnitsSold(ChannelId("ebay-us"), OrderId("o-7"), 2), location=None, sequence=None)

    row = one_row(projected(a_tape(Feed.CHANGES, encoded(INVENTORY_CHANGE, sale), partition=2)), tables.changes)

    assert (row["record_partition"], row["record_offset"]) == (2, 0)
    assert (row["kind"], row["units"], row["channel"], row["order_id"]) == ("UnitsSold", 2, "ebay-us", "o-7")


def test_an_oversell_keeps_its_reason() -> None:
    cancelled = a_change(SaleCancelled(ChannelId("ebay-us"), OrderId("o-7"), 2, "no-stock"))

    row = one_row(projected(a_tape(Feed.CHANGES, encoded(INVENTORY_CHANGE, cancelled))), tables.changes)

    assert row["reason"] == "no-stock"


def test_a_heartbeat_is_no_change_of_a_sku() -> None:
    beat = a_change(SourceHeartbeat(), sku=None, location=None, sequence=None)

    batch = projected(a_tape(Feed.CHANGES, encoded(INVENTORY_CHANGE, beat)))

    assert not batch.rows()
    assert batch.moves == {("inventory.changes", 0): (None, 1)}


def test_a_target_is_history_and_the_present_of_its_listing() -> None:
    batch = projected(a_tape(Feed.TARGETS, encoded(LISTING_TARGET, a_target(quantity=4))))

    assert one_row(batch, tables.targets)["quantity"] == 4
    assert one_row(batch, tables.listings)["marketplace"] == "amazon"


def test_of_two_targets_of_a_batch_the_newest_is_the_present() -> None:
    tape = Tape()
    topic = topic_of(tape.topics, Feed.TARGETS)
    tape.add(topic, "k", encoded(LISTING_TARGET, a_target(version=1, quantity=4)))
    tape.add(topic, "k", encoded(LISTING_TARGET, a_target(version=2, quantity=3)), at_ms=NOW_MS + 1)

    batch = projected(tape)

    assert len(batch.appends[tables.targets]) == 2
    assert one_row(Batch(replaced=batch.replaced), tables.listings)["quantity"] == 3


def test_a_tombstone_removes_what_was_said_before_it_and_not_what_came_after() -> None:
    tape = Tape()
    topic = topic_of(tape.topics, Feed.TARGETS)
    listing = a_target().listing_id
    tape.add(topic, listing, encoded(LISTING_TARGET, a_target(version=1)))
    tape.add(topic, listing, None, at_ms=NOW_MS + 1)
    tape.add(topic, listing, encoded(LISTING_TARGET, a_target(version=2, quantity=1)), at_ms=NOW_MS + 2)

    batch = projected(tape)

    assert batch.removed[tables.listings] == {(listing,): NOW_MS + 1}
    assert one_row(Batch(replaced=batch.replaced), tables.listings)["quantity"] == 1


def test_exposure_keeps_the_highest_number_that_may_be_on_sale() -> None:
    row = one_row(projected(a_tape(Feed.EXPOSURE, encoded(LISTING_EXPOSURE, an_exposure()))), tables.exposures)

    assert (row["confirmed_quantity"], row["proof"], row["highest_units"]) == (7, "read", 7)


def test_an_outcome_keeps_the_marketplaces_answer() -> None:
    outcome = an_outcome(outcome="rejected", reason="listing not found", status=400, error="no such\x00 sku")

    row = one_row(projected(a_tape(Feed.OUTCOMES, encoded(LISTING_OUTCOME, outcome))), tables.outcomes)

    assert (row["request_id"], row["status"], row["reason"]) == ("req-1", 400, "listing not found")
    assert row["error"] == "no such sku"  # PostgreSQL keeps no zero characters


def test_observations_and_discrepancies_are_kept_whole() -> None:
    tape = a_tape(Feed.OBSERVATIONS, encoded(LISTING_OBSERVATION, an_observation(quantity=None)))
    tape.add(topic_of(tape.topics, Feed.DISCREPANCIES), "k", encoded(DISCREPANCY, a_discrepancy()))

    batch = projected(tape)

    assert one_row(batch, tables.observations)["quantity"] is None
    assert json.loads(str(one_row(batch, tables.discrepancies)["details"]))["delta"] == 5


def test_positions_come_from_the_engines_own_state() -> None:
    row = one_row(projected(a_tape(Feed.SKU_STATES, encoded(SKU_STATE, a_state()))), tables.sku_states)

    assert json.loads(str(row["positions"])) == {"main": {"on_hand": 14, "reserved": [[3, None]]}}


def test_a_product_replaces_its_listings_whole() -> None:
    product = a_product(channels=("amazon-us", "amazon-ca"), status=ProductStatus.DISCONTINUED)

    batch = projected(a_tape(Feed.PRODUCTS, encoded(PRODUCT, product)))

    assert one_row(batch, tables.products)["status"] == "discontinued"
    assert [row[1] for row in batch.listings_of["A-1"]] == ["amazon-us/A-1", "amazon-ca/A-1"]


def test_commands_keep_who_asked_and_why() -> None:
    command = OperatorCommand(
        EventId("c1"), ChannelId("amazon-us"), OperatorAction.STOP_SALE, "alice", "recall", NOW_MS, False
    )
    override = SkuCommand(
        EventId("c2"), Sku("A-1"), NOW_MS, "alice", Override(OverrideKind.ZERO, None, None, "alice", "recall")
    )
    restate = SkuCommand(
        EventId("c3"), Sku("A-1"), NOW_MS, "reconcile", Restate(ListingId("amazon-us/A-1"), 5, "drift")
    )
    tape = a_tape(Feed.OPERATOR_COMMANDS, encoded(OPERATOR_COMMAND, command))
    tape.add(topic_of(tape.topics, Feed.SKU_COMMANDS), "A-1", encoded(SKU_COMMAND, override))
    tape.add(topic_of(tape.topics, Feed.SKU_COMMANDS), "A-1", encoded(SKU_COMMAND, restate))

    batch = projected(tape)

    asked = one_row(batch, tables.operator_commands)
    assert (asked["action"], asked["asked_by"], asked["why"]) == ("stop-sale", "alice", "recall")
    assert [row[5] for row in batch.appends[tables.sku_commands]] == ["Override", "Restate"]


def test_a_channels_state_said_again_is_one_state() -> None:
    tape = Tape()
    topic = topic_of(tape.topics, Feed.CHANNEL_HEALTH)
    for failures in (3, 4):
        health = replace(
            new_channel(ChannelId("amazon-us"), NOW_MS), state=ChannelState.FAILING, epoch=2, failures_in_a_row=failures
        )
        tape.add(topic, "amazon-us", encoded(CHANNEL_HEALTH, HealthRecord(health)), at_ms=NOW_MS + failures)

    batch = projected(tape)

    assert one_row(batch, tables.channels)["failures_in_a_row"] == 4
    assert len(batch.replaced[tables.channel_states]) == 1


def test_the_engines_progress_is_kept_by_partition() -> None:
    progress = EngineProgress(1, NOW_MS, NOW_MS, False, 3, 100, {})

    row = one_row(projected(a_tape(Feed.ENGINE_PROGRESS, encoded(ENGINE_PROGRESS, progress))), tables.engine_progress)

    assert (row["partition"], row["uncounted"], row["skus"]) == (1, 3, 100)


def test_a_dead_letter_is_known_by_its_headers() -> None:
    headers = {"reason": b"unknown-sku", "error": b"no product", "attempts": b"3", "origin-offset": b"17"}

    row = one_row(projected(a_tape(Feed.DEAD_LETTERS, b"raw", "A-9", headers=headers)), tables.dead_letters)

    assert (row["record_key"], row["reason"], row["attempts"], row["origin_offset"]) == ("A-9", "unknown-sku", 3, 17)


def test_a_decision_on_a_dead_letter_is_no_letter() -> None:
    """It is written to the letter's own topic; taken for a letter it would be counted, and never go away."""
    headers = {"resolves": b"0/17", "decision": b"replayed", "by": b"alice", "why": b"the listing was repaired"}

    batch = projected(a_tape(Feed.DEAD_LETTERS, None, "amazon-us/A-9", headers=headers))

    assert tables.dead_letters not in batch.appends
    row = one_row(batch, tables.letter_decisions)
    assert (row["letter_offset"], row["decision"], row["decided_by"]) == (17, "replayed", "alice")
    assert row["why"] == "the listing was repaired"


def test_a_letter_of_a_record_whose_producer_set_such_a_header_is_one() -> None:
    """A letter carries the record's own headers; taken for a decision it would be seen by nobody."""
    headers = {"reason": b"unknown-sku", "origin-topic": b"inventory.changes", "resolves": b"ticket-7"}

    batch = projected(a_tape(Feed.DEAD_LETTERS, b"raw", "A-9", headers=headers))

    assert one_row(batch, tables.dead_letters)["reason"] == "unknown-sku"
    assert tables.letter_decisions not in batch.appends


def test_a_reconciliation_is_one_row_however_often_it_tells_of_itself() -> None:
    tape = Tape()
    topic = topic_of(tape.topics, Feed.RECONCILIATIONS)
    cycle = a_cycle(started_at_ms=NOW_MS)
    ended = replace(cycle, phase=CyclePhase.COMPLETE, at_ms=NOW_MS + 9, judged=5)
    announced = announcement(cycle.channel, NOW_MS + 8, "schedule")  # is none
    for after_ms, one in enumerate((cycle, replace(cycle, found=3), ended, announced)):
        tape.add(topic, "amazon-us", encoded(RECONCILIATION_CYCLE, one), at_ms=NOW_MS + after_ms)

    row = one_row(projected(tape), tables.reconciliations)

    assert (row["phase"], row["judged"], row["started_at_ms"], row["reason"]) == ("complete", 5, NOW_MS, "schedule")
    assert row["appended_at_ms"] == NOW_MS + 2


def test_a_record_that_cannot_be_read_is_noted_and_all_others_go_on() -> None:
    tape = a_tape(Feed.OUTCOMES, b"\x00garbage")
    tape.add(topic_of(tape.topics, Feed.OUTCOMES), "k", encoded(LISTING_OUTCOME, an_outcome()))

    batch = projected(tape)

    assert one_row(batch, tables.unreadable)["record_offset"] == 0
    assert one_row(batch, tables.outcomes)["record_offset"] == 1
    assert batch.moves == {("listing.outcomes", 0): (None, 2)}


class Fetched:
    """A record as the client gives it."""

    def headers(self) -> list[tuple[str, bytes | None]]:
        return [("reason", b"unknown-sku"), ("reason", b"said by a producer"), ("empty", None)]

    def topic(self) -> str:
        return "inventory.dead-letters"

    def key(self) -> bytes:
        return b"A-9"

    def value(self) -> None:
        return None

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return 7

    def timestamp(self) -> tuple[int, int]:
        return 1, NOW_MS


def test_a_producers_own_header_does_not_stand_for_ours() -> None:
    """The letter carries both; ours comes first."""
    arrival = arrival_of(Fetched(), "")  # type: ignore[arg-type]

    assert (arrival.headers, arrival.place) == ({"reason": b"unknown-sku"}, (0, 7, NOW_MS))
