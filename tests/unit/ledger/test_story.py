"""Why a listing shows what it shows, told from a ledger that holds a day of one SKU."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from inventory_domain.catalog import Component, StockingLocation
from inventory_domain.changes import StockCounted, UnitsSold
from inventory_domain.commands import KitAvailability, Override, OverrideKind, SkuCommand
from inventory_domain.exposure import LastAttempt, Result
from inventory_domain.health import ChannelState, new_channel
from inventory_domain.identifiers import ChannelId, EventId, LocationId, OrderId, Sku
from inventory_domain.kits import KitLinks
from inventory_domain.listing_holds import FAILING_FALL, QUOTA_SPENT
from inventory_domain.masks import ENGINE_SILENT, STOP_SALE
from inventory_domain.positions import Stock
from inventory_domain.reconciliation import CyclePhase, ObservedBy
from inventory_domain.sku_state import SkuState
from inventory_ledger.migrating import migrate
from inventory_ledger.settings import Feed
from inventory_ledger.store import Store, opened
from inventory_ledger.story import Story, UnknownSku, story
from inventory_ledger.telling import as_data, clock, told
from inventory_schemas.records import (
    CHANNEL_HEALTH,
    DISCREPANCY,
    INVENTORY_CHANGE,
    LISTING_EXPOSURE,
    LISTING_OBSERVATION,
    LISTING_OUTCOME,
    LISTING_TARGET,
    PRODUCT,
    RECONCILIATION_CYCLE,
    SKU_COMMAND,
    SKU_STATE,
    HealthRecord,
)
from tests.support.ledger import (
    NOW_MS,
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
    topic_of,
    write_all,
)

LATER_MS = NOW_MS + 3_600_000


def a_days_tape() -> Tape:
    """One SKU on two channels: counted, targeted, pushed in two attempts, seen, drifted; and an order."""
    tape = Tape()
    topics = tape.topics

    def add(feed: Feed, value: bytes, at_ms: int = NOW_MS, key: str = "A-1") -> None:
        tape.add(topic_of(topics, feed), key, value, at_ms=at_ms, partition=2)

    product = a_product(
        channels=("amazon-us", "amazon-ca"),
        locations=(StockingLocation(LocationId("main"), 1), StockingLocation(LocationId("east"))),
    )
    add(Feed.PRODUCTS, encoded(PRODUCT, product))
    add(Feed.CHANGES, encoded(INVENTORY_CHANGE, a_change(StockCounted(14), event_id=EventId("e-count"))))
    sale = a_change(
        UnitsSold(ChannelId("amazon-ca"), OrderId("o-9"), 2), event_id=EventId("e-sale"), location=None, sequence=None
    )
    add(Feed.CHANGES, encoded(INVENTORY_CHANGE, sale), NOW_MS + 1_000)
    add(Feed.SKU_STATES, encoded(SKU_STATE, a_state(on_hand=14, reserved=3)))
    add(Feed.TARGETS, encoded(LISTING_TARGET, a_target()))
    failed = an_outcome(outcome="transient", reason="server error", status=503, error="try later", request_id=None)
    add(Feed.OUTCOMES, encoded(LISTING_OUTCOME, failed))
    again = an_outcome(attempt=2, committed_at_ms=NOW_MS + 5_000, sent_at_ms=NOW_MS + 5_010)
    add(Feed.OUTCOMES, encoded(LISTING_OUTCOME, again))
    add(Feed.EXPOSURE, encoded(LISTING_EXPOSURE, an_exposure(quantity=7)))
    add(Feed.OBSERVATIONS, encoded(LISTING_OBSERVATION, an_observation(quantity=12)))
    add(Feed.DISCREPANCIES, encoded(DISCREPANCY, a_discrepancy(observed_at_ms=NOW_MS + 61_000)))
    add(
        Feed.TARGETS, encoded(LISTING_TARGET, a_target(version=LATER_MS, quantity=2, computed_at_ms=LATER_MS)), LATER_MS
    )
    hold = Override(OverrideKind.CAP, 2, None, "alice", "recall of batch 7")
    add(
        Feed.SKU_COMMANDS, encoded(SKU_COMMAND, SkuCommand(EventId("c"), Sku("A-1"), LATER_MS, "alice", hold)), LATER_MS
    )
    for after_ms, phase in ((60_000, CyclePhase.COMPLETE), (70_000, CyclePhase.INCOMPLETE)):
        cycle = a_cycle(started_at_ms=NOW_MS + after_ms, phase=phase, judged=5, missing=1, discrepancies=1)
        add(Feed.RECONCILIATIONS, encoded(RECONCILIATION_CYCLE, cycle), NOW_MS + after_ms, "amazon-us")
    tape.add(
        topic_of(topics, Feed.DEAD_LETTERS), "A-1", b"x", headers={"reason": b"bad-quantity", "error": b"on_hand is -1"}
    )
    return tape


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    engine = opened(f"sqlite:///{tmp_path / 'ledger.db'}")
    migrate(engine)
    write_all(Store(engine), a_days_tape())
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def of_us(found: Story) -> str:
    return told(found, "inventory.changes")


@pytest.mark.parametrize(
    ("mask", "why"),
    [
        (STOP_SALE, "the channel's sales are stopped"),
        (ENGINE_SILENT, "nothing was heard of the engine for too long"),
        (FAILING_FALL, "a lower number was not seen live for too long"),
        (QUOTA_SPENT, "a lower number waited too long for the next day's calls"),
    ],
)
def test_why_zero_was_sent_instead_of_the_target_is_told(tmp_path: Path, mask: str, why: str) -> None:
    """The attempt's number is not the target's, and somebody asks why."""
    engine, tape = opened(f"sqlite:///{tmp_path / 'ledger.db'}"), a_days_tape()
    zero = an_outcome(attempt=3, quantity=0, mask=mask)
    tape.add(topic_of(tape.topics, Feed.OUTCOMES), "A-1", encoded(LISTING_OUTCOME, zero), at_ms=NOW_MS, partition=2)
    migrate(engine)
    write_all(Store(engine), tape)
    with engine.connect() as connection:
        text = of_us(story(connection, "A-1", NOW_MS + 120_000))
    engine.dispose()

    assert f"attempt 3: 0 under mask {mask}: {why} (version" in text


def test_the_whole_chain_is_told(connection: Connection) -> None:
    text = of_us(story(connection, "A-1", NOW_MS + 120_000, channel="amazon-us"))

    for part in (
        "UnitsSold 2 units on amazon-ca order o-9 by erp",
        "StockCounted 14 units at main by erp #1",
        "inventory.changes[2]@0, event e-count",
        "main: on hand 14 - reserved 3 - safety stock 1 = 10 to promise",
        "east: never counted",
        "amazon-us/A-1: should show 7; seen to show 12",
        "why: atp main=10; shared-pool 10; buffer max(3, 5 %) = 3",
        "ATP 10, strategy shared-pool gave 10, buffer 3, so 7",
        "waited 100 ms for its first attempt",
        "transient after 500 ms, HTTP 503, request without id",
        "server error try later",
        "attempt 2: 7",
        "request req-1",
        "may be showing: up to 7 (7 confirmed by read",
        "12 by read (req-2)",
        "saw 12, expected 7 to 7 (+5); cause manual-change; restate",
        "bad-quantity: on_hand is -1",
        f"channel amazon-us was last reconciled from {clock(NOW_MS + 60_000)} on: 5 of 6 listings compared, 1 missing,",
    ):
        assert part in text, part


def test_the_newest_comes_first(connection: Connection) -> None:
    found = story(connection, "A-1", LATER_MS)

    assert [one["event_id"] for one in found.changes] == ["e-sale", "e-count"]
    listing = next(one for one in found.listings if one.channel == "amazon-us")
    assert [one["attempt"] for one in listing.attempts] == [2, 1]
    assert listing.target is not None
    assert listing.target["quantity"] == 2
    assert listing.queued_ms is None  # its version has no attempt yet
    assert "recall of batch 7" in of_us(found)


def test_as_it_was_then_leaves_out_what_came_after(connection: Connection) -> None:
    found = story(connection, "A-1", NOW_MS + 500, channel="amazon-us", now=False)

    (listing,) = found.listings
    assert [one["event_id"] for one in found.changes] == ["e-count"]
    assert listing.target is not None
    assert listing.target["quantity"] == 7
    assert [one["attempt"] for one in listing.attempts] == [1]
    assert (listing.exposure, listing.observed, listing.discrepancies, found.commands) == (None, (), (), ())


def test_of_a_past_time_only_what_is_known_of_it_is_told(connection: Connection) -> None:
    """The catalog is kept as it is now, and its safety stock may have been another; a target may be deleted since."""
    text = of_us(story(connection, "A-1", NOW_MS + 50, now=False))

    assert "main: on hand 14 - reserved 3; the derivations say what it added" in text
    assert "safety stock" not in text and "east" not in text
    assert "the catalog now: active" in text
    assert "amazon-ca/A-1: no target of that time is kept" in text
    assert "no attempt of it until then is kept" in text


def test_a_target_whose_attempts_are_deleted_is_not_told_as_if_it_waited(tmp_path: Path) -> None:
    """What a slow SKU shows was sent longer ago than attempts are kept."""
    last = LastAttempt(9, LATER_MS, 2, {}, None, LATER_MS, Result.APPLIED)
    exposure = replace(an_exposure(quantity=2), last=last)

    text = of_us_with(tmp_path, (Feed.EXPOSURE, "A-1", encoded(LISTING_EXPOSURE, exposure), LATER_MS))

    assert "its attempts are no longer kept" in text
    assert "waited not yet" not in text


def test_the_reason_of_a_channels_state_is_the_newest_one(tmp_path: Path) -> None:
    """It changes while the state lasts: three failures, then refused credentials."""
    begun = replace(new_channel(ChannelId("amazon-us"), NOW_MS), state=ChannelState.FAILING)
    said = [
        replace(begun, reason="3 failures in a row: transient", by="system"),
        replace(begun, reason="the marketplace refuses our credentials", by="system", flooded_ms=NOW_MS),
    ]
    records = [
        (Feed.CHANNEL_HEALTH, "amazon-us", encoded(CHANNEL_HEALTH, HealthRecord(one)), NOW_MS + number)
        for number, one in enumerate(said)
    ]

    text = of_us_with(tmp_path, *records)

    assert f"channel amazon-us: failing since {clock(NOW_MS)}: the marketplace refuses our credentials" in text
    assert f"rises held since {clock(NOW_MS)}: too many dead letters" in text


def test_a_dead_letter_is_told_with_what_was_decided_on_it(tmp_path: Path) -> None:
    tape = a_days_tape()
    decided = {"resolves": b"0/0", "decision": b"replayed", "by": b"ann", "why": b"repaired"}
    tape.add(topic_of(tape.topics, Feed.DEAD_LETTERS), "A-1", None, at_ms=NOW_MS + 1, headers=decided)
    engine = opened(f"sqlite:///{tmp_path / 'letters.db'}")
    migrate(engine)
    write_all(Store(engine), tape)
    with engine.connect() as connection:
        then, now = (of_us(story(connection, "A-1", NOW_MS + after, now=after > 0)) for after in (0, 1))
    engine.dispose()

    assert "bad-quantity: on_hand is -1" in then and "replayed" not in then
    assert "; replayed by ann: repaired" in now


def test_a_listing_without_a_target_says_so(connection: Connection) -> None:
    text = of_us(story(connection, "A-1", LATER_MS, channel="amazon-ca"))

    assert "amazon-ca/A-1: no target" in text


def of_us_with(tmp_path: Path, *records: tuple[Feed, str, bytes | None, int]) -> str:
    """What is told of the listing after a day and these records, each with its key and time."""
    tape = a_days_tape()
    for feed, key, value, at_ms in records:
        tape.add(topic_of(tape.topics, feed), key, value, at_ms=at_ms, partition=2)
    engine = opened(f"sqlite:///{tmp_path / 'more.db'}")
    migrate(engine)
    write_all(Store(engine), tape)
    with engine.connect() as connection:
        text = of_us(story(connection, "A-1", LATER_MS + 10_000, channel="amazon-us"))
    engine.dispose()
    return text


def test_the_sums_that_are_told_come_to_what_they_say(tmp_path: Path) -> None:
    """Whoever adds up finds the number, also where something beside the sum bounds it."""
    capped = a_target(quantity=4, version=LATER_MS, computed_at_ms=LATER_MS)
    text = of_us_with(
        tmp_path,
        (Feed.TARGETS, "A-1", encoded(LISTING_TARGET, capped), LATER_MS),
        (Feed.SKU_STATES, "A-1", encoded(SKU_STATE, a_state(on_hand=2, reserved=3)), LATER_MS),
    )

    assert "gave 10, buffer 3, so 7, bounded to 4" in text
    assert "main: on hand 2 - reserved 3 - safety stock 1 = -2, so 0 to promise" in text


@pytest.mark.parametrize(
    ("later", "shows"),
    [
        # A report that was read last tells of an hour before; a signal is a hint; "not listed" is seen too.
        ({"quantity": 15, "observed_by": ObservedBy.PULL, "as_of_ms": NOW_MS - 3_600_000}, 12),
        ({"quantity": 15, "observed_by": ObservedBy.SIGNAL, "as_of_ms": LATER_MS}, 12),
        ({"quantity": None, "as_of_ms": LATER_MS}, "no number"),
        ({"quantity": 15, "as_of_ms": LATER_MS}, 15),
    ],
)
def test_what_is_shown_is_what_was_seen_of_the_latest_time(
    tmp_path: Path, later: dict[str, object], shows: object
) -> None:
    value = encoded(LISTING_OBSERVATION, an_observation(observed_at_ms=LATER_MS, **later))

    text = of_us_with(tmp_path, (Feed.OBSERVATIONS, "A-1", value, LATER_MS))

    assert f"amazon-us/A-1: should show 2; seen to show {shows} at" in text


def test_a_target_that_was_taken_back_is_not_told_as_if_it_held(tmp_path: Path) -> None:
    text = of_us_with(tmp_path, (Feed.TARGETS, "amazon-us/A-1", None, LATER_MS + 1))

    assert "amazon-us/A-1: no target any more" in text
    assert "should show" not in text and "why:" not in text


def test_attempts_are_told_in_their_order_also_where_they_are_counted_anew(tmp_path: Path) -> None:
    """A listing that was forgotten and came back begins at one again."""
    again = an_outcome(attempt=1, quantity=4, committed_at_ms=LATER_MS, sent_at_ms=LATER_MS + 10)

    text = of_us_with(tmp_path, (Feed.OUTCOMES, "A-1", encoded(LISTING_OUTCOME, again), LATER_MS))

    told = [line.split(" by ")[0].strip() for line in text.splitlines() if line.startswith("  attempt ")]
    assert [line.partition(" (")[0] for line in told] == ["attempt 1: 4", "attempt 2: 7", "attempt 1: 7"]


def test_a_kit_is_told_by_what_its_parts_would_do_for(tmp_path: Path) -> None:
    engine = opened(f"sqlite:///{tmp_path / 'kits.db'}")
    migrate(engine)
    tape = Tape()
    stocked = (StockingLocation(LocationId("main"), 1), StockingLocation(LocationId("east")))
    kit = a_product(sku="KIT", locations=stocked, components=(Component(Sku("BOX"), 1), Component(Sku("LID"), 2)))
    answers = {
        Sku("BOX"): KitAvailability(Sku("BOX"), ((LocationId("main"), 9), (LocationId("east"), 4))),
        Sku("LID"): KitAvailability(Sku("LID"), ((LocationId("main"), 5),), uncounted=(LocationId("east"),)),
    }
    state = SkuState(Sku("KIT"), Stock(), kit, links=KitLinks(answers=answers))
    tape.add(topic_of(tape.topics, Feed.PRODUCTS), "KIT", encoded(PRODUCT, kit))
    tape.add(topic_of(tape.topics, Feed.SKU_STATES), "KIT", encoded(SKU_STATE, state))
    write_all(Store(engine), tape)

    with engine.connect() as connection:
        found = story(connection, "KIT", LATER_MS)
    engine.dispose()

    assert {one.location: one.adds for one in found.locations} == {"main": 4, "east": None}
    text = of_us(found)
    assert "a kit of 1 x BOX, 2 x LID" in text
    assert "part LID would do for: east never counted, main 5" in text
    assert "main: as many kits as its scarcest part, less safety stock 1 = 4 to promise" in text


@pytest.mark.parametrize("with_state", [True, False])
def test_a_kit_of_whose_parts_no_answer_is_kept_is_not_called_uncounted(tmp_path: Path, with_state: bool) -> None:
    """Its number came from its components all the same, as its target says."""
    engine = opened(f"sqlite:///{tmp_path / 'kits.db'}")
    migrate(engine)
    tape = Tape()
    stocked = (StockingLocation(LocationId("main")),)
    kit = a_product(sku="KIT", locations=stocked, components=(Component(Sku("BOX"), 1), Component(Sku("LID"), 2)))
    answers = {Sku("BOX"): KitAvailability(Sku("BOX"), ((LocationId("main"), 9),))}
    tape.add(topic_of(tape.topics, Feed.PRODUCTS), "KIT", encoded(PRODUCT, kit))
    tape.add(topic_of(tape.topics, Feed.TARGETS), "KIT", encoded(LISTING_TARGET, a_target(sku="KIT")))
    if with_state:
        state = SkuState(Sku("KIT"), Stock(), kit, links=KitLinks(answers=answers))
        tape.add(topic_of(tape.topics, Feed.SKU_STATES), "KIT", encoded(SKU_STATE, state))
    write_all(Store(engine), tape)

    with engine.connect() as connection:
        found = story(connection, "KIT", LATER_MS)
    engine.dispose()

    text = of_us(found)
    assert found.unanswered == (["LID"] if with_state else ["BOX", "LID"])
    assert "counted" not in text
    assert "its number comes from its components" in text
    assert "part LID: no answer of it is kept here; explain LID tells its own stock" in text
    assert ("part BOX would do for: main 9" in text) is with_state
    assert "what came of them for amazon-us/KIT: atp main=10; shared-pool 10; buffer max(3, 5 %) = 3" in text


def test_json_unfolds_what_the_tables_keep_as_json(connection: Connection) -> None:
    data = as_data(story(connection, "A-1", LATER_MS))

    text = json.loads(json.dumps(data))
    assert text["state"]["positions"]["main"]["on_hand"] == 14
    assert text["product"]["details"]["locations"] == {"east": 0, "main": 1}
    assert text["listings"][1]["exposure"]["open_attempts"] == []


@pytest.mark.parametrize(
    ("sku", "channel", "at_ms", "said"),
    [
        ("B-2", None, LATER_MS, "nothing about SKU 'B-2'"),
        ("A-1", "ebay-us", LATER_MS, "no listing on channel 'ebay-us'; it has listings on amazon-ca, amazon-us"),
        ("A-1", None, NOW_MS - 1, "nothing about SKU 'A-1' before that time"),
    ],
)
def test_what_is_not_known_is_said(
    connection: Connection, sku: str, channel: str | None, at_ms: int, said: str
) -> None:
    with pytest.raises(UnknownSku, match=said):
        story(connection, sku, at_ms, channel=channel, now=False)


def test_a_time_that_no_calendar_has_is_told_as_it_was_said() -> None:
    """A source that counts in microseconds may not keep anybody from being told the rest."""
    assert clock(1_800_000_000_000_000) == "1800000000000000 ms"
    assert clock(NOW_MS).startswith("20")
