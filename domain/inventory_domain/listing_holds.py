"""What is held or masked of a single listing, whatever holds for its channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from inventory_domain.due import Wanted, is_due, rises
from inventory_domain.exposure import Exposure
from inventory_domain.masks import FREE, Standing
from inventory_domain.targets import Target

FAILING_FALL: Final = "failing-fall"
QUOTA_SPENT: Final = "quota-spent"
MASS_CHANGE: Final = "mass-change"
TOO_MANY_DEAD_LETTERS: Final = "too-many-dead-letters"


@dataclass(frozen=True, slots=True)
class GuardDecision:
    """An operator's word on mass changes of a channel: what was stamped by `at_ms` goes, or waits until a time.

    With a time, what is stamped later waits until then too: an input that went wrong goes on while somebody decides.
    """

    at_ms: int
    hold_until_ms: int | None = None


def guard_until_ms(target: Target, decision: GuardDecision | None, hold_ms: int) -> int | None:
    """Until when a target that is part of a mass change is held; None when it is not.

    `hold_ms` counts from the target's own time, so that a restart or a slow reader does not hold it longer.
    """
    if target.guard is None:
        return None
    until_ms = target.computed_at_ms + hold_ms
    if decision is None:
        return until_ms
    if target.computed_at_ms > decision.at_ms:
        return max(until_ms, decision.hold_until_ms or 0)
    return decision.hold_until_ms


def guard_standing(target: Target, decision: GuardDecision | None, now_ms: int, hold_ms: int) -> Standing:
    """Whether a mass change holds the target now."""
    until_ms = guard_until_ms(target, decision, hold_ms)
    if until_ms is None or now_ms >= until_ms:
        return FREE
    return Standing(rises_held=MASS_CHANGE, falls_held=MASS_CHANGE)


@dataclass(frozen=True, slots=True)
class FallLimits:
    """How long a fall, or a sampled rise, may take. `seen_s`: its deadline, when it is told and tried another way;
    `zero_s`: then zero is sent for a fall.
    """

    seen_s: float
    zero_s: float
    settling_s: float

    def late_at_ms(self, since_ms: int) -> int:
        """When a fall that is tried since then should have been seen live."""
        return since_ms + int(self.seen_s * 1000)

    def failing_at_ms(self, since_ms: int) -> int:
        """When it counts as failing: the limit, or its settling time if that is later."""
        return since_ms + int(max(self.zero_s, self.settling_s) * 1000)


def is_late(exposure: Exposure | None, limits: FallLimits, now_ms: int) -> bool:
    """Whether a fall of the listing should have been seen live by now."""
    since_ms = exposure.falling_since_ms() if exposure is not None else None
    return since_ms is not None and now_ms >= limits.late_at_ms(since_ms)


def is_failing(exposure: Exposure | None, limits: FallLimits, now_ms: int) -> bool:
    """Whether a fall of the listing is tried for so long that it is to go to zero by every path."""
    since_ms = exposure.falling_since_ms() if exposure is not None else None
    return since_ms is not None and now_ms >= limits.failing_at_ms(since_ms)


def unsent_since_ms(want: Wanted, computed_at_ms: int, exposure: Exposure | None) -> int | None:
    """Since when a fall is wanted that is still to be sent; None when there is none.

    At the earliest since its target was computed, and since the number above it was last seen.
    """
    units = exposure.units() if exposure is not None else None
    falls = not rises(want, exposure) and (units is None or units > want.quantity)
    if not falls or not is_due(want, exposure):
        return None
    known = exposure.confirmed if exposure is not None else None
    return max(computed_at_ms, known.at_ms if known is not None else 0)


def is_unseen(exposure: Exposure | None, limits: FallLimits, now_ms: int) -> bool:
    """Whether a read has missed a sampled rise of the listing, and its deadline is over."""
    missed = [one for one in exposure.open if one.look_again_ms] if exposure is not None else []
    return any(now_ms >= limits.late_at_ms(one.sent_at_ms) for one in missed)


@dataclass(frozen=True, slots=True)
class LetterRules:
    """When dead letters are no longer bad data but a fault of ours: so many in a row, or such a share of the latest."""

    in_a_row_max: int = 50
    percent_max: float = 10.0
    share_of_least: int = 200


LETTERS_WINDOW: Final = 1_000  # attempts that a share is taken of; then both counts are halved


@dataclass(frozen=True, slots=True)
class LetterCount:
    """Dead letters of a channel: in a row without a success between, and among the latest attempts."""

    in_a_row: int = 0
    letters: float = 0.0
    attempts: float = 0.0

    def with_letter(self) -> LetterCount:
        """One more attempt that became a dead letter."""
        return self._halved(LetterCount(self.in_a_row + 1, self.letters + 1, self.attempts + 1))

    def with_success(self) -> LetterCount:
        """One more attempt that went through."""
        return self._halved(LetterCount(0, self.letters, self.attempts + 1))

    @staticmethod
    def _halved(count: LetterCount) -> LetterCount:
        if count.attempts < LETTERS_WINDOW:
            return count
        return LetterCount(count.in_a_row, count.letters / 2, count.attempts / 2)

    def too_many(self, rules: LetterRules) -> bool:
        """Whether rises of the channel are to stop."""
        share = self.letters * 100 > rules.percent_max * self.attempts
        return self.in_a_row > rules.in_a_row_max or (self.attempts >= rules.share_of_least and share)
