"""What a dry run shows: what is due, the most urgent first."""

from __future__ import annotations

from inventory_domain.exposure import Confirmed, Exposure, LastAttempt, Proof, Result
from inventory_domain.identifiers import Sku
from inventory_domain.previews import would_be_sent
from inventory_domain.targets import Target
from tests.support.delivery import a_target


def sent(target: Target, quantity: int) -> Exposure:
    """The listing shows this quantity, which was sent under the version before the target's."""
    last = LastAttempt(1, target.version - 1, quantity, {}, None, 0, Result.APPLIED)
    return Exposure(target.listing_id, target.sku, Confirmed(quantity, 1, 0, Proof.READ), last)


def test_what_is_due_is_shown_with_falls_to_zero_first() -> None:
    rise, fall, zero, done = (
        a_target("rise", 9, version=2),
        a_target("fall", 3, version=2),
        a_target("zero", 0, version=2),
        a_target("done", 4, version=1),
    )
    exposures = {one.listing_id: sent(one, 5) for one in (rise, fall, zero)}
    last = LastAttempt(1, 1, 4, {}, None, 0, Result.APPLIED)
    exposures[done.listing_id] = Exposure(done.listing_id, done.sku, Confirmed(4, 1, 0, Proof.READ), last)

    due = would_be_sent([done, rise, fall, zero], exposures)
    asked = would_be_sent([done, rise], exposures, [Sku("done")])

    assert due == [zero, fall, rise]
    assert asked == [done], "asked for by name, it is shown though it is not due"
