"""The ledger's tables on both databases: once and never twice, the newest wins, what is old goes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Barrier

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text

from inventory_domain.errors import OwnershipLost
from inventory_ledger import tables
from inventory_ledger.asking import LedgerNotReady, asked
from inventory_ledger.forgetting import SLICES_MAX, forget
from inventory_ledger.migrating import LedgerTooNew, migrate
from inventory_ledger.projection import Projection
from inventory_ledger.reports.making import list_kept, make
from inventory_ledger.reports.model import Again, ReportKind, period_of
from inventory_ledger.settings import Feed
from inventory_ledger.store import BUILT, COPIED_FROM, Store, opened
from inventory_schemas.records import LISTING_EXPOSURE, LISTING_OUTCOME, LISTING_TARGET, PRODUCT, SKU_STATE
from tests.support.ledger import (
    DAY_MS,
    NOW_MS,
    REGISTRY,
    Tape,
    a_product,
    a_state,
    a_target,
    an_exposure,
    an_outcome,
    contents,
    encoded,
    settings_for,
    topic_of,
    write_all,
)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return str(request.getfixturevalue("postgresql_database"))


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = opened(url)
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: Engine) -> Store:
    return Store(engine)


def a_day(listings: int, *, at_ms: int = NOW_MS, tape: Tape | None = None) -> Tape:
    """A target, an exposure, an outcome and a state for so many SKUs."""
    tape = tape or Tape()
    for number in range(listings):
        sku = f"A-{number}"
        target = a_target(sku=sku, version=at_ms)
        tape.add(topic_of(tape.topics, Feed.TARGETS), target.listing_id, encoded(LISTING_TARGET, target), at_ms=at_ms)
        exposure = encoded(LISTING_EXPOSURE, an_exposure(sku=sku))
        tape.add(topic_of(tape.topics, Feed.EXPOSURE), target.listing_id, exposure, at_ms=at_ms)
        outcome = encoded(LISTING_OUTCOME, an_outcome(sku=sku, version=at_ms))
        tape.add(topic_of(tape.topics, Feed.OUTCOMES), target.listing_id, outcome, at_ms=at_ms)
        state = encoded(SKU_STATE, a_state(sku=sku))
        tape.add(topic_of(tape.topics, Feed.SKU_STATES), sku, state, at_ms=at_ms)
    return tape


def test_migrating_makes_the_tables_of_this_version_and_repeating_it_changes_nothing(url: str) -> None:
    engine = opened(url)

    first, second = migrate(engine), migrate(engine)

    assert first[0] is None
    assert second[0] == second[1] == first[1]
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []
    engine.dispose()


def test_a_database_of_a_newer_program_is_not_touched(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(LedgerTooNew, match="9999"):
        migrate(engine)


def test_asking_a_database_without_tables_says_what_to_do(url: str) -> None:
    engine = opened(url)
    engine.connect().close()
    engine.dispose()

    with pytest.raises(LedgerNotReady, match="ledger migrate"), asked(url):
        raise AssertionError("never reached")


@pytest.mark.parametrize("listings", [3, COPIED_FROM + 1], ids=["inserted", "copied"])
def test_a_batch_is_written_once(engine: Engine, store: Store, listings: int) -> None:
    """Written again, as after a crash whose commit went through unseen, it is refused and changes nothing."""
    tape = a_day(listings)
    batch = Projection(settings_for(tape.topics).topics, REGISTRY).batch_of(tape.arrivals, {})
    store.write(batch)
    before = contents(engine, BUILT)

    with pytest.raises(OwnershipLost):
        store.write(batch)

    assert contents(engine, BUILT) == before
    assert len(before["targets"]) == len(before["exposures"]) == len(before["outcomes"]) == listings
    assert store.positions()["listing.outcomes", 0] == listings


def test_who_is_late_is_refused_before_he_writes(engine: Engine, store: Store) -> None:
    """A ledger that was frozen while another took its partitions may not write behind it."""
    tape = a_day(2)
    write_all(store, tape)
    begins = store.positions()
    tape = a_day(1, at_ms=NOW_MS + 1, tape=tape)
    late = Projection(settings_for(tape.topics).topics, REGISTRY).batch_of(tape.arrivals[8:], begins)
    write_all(store, tape)
    before = contents(engine, tables.metadata.sorted_tables)

    with pytest.raises(OwnershipLost):
        store.write(late)

    assert contents(engine, tables.metadata.sorted_tables) == before


@pytest.mark.parametrize("listings", [2, COPIED_FROM + 1], ids=["inserted", "copied"])
def test_the_newest_is_the_present_whatever_comes_after_it(engine: Engine, store: Store, listings: int) -> None:
    """Partitions are read in any order, and a listing may have moved from one SKU to another."""
    tape = Tape()
    topic = topic_of(tape.topics, Feed.TARGETS)
    for at_ms, quantity in ((NOW_MS + 5, 5), (NOW_MS, 9)):
        for number in range(listings):
            target = a_target(sku=f"A-{number}", version=at_ms, quantity=quantity)
            tape.add(topic, target.listing_id, encoded(LISTING_TARGET, target), at_ms=at_ms)
        write_all(store, tape)

    assert {row[5] for row in contents(engine, [tables.listings])["listings"]} == {5}


def test_what_was_forgotten_is_gone_and_may_come_back(engine: Engine, store: Store) -> None:
    tape = a_day(2)
    write_all(store, tape)
    tape.add(topic_of(tape.topics, Feed.TARGETS), "amazon-us/A-0", None, at_ms=NOW_MS + 1)
    tape.add(topic_of(tape.topics, Feed.EXPOSURE), "amazon-us/A-0", None, at_ms=NOW_MS + 1)

    write_all(store, tape)

    left = contents(engine, [tables.listings, tables.exposures, tables.targets])
    assert [row[0] for row in left["listings"]] == [row[0] for row in left["exposures"]] == ["amazon-us/A-1"]
    assert len(left["targets"]) == 2  # what was said stays said


def test_a_product_loses_the_listings_that_its_newest_record_does_not_name(engine: Engine, store: Store) -> None:
    tape = Tape()
    topic = topic_of(tape.topics, Feed.PRODUCTS)
    tape.add(topic, "A-1", encoded(PRODUCT, a_product(channels=("amazon-us", "amazon-ca"))))
    write_all(store, tape)
    tape.add(topic, "A-1", encoded(PRODUCT, a_product(channels=("amazon-ca",))), at_ms=NOW_MS + 1)

    write_all(store, tape)

    rows = contents(engine, [tables.product_listings])["product_listings"]
    assert [row[1] for row in rows] == ["amazon-ca/A-1"]


def test_what_is_older_than_it_is_kept_goes_and_what_is_true_stays(engine: Engine, store: Store) -> None:
    settings = replace(settings_for(Tape().topics), history_days=30)
    old, new = NOW_MS - 40 * DAY_MS, NOW_MS - 10 * DAY_MS
    tape = a_day(2, at_ms=old - 3_600_000)
    tape = a_day(1, at_ms=old, tape=tape)
    tape = a_day(1, at_ms=new, tape=tape)
    write_all(store, tape)

    done = forget(engine, settings, NOW_MS)

    left = contents(engine, [tables.targets, tables.outcomes, tables.sku_states, tables.exposures])
    assert dict(done.rows) == {"targets": 2, "outcomes": 3, "sku_states": 2}
    assert not done.more
    # A-1 was last spoken of long ago, and its number is still what should be shown.
    assert {row[4]: row[3] for row in left["targets"]} == {"amazon-us/A-0": new, "amazon-us/A-1": old - 3_600_000}
    assert [row[4] for row in left["outcomes"]] == ["A-0"]
    assert len(left["exposures"]) == 2


def test_a_round_of_forgetting_is_bounded(engine: Engine, store: Store) -> None:
    """One that deletes a year at once would hold its locks for minutes."""
    tape = Tape()
    topic = topic_of(tape.topics, Feed.OUTCOMES)
    for hour in range(SLICES_MAX + 2):
        outcome = encoded(LISTING_OUTCOME, an_outcome(attempt=hour + 1))
        tape.add(topic, "k", outcome, at_ms=NOW_MS - 60 * DAY_MS + hour * 3_600_001)
    write_all(store, tape)
    settings = settings_for(tape.topics)

    first, second = forget(engine, settings, NOW_MS), forget(engine, settings, NOW_MS)

    assert (first.more, second.more) == (True, False)
    assert first.rows["outcomes"] + second.rows["outcomes"] == SLICES_MAX + 2


def test_clearing_leaves_the_reports(engine: Engine, store: Store) -> None:
    write_all(store, a_day(2))
    report = {"kind": "daily", "period": "2026-11-24", "made_at_ms": 1, "page": "", "rows": "", "figures": "{}"}
    with engine.begin() as connection:
        connection.execute(tables.reports.insert(), report)

    store.clear()

    left = contents(engine, tables.metadata.sorted_tables)
    assert {name for name, rows in left.items() if rows} == {"reports"}
    assert store.positions() == {}


def test_ledgers_that_make_a_report_at_the_same_moment_do_not_fail(postgresql_database: str) -> None:
    """Two run as they are deployed, with the same schedule."""
    engine = opened(postgresql_database)
    migrate(engine)
    period, together = period_of(ReportKind.DAILY, date(2026, 11, 24)), Barrier(2)

    def made(at_ms: int) -> int:
        together.wait(30)
        return make(engine, period, at_ms, Again()).made_at_ms

    with ThreadPoolExecutor(2) as threads:
        times = [sorted(threads.map(made, (NOW_MS, NOW_MS + 1))) for _ in range(5)]
    with engine.connect() as connection:
        (found,) = list_kept(connection)
    engine.dispose()

    assert times == [[NOW_MS, NOW_MS + 1]] * 5
    assert found[1] == "2026-11-24"


def test_questions_of_the_ledger_find_their_rows_by_an_index(postgresql_database: str) -> None:
    """What the console asks of one SKU must not read the whole history."""
    engine = opened(postgresql_database)
    migrate(engine)
    asked_for = {
        "changes": "sku = 'x' ORDER BY record_offset DESC",
        "sku_states": "sku = 'x' ORDER BY record_offset DESC",
        "targets": "listing_id = 'x' ORDER BY version DESC",
        "outcomes": "listing_id = 'x' ORDER BY attempt DESC",
        "observations": "listing_id = 'x' ORDER BY observed_at_ms DESC",
        "discrepancies": "listing_id = 'x' ORDER BY observed_at_ms DESC",
    }
    with engine.connect() as connection:
        connection.execute(text("SET enable_seqscan = off"))  # the tables are empty: anything else would be as quick
        connection.execute(text("SET enable_bitmapscan = off"))
        plans = {
            name: str(connection.execute(text(f"EXPLAIN SELECT * FROM {name} WHERE {where} LIMIT 20")).all())
            for name, where in asked_for.items()
        }

    assert [name for name, plan in plans.items() if "Index Scan" not in plan or "Sort" in plan] == []
    engine.dispose()
