"""The demo's figures: percentiles, ports found in logs, and a report that says no when anything is wrong."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from inventory_cli.demo.dead import told
from inventory_cli.demo.gauges import probe_port
from inventory_cli.demo.options import DemoOptions
from inventory_cli.demo.report import Report
from inventory_cli.demo.verdict import Mismatch
from inventory_cli.demo.watch import DeadLetterSeen, percentile

GOOD = Report(
    skus=1,
    listings=1,
    seed=7,
    seconds=1.0,
    chaos=[],
    events=10,
    targets={"shop": 3},
    pushes={"shopify": {"applied": 3}},
    freshness_ms={},
    freshness_opening_ms={},
    listings_compared=1,
    mismatches=[],
    sold_units=1,
    oversold_units=0,
    never_written=0,
    dead_letters=[],
    dead_letters_missing=[],
    dead_targets=0,
    first_push_s=9.1,
    settle_s=3.0,
    settled=True,
    restarts={},
)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([], 50, None), ([5], 99, 5), ([1, 2, 3, 4], 50, 2), (list(range(1, 101)), 99, 99), ([3, 1, 2], 100, 3)],
)
def test_a_percentile_is_a_value_that_was_there(values: list[int], percent: int, expected: int | None) -> None:
    assert percentile(values, percent) == expected


def test_the_newest_port_in_a_log_is_the_processs_own(tmp_path: Path) -> None:
    """After a kill the log goes on, and the former port belongs to nobody."""
    log = tmp_path / "log"
    served = [{"event": "probes served", "port": 1}, {"event": "odd"}, {"event": "probes served", "port": 2}]
    log.write_text("\n".join(["not json", *(json.dumps(one) for one in served)]))

    assert probe_port(log) == 2


def test_a_log_without_a_port_has_none(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text('{"event": "probes served"}\n')

    assert probe_port(log) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"mismatches": [Mismatch("shop/A", "A", 3, 4, "shows units that are not there")]},
        {"never_written": 1},
        {"dead_letters_missing": [DeadLetterSeen("A", "bad-quantity")]},
        {"settled": False},
    ],
)
def test_a_run_is_good_only_when_nothing_is_wrong(wrong: dict[str, object]) -> None:
    assert GOOD.is_good
    assert not replace(GOOD, **wrong).is_good  # type: ignore[arg-type]


def test_the_report_counts_mismatches_and_names_them() -> None:
    bad = replace(GOOD, mismatches=[Mismatch("shop/A", "A", 3, 4, "why")])

    found = json.loads(bad.as_json())

    assert found["mismatches"] == 1
    assert found["mismatch_list"][0]["listing_id"] == "shop/A"
    assert found["good"] is False


SIZES = [(500, None, 50), (20, None, 8), (9_000, None, 500), (9, 70, 70)]


@pytest.mark.parametrize(("skus", "pace", "events_per_s"), SIZES)
def test_events_come_as_often_as_asked_for_else_by_the_size_of_the_catalog(
    skus: int, pace: float | None, events_per_s: float
) -> None:
    options = DemoOptions(skus, 60.0, 7, None, (), Path(), 6, None, None, 1.0, keep=False, pace=pace)

    assert options.events_per_s == events_per_s


SENT = [
    DeadLetterSeen("S-1", "not-confluent-framed"),
    DeadLetterSeen("S-1", "bad-quantity"),
    DeadLetterSeen("NOBODYS", "unknown-sku"),
]


def test_dead_letters_are_said_to_be_sent_on_purpose_and_why_each_is_one() -> None:
    lines = told(SENT, SENT, Path("run/sync.yaml"), kept=False)

    assert lines == [
        "3 of the demo's events were wrong on purpose, and are dead letters as they must be:",
        "  S-1: bytes that are no record (not-confluent-framed)",
        "  S-1: a count below nothing (bad-quantity)",
        "  NOBODYS: a SKU that no product of the catalog has (unknown-sku)",
        "run with --keep to look at them afterwards: "
        "inventory-sync dead-letters list --from inventory --config run/sync.yaml",
    ]


def test_a_dead_letter_that_nobody_meant_is_told_apart() -> None:
    lines = told([*SENT, DeadLetterSeen("S-9", "too-late")], SENT, Path("run/sync.yaml"), kept=True)

    assert lines[4:6] == ["1 dead letters that the demo did not mean to make:", "  S-9: too-late"]
    assert lines[6].startswith("look at them: inventory-sync dead-letters list")


def test_without_dead_letters_nothing_is_said_of_them() -> None:
    assert told([], SENT, Path("run/sync.yaml"), kept=True) == []
