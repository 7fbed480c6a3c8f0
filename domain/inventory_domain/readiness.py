"""Whether an account is set so that a listing outlives a quantity of zero, and what that means for its listings.

Where zero would end a listing, a write cannot be taken back. So a channel goes live only after its account was seen to
keep listings at zero; and one that is live and found set otherwise follows the seller's choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from inventory_domain.account_calls import OutOfStockPolicy, WhenOff
from inventory_domain.masks import FREE, Standing

NOT_KNOWN: Final = "readiness-not-known"
NOT_LIVE: Final = "not-live"
ZERO_ENDS: Final = "zero-ends-listings"


class Kept(Enum):
    """Whether listings of an account are kept at zero. NOT_ASKED: nobody has asked since the start. UNKNOWN: asked,
    and never answered. YES and NO: the last answer."""

    NOT_ASKED = "not-asked"
    UNKNOWN = "unknown"
    YES = "yes"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Readiness:
    """What is known of an account, and in `why` what keeps it from being ready."""

    kept: Kept
    why: str = ""


def readiness_standing(readiness: Readiness, policy: OutOfStockPolicy, *, went_live: bool) -> Standing:
    """What an account's readiness means for its listings. `went_live`: it was ready once, so numbers of ours are shown.

    Such a channel is held until the first answer, so that what was changed while nobody looked is known before a zero
    goes; one that cannot be asked then goes on as it was left. A channel that never went live writes nothing at all.
    """
    if readiness.kept is Kept.YES:
        return FREE
    if readiness.kept is Kept.NOT_ASKED:
        return Standing(rises_held=NOT_KNOWN, falls_held=NOT_KNOWN)
    if not went_live:
        return Standing(rises_held=NOT_LIVE, falls_held=NOT_LIVE)
    if readiness.kept is Kept.NO and policy.when_off is WhenOff.LEAVE:
        return Standing(zeros_held=ZERO_ENDS)
    return FREE
