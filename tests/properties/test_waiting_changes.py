"""Changes wait for the others of their SKU, for speed: all that follows is as if each were done when it came."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory_domain.changes import InventoryChange, SourceHeartbeat
from inventory_domain.identifiers import EventId, Sku, SourceId
from inventory_streams.engine import changing
from inventory_streams.engine.records import InputRecord
from inventory_streams.kafka.partitioner import partition_of
from tests.properties.test_stock_draft import changes_of
from tests.support.engine_work import PARTITION, PARTITIONS, Memory
from tests.support.stock import NOW_MS, a_product

SKUS: Final = tuple([Sku(f"S-{n}") for n in range(60) if partition_of(f"S-{n}", PARTITIONS) == PARTITION][:4])
UNKNOWN: Final = SKUS[-1]
"""Of this one no product is known: its changes are held."""


def products(memory: Memory) -> list[InputRecord]:
    found = []
    for sku in SKUS[:-1]:
        listings = tuple([replace(one, listing_id=f"{one.listing_id}-{sku}") for one in a_product().listings])
        found.append(memory.wire.product(replace(a_product(), sku=sku, listings=listings), key=sku))
    return found


def a_heartbeat(chance: random.Random, number: int) -> InventoryChange:
    source = SourceId(chance.choice(("erp", "wms")))
    return InventoryChange(EventId(f"h{number}"), source, None, NOW_MS - number, None, None, SourceHeartbeat())


def records_of(memory: Memory, seed: int, count: int, first: int) -> list[InputRecord]:
    """Changes of several SKUs between each other, some under the key of another, some without a SKU, some damaged."""
    chance = random.Random(seed)
    records = []
    for number, change in enumerate(changes_of(chance, count, first)):
        sku = chance.choice(SKUS)
        key = sku if chance.random() < 0.95 else chance.choice((*SKUS, "elsewhere", None))
        if chance.random() < 0.05:
            records.append(memory.wire.change(a_heartbeat(chance, number), key=key))
            continue
        record = memory.wire.change(replace(change, sku=sku), key=key)
        records.append(record if chance.random() < 0.97 else replace(record, value=chance.choice((b"damaged", None))))
    return records


@pytest.fixture(autouse=True, scope="module")
def small_parts() -> Iterator[None]:
    """So that a SKU's changes are done in several parts."""
    patch = pytest.MonkeyPatch()
    patch.setattr(changing, "RECORDS_IN_PART", 4)
    yield
    patch.undo()


@given(seed=st.integers(0, 2**32), woken=st.booleans(), plainly=st.booleans())
@settings(max_examples=150, deadline=None)
def test_changes_that_waited_do_what_they_do_when_each_is_done_at_once(seed: int, woken: bool, plainly: bool) -> None:
    """Also the order of states, targets, sales and dead letters, and what is looked at while changes wait."""
    waiting, at_once = Memory(), Memory()
    for memory in (waiting, at_once):
        memory.wire.plainly = plainly
        memory.batch(*products(memory))
    for first in (0, 40):
        works = []
        for memory in (waiting, at_once):
            work = memory.work()
            records = records_of(memory, seed + first, 40, first)
            if memory is waiting:
                work.records(records)
            else:
                for record in records:
                    work.records([record])
                    for _ in work.settling():
                        pass
            if woken:
                work.wake(SKUS[1], "policy")
            computed = work.finish()
            memory.states |= computed.states
            works.append(computed)

        found, expected = works
        assert (found.effects, found.words, found.beating) == (expected.effects, expected.words, expected.beating)
        one, other = (repr(replace(each, effects={}, words={}, beating=frozenset())) for each in works)
        assert one == other  # where something is added to it, too; what is equal and may print otherwise is left out


def test_changes_of_one_sku_are_done_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the test above would compare the one way with itself."""
    memory = Memory()
    memory.batch(*products(memory))
    done: list[bytes | None] = []
    real = changing.StockChanges._do

    def noting(self: changing.StockChanges, draft: changing._Draft, records: list[InputRecord]) -> None:
        done.extend([record.key for record in records])
        real(self, draft, records)

    monkeypatch.setattr(changing.StockChanges, "_do", noting)
    records = records_of(memory, 1, 40, 0)

    memory.batch(*records)

    assert done == sorted(done, key=done.index)
    assert len(set(done)) == len(SKUS) - 1
