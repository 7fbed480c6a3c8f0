"""Taking a listing for a request and giving it free again: what single calls and feeds have in common."""

from __future__ import annotations

import logging
import uuid
from dataclasses import replace

from inventory_domain.clock import Clock
from inventory_domain.due import Wanted, due_from_ms, kind_of_write, wanted
from inventory_domain.errors import InvariantBroken
from inventory_domain.exposure import SINGLE, Attempt
from inventory_domain.listing_holds import QUOTA_SPENT
from inventory_domain.ports import Push
from inventory_streams.delivery.account import Account
from inventory_streams.delivery.attempts import Attempts, Begun
from inventory_streams.delivery.book import Book, TrackedListing
from inventory_streams.delivery.intake import Intake
from inventory_streams.delivery.late_requests import LateRequests
from inventory_streams.delivery.masks import Masks
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.delivery.queue import WorkKey
from inventory_streams.delivery.scheduling import Scheduler
from inventory_streams.delivery.settings import DeliverySettings

TAKEN_WAIT_S = 0.1  # until a listing is looked at again of which an id is taken by a request under way
KEYS = uuid.UUID("6f0d8a52-5f0e-4f0e-9a44-0c5a4b8f7e11")  # the namespace of our idempotency keys


log = logging.getLogger(__name__)


