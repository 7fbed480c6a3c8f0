"""What holds or masks single listings: mass changes, falls that do not land or cannot go, dead letters by the dozen."""

from __future__ import annotations

import logging

from inventory_domain.clock import Clock
from inventory_domain.identifiers import ChannelId
from inventory_domain.listing_holds import (
    FAILING_FALL,
    QUOTA_SPENT,
    TOO_MANY_DEAD_LETTERS,
    GuardDecision,
    LetterCount,
    guard_standing,
    guard_until_ms,
)
from inventory_domain.masks import FREE, Standing
from inventory_domain.operations import OperatorAction, OperatorCommand
from inventory_domain.outcomes import Accepted, Applied, PushOutcome, Rejected
from inventory_streams.delivery.book import TrackedListing
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.delivery.settings import DeliverySettings

_ZERO = {
    None: FREE,
    FAILING_FALL: Standing(mask=FAILING_FALL, every_path=True),
    QUOTA_SPENT: Standing(mask=QUOTA_SPENT),
}
_LIFTED = {
    FAILING_FALL: "fall has landed: the listing shows its target again",
    QUOTA_SPENT: "no fall waits for the next day's quota any more: the listing shows its target again",
}
_NO_RISES = Standing(rises_held=TOO_MANY_DEAD_LETTERS)

log = logging.getLogger(__name__)


class ListingHolds:
    """Belongs to the loop. `flooded` are channels of which this worker saw more dead letters than bad data can be.

    Their rises stop here at once; the owner of their health is told, so that they stay stopped everywhere and over
    restarts.
    """

    def __init__(self, settings: DeliverySettings, clock: Clock, metrics: DeliveryMetrics) -> None:
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._decisions: dict[ChannelId, GuardDecision] = {}
        self._letters: dict[ChannelId, LetterCount] = {}
        self.flooded: set[ChannelId] = set()
        self._untold: set[ChannelId] = set()

    def follow(self, command: OperatorCommand) -> bool:
        """An operator's command; whether something of this channel is held no more, or otherwise."""
        if command.action is OperatorAction.RELEASE_MASS_CHANGE:
            self._decide(command, GuardDecision(command.at_ms))
        elif command.action is OperatorAction.HOLD_MASS_CHANGE:
            self._decide(command, GuardDecision(command.at_ms, command.until_ms))
        elif command.action is OperatorAction.RESUME and command.channel in self.flooded:
            self.flooded.discard(command.channel)
            self._letters.pop(command.channel, None)
            self._metrics.flooded.labels(command.channel).set(0)
            log.warning("rises go again after dead letters", extra={"channel": command.channel, "by": command.by})
        else:
            return False
        return True

    def new_floods(self) -> set[ChannelId]:
        """Channels that are flooded since this was last asked."""
        untold, self._untold = self._untold, set()
        return untold

    def _decide(self, command: OperatorCommand, decision: GuardDecision) -> None:
        known = self._decisions.get(command.channel)
        if known is not None and known.at_ms > decision.at_ms:
            return
        self._decisions[command.channel] = decision
        facts = {"channel": command.channel, "by": command.by, "why": command.why, "until_ms": decision.hold_until_ms}
        log.warning("mass change decided by an operator", extra=facts)

    def standing(self, tracked: TrackedListing) -> Standing:
        """What holds for this listing beside what holds for its channel."""
        target = tracked.target
        if target is None:
            return FREE
        standing = _ZERO[tracked.fall_mask]
        if target.channel in self.flooded:
            standing = standing.joined(_NO_RISES)
        if target.guard is not None:
            standing = standing.joined(self._guard(tracked))
        return standing

    def lift(self, tracked: TrackedListing) -> None:
        """A fall of the listing is no reason for zero any more. The caller does what follows."""
        mask, tracked.fall_mask = tracked.fall_mask, None
        log.warning(_LIFTED[mask or FAILING_FALL], extra={"listing": tracked.listing_id})

    def _guard(self, tracked: TrackedListing) -> Standing:
        assert tracked.target is not None
        decision = self._decisions.get(tracked.target.channel)
        hold_ms = int(self._settings.mass_change_hold_s * 1000)
        return guard_standing(tracked.target, decision, self._clock.now_ms(), hold_ms)

    def until_s(self, tracked: TrackedListing) -> float | None:
        """Until when (monotonic seconds) a mass change holds the listing; None when none does."""
        target = tracked.target
        if target is None or target.guard is None:
            return None
        hold_ms = int(self._settings.mass_change_hold_s * 1000)
        until_ms = guard_until_ms(target, self._decisions.get(target.channel), hold_ms)
        left_ms = until_ms - self._clock.now_ms() if until_ms is not None else 0
        return self._clock.monotonic_s() + left_ms / 1000 if left_ms > 0 else None

    def note(self, channel: ChannelId, outcome: PushOutcome) -> bool:
        """An attempt on the channel ended so; whether its rises stop from now on."""
        count = self._letters.get(channel, LetterCount())
        if isinstance(outcome, Rejected):
            count = count.with_letter()
        elif isinstance(outcome, Accepted | Applied):
            count = count.with_success()
        else:
            return False
        self._letters[channel] = count
        if channel in self.flooded or not count.too_many(self._settings.letters):
            return False
        self.flooded.add(channel)
        self._untold.add(channel)
        self._metrics.flooded.labels(channel).set(1)
        facts = {"channel": channel, "in_a_row": count.in_a_row, "of_latest": count.attempts, "letters": count.letters}
        log.error("too many dead letters: rises stop until an operator resumes the channel", extra=facts)
        return True
