"""What each listing shows and what has been sent for it: submitted and live quantities, kept apart, with history."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

from inventory_sandbox.marketplaces.assortment import MAX_LISTINGS, WRITABLE_KINDS, ListingSeed
from inventory_sandbox.marketplaces.clock import Clock

MAX_WRITES_KEPT: Final = 2_000
"""Writes remembered per part of a listing, and sales per listing; the oldest are forgotten first."""
_STEP_S: Final = 1e-6
_One = TypeVar("_One")


@dataclass(slots=True)
class Write:
    """One accepted write of a quantity. Times are seconds since 1970; None while it has not come to that."""

    number: int
    request_id: str
    api: str
    part: str
    quantity: int
    received_at: float
    applies_at: float
    applied_at: float | None = None
    live_until: float | None = None


@dataclass(frozen=True, slots=True)
class Sale:
    """Units that a buyer bought of one listing."""

    at: float
    quantity: int
    live_before: int
    live_after: int


@dataclass(slots=True)
class Part:
    """One quantity of a listing: of its one channel row, an offer, an item, a ship node or a location.

    `submitted` is the last quantity accepted, `live` what buyers can buy, `reserved` what they bought since the last
    write (or, at a ledger, what is bought and not shipped). A ledger lowers waiting writes too when a unit is sold.
    """

    name: str
    submitted: int
    live: int
    ledger: bool = False
    reserved: int = 0
    last_applies_at: float = 0.0
    waiting: list[Write] = field(default_factory=list)
    current: Write | None = None
    writes: list[Write] = field(default_factory=list)
    listings: list[Listing] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Listing:
    """One listing: its seed and its parts. It shows the sum of its parts, or the least of them where `least` is set."""

    seed: ListingSeed
    parts: dict[str, Part]
    least: bool = False
    status: str = "ACTIVE"
    sold: int = 0
    sales: list[Sale] = field(default_factory=list)

    @property
    def live(self) -> int:
        """Units that buyers can buy now; 0 once the listing has ended."""
        if self.status == "ENDED":
            return 0
        return self._combined([part.live for part in self.parts.values()])

    @property
    def submitted(self) -> int:
        """Units as last accepted."""
        return self._combined([part.submitted for part in self.parts.values()])

    @property
    def writable(self) -> bool:
        """Whether a seller may write this listing's quantity at all."""
        return self.seed.kind in WRITABLE_KINDS

    def _combined(self, quantities: list[int]) -> int:
        if not quantities:
            return 0
        return min(quantities) if self.least else sum(quantities)


