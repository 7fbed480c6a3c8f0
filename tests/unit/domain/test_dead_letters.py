from __future__ import annotations

import pytest

from inventory_domain.dead_letters import ReplayCurrent, ReplayRefused, judge_replay
from inventory_domain.exposure import Exposure, LastAttempt, Result
from inventory_domain.targets import Target
from tests.support.delivery import a_target

LETTER = a_target("A", 5, version=3)


def last_was(version: int, result: Result) -> Exposure:
    return Exposure(LETTER.listing_id, LETTER.sku, last=LastAttempt(1, version, 5, {}, None, 0, result))


def test_a_letter_whose_target_is_still_the_newest_is_said_once_more() -> None:
    answer = judge_replay(LETTER, LETTER, last_was(3, Result.REJECTED))

    assert answer == ReplayCurrent(LETTER.sku, LETTER.listing_id, 3)


@pytest.mark.parametrize(
    ("letter", "current", "exposure", "why"),
    [
        (None, LETTER, None, "cannot be read"),
        (LETTER, None, None, "left the catalog"),
        (LETTER, a_target("A", 2, version=4), None, "stale: version 3 was followed by 4 (2 units)"),
        (LETTER, a_target("A", 2, version=2), None, "newer than the listing's target 2"),
        (LETTER, LETTER, last_was(3, Result.ACCEPTED), "took version 3 since"),
    ],
)
def test_a_number_of_the_past_is_never_sent_again(
    letter: Target | None, current: Target | None, exposure: Exposure | None, why: str
) -> None:
    answer = judge_replay(letter, current, exposure)

    assert isinstance(answer, ReplayRefused)
    assert why in answer.why
