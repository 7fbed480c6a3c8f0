from __future__ import annotations

from dataclasses import replace

import pytest

from inventory_domain.due import wanted
from inventory_domain.exposure import Confirmed, Exposure, Proof, begin, conclude, observe
from inventory_domain.identifiers import ListingId, Sku
from inventory_domain.listing_holds import (
    MASS_CHANGE,
    FallLimits,
    GuardDecision,
    LetterCount,
    LetterRules,
    guard_standing,
    is_failing,
    is_late,
    unsent_since_ms,
)
from inventory_domain.masks import FREE, Standing
from inventory_domain.outcomes import Accepted, Transient
from inventory_domain.targets import Target
from tests.support.delivery import a_target

HELD = Standing(rises_held=MASS_CHANGE, falls_held=MASS_CHANGE)
HOLD_MS = 600_000
LIMITS = FallLimits(seen_s=1_500.0, zero_s=1_800.0, settling_s=900.0)


def stamped(at_ms: int) -> Target:
    return replace(a_target("A", 0), guard="g-1", computed_at_ms=at_ms)


@pytest.mark.parametrize(
    ("decision", "now_ms", "standing"),
    [
        (None, 1_000, HELD),
        (None, 600_999, HELD),
        (None, 601_000, FREE),
        (GuardDecision(2_000), 2_000, FREE),
        (GuardDecision(500), 2_000, HELD),  # of a mass change before this one
        (GuardDecision(2_000, 9_000_000), 8_000_000, HELD),
        (GuardDecision(2_000, 9_000_000), 9_000_000, FREE),
        (GuardDecision(500, 9_000_000), 8_000_000, HELD),  # zeroed by the input after somebody held it
        (GuardDecision(500, 9_000_000), 9_000_000, FREE),
        (GuardDecision(500, 5_000), 600_999, HELD),
    ],
)
def test_a_mass_change_is_held_from_its_own_time_unless_an_operator_decides(
    decision: GuardDecision | None, now_ms: int, standing: Standing
) -> None:
    assert guard_standing(stamped(1_000), decision, now_ms, HOLD_MS) == standing


def test_a_target_that_is_part_of_no_mass_change_is_not_held() -> None:
    assert guard_standing(a_target("A", 0), None, 0, HOLD_MS) == FREE


def falling(*answers: bool) -> Exposure:
    """A listing that shows 9 and was sent 3 a second apart, accepted or not."""
    exposure = Exposure(ListingId("harbor-us/A"), Sku("A"), Confirmed(9, 1, 0, Proof.READ))
    for second, accepted in enumerate(answers, 1):
        exposure, attempt = begin(
            exposure, version=2, quantity=3, nodes={}, mask=None, path="single", now_ms=second * 1000, settles_by_ms=2
        )
        told = {"listing_id": exposure.listing_id, "api": "write", "reason": "r"}
        answer = Accepted(**told) if accepted else Transient(**told)
        exposure = conclude(exposure, attempt.number, answer, second * 1000, second * 1000)
    return exposure


@pytest.mark.parametrize("answers", [(True,), (False, False), (True, False)])
def test_a_fall_counts_from_its_first_attempt_until_it_is_seen(answers: tuple[bool, ...]) -> None:
    exposure = falling(*answers)

    assert exposure.falling_since_ms() == 1_000
    assert not is_late(exposure, LIMITS, 1_500_999) and is_late(exposure, LIMITS, 1_501_000)
    assert not is_failing(exposure, LIMITS, 1_800_999) and is_failing(exposure, LIMITS, 1_801_000)


def test_a_fall_that_was_seen_is_over() -> None:
    seen = observe(falling(True), 3, 5_000)

    assert seen.falling_since_ms() is None
    assert not is_failing(seen, LIMITS, 10**9)


def test_a_settling_time_longer_than_the_limit_is_waited_for() -> None:
    slow = FallLimits(seen_s=600.0, zero_s=1_800.0, settling_s=3_600.0)

    assert not is_failing(falling(True), slow, 3_600_999)
    assert is_failing(falling(True), slow, 3_601_000)


@pytest.mark.parametrize(
    ("quantity", "version", "exposure", "since_ms"),
    [
        (3, 2, falling(), 5_000),  # it shows 9, and nothing was sent
        (0, 2, falling(), 5_000),
        (9, 2, falling(), None),
        (12, 2, falling(), None),
        (3, 2, falling(True), None),  # it was sent, and is not seen yet
        (3, 2, falling(False), 5_000),  # it is to be sent again
        (2, 3, falling(True), 5_000),  # another one was
        (3, 2, replace(falling(), confirmed=Confirmed(9, 1, 7_000, Proof.READ)), 7_000),
        (3, 2, None, None),  # a first number is a rise, whatever is shown
        (0, 2, None, 5_000),
    ],
)
def test_a_fall_waits_since_it_is_wanted_and_the_number_above_it_was_seen(
    quantity: int, version: int, exposure: Exposure | None, since_ms: int | None
) -> None:
    target = replace(a_target("A", quantity, version=version), computed_at_ms=5_000)

    assert unsent_since_ms(wanted(target, None), target.computed_at_ms, exposure) == since_ms


def test_a_rise_never_counts_as_a_fall() -> None:
    exposure, _ = begin(
        falling(), version=2, quantity=12, nodes={}, mask=None, path="single", now_ms=1_000, settles_by_ms=2
    )

    assert not is_late(exposure, LIMITS, 10**9)


def test_more_than_fifty_dead_letters_in_a_row_are_too_many() -> None:
    count = LetterCount()
    for _ in range(50):
        count = count.with_letter()

    assert not count.too_many(LetterRules())
    assert count.with_letter().too_many(LetterRules())
    assert not count.with_success().with_letter().too_many(LetterRules())


def test_more_than_a_tenth_of_the_latest_attempts_is_too_many() -> None:
    count = LetterCount()
    for number in range(300):
        count = count.with_letter() if number % 9 == 0 else count.with_success()

    assert count.too_many(LetterRules())


def test_a_flood_is_seen_however_long_all_went_well_before() -> None:
    """Of 5,200 attempts in all 100 are a fiftieth; of the latest, far more than a tenth."""
    count = LetterCount()
    for _ in range(5_000):
        count = count.with_success()
    for _ in range(100):
        count = count.with_letter().with_success()

    assert count.too_many(LetterRules())


def test_a_tenth_and_fewer_is_bad_data() -> None:
    count = LetterCount()
    for number in range(3_000):
        count = count.with_letter() if number % 11 == 0 else count.with_success()
        assert not count.too_many(LetterRules())
