"""What the daily review and the weekly audit find in a month with planted faults, and how they are written down."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sqlalchemy import Engine

from inventory_ledger.migrating import migrate
from inventory_ledger.reports.daily import daily
from inventory_ledger.reports.making import kept, list_kept, make
from inventory_ledger.reports.model import Again, Report, ReportKind, last_period, period_of
from inventory_ledger.reports.plots import bars
from inventory_ledger.reports.weekly import weekly
from inventory_ledger.reports.writing import figures_as_json, page, rows_as_csv
from inventory_ledger.store import Store, opened
from tests.support.ledger import write_all
from tests.support.ledger_month import DAY, a_month, at

MADE_MS = at(29)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = opened(f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'ledger.db'}")
    migrate(engine)
    write_all(Store(engine), a_month())
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def review(engine: Engine) -> Report:
    with engine.connect() as connection:
        return daily(connection, period_of(ReportKind.DAILY, DAY), MADE_MS, Again())


@pytest.fixture(scope="module")
def audit(engine: Engine) -> Report:
    with engine.connect() as connection:
        return weekly(connection, period_of(ReportKind.WEEKLY, DAY), MADE_MS)


def rows(report: Report, key: str) -> list[Mapping[str, object]]:
    """The rows of that sheet, by column."""
    (found,) = [one for one in report.sheets if one.key == key]
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def figure(report: Report, key: str) -> object:
    return next(one.value for one in report.figures if one.key == key)


def test_the_review_names_each_listing_that_drifted_once_with_how_it_stands(review: Report) -> None:
    found = {str(row["listing_id"]): (row["delta"], row["now"]) for row in rows(review, "drifted")}

    assert found == {"amazon-us/A-0": (11, "stop"), "walmart-us/A-2": (-3, "verified")}
    assert figure(review, "cases") == 2


def test_a_sku_that_drifts_again_and_again_on_a_channel_is_named(review: Report) -> None:
    again = [row for row in rows(review, "again") if row["listing_id"] == "ebay-us/A-1"]

    assert [(row["cases"], row["days"], row["units_in_all"]) for row in again] == [(3, 3, 12)]


def test_how_often_is_again_and_again_is_a_setting(engine: Engine) -> None:
    """Three cases in fourteen days is a default: a catalog that somebody edits daily wants another."""
    with engine.connect() as connection:
        found = {
            (cases, days): [
                row["listing_id"]
                for row in rows(
                    daily(connection, period_of(ReportKind.DAILY, DAY), MADE_MS, Again(cases, days)), "again"
                )
            ]
            for cases, days in ((3, 14), (3, 7), (99, 14))
        }

    assert "ebay-us/A-1" in found[3, 14]
    assert "ebay-us/A-1" not in found[3, 7]  # the third one is nine days old
    assert found[99, 14] == []


def test_channels_that_were_not_looked_at_to_the_end_are_told(review: Report) -> None:
    """What nobody looked at has no drift, which is no good news."""
    found = {row["channel"]: (row["reached_their_end"], row["did_not"]) for row in rows(review, "reconciliations")}

    assert found == {"amazon-us": (2, 0), "ebay-us": (0, 1), "walmart-us": (0, 0)}
    assert figure(review, "channels_not_reconciled") == 2
    (line,) = [row for row in rows(review, "reconciliations") if row["channel"] == "amazon-us"]
    assert (line["last_began"], line["listings_compared_max"], line["discrepancies"]) == (
        "2026-11-24 08:00:00.000",
        6,
        4,
    )


def test_corrections_that_did_not_hold_are_named_with_their_evidence(review: Report) -> None:
    found = rows(review, "not_held")

    assert [(row["listing_id"], row["action"]) for row in found] == [
        ("amazon-us/A-0", "stop"),
        ("amazon-us/A-0", "escalate"),
    ]
    assert found[0]["evidence"] == "nobody of ours sent 19"


def test_units_really_oversold_are_those_cancelled_for_lack_of_stock(review: Report) -> None:
    assert figure(review, "units_oversold") == 2
    assert [(row["channel"], row["order_id"]) for row in rows(review, "oversold")] == [("ebay-us", "o-1")]


def test_each_channel_has_its_line(review: Report) -> None:
    by_channel = {row["channel"]: row for row in rows(review, "channels")}

    assert list(by_channel) == ["amazon-us", "ebay-us", "walmart-us"]
    assert by_channel["amazon-us"]["over_shown_units_max"] == 12
    assert by_channel["amazon-us"]["corrections"] == 2
    assert by_channel["walmart-us"]["under_shown_units_max"] == 3
    assert by_channel["ebay-us"]["half_taken_within_s"] == 5


def test_units_at_risk_are_what_may_be_shown_above_what_should_be(engine: Engine, review: Report) -> None:
    assert figure(review, "units_at_risk") == 0


def test_the_audit_finds_the_ghost(audit: Report) -> None:
    found = rows(audit, "ghosts")

    assert [(row["listing_id"], row["units_shown"], row["why"]) for row in found] == [
        ("amazon-us/GHOST", 4, "discontinued")
    ]


def test_the_audit_finds_what_the_marketplace_does_not_have(audit: Report) -> None:
    assert [row["listing_id"] for row in rows(audit, "missing")] == ["walmart-us/UNLISTED"]


def test_the_audit_finds_mappings_that_never_synced_and_listings_nobody_counted(audit: Report) -> None:
    never = {row["listing_id"]: row["state"] for row in rows(audit, "never_synced")}

    assert never == {"ebay-us/NEW": "has no target", "walmart-us/UNLISTED": "has no target"}
    assert {row["listing_id"] for row in rows(audit, "uncounted")} == set(never)


def test_the_audit_finds_a_listing_id_under_two_skus(audit: Report) -> None:
    assert [(row["listing_id"], row["one"], row["another"]) for row in rows(audit, "twice")] == [
        ("ebay-us/A-3", "A-3", "TWIN")
    ]


def test_the_audit_finds_two_day_listings_that_are_supplied_elsewhere(audit: Report) -> None:
    """By their newest target: one that was restocked meanwhile keeps its promise."""
    assert [(row["listing_id"], row["units"]) for row in rows(audit, "two_day")] == [("walmart-us/A-3", 7)]


def test_buffers_stand_beside_what_they_did_not_cover(audit: Report) -> None:
    by_channel = {row["channel"]: row for row in rows(audit, "buffers")}

    assert by_channel["amazon-us"]["buffer_units_mean"] == 3
    assert by_channel["amazon-us"]["over_shown_units_max"] == 12
    assert int(str(by_channel["amazon-us"]["times_beyond_the_buffer"])) >= 3
    assert by_channel["ebay-us"]["units_oversold"] == 2


def test_the_audit_counts_every_listing_as_each_part_knows_it(audit: Report) -> None:
    by_channel = {row["channel"]: row for row in rows(audit, "listings")}

    assert by_channel["amazon-us"]["mapped_in_the_catalog"] == 7
    assert by_channel["amazon-us"]["with_a_target"] == 6
    assert by_channel["amazon-us"]["confirmed_once"] == 7


class _Outside(HTMLParser):
    """Collects whatever a page would load from elsewhere, and tags left open."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [str(value) for name, value in attrs if name in ("src", "href")]
        if tag in ("script", "link", "iframe"):
            self.loads.append(tag)


