"""What is read and done the plain way, for speed, is what is read and done the general way, and never more."""

from __future__ import annotations

import random
import struct
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory_domain.changes import (
    QUANTITY_MAX,
    InventoryChange,
    OrderShipped,
    StockAdjusted,
    StockCounted,
    UnitsSold,
)
from inventory_domain.identifiers import ChannelId, OrderId
from inventory_domain.plain_change import PlainChange
from inventory_domain.stock_draft import StockDraft
from inventory_schemas.avsc import schema_text
from inventory_schemas.plain_changes import PlainChanges, written
from inventory_schemas.records import INVENTORY_CHANGE
from inventory_schemas.registry import LocalRegistry
from tests.properties.test_stock_draft import changes_of
from tests.support import strategies
from tests.support.engine_work import LISTING, Memory, effects, told
from tests.support.stock import NOW_MS, SKU, a_change, a_product
from tests.support.wire import a_serde

HEADER_BYTES: Final = 5
REGISTRY: Final = LocalRegistry()
GENERAL: Final = a_serde(replace(INVENTORY_CHANGE, write=None, read=None), REGISTRY)
PLAIN: Final = PlainChanges(a_serde(INVENTORY_CHANGE, REGISTRY))
often = settings(max_examples=400)

ids = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=70)
names = st.sampled_from(("erp", "main warehouse", "a" * 63, "b" * 64, " c", "d ")) | ids
sequences = st.none() | st.integers(0, 300) | st.integers(0, 2**62)
times = st.integers(NOW_MS - 10**10, NOW_MS + 10**10) | st.integers(0, 2**45)
few = st.integers(1, 70) | st.integers(1, QUANTITY_MAX)
stocked = st.one_of(
    st.builds(StockCounted, st.integers(0, 500) | strategies.quantities, st.none() | times, st.booleans()),
    st.builds(StockCounted, st.integers(0, 500)),
    st.builds(StockAdjusted, st.integers(-70, 70) | strategies.moves),
    st.builds(OrderShipped, few, st.none() | ids, st.none() | ids),
)
nearly_plain = st.builds(InventoryChange, ids, names, sequences, times, names, names, stocked) | st.builds(
    InventoryChange, ids, names, sequences, times, names, st.none() | names, st.builds(UnitsSold, names, ids, few)
)


def a_change_of(plain: PlainChange) -> InventoryChange:
    """The change that was read in parts."""
    event_id, source, sequence, at_ms, sku, location, (kind, units, order, reservation, channel) = plain
    made: Any = {
        StockCounted: lambda: StockCounted(units),
        StockAdjusted: lambda: StockAdjusted(units),
        OrderShipped: lambda: OrderShipped(units, reservation, order),
        UnitsSold: lambda: UnitsSold(channel, order, units),  # type: ignore[arg-type]
    }[kind]()
    name: Any = sku[1:].decode()
    return InventoryChange(event_id, source, sequence, at_ms, name, location, made)


def is_known(sku: bytes) -> bool:
    """Whether a SKU that is written so can be one that is sold."""
    name = sku[1:].decode()
    return written(sku[1:]) == sku and name == name.strip()


def check(data: bytes) -> bool:
    """Hold what is read of these bytes against the general codec. Tells whether they are plain."""
    [plain] = PLAIN.read([data])
    if plain is None or not is_known(plain[4]):
        return False
    assert a_change_of(plain) == GENERAL.decode(data)
    return True


@given(change=nearly_plain | strategies.inventory_changes)
@often
def test_what_is_read_of_a_plain_change_is_what_it_says(change: InventoryChange) -> None:
    check(GENERAL.encode(change))


@given(data=st.data())
@often
def test_damaged_bytes_are_no_plain_change_unless_they_say_another(data: st.DataObject) -> None:
    damaged = bytearray(GENERAL.encode(data.draw(nearly_plain)))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(damaged)))

    for one in (bytes(damaged), bytes(damaged[:cut]), bytes(damaged) + b"\x00"):
        check(one)


@given(body=st.binary(max_size=60))
@often
def test_any_bytes_are_no_plain_change_unless_they_say_one(body: bytes) -> None:
    check(struct.pack(">bI", 0, REGISTRY.id_of("any", schema_text(INVENTORY_CHANGE.name))) + body)


