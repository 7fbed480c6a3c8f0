"""What a replay compares, and the file that it may begin from."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest
from fastavro.types import Schema

from inventory_domain.changes import SaleCancelled, StockAdjusted, StockReserved, UnitsSold
from inventory_domain.commands import KitAvailability
from inventory_domain.identifiers import ChannelId, LocationId, OrderId, ReservationId, Sku
from inventory_domain.kits import KitLinks, Served
from inventory_domain.sku_state import SkuState
from inventory_schemas.registry import OtherSubjects
from inventory_streams.engine.records import InputRecord
from inventory_streams.engine.replay.apart import apart
from inventory_streams.engine.replay.comparing import compared
from inventory_streams.engine.replay.originals import first_products, slices
from inventory_streams.engine.settings import EngineSettings
from inventory_streams.engine.snapshots import (
    SnapshotNotWritten,
    SnapshotUnreadable,
    StateRecords,
    read_snapshot,
    write_snapshot,
)
from inventory_streams.kafka.settings import KafkaSettings
from tests.support.engine_work import TOPICS
from tests.support.stock import NOW_MS, SKU, a_product, a_stock, after

SETTINGS = EngineSettings(KafkaSettings("127.0.0.1:1"), TOPICS, 2, "app")
DALLAS, O1, SHOP = LocationId("dallas"), OrderId("o1"), ChannelId("shop")
ANSWER = KitAvailability(Sku("PART"), ((DALLAS, 5),), 2, version=3)
STATE = SkuState(SKU, a_stock(dallas=10), a_product())
RECORDS = StateRecords(NOW_MS, {0: {b"A": b"\x00state", b"\x00progress": b"\x01"}, 1: {}})


def words(running: SkuState | None, rebuilt: SkuState | None) -> list[str]:
    """What a comparison of one SKU says."""
    mine = {SKU: running} if running else {}
    theirs = {SKU: rebuilt} if rebuilt else {}
    return [one.what for one in compared(mine, theirs, NOW_MS)]


def test_states_with_the_same_stock_are_the_same_whatever_their_versions_and_times() -> None:
    assert words(STATE, replace(STATE, changed_at_ms=5, owes_rise=True)) == []


def test_a_unit_too_many_is_told_with_both_numbers() -> None:
    rebuilt = replace(STATE, stock=after(STATE.stock, StockAdjusted(-1)))

    assert words(STATE, rebuilt) == ["on hand at dallas is 10 and was rebuilt as 9"]


def test_what_only_one_side_knows_is_a_difference() -> None:
    reserved = replace(STATE, stock=after(STATE.stock, StockReserved(ReservationId("r"), 2)))

    assert words(reserved, STATE) == ["reserved at dallas is 2 and was rebuilt as not known"]
    assert len(words(None, STATE)) == len(words(STATE, None)) == 1


def test_a_sku_of_which_nothing_is_known_is_as_good_as_none() -> None:
    """A listing that was withdrawn and waits for its zero keeps a state without stock."""
    assert words(SkuState(Sku(SKU)), None) == []


LINKS = KitLinks(
    serves={Sku("KIT"): Served(2, (), ANSWER)}, answers={Sku("PART"): ANSWER}, waiting={O1: (Sku("PART"),)}
)


def a_part(links: KitLinks = LINKS) -> SkuState:
    """A component of KIT that has answered, and a kit itself."""
    return replace(STATE, links=links)


def test_relations_to_kits_are_compared_and_their_versions_are_not() -> None:
    later = replace(ANSWER, version=9, settled=(O1,))

    assert words(a_part(), a_part(replace(LINKS, answers={Sku("PART"): later}))) == []
    assert words(a_part(), STATE)[0].count(" was rebuilt as not known") == 3
    fewer = replace(ANSWER, kits_by_location=((DALLAS, 4),))
    assert words(a_part(), a_part(replace(LINKS, answers={Sku("PART"): fewer})))[0].startswith("the answer of PART is ")
    assert words(a_part(), a_part(replace(LINKS, serves={Sku("KIT"): Served(3)})))[0].startswith(
        "registered in kit KIT is (2, ())"
    )
    assert words(a_part(), a_part(replace(LINKS, waiting={})))[0].startswith("order o1 waits at is ('PART',)")


def test_what_was_being_said_is_not_compared() -> None:
    mine, theirs = {SKU: a_part()}, {SKU: STATE}

    assert list(compared(mine, theirs, NOW_MS, under_way={SKU})) == []
    assert len(list(compared(mine, {SKU: a_part(replace(LINKS, answers={}))}, NOW_MS))) == 1
    assert list(compared(mine, {SKU: a_part(replace(LINKS, answers={}))}, NOW_MS, answers=False)) == []


def test_orders_that_only_one_side_knows_are_named() -> None:
    known = after(STATE.stock, StockReserved(ReservationId("r"), 2, O1))
    sold = after(STATE.stock, UnitsSold(SHOP, O1, 2), location=None)
    back = after(STATE.stock, SaleCancelled(SHOP, O1, 2, "no"), location=None)

    told = words(replace(STATE, stock=known), replace(STATE, stock=sold))[0]
    assert "orders sold and not reported: none only in the running state, o1 of 2 only rebuilt" in told
    assert "orders that the source knows: o1 only in the running state, none only rebuilt" in told
    assert words(replace(STATE, stock=back), STATE)[0].startswith("orders taken back before they were sold")
    two = replace(STATE, stock=replace(known, known_orders=(O1, OrderId("o2"))))
    three = replace(STATE, stock=replace(known, known_orders=(O1, OrderId("o3"))))
    assert words(two, three) == ["orders that the source knows: o2 only in the running state, o3 only rebuilt"]


def a_record(topic: str, key: str | None, offset: int = 0, value: bytes | None = b"x") -> InputRecord:
    return InputRecord(topic, 0, offset, offset, None if key is None else key.encode(), value)


def test_no_slice_has_records_of_one_sku_from_two_topics() -> None:
    """The engine apart reads topics side by side; what waits for a slice has the order in which it once came."""
    records = [
        a_record("changes", "A"),
        a_record("changes", None),
        a_record("commands", "B"),
        a_record("changes", "A"),
        a_record("commands", "A"),
        a_record("changes", "B"),
        a_record("changes", "C"),
        a_record("changes", "C"),
    ]

    found = list(slices(records, 3))

    assert found == [records[:3], records[3:4], records[4:7], records[7:]]


def test_the_first_product_that_is_left_of_a_sku_comes_before_everything() -> None:
    """The catalog's topic is compacted: the product that a change was for may be gone, and a newer one be there."""
    records = [
        a_record("catalog", "A", 0, None),
        a_record("catalog", "A", 1),
        a_record("catalog", "B", 2),
        a_record("catalog", "A", 3),
        a_record("catalog", "C", 4),
    ]

    assert [one.offset for one in first_products(records, lambda key: key == b"C")] == [1, 2]


