"""What a replay compares, and the file that it may begin from."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from inventory_domain.changes import StockAdjusted, StockReserved
from inventory_domain.identifiers import ReservationId, Sku
from inventory_domain.sku_state import SkuState
from inventory_streams.engine.rebuilding import compared
from inventory_streams.engine.settings import EngineSettings
from inventory_streams.engine.snapshots import SnapshotUnreadable, StateRecords, read_snapshot, write_snapshot
from inventory_streams.kafka.settings import KafkaSettings
from tests.support.engine_work import TOPICS
from tests.support.stock import NOW_MS, SKU, a_product, a_stock, after

SETTINGS = EngineSettings(KafkaSettings("127.0.0.1:1"), TOPICS, 2, "app")
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