@pytest.mark.parametrize("text", ["", "a" * 64, " a", "a\x7f", "a\n"])
@pytest.mark.parametrize("field", ["event_id", "source", "sku", "location", "order", "channel"])
def test_no_odd_text_is_plain(field: str, text: str) -> None:
    fields: Any = {"event_id": "e", "source": "erp", "sequence": 1, "occurred_at_ms": NOW_MS, "sku": SKU}
    told = {"channel": "shop", "order": "o"} | ({field: text} if field in ("channel", "order") else {})
    fields |= {field: text} if field not in told else {}
    kind: Any = StockAdjusted(1) if field == "location" else UnitsSold(told["channel"], told["order"], 1)  # type: ignore[arg-type]
    place: Any = fields.pop("location", None)

    assert not check(GENERAL.encode(InventoryChange(**fields, location=place, kind=kind)))


@pytest.mark.parametrize(
    ("kind", "location"),
    [
        (StockCounted(7), "dallas"),
        (StockAdjusted(-300), "main warehouse"),
        (OrderShipped(2, None, "113-0000001-1234567"), "dallas"),  # type: ignore[arg-type]
        (OrderShipped(2, "r1", None), "dallas"),  # type: ignore[arg-type]
        (UnitsSold("shop", "113-0000001-1234567", 2), None),  # type: ignore[arg-type]
    ],
    ids=str,
)
@pytest.mark.parametrize("sequence", [None, 0, 63, 64, 3_000_000, NOW_MS])
def test_what_is_common_is_plain(kind: Any, location: Any, sequence: int | None) -> None:
    """Or the tests above would compare nothing, and the general way would do all the work."""
    source: Any = "erp-east"
    event_id: Any = "5f3b7e0a-4c1d-4f44-9d5e-1a2b3c4d5e6f"

    assert check(GENERAL.encode(InventoryChange(event_id, source, sequence, NOW_MS, SKU, location, kind)))


def test_bytes_of_another_schema_are_not_plain() -> None:
    """Its fields may stand elsewhere: an older producer's records are read the general way."""
    other = schema_text("listing_exposure")
    data = GENERAL.encode(InventoryChange(*["e", "erp", 1, NOW_MS, SKU, "dallas", StockAdjusted(1)]))  # type: ignore[arg-type]
    assert check(data)

    assert PLAIN.read([struct.pack(">bI", 0, REGISTRY.id_of("other", other)) + data[HEADER_BYTES:]]) == [None]


@given(seed=st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_a_batch_does_the_same_with_and_without_the_plain_way(seed: int) -> None:
    """All that follows from it: states to the order of what they keep, targets, sales, words of sources, effects."""
    chance = random.Random(seed)
    plainly, generally = Memory(), Memory()
    generally.wire.plainly = False
    for memory in (plainly, generally):
        memory.batch(memory.wire.product(a_product()))
    for first in (0, 30, 60):
        changes = changes_of(chance, 30, first)

        found = plainly.batch(*[plainly.wire.change(change) for change in changes])
        expected = generally.batch(*[generally.wire.change(change) for change in changes])

        assert found.effects == expected.effects
        assert repr(replace(found, effects={})) == repr(replace(expected, effects={}))


def test_a_plain_change_needs_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the test above would compare the general way with itself."""
    memory = Memory()
    memory.batch(memory.wire.product(a_product()))
    monkeypatch.setattr(StockDraft, "apply", None)

    changes = [
        a_change(StockCounted(10), sequence=1),
        a_change(StockAdjusted(-1), sequence=2),
        a_change(UnitsSold(ChannelId("market-us"), OrderId("o"), 2), location=None),
        a_change(OrderShipped(2, None, OrderId("o")), sequence=3),
    ]

    assert told(memory.batch(*[memory.wire.change(change) for change in changes])) == {LISTING: 7}


@pytest.mark.parametrize("key", ["SKU-2", None])
def test_a_plain_change_under_another_key_is_a_dead_letter(key: str | None) -> None:
    """It would change a SKU in a partition that may be another process's."""
    memory = Memory()
    memory.batch(memory.wire.product(a_product()), memory.wire.change(a_change(StockCounted(10), sequence=1)))
    records = [memory.wire.change(a_change(StockAdjusted(-1), sequence=number)) for number in (2, 3)]

    computed = memory.batch(records[0], replace(records[1], key=key.encode() if key else None))

    assert told(computed) == {LISTING: 9}
    assert effects(computed) == {"applied": 1, "dead-lettered": 1}