@pytest.mark.parametrize("which", ["review", "audit"])
def test_the_page_needs_nothing_from_elsewhere_and_has_its_plots(which: str, request: pytest.FixtureRequest) -> None:
    report: Report = request.getfixturevalue(which)
    parser = _Outside()

    parser.feed(page(report))

    assert parser.loads == []
    assert parser.tags.count("svg") == 2
    assert parser.tags.count("rect") > 5
    assert parser.tags.count("table") == len([one for one in report.sheets if one.rows])


def test_csv_and_json_hold_every_row(review: Report) -> None:
    written = list(csv.DictReader(io.StringIO(rows_as_csv(review))))
    data = json.loads(figures_as_json(review))

    assert len(written) == sum(len(one.rows) for one in review.sheets)
    assert {row["sheet"] for row in written} >= {"channels", "drifted", "not_held"}
    assert data["sheets"]["drifted"]["rows"][0]["listing_id"] == "amazon-us/A-0"
    assert data["figures"]["units_oversold"] == 2


def test_a_made_report_is_kept_and_making_it_again_replaces_it(engine: Engine) -> None:
    period = period_of(ReportKind.DAILY, DAY)
    make(engine, period, MADE_MS, Again())

    made = make(engine, period, MADE_MS + 1, Again())

    with engine.connect() as connection:
        assert kept(connection, ReportKind.DAILY, "2026-11-24") == made
        assert kept(connection, ReportKind.DAILY, "2026-11-23") is None
        assert list_kept(connection) == [(ReportKind.DAILY, "2026-11-24", MADE_MS + 1)]


def test_a_day_without_anything_says_none(tmp_path: Path) -> None:
    engine = opened(f"sqlite:///{tmp_path / 'empty.db'}")
    migrate(engine)

    for kind in ReportKind:
        assert ">None.</p>" in make(engine, period_of(kind, DAY), MADE_MS, Again()).page
    engine.dispose()


@pytest.mark.parametrize(
    ("kind", "today", "first", "last"),
    [
        (ReportKind.DAILY, date(2026, 3, 1), date(2026, 2, 28), date(2026, 2, 28)),
        (ReportKind.WEEKLY, date(2026, 11, 23), date(2026, 11, 16), date(2026, 11, 22)),
        (ReportKind.WEEKLY, date(2026, 11, 29), date(2026, 11, 16), date(2026, 11, 22)),
    ],
)
def test_the_last_period_is_over(kind: ReportKind, today: date, first: date, last: date) -> None:
    period = last_period(kind, today)

    assert (period.first, period.last) == (first, last)


def test_a_plots_columns_are_as_high_as_their_values() -> None:
    drawn = bars(["a", "b"], {"amazon-us": [10, 0], "<ebay>": [0, 5]}, "units")

    assert "a, amazon-us: 10 units" in drawn
    assert "b, &lt;ebay&gt;: 5 units" in drawn
    assert drawn.count("<rect") == 2
