"""Sources that have sent heartbeats and send them no longer: after a while their stock cannot be vouched for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from inventory_domain.identifiers import LocationId, SourceId
from inventory_domain.stock import Position, Stock


@dataclass(frozen=True, slots=True)
class SilencePolicy:
    """How long a source may say nothing (`limit_ms`, or its own in `by_source`) until it is overdue, which alerts.

    When it is overdue for `grace_ms` while somebody watched, it counts as silent.
    """

    limit_ms: int = 900_000
    grace_ms: int = 600_000
    by_source: Mapping[SourceId, int] = field(default_factory=dict)

    def limit_of(self, source: SourceId) -> int:
        """How long this source may say nothing."""
        return self.by_source.get(source, self.limit_ms)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is thought of the sources that have sent heartbeats. `silent_ms` is how long each has said nothing."""

    silent_ms: Mapping[SourceId, int]
    overdue: frozenset[SourceId]
    silent: frozenset[SourceId]


def standing(
    heard_ms: Mapping[str, int], silent: frozenset[SourceId], policy: SilencePolicy, until_ms: int, watched_ms: int
) -> Standing:
    """Judge each source by its last word, as of the time up to which all input is known.

    `silent` are those that were silent before; `watched_ms` is since when all input was being read, because an alert
    that nobody could see gives nobody any grace. A source that was silent stays so until it speaks again.
    """
    said_nothing = {SourceId(source): max(0, until_ms - at_ms) for source, at_ms in heard_ms.items()}
    overdue = frozenset([source for source, ms in said_nothing.items() if ms > policy.limit_of(source)])

    def is_silent(source: SourceId) -> bool:
        since_ms = max(heard_ms[source] + policy.limit_of(source), watched_ms)
        return source in silent or until_ms - since_ms > policy.grace_ms

    return Standing(said_nothing, overdue, frozenset([source for source in overdue if is_silent(source)]))


def vouched(stock: Stock, silent: frozenset[SourceId]) -> Stock:
    """The stock as far as it can be vouched for: a location of which a silent source tells has nothing to promise.

    A source whose count was outdone by another one's no longer tells of that location: it may have been replaced.

    A location that was never counted stays uncounted: unknown is not zero.
    """
    if not silent:
        return stock
    positions = {
        location: replace(position, on_hand=0)
        for location, position in stock.positions.items()
        if any(_tells(position, source) for source in silent)
    }
    return replace(stock, positions={**stock.positions, **positions}) if positions else stock


def unvouched(stock: Stock, silent: frozenset[SourceId]) -> Iterator[tuple[SourceId, frozenset[LocationId]]]:
    """Per silent source, by name, the locations that `vouched` empties because it tells of them."""
    for source in sorted(silent):
        told = [location for location, position in stock.positions.items() if _tells(position, source)]
        if told:
            yield source, frozenset(told)


def _tells(position: Position, source: SourceId) -> bool:
    log = position.sources.get(source)
    return position.on_hand is not None and log is not None and not log.is_outdone
