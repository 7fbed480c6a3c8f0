"""What a listing may show by now."""

from __future__ import annotations

from dataclasses import replace

from inventory_domain.expected import ExpectedRange, ReadTraits, expected_range
from inventory_domain.exposure import Confirmed, Exposure, Proof, Result, observe
from tests.support.reconciling import HOUR, LISTING, SETTLING, SKU, TRAITS, at, settling, shown, sold


def by(exposure: Exposure, minutes: float, *moves: object, traits: ReadTraits = TRAITS) -> ExpectedRange:
    """The range for a read made at that time and not older."""
    found = expected_range(exposure, moves, traits, at(minutes), at(minutes))  # type: ignore[arg-type]
    assert found is not None
    return found


def test_a_confirmed_number_is_expected_until_something_is_sold() -> None:
    expected = by(shown(10, 0, seen_min=20), 60)

    assert (expected.low, expected.high) == (10, 10)


def test_units_sold_since_are_subtracted() -> None:
    expected = by(shown(10, 0, seen_min=20), 240, sold(3, 100))

    assert (expected.low, expected.high) == (7, 7)


def test_units_sold_before_the_number_was_seen_are_in_it() -> None:
    expected = by(shown(10, 0, seen_min=60), 240, sold(3, 30))

    assert (expected.low, expected.high) == (10, 10)


def test_a_sale_at_about_the_time_of_the_read_may_be_in_it_or_not() -> None:
    """The clock of whoever reported the sale is another one."""
    expected = by(shown(10, 0, seen_min=20), 60, sold(3, 59.5))

    assert (expected.low, expected.high) == (7, 10)


def test_an_open_attempt_may_be_live_or_not() -> None:
    expected = by(settling(shown(10, 0, seen_min=20), 4, 100), 105)

    assert (expected.low, expected.high) == (4, 10)


def test_units_sold_while_a_write_settles_may_be_lost_in_it() -> None:
    """An absolute write that goes live after a sale puts the sold unit back on show."""
    expected = by(shown(10, 0), 60, sold(2, 5))

    assert (expected.low, expected.high) == (8, 10)


def test_a_marketplace_whose_reads_leave_sales_out_shows_what_was_written() -> None:
    traits = ReadTraits(includes_own_sales=False, settling_ms=SETTLING)

    expected = by(shown(10, 0, seen_min=20), 240, sold(3, 100), traits=traits)

    assert (expected.low, expected.high) == (10, 10)


def test_what_a_read_confirmed_is_not_expected_where_nobody_sent_it() -> None:
    """A read confirms whatever it shows; somebody's edit must not become what we expect."""
    edited = replace(shown(10, 0, seen_min=20), confirmed=Confirmed(3, 1, at(100), Proof.READ))

    expected = by(edited, 240)

    assert (expected.low, expected.high) == (10, 10)


def test_a_lower_number_that_sales_explain_is_expected_from_then_on() -> None:
    read = replace(shown(10, 0, seen_min=20), confirmed=Confirmed(7, 1, at(100), Proof.READ))

    expected = by(read, 240, sold(3, 50))

    assert (expected.low, expected.high) == (7, 7)


def test_a_write_that_failed_changes_nothing() -> None:
    exposure = shown(10, 0, seen_min=20)
    assert exposure.last is not None
    failed = replace(exposure, last=replace(exposure.last, number=2, version=2, quantity=4, result=Result.FAILED))

    expected = by(failed, 60)

    assert (expected.low, expected.high) == (10, 10)


def test_where_nothing_was_ever_confirmed_there_is_no_bound() -> None:
    nothing = Exposure(LISTING, SKU)

    assert expected_range(nothing, (), TRAITS, at(0), at(0)) is None
    assert by(settling(nothing, 4, 0), 5).high is None


def test_a_read_is_too_old_until_the_newest_write_must_be_live() -> None:
    assert by(shown(10, 0), 240).since_ms == at(0) + SETTLING
    assert by(shown(10, 0, seen_min=4), 240).since_ms == at(4)
    assert by(shown(10, 0, seen_min=4), 4 * HOUR / 60_000).low == 10


def test_a_read_may_have_seen_what_came_after_the_time_that_it_holds_for() -> None:
    """A read of the same moment that still saw the older number is no proof that something is wrong."""
    traits = replace(TRAITS, read_span_ms=30_000)

    assert by(shown(10, 0, seen_min=4), 240, traits=traits).since_ms == at(4.5)


def test_an_answer_that_proves_a_number_live_leaves_no_doubt_about_the_time() -> None:
    traits = replace(TRAITS, read_span_ms=30_000)
    answered = replace(shown(10, 0), confirmed=Confirmed(10, 1, at(1), Proof.ANSWER))

    assert by(answered, 240, traits=traits).since_ms == at(1)


def test_nothing_is_too_low_before_the_first_write_has_settled() -> None:
    """The listing may have shown nothing until then; a read of before must not look as if it sold."""
    first = settling(Exposure(LISTING, SKU), 4, 100)

    assert by(first, 101).low == 0
    assert by(first, 101 + SETTLING / 60_000).low == 4


def test_a_sale_that_was_reported_before_a_write_does_not_explain_what_is_missing_after_it() -> None:
    """By the marketplace's clock it may have been after it, but our broker had the report before we wrote."""
    before = replace(sold(3, 99.5), known_ms=at(99.7))
    exposure = replace(shown(10, 100), confirmed=Confirmed(7, 1, at(110), Proof.READ))

    assert (by(exposure, 240, sold(3, 99.5)).low, by(exposure, 240, before).low) == (7, 10)
    assert by(exposure, 240, replace(before, known_ms=at(99.99))).low == 7, "our own clocks are a little apart, too"


def test_units_sold_before_a_listing_was_filled_up_are_subtracted_once() -> None:
    """5 were shown, 3 sold, and 5 were said again: the sale is in the older number only."""
    sale = sold(3, 60)
    refilled = shown(5, 70, seen_min=90, version=2)

    before, during, after = (
        by(shown(5, 0, seen_min=20), 65, sale),
        by(settling(shown(5, 0, seen_min=20), 5, 70), 75, sale),
        by(refilled, 120, sale),
    )

    assert [(one.low, one.high) for one in (before, during, after)] == [(2, 2), (2, 5), (5, 5)]


def test_what_is_read_above_a_write_that_is_over_says_something_however_soon() -> None:
    """An answer that proves a number ends a write at once: an edit in the minutes after it is no write that settles."""
    proven = replace(shown(10, 0), confirmed=Confirmed(10, 1, at(0.1), Proof.ANSWER))

    expected = by(observe(proven, 50, at(2)), 2)

    assert (expected.low, expected.high, expected.since_ms, expected.from_ms) == (10, 10, at(2), at(0))
