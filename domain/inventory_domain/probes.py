"""What a probe is made with, so that it tells whether the way to a marketplace works and does no harm."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from inventory_domain.due import Urgency, is_due, kind_of_write, rises, urgency, wanted
from inventory_domain.exposure import Exposure, Result
from inventory_domain.masks import Standing
from inventory_domain.targets import Target


class ProbeBy(Enum):
    """DUE: what had to be sent anyway. ZERO: zero on a listing that is at zero. CHECK: a call that writes nothing.
    READ: a read, which proves less."""

    DUE = "due"
    ZERO = "zero"
    CHECK = "check"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A listing that a probe may be made with, and what it may do if the way is open.

    `room`: the least urgent write that its marketplace still takes of it today; None: no write at all.
    """

    target: Target
    exposure: Exposure | None
    standing: Standing
    room: Urgency | None = Urgency.RISE

    @property
    def failed(self) -> bool:
        """Whether its last attempts failed: then it says something of itself, and nothing of the channel."""
        last = self.exposure.last if self.exposure else None
        return last is not None and last.failures > 0

    def is_due(self) -> bool:
        """Whether it is to be sent now, waits aside."""
        want = wanted(self.target, self.standing.mask)
        if self.room is None or kind_of_write(want, self.exposure) > self.room:
            return False
        return is_due(want, self.exposure) and self.standing.held(want, self.exposure) is None

    def is_at_zero(self) -> bool:
        """Whether zero is wanted, and zero was the last that the marketplace took.

        A zero that changes nothing is the least urgent write: it takes none that a fall may need later.
        """
        if self.room is not Urgency.RISE:
            return False
        last = self.exposure.last if self.exposure else None
        taken = last is not None and last.quantity == 0 and last.result in (Result.APPLIED, Result.ACCEPTED)
        want = wanted(self.target, self.standing.mask)
        return taken and want.quantity == 0 and self.standing.held(want, self.exposure) is None


def choice(candidates: Iterable[Candidate], *, can_check: bool, stopped: bool) -> tuple[ProbeBy, Candidate] | None:
    """The best probe that these listings allow; None where there is no listing at all.

    A listing that failed is never probed with: another one that is due, else zero where zero is, else a check, else a
    read. While the channel is stopped its zeros must go anyway, those too that failed before. Zeros go to the listings
    in turn: a marketplace may count how often one is written in a day.
    """
    found = list(candidates)
    sound = [one for one in found if not one.failed]
    due = [one for one in sound if one.is_due()] or [one for one in found if stopped and one.is_due()]
    if due:
        return ProbeBy.DUE, min(due, key=_rank)
    if at_zero := [one for one in sound if one.is_at_zero()]:
        return ProbeBy.ZERO, min(at_zero, key=_tried_ms)
    left = sound or found
    if not left:
        return None
    return (ProbeBy.CHECK if can_check else ProbeBy.READ), left[0]


def _tried_ms(one: Candidate) -> int:
    last = one.exposure.last if one.exposure else None
    return last.at_ms if last is not None else 0


def _rank(one: Candidate) -> tuple[bool, float, float]:
    want = wanted(one.target, one.standing.mask)
    kind, cost = urgency(want, one.exposure)
    return (rises(want, one.exposure), float(kind), cost)
