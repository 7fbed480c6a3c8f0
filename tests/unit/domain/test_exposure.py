from __future__ import annotations

import pytest

from inventory_domain.errors import InvariantBroken
from inventory_domain.exposure import (
    OPEN_ATTEMPTS_MAX,
    Attempt,
    AttemptState,
    Exposure,
    Proof,
    Result,
    begin,
    conclude,
    observe,
    settle,
    withdraw,
)
from inventory_domain.identifiers import ListingId, Sku
from inventory_domain.outcomes import Accepted, Applied, Outcome, Rejected, Throttled, Transient

LISTING = ListingId("harbor-us/A")
SETTLES_MS = 1_000


def an_exposure(confirmed: int | None = None) -> Exposure:
    unknown = Exposure(LISTING, Sku("A"))
    return unknown if confirmed is None else observe(unknown, confirmed, asked_at_ms=0)


def begun(exposure: Exposure, quantity: int, *, version: int = 1, now_ms: int = 10) -> tuple[Exposure, Attempt]:
    return begin(
        exposure,
        version=version,
        quantity=quantity,
        nodes={},
        mask=None,
        path="single",
        now_ms=now_ms,
        settles_by_ms=now_ms + SETTLES_MS,
    )


def sent(exposure: Exposure, quantity: int, outcome: Outcome, *, version: int = 1, now_ms: int = 10) -> Exposure:
    """An attempt with its answer, both at that time."""
    after, attempt = begun(exposure, quantity, version=version, now_ms=now_ms)
    return conclude(after, attempt.number, outcome, now_ms, now_ms + SETTLES_MS)


def accepted() -> Accepted:
    return Accepted(listing_id=LISTING, api="write", reason="ok")


def applied() -> Applied:
    return Applied(listing_id=LISTING, api="write", reason="ok")


def failed(*, effect_unknown: bool = False) -> Transient:
    return Transient(listing_id=LISTING, api="write", reason="busy", effect_unknown=effect_unknown)


def test_what_was_never_confirmed_is_without_bound() -> None:
    exposure, _ = begun(an_exposure(), 5)

    assert exposure.units() is None


def test_an_attempt_counts_from_its_beginning() -> None:
    exposure, _ = begun(an_exposure(confirmed=2), 5)

    assert exposure.units() == 5


def test_a_fall_frees_nothing_until_it_is_seen() -> None:
    exposure = sent(an_exposure(confirmed=9), 4, accepted())

    before, after = exposure.units(), observe(exposure, 4, asked_at_ms=10 + SETTLES_MS)

    assert (before, after.units(), after.open) == (9, 4, ())


def test_an_older_version_after_a_newer_one_is_a_bug() -> None:
    exposure, _ = begun(an_exposure(), 5, version=7)

    with pytest.raises(InvariantBroken, match="version 6 after 7"):
        begun(exposure, 4, version=6)


def test_attempts_are_numbered_from_one() -> None:
    first, one = begun(an_exposure(), 5)
    _, two = begun(first, 5)

    assert (one.number, two.number) == (1, 2)


def test_an_applied_answer_confirms() -> None:
    exposure = sent(an_exposure(confirmed=9), 4, applied())

    assert exposure.units() == 4
    assert exposure.confirmed is not None
    assert exposure.confirmed.proof is Proof.ANSWER


def test_a_write_of_unknown_effect_stays_open_beside_a_newer_one_that_is_live() -> None:
    """The marketplace may still apply it, and in either order."""
    exposure = sent(an_exposure(confirmed=1), 9, failed(effect_unknown=True))
    exposure = sent(exposure, 2, applied(), version=2)

    assert exposure.units() == 9


def test_a_refused_write_is_not_open() -> None:
    exposure = sent(an_exposure(confirmed=1), 9, failed())

    assert (exposure.units(), exposure.open) == (1, ())


@pytest.mark.parametrize(
    ("outcome", "result", "failures"),
    [
        (failed(), Result.FAILED, 1),
        (Throttled(listing_id=LISTING, api="write", reason="429"), Result.FAILED, 0),
        (Rejected(listing_id=LISTING, api="write", reason="unknown"), Result.REJECTED, 1),
        (accepted(), Result.ACCEPTED, 0),
        (applied(), Result.APPLIED, 0),
    ],
)
def test_the_last_attempt_says_what_became_of_it(outcome: Outcome, result: Result, failures: int) -> None:
    exposure = sent(an_exposure(confirmed=1), 9, outcome)

    assert exposure.last is not None
    assert (exposure.last.result, exposure.last.failures) == (result, failures)


def test_failures_in_a_row_are_counted_through_a_throttled_one_and_end_with_a_success() -> None:
    exposure = sent(an_exposure(), 9, failed())
    exposure = sent(exposure, 9, Throttled(listing_id=LISTING, api="write", reason="429"))
    exposure = sent(exposure, 8, failed(), version=2)
    assert exposure.last is not None

    after = sent(exposure, 8, accepted(), version=2)

    assert exposure.last.failures == 2
    assert after.last is not None
    assert after.last.failures == 0


