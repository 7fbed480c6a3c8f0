"""One location of a SKU while many changes come at once: what `stock_draft` changes in place."""

from __future__ import annotations

from typing import Final

from inventory_domain.identifiers import ReservationId, SourceId
from inventory_domain.positions import KEPT_MOVES_MAX
from inventory_domain.stock import Move, Position, Reservation, SourceLog

_SILENT: Final = SourceLog()


class Log:
    """What one source said about one location. `newest` is the highest sequence that it used; -1: it used none.

    `sequences` and `units` are the moves that came since: the next count mostly ends them before they are kept.
    """

    __slots__ = (
        "count_sequence",
        "counted",
        "excludes_reserved",
        "forgotten_through",
        "free_at_ms",
        "moves",
        "newest",
        "sequences",
        "units",
    )

    def __init__(self, log: SourceLog) -> None:
        self.count_sequence = log.count_sequence
        self.counted = log.counted
        self.moves = log.moves
        self.sequences: list[int] = []
        self.units: list[int] = []
        self.forgotten_through = log.forgotten_through
        self.excludes_reserved = log.excludes_reserved
        self.free_at_ms = log.free_at_ms
        newest = log.moves[-1].sequence if log.moves else -1
        for one in (log.count_sequence, log.forgotten_through):
            if one is not None and one > newest:
                newest = one
        self.newest = newest

    def count(self, sequence: int | None, units: int) -> None:
        """So many are there, whatever came before."""
        self.count_sequence, self.counted, self.moves = sequence, units, ()
        if self.sequences:
            self.sequences.clear()
            self.units.clear()
        self.forgotten_through, self.excludes_reserved, self.free_at_ms = None, False, None

    def settled(self) -> SourceLog:
        """The value, with the moves that came since; the oldest are forgotten where there are too many."""
        moves, sequences, units = self.moves, self.sequences, self.units
        forgotten_through = self.forgotten_through
        if sequences:
            beyond = len(sequences) - KEPT_MOVES_MAX
            if beyond > 0:
                forgotten_through = sequences[beyond - 1]
                sequences, units, moves = sequences[beyond:], units[beyond:], ()
            moves = (*moves, *map(Move, sequences, units))
            beyond = len(moves) - KEPT_MOVES_MAX
            if beyond > 0:
                forgotten_through = moves[beyond - 1].sequence
                moves = moves[beyond:]
        return SourceLog(
            self.count_sequence, self.counted, moves, forgotten_through, self.excludes_reserved, self.free_at_ms
        )


class Place:
    """One position: what was touched of it is here, all else still in the value that it began as.

    `outdoes`: a count would be in the place of another source's, which is for `positions.apply`.
    """

    __slots__ = ("began", "logs", "on_hand", "outdoes", "own_reservations")

    def __init__(self, position: Position) -> None:
        self.began = position
        self.on_hand = position.on_hand
        self.logs: dict[SourceId, Log] = {}
        self.outdoes = False
        self.own_reservations: dict[ReservationId, Reservation] | None = None

    def log(self, source: SourceId) -> Log:
        """Begin to change what this source said, which was not touched yet."""
        sources = self.began.sources
        found = self.logs[source] = Log(sources.get(source, _SILENT))
        if len(self.logs) > 1:
            self.outdoes = True
        elif len(sources) > (source in sources):  # there are others, which is seldom
            self.outdoes = any(one.counted is not None for name, one in sources.items() if name != source)
        return found

    def reservations(self) -> dict[ReservationId, Reservation]:
        """The reservations, to be changed."""
        if self.own_reservations is None:
            self.own_reservations = dict(self.began.reservations)
        return self.own_reservations

    def counts_free(self, source: SourceId) -> bool:
        """Whether the source's newest count is of what is free."""
        log = self.logs.get(source)
        return log.excludes_reserved if log is not None else self.began.sources.get(source, _SILENT).excludes_reserved

    def settled(self) -> Position:
        """The value that it has become."""
        sources = self.began.sources
        if self.logs:
            sources = {**sources, **{source: log.settled() for source, log in self.logs.items()}}
        own = self.own_reservations
        return Position(self.on_hand, self.began.reservations if own is None else own, sources)