class Picking:
    """For one account: a listing that is picked is in flight, and nobody else's, until it is `over`."""

    def __init__(
        self,
        account: Account,
        settings: DeliverySettings,
        clock: Clock,
        book: Book,
        scheduler: Scheduler,
        attempts: Attempts,
        intake: Intake,
        masks: Masks,
        metrics: DeliveryMetrics,
        late: LateRequests,
    ) -> None:
        self.account = account
        self.book = book
        self.attempts = attempts
        self.late = late
        self._settings = settings
        self._clock = clock
        self._scheduler = scheduler
        self._intake = intake
        self._masks = masks
        self._metrics = metrics

    def pick(self, key: WorkKey) -> TrackedListing | None:
        """The listing, if it is still due and not under way."""
        tracked = self.book.listing(key)
        if tracked is None or tracked.target is None or tracked.in_flight or not self._masks.writes(tracked):
            return None
        if tracked.fall_mask == QUOTA_SPENT and not self.account.throttles.spent:
            self._masks.holds.lift(tracked)  # the day has begun before the zero went: its number goes
        standing = self._masks.standing(tracked)
        want = wanted(tracked.target, standing.mask)
        due_ms = due_from_ms(want, tracked.exposure, self._settings.retry, self._clock.now_ms())
        if due_ms is None or due_ms > self._clock.now_ms() or standing.held(want, tracked.exposure) is not None:
            self._scheduler.reconsider(tracked)
            return None
        if (wait_s := self._revised_too_often_s(tracked, want)) > 0:
            self._scheduler.waiting.put(tracked.key, self._clock.monotonic_s() + wait_s)
            return None
        return self.claim(tracked)

    def goes_alone(self, key: WorkKey) -> bool:
        """Whether a call with others was refused for the listing, or for one that went with it."""
        tracked = self.book.listing(key)
        return tracked is not None and tracked.alone

    def _revised_too_often_s(self, tracked: TrackedListing, want: Wanted) -> float:
        """How long the write waits because its listing, with all its variations, was written too often today."""
        assert tracked.target is not None
        kind = kind_of_write(want, tracked.exposure)
        wait_s = self.account.revisions.wait_s(tracked.target.marketplace_ids, kind)
        if wait_s > 0:
            channel = tracked.target.channel
            self._metrics.revisions_waited.labels(channel).inc()
            facts = {"listing": tracked.listing_id, "channel": channel, "urgency": kind.name.lower(), "wait_s": wait_s}
            log.warning("listing was written too often today", extra=facts)
        return wait_s

    def claim(self, tracked: TrackedListing) -> TrackedListing | None:
        """The listing for a request, due or not (as for a probe), if nothing of it is under way."""
        owned = self.book.writable(tracked)
        if tracked.target is None or tracked.in_flight or owned is None or owned.stopping:
            return None
        claims = self.account.claims(tracked.target.marketplace_ids)
        # A listing may have moved to another SKU while its old place is being served.
        if tracked.listing_id in self.book.in_flight or claims & self.account.claimed:
            self._scheduler.waiting.put(tracked.key, self._clock.monotonic_s() + TAKEN_WAIT_S)
            return None
        tracked.in_flight = True
        tracked.claims = claims
        self.account.claimed |= claims
        self.book.in_flight.add(tracked.listing_id)
        return tracked

    def want(self, tracked: TrackedListing) -> Wanted:
        """What is to be shown of a picked listing."""
        assert tracked.target is not None
        return wanted(tracked.target, self._masks.standing(tracked).mask)

    def begin(
        self, tracked: TrackedListing, *, path: str = SINGLE, feed_row: int = 0, feed_size: int = 0, report_s: float = 0
    ) -> Begun | None:
        """Have an attempt of a picked listing committed; see `Attempts.begin`.

        None: it was given away or withdrawn since it was picked.
        """
        owned = self.book.writable(tracked)
        if owned is None or tracked.target is None:
            return None
        want = self.want(tracked)
        if tracked.target is not None:
            self.account.revisions.take(tracked.target.marketplace_ids)
        return self.attempts.begin(
            owned,
            tracked,
            want,
            self.account.traits,
            path=path,
            feed_row=feed_row,
            feed_size=feed_size,
            report_s=report_s,
        )

    def kept_back(self, begun: Begun, committed_s: float, *, probe: bool = False) -> bool:
        """Whether the attempt may not be sent after all; then it is withdrawn. No circuit holds a probe."""
        tracked, newest = begun.tracked, begun.tracked.target
        if self.book.writable(tracked) is None:
            return True
        if begun.owned.stopping:
            reason = "stopping"
        elif newest is None or newest.version != begun.target.version:
            reason = "superseded"
        elif self._clock.monotonic_s() - committed_s >= self._settings.attempt_valid_s:
            reason = "late"
        elif begun.attempt.mask is None and self._held_meanwhile(begun, probe=probe):
            reason = "masked"
        else:
            return False
        self.attempts.withdraw(begun, reason)
        return True

    def _held_meanwhile(self, begun: Begun, *, probe: bool) -> bool:
        """Whether the listing was masked, or such a change of it held, between the commit of its attempt and now."""
        attempt, exposure = begun.attempt, begun.tracked.exposure
        place = (begun.target.channel, begun.tracked.partition)
        standing = self._masks.probing(place) if probe else self._masks.standing(begun.tracked)
        before = exposure and replace(
            exposure, open=tuple(one for one in exposure.open if one.number != attempt.number)
        )
        want = Wanted(attempt.quantity, attempt.nodes, attempt.version)
        return standing.mask is not None or standing.held(want, before) is not None

    def over(self, tracked: TrackedListing) -> None:
        """The request is over: a newer target, or the same one, may go."""
        tracked.in_flight = False
        self.account.claimed -= tracked.claims
        self.book.in_flight.discard(tracked.listing_id)
        owned = self.book.writable(tracked)
        if owned is not None and tracked.forgotten and not tracked.reading:
            self._intake.forgotten(owned, tracked)
        else:
            self._scheduler.reconsider(tracked)

    def push_of(self, begun: Begun) -> Push:
        """The request of an attempt. Nothing but the newest attempt of a listing may ever become one (P2)."""
        target, attempt, exposure = begun.target, begun.attempt, begun.tracked.exposure
        if exposure is None or exposure.last is None or exposure.last.number != attempt.number:
            raise InvariantBroken(f"listing {target.listing_id}: attempt {attempt.number} is not the newest")
        if attempt.version != target.version:
            raise InvariantBroken(f"listing {target.listing_id}: attempt of {attempt.version} for {target.version}")
        if not self._masks.writes(begun.tracked):
            raise InvariantBroken(f"listing {target.listing_id}: its channel's mode says that it is never written")
        return push_of_attempt(begun.tracked, attempt)


def push_of_attempt(tracked: TrackedListing, attempt: Attempt) -> Push:
    """What an attempt was, or is to be, sent as; the same whenever it is made, so that a feed's row is known again."""
    target = tracked.target
    assert target is not None
    return Push(
        listing_id=target.listing_id,
        channel=target.channel,
        quantity=attempt.quantity,
        nodes=attempt.nodes,
        marketplace_ids=target.marketplace_ids,
        version=attempt.version,
        key=str(uuid.uuid5(KEYS, f"{target.listing_id}|{attempt.version}|{attempt.number}")),
    )