def test_what_was_never_sent_is_not_open_and_no_failure() -> None:
    exposure, attempt = begun(an_exposure(confirmed=1), 9)

    after = withdraw(exposure, attempt.number)

    assert after.last is not None
    assert (after.units(), after.last.result, after.last.failures) == (1, Result.FAILED, 0)


def test_an_accepted_rise_is_assumed_after_its_settling_time_and_a_fall_never() -> None:
    rise = sent(an_exposure(confirmed=1), 9, accepted())
    fall = sent(an_exposure(confirmed=9), 1, accepted())

    risen, fallen = settle(rise, 10 + SETTLES_MS), settle(fall, 10 + SETTLES_MS)

    assert risen.confirmed is not None
    assert (risen.units(), risen.confirmed.proof, risen.open) == (9, Proof.ASSUMED, ())
    assert (fallen.units(), fallen) == (9, fall)


def test_what_is_assumed_never_lowers_what_was_confirmed_meanwhile() -> None:
    exposure = sent(an_exposure(confirmed=1), 5, accepted())
    exposure = observe(exposure, 8, asked_at_ms=500)

    assert settle(exposure, 10 + SETTLES_MS).units() == 8


def test_a_read_after_the_settling_time_closes_what_was_due() -> None:
    exposure = sent(an_exposure(confirmed=9), 4, accepted())

    assert exposure.read_due_ms() == 10 + SETTLES_MS
    assert observe(exposure, 3, asked_at_ms=10 + SETTLES_MS).open == ()


def test_a_read_before_the_settling_time_closes_nothing_that_may_still_land() -> None:
    exposure = sent(an_exposure(confirmed=2), 9, accepted())

    assert observe(exposure, 2, asked_at_ms=500).units() == 9


def test_a_number_that_only_the_newest_write_can_have_brought_is_live_early() -> None:
    exposure = sent(an_exposure(confirmed=2), 9, accepted())

    assert observe(exposure, 9, asked_at_ms=500).open == ()


def test_a_number_that_sales_may_have_brought_closes_nothing_higher() -> None:
    """10 is shown, 9 and 8 are settling, 2 are sold: 8 is seen, and 9 is still to come."""
    exposure = sent(an_exposure(confirmed=10), 9, accepted())
    exposure = sent(exposure, 8, accepted(), version=2)

    assert observe(exposure, 8, asked_at_ms=500).units() == 9


def test_a_read_that_was_asked_for_before_the_last_confirmation_says_nothing() -> None:
    exposure = sent(an_exposure(confirmed=2), 9, applied(), now_ms=600)

    assert observe(exposure, 2, asked_at_ms=500) == exposure


def test_more_than_was_sent_with_nothing_open_is_over_shown() -> None:
    exposure = sent(an_exposure(confirmed=9), 4, accepted())

    after = observe(exposure, 9, asked_at_ms=10 + SETTLES_MS)

    assert after.last is not None
    assert after.last.result is Result.OVER_SHOWN


def test_less_than_was_sent_may_have_been_sold() -> None:
    exposure = sent(an_exposure(confirmed=9), 4, accepted())

    after = observe(exposure, 1, asked_at_ms=10 + SETTLES_MS)

    assert after.last is not None
    assert after.last.result is Result.ACCEPTED


def test_an_answer_after_a_read_has_closed_the_attempt_opens_it_again() -> None:
    """Else its result would stay open for ever, and the listing would never be sent again."""
    exposure, attempt = begun(an_exposure(confirmed=2), 9)
    exposure = observe(exposure, 2, asked_at_ms=10 + SETTLES_MS)

    after = conclude(exposure, attempt.number, failed(effect_unknown=True), 2_000, 3_000)

    assert after.last is not None
    assert (after.units(), after.last.result) == (9, Result.FAILED)
    assert [(one.quantity, one.state) for one in after.open] == [(9, AttemptState.UNKNOWN)]


def test_an_answer_for_an_attempt_that_is_over_changes_nothing() -> None:
    exposure = sent(an_exposure(confirmed=2), 9, applied())

    assert conclude(exposure, 1, accepted(), 2_000, 3_000) == exposure


def test_open_attempts_are_bounded_and_the_worst_of_them_is_kept() -> None:
    exposure = an_exposure(confirmed=0)
    exposure = sent(exposure, 99, failed(effect_unknown=True))

    for _ in range(2 * OPEN_ATTEMPTS_MAX):
        exposure = sent(exposure, 1, failed(effect_unknown=True))

    assert len(exposure.open) == OPEN_ATTEMPTS_MAX
    assert exposure.units() == 99
