"""Once a day, and on demand: the engine's positions against the source's own counts, from a file or from the topic."""

from __future__ import annotations

import csv
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from confluent_kafka import Message

from inventory_domain.changes import QUANTITY_MAX, InventoryChange, StockCounted
from inventory_domain.counts import CountDifference, KnownCount, SourceCount, count_differences
from inventory_domain.errors import BadRecord, InvalidRecord, InventorySyncError
from inventory_domain.identifiers import LocationId, Sku, SourceId, checked
from inventory_domain.sku_state import SkuState
from inventory_schemas.codec import Serde
from inventory_schemas.records import INVENTORY_CHANGE, SKU_STATE
from inventory_schemas.registry import Registry
from inventory_streams.kafka.reading import positions_at, read_to_end
from inventory_streams.reconcile.metrics import ReconcileMetrics
from inventory_streams.reconcile.settings import ReconcileSettings

COLUMNS = ("sku", "location", "on_hand")
FILE_SOURCE = SourceId("file")
TOLD_MAX = 100  # differences that are logged one by one; further ones are counted

log = logging.getLogger(__name__)

Known = dict[tuple[Sku, LocationId], KnownCount]


class CountsUnreadable(InventorySyncError):
    """The file of counts cannot be used; the message names the line and what is wrong with it."""


def compare(
    settings: ReconcileSettings,
    registry: Registry,
    now_ms: int,
    file: Path | None,
    abandoned: Callable[[], bool] = lambda: False,
) -> tuple[int, list[CountDifference]] | None:
    """How many counts were compared, and those that differ. Blocks; None when nobody wants it any more.

    Counts are read before positions, so that a position is never older than the count it is compared with.

    Raises:
        CountsUnreadable: the file cannot be used.
        ReadStalled: a topic cannot be read to its end.
    """
    if file is not None:
        counts = read_counts(file)
    else:
        told = _counts_told(settings, registry, now_ms, abandoned)
        if told is None:
            return None
        counts = told
    known = _positions(settings, registry, abandoned)
    return None if known is None else (len(counts), count_differences(counts, known))


def report(differences: Sequence[CountDifference], compared: int, metrics: ReconcileMetrics) -> None:
    """Tell of a comparison: gauges by source, and a line for each difference up to a bound."""
    by_source: dict[str, int] = {}
    for one in differences:
        by_source[one.count.source] = by_source.get(one.count.source, 0) + 1
    metrics.count_differences.clear()
    for source, number in by_source.items():
        metrics.count_differences.labels(source).set(number)
    for one in differences[:TOLD_MAX]:
        facts = {
            "sku": one.count.sku,
            "location": one.count.location,
            "source": one.count.source,
            "counted": one.count.on_hand,
            "engine": one.engine,
            "fault": one.fault.value,
        }
        log.warning("position differs from its source's count", extra=facts)
    log.info("positions compared", extra={"counts": compared, "differences": len(differences)})


def read_counts(file: Path) -> list[SourceCount]:
    """The counts of a CSV file with the columns sku, location and on_hand.

    Raises:
        CountsUnreadable: it is not there, or a line of it cannot be a count.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            rows = csv.DictReader(opened)
            lacking = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if lacking:
                text = f"the first line must name {', '.join(COLUMNS)}; {lacking[0]} is missing"
                raise CountsUnreadable(f"{file}: {text}")
            return [_count(row, f"{file}: line {rows.line_num}") for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CountsUnreadable(f"{file} cannot be read: {error}") from error


def _count(row: dict[str, str], where: str) -> SourceCount:
    units = (row["on_hand"] or "").strip()
    if not (units.isascii() and units.isdecimal()) or int(units) > QUANTITY_MAX:
        raise CountsUnreadable(f"{where}: on_hand is {units!r}; a whole number from 0 to {QUANTITY_MAX}")
    try:
        sku, location = checked(row["sku"] or "", "sku"), checked(row["location"] or "", "location")
    except InvalidRecord as error:
        raise CountsUnreadable(f"{where}: {error}") from error
    return SourceCount(Sku(sku), LocationId(location), FILE_SOURCE, int(units))


def _counts_told(
    settings: ReconcileSettings, registry: Registry, now_ms: int, abandoned: Callable[[], bool]
) -> list[SourceCount] | None:
    """The newest count of each source, SKU and location that has a sequence, within the interval."""
    serde = Serde(INVENTORY_CHANGE, f"{settings.topics.inventory_changes}-value", registry)
    newest: dict[tuple[Sku, LocationId, SourceId], SourceCount] = {}

    def take(messages: Sequence[Message]) -> None:
        for change in _decoded(messages, serde):
            kind = change.kind
            if not isinstance(kind, StockCounted) or change.sequence is None or change.location is None:
                continue
            assert change.sku is not None
            place = (change.sku, change.location, change.source)
            before = newest.get(place)
            if before is None or before.sequence is None or before.sequence <= change.sequence:
                newest[place] = SourceCount(*place, kind.on_hand, change.sequence)

    places = [(settings.topics.inventory_changes, one) for one in range(settings.partitions)]
    starts = positions_at(settings.kafka, places, now_ms - round(settings.counts_interval_s * 1_000))
    read = read_to_end(settings.kafka, places, take, abandoned=abandoned, starts=starts)
    return None if read is None else list(newest.values())


def _decoded(messages: Sequence[Message], serde: Serde[InventoryChange]) -> Iterable[InventoryChange]:
    for message in messages:
        try:
            yield serde.decode(message.value())
        except BadRecord:
            continue  # the engine keeps it as a dead letter


def _positions(settings: ReconcileSettings, registry: Registry, abandoned: Callable[[], bool]) -> Known | None:
    serde = Serde(SKU_STATE, f"{settings.topics.sku_state}-value", registry)
    states: dict[bytes, bytes | None] = {}

    def take(messages: Sequence[Message]) -> None:
        for message in messages:
            key = message.key()
            if key is not None:
                states[key] = message.value()

    places = [(settings.topics.sku_state, one) for one in range(settings.partitions)]
    if read_to_end(settings.kafka, places, take, abandoned=abandoned) is None:
        return None
    known: Known = {}
    for value in states.values():
        entry = None if value is None else serde.decode(value)
        if isinstance(entry, SkuState):
            known.update(_known(entry))
    return known


def _known(state: SkuState) -> Known:
    return {
        (state.sku, location): KnownCount(
            position.on_hand,
            {
                source: (entry.count_sequence, entry.counted)
                for source, entry in position.sources.items()
                if entry.count_sequence is not None
            },
        )
        for location, position in state.stock.positions.items()
    }
