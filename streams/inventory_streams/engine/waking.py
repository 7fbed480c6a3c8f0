"""SKUs that must be looked at again without any input: time has passed, a rise is owed, or all are swept once."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from inventory_domain.identifiers import Sku, SourceId
from inventory_domain.sku_state import SkuState
from inventory_domain.surges import Peak, names_now, next_change_ms

NEVER_MS = 2**63
NO_MARK = ""  # a partition's whose SKUs are not all decided by one mark
_SILENT = "\x1f"  # in a mark, before each source that is silent; no name has a control character


class Timers:
    """When each SKU must be looked at next by itself. An early look is harmless, a late one is not."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, Sku]] = []
        self._at: dict[Sku, int] = {}

    def __len__(self) -> int:
        return len(self._at)

    def set(self, sku: Sku, at_ms: int | None) -> None:
        """Look at the SKU at that time instead of any time set before; None: not at all."""
        if at_ms is None:
            self._at.pop(sku, None)
        elif self._at.get(sku) != at_ms:
            self._at[sku] = at_ms
            heapq.heappush(self._heap, (at_ms, sku))

    def sooner(self, sku: Sku, at_ms: int) -> None:
        """Look at the SKU at that time unless it is looked at sooner anyway."""
        if at_ms < self._at.get(sku, at_ms + 1):
            self.set(sku, at_ms)

    def due(self, now_ms: int, limit: int) -> list[Sku]:
        """At most so many SKUs whose time has come, each taken off."""
        found: list[Sku] = []
        while self._heap and self._heap[0][0] <= now_ms and len(found) < limit:
            at_ms, sku = heapq.heappop(self._heap)
            if self._at.get(sku) == at_ms:  # else it was set to another time since
                del self._at[sku]
                found.append(sku)
        return found


def next_wake_ms(state: SkuState, now_ms: int, unknown_sku_grace_ms: int) -> int | None:
    """When this state changes by itself, also in the past: what ended while no engine ran must be made up for.

    A reservation expires, an override or a sale ends, or the wait for a product is over.
    """
    times = [state.stock.first_expiry_ms()]
    if state.product is not None and state.product.sale_stops_at_ms is not None:
        stops_ms = state.product.sale_stops_at_ms
        if stops_ms > now_ms or any(target.quantity for target in state.targets.values()) or _promised_to_kits(state):
            times.append(stops_ms)
    if state.override is not None:
        times.append(state.override.until_ms)
    if state.held and state.unknown_since_ms is not None:
        times.append(state.unknown_since_ms + unknown_sku_grace_ms)
    return min((at for at in times if at is not None), default=None)


def _promised_to_kits(state: SkuState) -> bool:
    """Whether some kit was told something of this SKU that is no longer so when it is not sold any more."""
    served = state.links.serves.values() if state.links is not None else ()
    told = [one.told for one in served if one.told is not None]
    return any(one.kits_by_location or one.uncounted for one in told)


class InForce:
    """Which policy holds, and which of its peak days, as one mark: at an edge of the schedule all SKUs are swept.

    A partition keeps the mark that it last applied to all of its SKUs, so an edge that passed while no engine ran is
    made up for at the next start.
    """

    def __init__(self, policy: str, peaks: Sequence[Peak]) -> None:
        """`policy` is the fingerprint of the policy whose peaks these are."""
        self._policy = policy
        self._peaks = tuple(peaks)
        self._mark = policy
        self._since_ms = self._until_ms = 0

    def mark(self, now_ms: int, silent: frozenset[SourceId] = frozenset()) -> str:
        """Equal at two times when the same policy and the same peaks hold at both, and the same sources are silent."""
        return _SILENT.join([self._scheduled(now_ms), *sorted(silent)])

    def _scheduled(self, now_ms: int) -> str:
        if self._peaks and not self._since_ms <= now_ms < self._until_ms:
            names = names_now(self._peaks, now_ms)
            self._mark = ":".join([self._policy, *names])
            edge = next_change_ms(self._peaks, now_ms)
            self._since_ms, self._until_ms = now_ms, NEVER_MS if edge is None else edge
        return self._mark


def sweep_cause(before: str, mark: str) -> str:
    """Why SKUs are decided anew when the mark becomes another one."""
    was, now = before.split(_SILENT), mark.split(_SILENT)
    if was[0] == now[0]:
        return "source-silent" if set(now) - set(was) else "source-heard"
    before, mark = was[0], now[0]
    return "schedule" if before.partition(":")[0] == mark.partition(":")[0] else "policy"


def sources_changed(before: str, mark: str) -> frozenset[SourceId] | None:
    """The sources that fell silent or spoke again, when that is all that became different; else None."""
    was, now = before.split(_SILENT), mark.split(_SILENT)
    return frozenset([SourceId(one) for one in {*was} ^ {*now}]) if was[0] == now[0] else None


class Owing:
    """SKUs of which a rise was withheld while catching up, in the order in which they began to owe it."""

    def __init__(self) -> None:
        self._skus: dict[Sku, None] = {}

    def __len__(self) -> int:
        return len(self._skus)

    def note(self, decided: Mapping[Sku, bool]) -> None:
        """Take over what a committed decision said of each SKU."""
        for sku, owes in decided.items():
            if owes:
                self._skus[sku] = None
            else:
                self._skus.pop(sku, None)

    def first(self, limit: int) -> list[Sku]:
        """The next SKUs to pay; they stay here until a decision says that nothing is owed any more."""
        return [sku for sku, _ in zip(self._skus, range(limit), strict=False)]


class Sweep:
    """One pass over all SKUs of a partition, a chunk at a time, between batches."""

    def __init__(
        self, skus: Iterable[Sku], *, mark: str, cause: str | None, only: frozenset[SourceId] | None = None
    ) -> None:
        """`mark` is the policy, schedule and silent sources that it applies.

        `cause`: every SKU is decided anew for it, or those alone of which one of the sources `only` tells. Without a
        cause only those that are found to owe something are decided.
        """
        self.mark = mark
        self.cause = cause
        self.only = only
        self.steady = True  # its mark has held for as long as it goes on
        self._left = deque(skus)
        self.total = len(self._left)

    @property
    def left(self) -> int:
        """SKUs not looked at yet."""
        return len(self._left)

    def chunk(self, limit: int) -> list[Sku]:
        """The next SKUs, each handed out once."""
        return [self._left.popleft() for _ in range(min(limit, len(self._left)))]

    def concerns(self, state: SkuState) -> bool:
        """Whether the SKU is one of those that must be decided anew."""
        if self.only is None:
            return True
        return any(not self.only.isdisjoint(position.sources) for position in state.stock.positions.values())
