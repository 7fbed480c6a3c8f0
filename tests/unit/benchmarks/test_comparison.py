"""What the engine benchmark compares: a table of rates is worth nothing when wrong numbers pass."""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path

import fastavro
import pytest

from benchmarks import ours
from benchmarks.model import Model, Shown, faults
from benchmarks.report import Result, Round, as_json, table
from benchmarks.workload import (
    CHANNELS,
    LOCATIONS,
    PARTITIONS,
    SCHEMA_FOLDER,
    Change,
    Encoder,
    Workload,
    marker_skus,
    schema,
)
from inventory_streams.kafka.partitioner import partition_of

NAMES = [channel.name for channel in CHANNELS]
PEERS = Path(__file__).parents[3] / "benchmarks" / "peers"


def counted(*units: int) -> list[Change]:
    """First counts of SKU s at east, south and west."""
    return [Change(n, "s", "counted", place, one) for n, (place, one) in enumerate(zip(LOCATIONS, units, strict=True))]


def model_of(changes: list[Change]) -> Model:
    model = Model()
    for change in changes:
        model.apply(change)
    return model


def said(shown: Shown) -> dict[tuple[str, str], int]:
    return {(name, sku): number for sku, numbers in shown.items() for name, number in zip(NAMES, numbers, strict=True)}


def test_the_model_takes_safety_stock_off_each_location_and_one_buffer_off_each_channel() -> None:
    model = model_of(counted(52, 53, 1))

    # 50 + 50 + 0 = 100; Amazon keeps 15, eBay 10, Shopify 5, Walmart 12
    assert dict(zip(NAMES, model.shown()["s"], strict=True)) == {
        "amazon-us": 85,
        "ebay-us": 90,
        "shopify-main": 95,
        "walmart-us": 88,
    }


def test_a_sale_is_netted_until_its_shipment_and_not_twice() -> None:
    sold = Change(3, "s", "sold", "", 10, "ebay-us", "o1")
    shipped = Change(4, "s", "shipped", "east", 10, order="o1")
    after_sale = model_of([*counted(52, 53, 1), sold]).shown()

    after_shipment = model_of([*counted(52, 53, 1), sold, shipped]).shown()

    assert after_sale == after_shipment
    assert after_sale["s"][NAMES.index("ebay-us")] == 90 - 9


def test_a_sku_with_an_uncounted_location_is_not_expected_to_show_anything() -> None:
    assert model_of(counted(52, 53, 1)[:2]).shown() == {}


def test_equal_numbers_have_no_faults() -> None:
    shown = model_of(counted(52, 53, 1)).shown()

    assert faults(shown, said(shown)) == []


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({("amazon-us", "s"): 86}, "amazon-us/s must show 85, last said 86"),
        ({("amazon-us", "s"): None}, "amazon-us/s must show 85, last said nothing"),
        ({("amazon-us", "t"): 1}, "amazon-us/t was said and is not expected at all"),
        ({("amazon-de", "s"): 1}, "amazon-de/s was said and is not expected at all"),
    ],
)
def test_a_wrong_a_missing_and_a_strange_number_are_each_found(
    wrong: dict[tuple[str, str], int | None], named: str
) -> None:
    shown = model_of(counted(52, 53, 1)).shown()
    spoken = {key: number for key, number in {**said(shown), **wrong}.items() if number is not None}

    assert faults(shown, spoken) == [named]


def test_the_rules_of_the_python_peers_agree_with_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both were written apart; here they meet over some thousand changes without a broker."""
    monkeypatch.syspath_prepend(str(PEERS))
    import rules  # the peers' own module, which runs without this project

    workload, model, encoder = Workload(50), Model(), Encoder(1, 2)
    decode = rules.decoder(str(SCHEMA_FOLDER / "inventory_change.avsc"))
    channels = [{"name": one.name, "units": one.units, "percent": one.percent} for one in CHANNELS]
    states: dict[str, dict[str, object]] = {}
    last: dict[tuple[str, str], int] = {}

    for change in [*workload.first_counts(), *workload.changes(5_000)]:
        model.apply(change)
        record = decode(encoder.change(change)[1])
        state = states.setdefault(change.sku, rules.new_state())
        rules.apply(state, record)
        for target in rules.changed_targets(state, record, LOCATIONS, channels):
            last[target["channel"], target["sku"]] = target["quantity"]

    assert faults(model.shown(), last) == []
    sys.modules.pop("rules")


def test_the_input_is_the_same_each_time_and_ends_with_a_marker_in_every_partition() -> None:
    first, again = Workload(100), Workload(100)
    changes = [*first.first_counts(), *first.changes(1_000)]

    assert changes == [*again.first_counts(), *again.changes(1_000)]
    assert [change.sku for change in changes[-PARTITIONS:]] == list(marker_skus(PARTITIONS))
    assert [partition_of(sku, PARTITIONS) for sku in marker_skus(PARTITIONS)] == list(range(PARTITIONS))


def test_a_smaller_catalog_still_has_every_sku_that_is_changed() -> None:
    workload = Workload(10_000, only_skus_of=400)
    counted_skus = {change.sku for change in workload.first_counts()}

    changed = {change.sku for _ in range(2) for change in workload.changes(200)}

    assert changed <= counted_skus
    assert len(counted_skus) < 1_000


def test_a_target_is_read_from_the_engines_own_schema() -> None:
    parsed = fastavro.parse_schema(schema("listing_target"))
    record = {
        "listing_id": "amazon-us/s",
        "sku": "s",
        "channel": "amazon-us",
        "marketplace": "amazon",
        "version": 1_760_000_000_000,
        "quantity": 85,
        "changed_at_ms": 1,
        "computed_at_ms": 2,
    }
    stream = io.BytesIO()
    stream.write(struct.pack(">bI", 0, 7))
    fastavro.schemaless_writer(stream, parsed, record)

    assert ours.decode_target(stream.getvalue()) == ("amazon-us", "s", 85)


def test_a_system_with_wrong_numbers_is_marked_in_the_table_and_a_skipped_one_says_why() -> None:
    rounds = tuple(Round(1_000, seconds, 0.5, 900, 0.1) for seconds in (1.0, 0.5, 2.0))
    right = Result("faust", "plain", rounds)
    wrong = Result("ours", "engine", rounds, faults=("round 0: amazon-us/s must show 85, last said 86",))
    skipped = Result("quix", "peer", skipped="skipped: not installed")

    lines = table([wrong, right, skipped]).splitlines()

    assert "WRONG: round 0" in lines[2]
    assert "equal to the model" in lines[3]
    assert "skipped: not installed" in lines[4]
    assert as_json([right, skipped]) == {"faust": {"events_per_s": {"min": 500, "median": 1000, "max": 2000}}}
