"""A month of a seller for reports: planted drift, an oversell, a ghost, and what else an audit finds."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime

from inventory_domain.catalog import Product, ProductStatus
from inventory_domain.changes import SaleCancelled
from inventory_domain.identifiers import ChannelId, EventId, OrderId
from inventory_domain.reconciliation import CyclePhase, ObservedBy
from inventory_domain.targets import TWO_DAY_ELSEWHERE
from inventory_ledger.settings import Feed
from inventory_schemas.records import (
    DISCREPANCY,
    INVENTORY_CHANGE,
    LISTING_EXPOSURE,
    LISTING_OBSERVATION,
    LISTING_OUTCOME,
    LISTING_TARGET,
    PRODUCT,
    RECONCILIATION_CYCLE,
)
from tests.support.ledger import (
    DAY_MS,
    Tape,
    a_change,
    a_cycle,
    a_discrepancy,
    a_product,
    a_target,
    an_exposure,
    an_observation,
    an_outcome,
    encoded,
    topic_of,
)

DAY = date(2026, 11, 24)
"""The day that is reviewed, a Tuesday."""
CHANNELS = ("amazon-us", "ebay-us", "walmart-us")
SKUS = 6
HOUR_MS = 3_600_000


def at(hour: float, day: int = 0) -> int:
    """Milliseconds of a time of the reviewed day, or of a day before it."""
    midnight = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC).timestamp() * 1000
    return int(midnight - day * DAY_MS + hour * HOUR_MS)


def a_month() -> Tape:
    """What each report finds in it is said beside the line that plants it."""
    tape = Tape()
    _catalog(tape)
    for number in range(SKUS):
        for channel in CHANNELS:
            _sold_well(tape, f"A-{number}", channel)
    _drift(tape)
    _two_day(tape)
    _reconciled(tape)
    _audited(tape)
    return tape


def _add(tape: Tape, feed: Feed, value: bytes, at_ms: int, key: str = "k") -> None:
    tape.add(topic_of(tape.topics, feed), key, value, at_ms=at_ms)


def _product(tape: Tape, product: Product, at_ms: int) -> None:
    _add(tape, Feed.PRODUCTS, encoded(PRODUCT, product), at_ms, product.sku)


def _catalog(tape: Tape) -> None:
    for number in range(SKUS):
        _product(tape, a_product(sku=f"A-{number}", channels=CHANNELS), at(0, 28))


def _sold_well(tape: Tape, sku: str, channel: str) -> None:
    """A target in the morning, taken within two seconds, confirmed."""
    when = at(8)
    target = a_target(sku=sku, channel=channel, version=when, changed_at_ms=when, computed_at_ms=when)
    _add(tape, Feed.TARGETS, encoded(LISTING_TARGET, target), when)
    outcome = an_outcome(
        sku=sku,
        channel=channel,
        version=when,
        changed_at_ms=when,
        committed_at_ms=when + 100,
        sent_at_ms=when + 200,
        answered_at_ms=when + 2_000,
    )
    _add(tape, Feed.OUTCOMES, encoded(LISTING_OUTCOME, outcome), when)
    _add(tape, Feed.EXPOSURE, encoded(LISTING_EXPOSURE, an_exposure(sku=sku, channel=channel)), when)


def _drift(tape: Tape) -> None:
    """Cases over the month; A-1 on ebay-us again and again; one of the reviewed day that did not hold; an oversell."""
    chance = random.Random(4)
    for day in range(27, 0, -1):
        for channel in CHANNELS:
            for _ in range(chance.randrange(3)):
                when = at(chance.randrange(24), day)
                found = a_discrepancy(
                    sku=f"A-{2 + chance.randrange(SKUS - 2)}",
                    channel=channel,
                    delta=chance.randrange(3, 15),
                    observed_at_ms=when,
                    since_ms=when,
                )
                _add(tape, Feed.DISCREPANCIES, encoded(DISCREPANCY, found), when)
    for day in (9, 6, 3):
        when = at(11, day)
        again = a_discrepancy(sku="A-1", channel="ebay-us", delta=4, observed_at_ms=when, since_ms=when)
        _add(tape, Feed.DISCREPANCIES, encoded(DISCREPANCY, again), when)
    began = at(9)
    for hour, action, corrections, delta in ((9, "restate", 1, 12), (13, "escalate", 2, 11), (17, "stop", 2, 11)):
        stuck = a_discrepancy(
            sku="A-0",
            channel="amazon-us",
            delta=delta,
            observed=7 + delta,
            action=action,
            corrections=corrections,
            severity="page",
            evidence="nobody of ours sent 19",
            observed_at_ms=at(hour),
            since_ms=began,
        )
        _add(tape, Feed.DISCREPANCIES, encoded(DISCREPANCY, stuck), at(hour))
    for hour, action in ((10, "restate"), (14, "verified")):
        mended = a_discrepancy(
            sku="A-2", channel="walmart-us", delta=-3, action=action, observed_at_ms=at(hour), since_ms=at(10)
        )
        _add(tape, Feed.DISCREPANCIES, encoded(DISCREPANCY, mended), at(hour))
    cancelled = a_change(
        SaleCancelled(ChannelId("ebay-us"), OrderId("o-1"), 2, "no-stock"),
        event_id=EventId("cancelled"),
        location=None,
        sequence=None,
        occurred_at_ms=at(15),
    )
    _add(tape, Feed.CHANGES, encoded(INVENTORY_CHANGE, cancelled), at(15))


def _two_day(tape: Tape) -> None:
    """A-3 at Walmart promised two days in the morning with units elsewhere only; A-4 did until it was restocked."""
    for sku, hour, words in (
        ("A-3", 9, f"; {TWO_DAY_ELSEWHERE}"),
        ("A-4", 9, f"; {TWO_DAY_ELSEWHERE}"),
        ("A-4", 10, ""),
    ):
        when = at(hour)
        target = a_target(
            sku=sku,
            channel="walmart-us",
            version=when,
            derivation=f"atp main=10; shared-pool 10; buffer max(3, 5 %) = 3; nodes N2=7{words}",
            changed_at_ms=when,
            computed_at_ms=when,
        )
        _add(tape, Feed.TARGETS, encoded(LISTING_TARGET, target), when)


def _reconciled(tape: Tape) -> None:
    """amazon-us twice on the reviewed day, ebay-us only on the day before: its pull of the day did not end."""
    for channel, hour, day, phase in (
        ("amazon-us", 4, 0, CyclePhase.COMPLETE),
        ("amazon-us", 8, 0, CyclePhase.COMPLETE),
        ("ebay-us", 5, 1, CyclePhase.COMPLETE),
        ("ebay-us", 5, 0, CyclePhase.INCOMPLETE),
    ):
        cycle = a_cycle(channel=channel, started_at_ms=at(hour, day))
        topic = topic_of(tape.topics, Feed.RECONCILIATIONS)
        tape.add(topic, channel, encoded(RECONCILIATION_CYCLE, cycle), at_ms=at(hour, day))
        ended = replace(cycle, phase=phase, at_ms=at(hour, day) + 90_000, found=6, judged=6, missing=1, discrepancies=2)
        tape.add(topic, channel, encoded(RECONCILIATION_CYCLE, ended), at_ms=at(hour, day) + 90_000)


def _audited(tape: Tape) -> None:
    """A ghost, a mapping that never synced, one that the marketplace does not know, one listing id under two SKUs."""
    old = at(1, 20)
    ghost = a_product(sku="GHOST", channels=("amazon-us",), status=ProductStatus.DISCONTINUED)
    _product(tape, ghost, old)
    exposed = an_exposure(sku="GHOST", channel="amazon-us", quantity=4, at_ms=at(3))
    _add(tape, Feed.EXPOSURE, encoded(LISTING_EXPOSURE, exposed), at(3))
    _product(tape, a_product(sku="NEW", channels=("ebay-us",)), old)
    _product(tape, a_product(sku="UNLISTED", channels=("walmart-us",)), old)
    unlisted = an_observation(
        sku="UNLISTED", channel="walmart-us", quantity=None, observed_by=ObservedBy.PULL, observed_at_ms=at(4)
    )
    _add(tape, Feed.OBSERVATIONS, encoded(LISTING_OBSERVATION, unlisted), at(4))
    shared = a_product(sku="TWIN", channels=("ebay-us",), listings=a_product(sku="A-3", channels=("ebay-us",)).listings)
    _product(tape, shared, old)