def test_an_engine_apart_shares_no_topic_and_no_id_with_the_running_one() -> None:
    own = apart(replace(SETTINGS, application="app-engine"), "n1")

    mine = {one.name for one in SETTINGS.topics.declarations()}
    assert not mine & {one.name for one in own.topics.declarations()}
    assert own.application == "app-replay-n1" and own.instance_id is None


def test_the_topics_of_a_replay_have_the_schemas_of_those_that_they_stand_for() -> None:
    class Asked:
        def id_of(self, subject: str, schema_text: str) -> int:
            asked.append(subject)
            return 7

        def schema_of(self, schema_id: int) -> Schema:
            return {"type": "null"}

    asked: list[str] = []
    prefixed = replace(SETTINGS, topics=replace(TOPICS, prefix="west."))
    own = apart(prefixed, "n1")
    registry = OtherSubjects(Asked(), own.topics.prefix, prefixed.topics.prefix)

    assert own.topics.sku_state == "west.replay-n1.sku.state"
    assert registry.id_of(f"{own.topics.sku_state}-value", "{}") == 7
    assert asked == ["west.sku.state-value"]


def test_a_snapshot_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "monday.gz"
    write_snapshot(path, RECORDS, SETTINGS)

    assert read_snapshot(path, SETTINGS) == RECORDS
    assert list(tmp_path.iterdir()) == [path]


def test_a_snapshot_of_another_system_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "monday.gz"
    write_snapshot(path, RECORDS, SETTINGS)

    with pytest.raises(SnapshotUnreadable, match="application is 'app' in it and 'other'"):
        read_snapshot(path, replace(SETTINGS, application="other"))


def test_a_snapshot_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "monday.gz"
    write_snapshot(path, RECORDS, SETTINGS)
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(lines[:-1])))

    with pytest.raises(SnapshotUnreadable, match="cut off"):
        read_snapshot(path, SETTINGS)


def test_what_is_no_snapshot_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "monday.gz"
    path.write_text("hello")

    with pytest.raises(SnapshotUnreadable, match="no snapshot"):
        read_snapshot(path, SETTINGS)


def test_a_damaged_snapshot_is_refused_whichever_byte_it_is(tmp_path: Path) -> None:
    path = tmp_path / "monday.gz"
    many = StateRecords(NOW_MS, {0: {b"%d" % number: b"state" * number for number in range(50)}, 1: {}})
    write_snapshot(path, many, SETTINGS)
    whole = path.read_bytes()

    for place in range(40, len(whole) - 8, 7):  # behind the header, which has the name of the file
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with pytest.raises(SnapshotUnreadable):
            read_snapshot(path, SETTINGS)


def test_a_snapshot_that_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SnapshotNotWritten, match=r"nowhere/monday\.gz cannot be written"):
        write_snapshot(tmp_path / "nowhere" / "monday.gz", RECORDS, SETTINGS)
    (tmp_path / "folder").mkdir()
    with pytest.raises(SnapshotNotWritten, match="folder cannot be written"):
        write_snapshot(tmp_path / "folder", RECORDS, SETTINGS)
    assert [one.name for one in tmp_path.iterdir()] == ["folder"]


def test_an_engine_apart_lets_nothing_go_by_its_own_clock() -> None:
    """A change that waited for its product when the snapshot was taken has long outlived the grace time."""
    own = apart(SETTINGS, "n1")

    assert own.unknown_sku_grace_s > 365 * 86_400 and own.silence.limit_ms > 365 * 86_400_000
