"""The ledger killed in the middle of its work and built anew: each record is in the tables exactly once."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import DBAPIError

from deploy.sources.roles import LEDGER_STOP_S
from inventory_ledger import tables
from inventory_ledger.migrating import migrate
from inventory_ledger.run import rebuild
from inventory_ledger.store import BUILT, opened
from inventory_schemas.records import LISTING_EXPOSURE, LISTING_OUTCOME, LISTING_TARGET
from inventory_streams.kafka.stopping import ExitCode
from inventory_streams.topics import Topics
from tests.support.commands import wait_until
from tests.support.ledger import (
    AMAZON,
    NOW_MS,
    REGISTRY,
    TopicWriter,
    a_target,
    an_exposure,
    an_outcome,
    contents,
    create_topics,
    encoded,
    settings_for,
)
from tests.support.ledger_process import Ledgers

SEED = 20_261
KILLS = 3
BURST = 1_500
WAITS_S = 5.0  # given up too early, partitions are another's within a second


@pytest.fixture
def topics(kafka: str, topic_prefix: str) -> Topics:
    topics = Topics((AMAZON,), topic_prefix)
    create_topics(kafka, topics)
    return topics


@pytest.fixture
def ledgers(
    kafka: str, topics: Topics, postgresql_database: str, application_id: str, tmp_path: Path
) -> Iterator[Ledgers]:
    ledgers = Ledgers(kafka, topics, postgresql_database, application_id, tmp_path)
    yield ledgers
    ledgers.close()


@pytest.fixture
def engine(postgresql_database: str) -> Iterator[Engine]:
    engine = opened(postgresql_database)
    yield engine
    engine.dispose()


class Traffic:
    """Targets, exposure and outcomes of many listings, numbered so that nothing can be lost or doubled unseen."""

    def __init__(self, kafka: str, topics: Topics) -> None:
        self._writer = TopicWriter(kafka)
        self._topics = topics
        self.sent = 0

    def burst(self, records: int) -> None:
        """So many more of each."""
        for number in range(self.sent, self.sent + records):
            sku = f"A-{number % 97}"
            target = a_target(sku=sku, version=NOW_MS + number, quantity=number % 50)
            outcome = an_outcome(sku=sku, version=NOW_MS + number, attempt=number + 1)
            key = target.listing_id
            for topic, value in (
                (self._topics.targets(AMAZON), encoded(LISTING_TARGET, target)),
                (self._topics.exposure(AMAZON), encoded(LISTING_EXPOSURE, an_exposure(sku=sku, quantity=number % 50))),
                (self._topics.listing_outcomes, encoded(LISTING_OUTCOME, outcome)),
            ):
                self._writer.write(topic, key, value, sku=sku)
        self._writer.flush()
        self.sent += records


def count(engine: Engine, table: object) -> int:
    """How many rows the table has; 0 while it is not there."""
    try:
        with engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(table)).scalar() or 0)  # type: ignore[arg-type]
    except DBAPIError:
        return 0


def shown_by(engine: Engine) -> dict[str, object]:
    """What each listing is known to show: rows are replaced, so there is nothing to count."""
    return {str(row[0]): row[3] for row in contents(engine, [tables.exposures])["exposures"]}


def newest(number_of_listings: int, sent: int) -> dict[str, int]:
    """What each listing was last told to show, by a calculation of its own."""
    return {f"amazon-us/A-{number % number_of_listings}": number % 50 for number in range(sent)}


def test_killed_in_the_middle_of_batches_it_loses_and_doubles_nothing(
    kafka: str, topics: Topics, ledgers: Ledgers, engine: Engine
) -> None:
    """Offsets and rows are one transaction, so a crash is before both or after both. Then the same by a rebuild."""
    chance = random.Random(SEED)
    traffic = Traffic(kafka, topics)
    traffic.burst(BURST)
    ledger = ledgers.start(batch_records_max=200)
    for number in range(KILLS):
        before = count(engine, tables.outcomes)
        traffic.burst(BURST)
        wait_until(lambda: count(engine, tables.outcomes) > before, "something more is written", 60)  # noqa: B023
        time.sleep(chance.random() * 0.3)  # not a wait for anything: it chooses where the kill hits
        ledger.send_signal(signal.SIGKILL)
        ledger.wait(10)
        said = ledgers.log.stat().st_size
        # Where to go on is told by the tables, so a new group does it at once, without waiting for the dead member.
        ledger = ledgers.start(batch_records_max=200, group=f"{ledgers.group}-{number}")

    wait_until(lambda: count(engine, tables.outcomes) >= traffic.sent, "all outcomes are there", 120)
    wait_until(lambda: count(engine, tables.targets) >= traffic.sent, "all targets are there", 60)
    wait_until(lambda: shown_by(engine) == newest(97, traffic.sent), "every exposure is the newest", 60)
    # The one before may have written all of it; whoever is only starting cannot be asked to stop.
    wait_until(lambda: b"partitions assigned" in ledgers.log.read_bytes()[said:], "the last one reads", 60)
    assert ledgers.stop(ledger) == 0

    found = contents(engine, BUILT)
    attempts = sorted(int(str(row[7])) for row in found["outcomes"])
    assert attempts == list(range(1, traffic.sent + 1))
    assert {str(row[0]): row[5] for row in found["listings"]} == newest(97, traffic.sent)

    settings = settings_for(topics, kafka=kafka, url=ledgers.url, group=f"{ledgers.group}-again")
    shown: list[int] = []
    records = rebuild(settings, REGISTRY, CollectorRegistry(), shown.append)

    assert records == 3 * traffic.sent
    assert shown == sorted(shown)
    assert contents(engine, BUILT) == found


def test_asked_to_stop_with_a_backlog_it_ends_in_time_and_leaves_no_batch_half_done(
    kafka: str, topics: Topics, ledgers: Ledgers, engine: Engine
) -> None:
    """Where the next one goes on is in the tables: a batch is whole or was never there."""
    traffic = Traffic(kafka, topics)
    traffic.burst(2 * BURST)
    ledger = ledgers.start(batch_records_max=100)
    wait_until(lambda: count(engine, tables.outcomes) > 0, "it is in the middle of the backlog", 60)

    began_s = time.monotonic()
    status = ledgers.stop(ledger)
    took_s = time.monotonic() - began_s
    written = contents(engine, BUILT)
    again = ledgers.start(batch_records_max=100)
    wait_until(lambda: count(engine, tables.outcomes) >= traffic.sent, "all outcomes are there", 120)

    assert status == 0
    assert took_s < LEDGER_STOP_S
    assert len(written["outcomes"]) < traffic.sent, "there was nothing left to do: the test says nothing"
    assert ledgers.stop(again) == 0
    attempts = sorted(int(str(row[7])) for row in contents(engine, BUILT)["outcomes"])
    assert attempts == list(range(1, traffic.sent + 1))


def test_a_second_writer_ends_the_first_and_nothing_is_written_twice(
    kafka: str, topics: Topics, ledgers: Ledgers, engine: Engine
) -> None:
    """Two groups on one database: a mistake that the positions notice, whoever is first."""
    traffic = Traffic(kafka, topics)
    traffic.burst(50)
    first = ledgers.start()
    wait_until(lambda: count(engine, tables.outcomes) == 50, "the first has written", 60)
    second = Ledgers(kafka, topics, ledgers.url, f"{ledgers.group}-second", ledgers.folder)
    other = second.start()
    try:
        wait_until(lambda: second.log.read_bytes().count(b"partitions assigned") >= 2, "both read", 60)
        traffic.burst(50)
        wait_until(lambda: first.poll() is not None or other.poll() is not None, "one of them is refused", 60)
        wait_until(lambda: count(engine, tables.outcomes) == 100, "the other goes on", 60)
    finally:
        second.close()

    ended = {process.poll() for process in (first, other)} - {None, -signal.SIGKILL}
    assert ended <= {int(ExitCode.OWNERSHIP_LOST)}
    assert sorted(int(str(row[7])) for row in contents(engine, [tables.outcomes])["outcomes"]) == list(range(1, 101))


def test_partitions_change_hands_only_when_the_batch_under_way_is_in_the_tables(
    kafka: str, topics: Topics, ledgers: Ledgers, engine: Engine
) -> None:
    """Written while the next is read: whoever has the partitions next must not begin before its end."""
    migrate(engine)
    traffic = Traffic(kafka, topics)
    traffic.burst(500)
    with engine.connect() as holding:
        holding.execute(text("LOCK TABLE outcomes IN ACCESS EXCLUSIVE MODE"))  # the first batch stands still half way
        first = ledgers.start(batch_wait_s=2.0)  # all of it is one batch, and nothing more comes
        wait_until(lambda: writes_wait(engine), "the first batch is under way", 60)
        second = ledgers.start()
        wait_until(lambda: joining(kafka, ledgers.group), "the group gives the partitions out anew", 120)
        end = time.monotonic() + WAITS_S
        while time.monotonic() < end:
            assert joining(kafka, ledgers.group), "partitions were given up though their batch was under way"
        holding.rollback()
    wait_until(lambda: count(engine, tables.outcomes) == 500, "all is there", 60)
    wait_until(lambda: ledgers.log.read_bytes().count(b"partitions assigned") >= 3, "both read", 60)
    traffic.burst(500)
    wait_until(lambda: count(engine, tables.outcomes) == 1_000, "both go on", 60)

    assert [ledgers.stop(one) for one in (first, second)] == [0, 0]
    assert sorted(int(str(row[7])) for row in contents(engine, [tables.outcomes])["outcomes"]) == list(range(1, 1_001))


def writes_wait(engine: Engine) -> bool:
    """Whether somebody waits for the table that the test holds."""
    with engine.connect() as connection:
        return bool(connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar())


def joining(kafka: str, group: str) -> bool:
    """Whether the group waits for its members to give up what they have."""
    client = AdminClient({"bootstrap.servers": kafka})  # kept until it has answered
    (answer,) = client.describe_consumer_groups([group]).values()
    return answer.result(30).state is ConsumerGroupState.PREPARING_REBALANCING
