"""What is known of each listing of one marketplace: its target, its exposure, sales, signals, and its open case."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import Final

from inventory_domain.causes import Evidence, SentNumber, SignalSeen
from inventory_domain.changes import InventoryChange, SaleCancelled, StockCounted, UnitsSold
from inventory_domain.corrections import Case, Judged, Verdict, case_after, judge
from inventory_domain.expected import ChannelMove, ReadTraits
from inventory_domain.exposure import Confirmed, Exposure, Proof
from inventory_domain.identifiers import ChannelId, ListingId, Sku
from inventory_domain.readings import found_over_shown, is_ahead, left_behind
from inventory_domain.reconciliation import Action, Cause, Discrepancy, Observation, ObservedBy
from inventory_domain.targets import Target
from inventory_streams.hints import OWN_HINTS
from inventory_streams.reconcile.codecs import Codecs
from inventory_streams.reconcile.settings import ReconcileSettings

SENT_KEPT = 8  # numbers kept per listing, to recognize what an older write left there
MOVES_KEPT = 500  # sales kept per SKU and channel
HELD: Final = "held-"  # the source of a channel's pool is this and the channel


@dataclass(slots=True)
class KnownListing:
    """One listing. The exposure is kept as it came: it takes a tenth of the room and is read when it is judged by.

    `over_shown`: the exposure that a read left behind which is not judged yet; delivery has written since.
    `newest_read`: the time that the newest single read holds for, and when it was answered. `target_at` and
    `exposure_at`: the partitions that these are of; a listing that moved to another SKU has them on another one.
    `leaves`: its SKU has given it up.
    """

    sku: Sku
    channel: ChannelId
    version: int = 0
    exposure: bytes | None = None
    over_shown: bytes | None = None
    sent: tuple[SentNumber, ...] = ()
    signal: SignalSeen | None = None
    case: Case | None = None
    told_ms: int = 0
    newest_read: tuple[int, int] = (-1, -1)
    target_at: int = 0
    exposure_at: int = 0
    leaves: bool = False


@dataclass(frozen=True, slots=True)
class _Claim:
    """What the SKU of a partition has said last of a listing. `leaves`: that it has given it up."""

    partition: int
    sku: Sku
    version: int
    leaves: bool


@dataclass(slots=True)
class Knowledge:
    """All listings of one marketplace. Belongs to one thread at a time.

    `second_looks`: when listings that showed too little are to be read once more; at most `rechecks_max` of them.
    `held`: the sequence of the newest count of each pool that a marketplace holds. `covered`: of listings that moved to
    another SKU, the exposure on the partition of the one that they are not of; `claims`: what both have said last.
    """

    settings: ReconcileSettings
    codecs: Codecs
    traits: dict[ChannelId, ReadTraits]
    listings: dict[ListingId, KnownListing] = field(default_factory=dict)
    moves: dict[tuple[Sku, ChannelId], deque[ChannelMove]] = field(default_factory=dict)
    orders: set[tuple[str, str, bool]] = field(default_factory=set)
    ghosts: dict[ListingId, int] = field(default_factory=dict)
    second_looks: dict[ListingId, int] = field(default_factory=dict)
    held: dict[ChannelId, int] = field(default_factory=dict)
    covered: dict[ListingId, tuple[int, bytes]] = field(default_factory=dict)
    claims: dict[ListingId, dict[int, _Claim]] = field(default_factory=dict)

    def target(self, key: bytes, target: Target | None, partition: int = 0) -> None:
        """What the engine wants; nothing: it forgets the listing.

        Partitions come in any order: what a SKU says of a listing that another one has since says nothing.
        """
        if target is None:
            listing_id = ListingId(key.decode(errors="replace"))
            known = self.listings.get(listing_id)
            if known is not None and (claims := self.claims.get(listing_id)) is not None:
                claims.pop(partition, None)
                self._has(listing_id, claims, known.channel)
            elif known is not None and known.target_at == partition:
                self.second_looks.pop(listing_id, None)
                del self.listings[listing_id]
                if known.exposure is not None and self._written(known.exposure) > known.version:  # it is back already
                    again = self._of(listing_id, known.sku, known.channel)
                    again.exposure, again.exposure_at, again.sent = known.exposure, known.exposure_at, known.sent
            return
        if target.channel in self.traits:
            self._claimed(
                target.listing_id, _Claim(partition, target.sku, target.version, target.withdrawn), target.channel
            )

    def _claimed(self, listing_id: ListingId, claim: _Claim, channel: ChannelId) -> None:
        known, claims = self.listings.get(listing_id), self.claims.get(listing_id)
        if claims is None and known is not None and known.version and known.target_at != claim.partition:
            claims = {known.target_at: _Claim(known.target_at, known.sku, known.version, known.leaves)}
            self.claims[listing_id] = claims
        if claims is not None:
            claims[claim.partition] = claim
            self._has(listing_id, claims, channel)
            return
        known = self._of(listing_id, claim.sku, channel)
        known.version, known.target_at = max(known.version, claim.version), claim.partition
        known.leaves = claim.leaves
        if self.covered.get(listing_id, (-1, b""))[0] == claim.partition:
            self._uncover(listing_id, known)

    def _has(self, listing_id: ListingId, claims: dict[int, _Claim], channel: ChannelId) -> None:
        """Of SKUs that claim the listing one has it: versions may be of two clocks, so one that has not given it up."""
        if len(claims) == 1:
            del self.claims[listing_id]
        claim = max(claims.values(), key=lambda one: (not one.leaves, one.version))
        known = self._of(listing_id, claim.sku, channel)
        known.version, known.target_at, known.leaves = claim.version, claim.partition, claim.leaves
        if self.covered.get(listing_id, (-1, b""))[0] == claim.partition:
            self._uncover(listing_id, known)

    def exposure(self, key: bytes, value: bytes | None, exposure: Exposure | None, partition: int = 0) -> None:
        """What a listing may be showing. It may come before the target that it is of."""
        listing_id = ListingId(key.decode(errors="replace"))
        known = self.listings.get(listing_id)
        if exposure is None:
            if known is not None and known.exposure_at == partition:
                known.exposure = known.over_shown = None
                self._uncover(listing_id, known)
            elif self.covered.get(listing_id, (-1, b""))[0] == partition:
                del self.covered[listing_id]
            return
        if known is None:
            channel = ChannelId(exposure.listing_id.partition("/")[0])
            if channel not in self.traits:
                return
            known = self._of(exposure.listing_id, exposure.sku, channel)
        elif known.exposure is not None and known.exposure_at != partition:
            if self._is_covered(known, known.exposure, exposure, partition):
                self.covered[listing_id] = partition, value or b""
                return
            self.covered[listing_id] = known.exposure_at, known.exposure
            known.over_shown = None
        known.exposure, known.exposure_at = value, partition
        if found_over_shown(exposure):
            known.over_shown = value
        last, confirmed = exposure.last, exposure.confirmed
        numbers = [SentNumber(last.quantity, last.at_ms)] if last is not None else []
        if confirmed is not None and (last is None or confirmed.version < last.version) and _is_ours(confirmed, known):
            numbers.insert(0, SentNumber(confirmed.quantity, confirmed.at_ms))
        for number in numbers:
            if number not in known.sent:
                known.sent = (*known.sent, number)[-SENT_KEPT:]

    def change(self, change: InventoryChange, now_ms: int, known_ms: int | None = None) -> None:
        """A sale of a channel, or one taken back; whatever else happens to stock is not the channel's.

        `known_ms`: when the broker had the report of it.
        """
        kind = change.kind
        if isinstance(kind, StockCounted) and change.sequence is not None and change.source.startswith(HELD):
            pool = ChannelId(change.source.removeprefix(HELD))
            self.held[pool] = max(change.sequence, self.held.get(pool, -1))
            return
        if not isinstance(kind, UnitsSold | SaleCancelled) or change.sku is None or kind.channel not in self.traits:
            return
        sold = isinstance(kind, UnitsSold)
        once = (kind.order_id, change.sku, sold)
        if once in self.orders:
            return  # the source and the marketplace both told of it
        moves = self.moves.setdefault((change.sku, kind.channel), deque())
        horizon_ms = now_ms - round(self.settings.sales_memory_s * 1_000)
        while moves and (moves[0].at_ms < horizon_ms or len(moves) >= MOVES_KEPT):
            gone = moves.popleft()
            self.orders.discard((gone.order_id, change.sku, gone.units > 0))
        self.orders.add(once)
        units = kind.units if sold else -kind.units
        moves.append(ChannelMove(change.occurred_at_ms, units, kind.order_id, known_ms))

    def discrepancy(self, record: Discrepancy) -> None:
        """What was written down of a listing: by an owner before us, or by a command beside us."""
        if record.action == Action.REPORT.value:
            self.ghosts[record.listing_id] = record.observed
            return
        if (record.action, record.cause) == (Action.CLEARED.value, Cause.GHOST.value):
            self.ghosts.pop(record.listing_id, None)
            return
        known = self.listings.get(record.listing_id)
        if known is not None and record.observed_at_ms > known.told_ms:
            self._stands(record.listing_id, known, case_after(record))
            known.told_ms = record.observed_at_ms

    def signal(self, observation: Observation) -> None:
        """A marketplace's word that a listing has changed: kept as evidence. Our own hints are nobody's word."""
        known = self.listings.get(observation.listing_id)
        own = observation.evidence.startswith(OWN_HINTS)
        if known is not None and observation.observed_by is ObservedBy.SIGNAL and not own:
            # Where it is to be looked at later than at once, its time is that: the word itself came before.
            at_ms = min(observation.as_of_ms, observation.observed_at_ms)
            known.signal = SignalSeen(observation.quantity, at_ms, observation.evidence)

    def read(self, observation: Observation) -> None:
        """A single read was answered."""
        known = self.listings.get(observation.listing_id)
        if (
            known is not None
            and observation.observed_by is ObservedBy.READ
            and observation.as_of_ms >= known.newest_read[0]
        ):
            known.newest_read = (observation.as_of_ms, observation.observed_at_ms)

    def is_ahead(self, reading: Observation) -> bool:
        """Whether what was written with a read of this listing has not come yet."""
        known = self.listings.get(reading.listing_id)
        if known is None or known.exposure is None:
            return False
        return is_ahead(reading, self.codecs.exposure.decode(known.exposure))

    def judge(self, reading: Observation, now_ms: int) -> Verdict | None:
        """What follows from a reading; the listing's case stands as it says. None: it is no listing that we write."""
        known = self.listings.get(reading.listing_id)
        if known is None or known.exposure is None or known.version == 0:
            return None
        traits, policy = self.traits[known.channel], self.settings.policy
        evidence = Evidence(
            exposure=self._judged_by(reading, known, known.exposure),
            moves=tuple(self.moves.get((known.sku, known.channel), ())),
            sent=known.sent,
            signal=known.signal,
            late_ms=round(policy.late_s * 1_000),
            includes_own_sales=traits.includes_own_sales,
            order_delay_ms=round(policy.order_delay_s * 1_000),
        )
        confirmed, (read_ms, answered_ms) = evidence.exposure.confirmed, known.newest_read
        answered = answered_ms if confirmed is not None and confirmed.at_ms == read_ms else None
        verdict = judge(reading, Judged(known.version, evidence, traits, policy, now_ms, answered), known.case)
        self._stands(reading.listing_id, known, verdict.case)
        if verdict.record is not None:
            known.told_ms = max(known.told_ms, verdict.record.observed_at_ms)
        return verdict

    def _judged_by(self, reading: Observation, known: KnownListing, newest: bytes) -> Exposure:
        """The exposure that goes with a reading: the newest, unless the reading found what delivery mends already."""
        if known.over_shown is not None and reading.observed_by is ObservedBy.READ:
            found = self.codecs.exposure.decode(known.over_shown)
            if found.confirmed is None or found.confirmed.at_ms <= reading.as_of_ms:
                known.over_shown = None
            # What was told of before is read again after a restart.
            if left_behind(reading, found) and reading.observed_at_ms > known.told_ms:
                return found
        return self.codecs.exposure.decode(newest)

    def ghosts_are(self, channel: ChannelId, found: Container[ListingId]) -> list[ListingId]:
        """All that the channel shows and nobody knows of. Which are gone: they are told of again if they come back."""
        gone = [one for one in self.ghosts if one.startswith(f"{channel}/") and one not in found]
        for listing_id in gone:
            del self.ghosts[listing_id]
        return gone

    def _stands(self, listing_id: ListingId, known: KnownListing, case: Case | None) -> None:
        """The listing's case, and when it is looked at once more: once for each number that was read first."""
        before, known.case = known.case, case
        due_ms = case.second_look_ms(self.settings.policy, self.traits[known.channel]) if case is not None else None
        if case is None or due_ms is None:
            self.second_looks.pop(listing_id, None)
        elif before is None or (before.low_read, before.low_read_at_ms) != (case.low_read, case.low_read_at_ms):
            self.second_looks.pop(listing_id, None)
            if len(self.second_looks) < self.settings.rechecks_max:
                self.second_looks[listing_id] = due_ms

    def take_second_looks(self, now_ms: int) -> list[tuple[ListingId, KnownListing]]:
        """The listings that are to be read once more by now; each is told of once."""
        due = [one for one, at_ms in self.second_looks.items() if at_ms <= now_ms]
        for one in due:
            del self.second_looks[one]
        return [(one, self.listings[one]) for one in due]

    def ends_at_zero(self, listing_id: ListingId, since_ms: int) -> bool:
        """Whether delivery still has to bring this listing to zero, or was not done with it before this time."""
        known = self.listings.get(listing_id)
        if known is None or known.exposure is None or not known.version:
            return False
        exposure = self.codecs.exposure.decode(known.exposure)
        confirmed = exposure.confirmed
        return exposure.units() != 0 or (confirmed is not None and confirmed.at_ms >= since_ms)

    def begin_anew(self, listing_id: ListingId) -> None:
        """A person has asked: what was given up is tried again."""
        known = self.listings.get(listing_id)
        if known is not None and known.case is not None and known.case.stopped:
            known.case = None

    def written_on(self, channel: ChannelId) -> Iterable[ListingId]:
        """The channel's listings that have a target."""
        return (one for one, known in self.listings.items() if known.channel == channel and known.version)

    def open_cases(self, channel: ChannelId) -> int:
        """How many listings of the channel are being looked at."""
        return sum(known.case is not None and known.channel == channel for known in self.listings.values())

    def _is_covered(self, known: KnownListing, before: bytes, exposure: Exposure, partition: int) -> bool:
        """Whether what comes of another partition says less than what is known: by whose listing it is, else by age."""
        if known.version and not known.leaves:
            return partition != known.target_at
        return self._written(before) > (exposure.last.version if exposure.last is not None else 0)

    def _uncover(self, listing_id: ListingId, known: KnownListing) -> None:
        """What the listing may show is known by its other partition from now on, if by any."""
        if (other := self.covered.pop(listing_id, None)) is not None:
            if known.exposure is not None:
                self.covered[listing_id] = known.exposure_at, known.exposure
            known.over_shown = None
            known.exposure_at, known.exposure = other

    def _written(self, exposure: bytes) -> int:
        """The version that was written last."""
        last = self.codecs.exposure.decode(exposure).last
        return last.version if last is not None else 0

    def _of(self, listing_id: ListingId, sku: Sku, channel: ChannelId) -> KnownListing:
        known = self.listings.get(listing_id)
        if known is None:
            known = self.listings[listing_id] = KnownListing(sku, channel)
        known.sku = sku
        return known


def _is_ours(confirmed: Confirmed, known: KnownListing) -> bool:
    """Whether a number that was confirmed can be one of ours: none that was read is above all that we have sent."""
    if confirmed.proof is not Proof.READ or not known.sent:
        return True
    return confirmed.quantity <= max(one.quantity for one in known.sent)