class StockBook:
    """All listings of all marketplaces. Accepted writes come due by the clock; `settle` applies what is due."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._listings: dict[tuple[str, str], Listing] = {}
        self._due: list[tuple[float, int, Callable[[float], None]]] = []
        self._numbers = 0
        self.on_change: list[Callable[[Listing, Part], None]] = []
        self.on_sale: list[Callable[[Listing, Sale], None]] = []
        """Called after a part's live quantity was set or sold, once for each listing that has the part."""

    def __len__(self) -> int:
        return len(self._listings)

    def add(self, listing: Listing) -> None:
        """Takes a listing; raises ValueError when its key is taken or the sandbox is full."""
        key = (listing.seed.marketplace, listing.seed.key)
        if key in self._listings:
            raise ValueError(f"there is a listing {key[0]} {key[1]} already")
        if len(self._listings) >= MAX_LISTINGS:
            raise ValueError(f"the sandbox holds {MAX_LISTINGS} listings and takes no more")
        self._listings[key] = listing
        for part in listing.parts.values():
            part.listings.append(listing)

    def remove(self, listing: Listing) -> None:
        """Forgets a listing, as when the seller deletes it."""
        self._listings.pop((listing.seed.marketplace, listing.seed.key), None)
        for part in listing.parts.values():
            part.listings.remove(listing)

    def get(self, marketplace: str, key: str) -> Listing | None:
        """The listing with that key, as of now."""
        self.settle()
        return self._listings.get((marketplace, key))

    def settled(self, marketplace: str, key: str) -> Listing | None:
        """The listing as far as it is settled, for what is done while settling."""
        return self._listings.get((marketplace, key))

    def all(self, marketplace: str | None = None) -> Iterator[Listing]:
        """All listings, or those of one marketplace, in the order they were added, as of now."""
        self.settle()
        return self.listings(marketplace)

    def listings(self, marketplace: str | None = None) -> Iterator[Listing]:
        """All listings as far as they are settled, for what is done while settling."""
        return (one for one in self._listings.values() if marketplace in (None, one.seed.marketplace))

    def schedule(self, at: float, act: Callable[[float], None]) -> None:
        """Has something done at that time, in order with everything else that comes due; `act` is told its time."""
        self._numbers += 1
        heapq.heappush(self._due, (at, self._numbers, act))

    def accept(
        self,
        part: Part,
        quantity: int,
        *,
        request_id: str,
        api: str,
        delay_s: float,
        out_of_order: bool = False,
        at: float | None = None,
    ) -> Write:
        """Takes a write that goes live after the delay, never before one accepted earlier for the same part.

        `out_of_order` is the fault: the write goes live before one that still waits, which then wins. `at` is when it
        was accepted, for what comes due later than its own call.
        """
        now = self._clock.now() if at is None else at
        self._numbers += 1
        applies_at = max(now + delay_s, part.last_applies_at + _STEP_S)
        if out_of_order and part.waiting:
            applies_at = (now + part.waiting[-1].applies_at) / 2
        else:
            part.last_applies_at = applies_at
        write = Write(self._numbers, request_id, api, part.name, quantity, now, applies_at)
        part.submitted = quantity
        _keep(part.writes, write)
        part.waiting.append(write)
        heapq.heappush(self._due, (applies_at, write.number, lambda due: self._apply(part, write, due)))
        return write

    def settle(self) -> None:
        """Does everything that is due by now, in the order in which it comes due."""
        now = self._clock.now()
        while self._due and self._due[0][0] <= now:
            at, _, act = heapq.heappop(self._due)
            act(at)

    def _apply(self, part: Part, write: Write, at: float) -> None:
        part.waiting.remove(write)
        write.applied_at = at
        part.live = write.quantity
        if not part.ledger:
            part.reserved = 0
        self._replace(part, write, at)
        self._changed(part)

    def edit(self, part: Part, quantity: int, *, request_id: str, api: str) -> Write:
        """Sets a quantity at once, as when a person does it on the marketplace's own pages."""
        now = self._clock.now()
        self._numbers += 1
        write = Write(self._numbers, request_id, api, part.name, quantity, now, now, applied_at=now)
        part.submitted = part.live = quantity
        _keep(part.writes, write)
        self._replace(part, write, now)
        self._changed(part)
        return write

    def sell(self, listing: Listing, units: int) -> bool:
        """A buyer buys units: False, and nothing changes, when the listing does not show that many."""
        self.settle()
        before = listing.live
        if units < 1 or before < units:
            return False
        left = units
        for part in listing.parts.values():
            taken = units if listing.least else min(left, max(part.live, 0))
            left -= 0 if listing.least else taken
            self._take(part, taken)
        listing.sold += units
        sale = Sale(self._clock.now(), units, before, before - units)
        _keep(listing.sales, sale)
        for part in listing.parts.values():
            self._changed(part)
        for tell in self.on_sale:
            tell(listing, sale)
        return True

    def ship(self, listing: Listing, units: int) -> None:
        """Sold units leave: they are no longer reserved."""
        for part in listing.parts.values():
            gone = min(units, part.reserved)
            part.reserved -= gone
            units -= gone

    def _take(self, part: Part, units: int) -> None:
        part.live -= units
        part.reserved += units
        if part.ledger:
            part.submitted -= units
            for write in part.waiting:
                write.quantity -= units

    def _replace(self, part: Part, write: Write, at: float) -> None:
        if part.current is not None:
            part.current.live_until = at
        part.current = write

    def _changed(self, part: Part) -> None:
        for listing in part.listings:
            for tell in self.on_change:
                tell(listing, part)


def _keep(kept: list[_One], one: _One) -> None:
    """Adds to a history and drops its oldest half when it is full; a deque would take 600 bytes while empty."""
    kept.append(one)
    if len(kept) > MAX_WRITES_KEPT:
        del kept[: MAX_WRITES_KEPT // 2]


def writes_of(listing: Listing) -> Iterable[Write]:
    """The writes of a listing's parts, in the order in which they were accepted."""
    return sorted((write for part in listing.parts.values() for write in part.writes), key=lambda one: one.number)
