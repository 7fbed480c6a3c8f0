"""What the topics say becomes part of the book: targets, withdrawn listings, retries, and what cannot be read."""

from __future__ import annotations

import logging
from dataclasses import replace

from inventory_domain.exposure import Result
from inventory_domain.identifiers import ChannelId
from inventory_domain.targets import Target
from inventory_streams.delivery.account import Accounts
from inventory_streams.delivery.accounting import UNREADABLE, Accounting
from inventory_streams.delivery.arrivals import HintArrival, RetryArrival, TargetArrival
from inventory_streams.delivery.book import Book, OwnedPartition, TrackedListing
from inventory_streams.delivery.masks import Masks
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.delivery.records import Records
from inventory_streams.delivery.scheduling import Scheduler

NO_ACCOUNT = "channel-without-account"

log = logging.getLogger(__name__)


class Intake:
    """Takes arrivals in their order. Nothing here waits; what it writes is durable before its offset is finished."""

    def __init__(
        self,
        book: Book,
        scheduler: Scheduler,
        accounts: Accounts,
        records: Records,
        accounting: Accounting,
        masks: Masks,
        metrics: DeliveryMetrics,
    ) -> None:
        self._book = book
        self._scheduler = scheduler
        self._accounts = accounts
        self._records = records
        self._accounting = accounting
        self._masks = masks
        self._metrics = metrics

    def target(self, arrival: TargetArrival, finished_below: int = 0) -> None:
        """A record of `listing.targets`: the newest wins.

        `finished_below`: a former owner has finished with what is before this offset. What cannot be pushed is not
        given up a second time, and offsets do not go back to it.
        """
        owned = self._book.partition(arrival.partition)
        if owned is None or owned.closed:
            return  # of a partition that was given away meanwhile
        pushable = arrival.target is not None and self._accounts.of(arrival.target.channel) is not None
        if arrival.offset >= finished_below:
            owned.targets.start(arrival.offset)
        elif arrival.raw is not None and not pushable:
            return
        if arrival.fault is not None:
            self._accounting.took(UNREADABLE)
            self._dead(owned, arrival, UNREADABLE, arrival.fault.reason, str(arrival.fault))
        elif arrival.target is None:
            self._forget(owned, arrival)
        elif self._accounts.of(arrival.target.channel) is None:
            self._accounting.took(arrival.target.channel)
            text = f"no account is configured for channel {arrival.target.channel}"
            self._dead(owned, arrival, arrival.target.channel, NO_ACCOUNT, text)
        else:
            self._accounting.took(arrival.target.channel)
            self._newest(owned, arrival, arrival.target)

    def _newest(self, owned: OwnedPartition, arrival: TargetArrival, target: Target) -> None:
        tracked = owned.tracked(target.listing_id)
        known = tracked.target
        if known is not None and target.version < known.version:
            self._accounting.stale(target.channel)
            owned.targets.finish(arrival.offset)
            return
        if known is not None and target.version == known.version and _differ(known, target):
            self._metrics.equal_versions.labels(target.channel).inc()
            log.error("one version with two quantities", extra={"listing": target.listing_id, "version": known.version})
        if arrival.trace is not None or tracked.traces:
            tracked.trace(arrival.trace)  # before the target that it replaces is accounted for
        if known is not None:
            self._accounting.supersede(tracked)
        owned.targets.finish(tracked.offset)  # of the target that it replaces, or of a withdrawal not carried out yet
        tracked.target, tracked.raw, tracked.offset = target, arrival.raw or b"", arrival.offset
        if tracked.exposure is not None and tracked.exposure.sku != target.sku:  # it moved within the partition
            tracked.exposure = replace(tracked.exposure, sku=target.sku)
        tracked.settled = False
        tracked.forgotten, tracked.leaves_s = False, None
        self._masks.follow_target(owned.number, target)
        self._scheduler.reconsider(tracked)

    def _forget(self, owned: OwnedPartition, arrival: TargetArrival) -> None:
        tracked = owned.listings.get(arrival.listing_id)
        if tracked is None:
            owned.targets.finish(arrival.offset)
            return
        self._accounting.forget(tracked)
        owned.targets.finish(tracked.offset)
        self._scheduler.drop(tracked)  # while it is known of which channel it waits
        tracked.target, tracked.offset = None, arrival.offset
        tracked.forgotten = True
        if not (tracked.in_flight or tracked.reading):
            self.forgotten(owned, tracked)

    def forgotten(self, owned: OwnedPartition, tracked: TrackedListing) -> None:
        """The engine's withdrawal of a listing that has nothing under way any more is carried out.

        What a feed may still set of it stays known; a takeover finds that too, so the withdrawal's offset is finished.
        """
        owned.answered(tracked.hint_offset)
        tracked.hinted, tracked.hint_offset = False, None
        offsets, tracked.retry_offsets = tuple(tracked.retry_offsets), []
        if self._scheduler.stays(tracked):
            owned.targets.finish(tracked.offset)
            for offset in offsets:
                owned.retries.finish(offset)
            return
        owned.listings.pop(tracked.listing_id, None)
        done = owned.writer.add([self._records.no_exposure(owned.number, tracked.listing_id)])

        def finish(_: object) -> None:
            owned.targets.finish(tracked.offset)
            for offset in offsets:
                owned.retries.finish(offset)

        done.add_done_callback(finish)

    def _dead(self, owned: OwnedPartition, arrival: TargetArrival, channel: ChannelId, reason: str, error: str) -> None:
        log.warning(
            "target given up",
            extra={"partition": arrival.partition, "offset": arrival.offset, "reason": reason, "error": error},
        )
        write = self._records.dead_letter(
            owned.number,
            arrival.offset,
            arrival.key,
            arrival.raw or b"",
            reason=reason,
            error=error,
            attempts=0,
            trace=arrival.trace,
        )
        self._accounting.unusable(channel, reason)
        owned.writer.add([write]).add_done_callback(lambda _: owned.targets.finish(arrival.offset))

    def retry(self, arrival: RetryArrival) -> None:
        """A record of `listing.retries`: a wait, unless the listing was attempted again since or needs nothing."""
        owned = self._book.partition(arrival.partition)
        if owned is None or owned.closed:
            return
        owned.retries.start(arrival.offset)
        tracked = owned.listings.get(arrival.listing_id)
        last = tracked.exposure.last if tracked is not None and tracked.exposure is not None else None
        stale = last is None or arrival.note is None or last.number != arrival.note.attempt
        if tracked is None or stale or last is None or last.result is not Result.FAILED or arrival.note is None:
            owned.retries.finish(arrival.offset)
            return
        tracked.retry_offsets.append(arrival.offset)
        self._scheduler.wait(tracked, arrival.note.not_before_ms)
        if arrival.note.trace is not None:
            tracked.trace_failure(arrival.note.trace)
        self._scheduler.reconsider(tracked)

    def hint(self, arrival: HintArrival) -> None:
        """A record of `listing.observations`: a signal asks for a read, all else was read by somebody already."""
        owned = self._book.partition(arrival.partition)
        if owned is None or owned.closed:
            return
        tracked = owned.listings.get(arrival.listing_id)
        if not arrival.signal or tracked is None or tracked.target is None:
            owned.observations.passed(arrival.offset + 1)
            return
        if tracked.hint_offset is None:
            owned.observations.start(arrival.offset)  # until it was read: whoever has the partition next is asked again
            tracked.hint_offset = arrival.offset
        else:
            owned.observations.passed(arrival.offset + 1)  # what it waits for is asked for by the older one
        self._metrics.hints.labels(tracked.target.channel).inc()
        self._scheduler.look_at(tracked, arrival.from_ms)


def _differ(one: Target, other: Target) -> bool:
    return (one.quantity, dict(one.nodes)) != (other.quantity, dict(other.nodes))
