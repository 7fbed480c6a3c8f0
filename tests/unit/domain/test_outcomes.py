from __future__ import annotations

import pytest

from inventory_domain.identifiers import ListingId
from inventory_domain.outcomes import (
    NOT_KNOWN_YET,
    UNRECOGNIZED,
    Accepted,
    Applied,
    Outage,
    PushOutcome,
    Rejected,
    Throttled,
    Transient,
    Unauthorized,
    counts_against_channel,
    given_up,
    kind_of,
    proves_path,
)

KINDS: tuple[type[PushOutcome], ...] = (Applied, Accepted, Throttled, Transient, Outage, Unauthorized, Rejected)


def an_outcome(kind: type[PushOutcome], reason: str = "why", *, effect_unknown: bool = False) -> PushOutcome:
    return kind(listing_id=ListingId("harbor-us/A"), api="write", reason=reason, effect_unknown=effect_unknown)


@pytest.mark.parametrize("kind", KINDS)
def test_an_outcome_proves_the_path_or_counts_against_the_channel_and_a_throttled_one_neither(
    kind: type[PushOutcome],
) -> None:
    outcome = an_outcome(kind)

    judged = (proves_path(outcome), counts_against_channel(outcome))

    assert judged == ((False, False) if kind is Throttled else (kind in (Applied, Accepted, Rejected), not judged[0]))


def test_the_name_of_an_outcome_is_lower_case() -> None:
    assert [kind_of(an_outcome(kind)) for kind in KINDS] == [
        "applied",
        "accepted",
        "throttled",
        "transient",
        "outage",
        "unauthorized",
        "rejected",
    ]


@pytest.mark.parametrize("reason", [UNRECOGNIZED, NOT_KNOWN_YET])
def test_what_time_alone_may_heal_is_given_up_after_so_many(reason: str) -> None:
    outcome = an_outcome(Transient, reason, effect_unknown=True)

    tries = [given_up(outcome, failures, attempts_max=3) for failures in range(3)]

    assert [kind_of(one) for one in tries] == ["transient", "transient", "rejected"]
    assert tries[2].effect_unknown and tries[2].reason == reason


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_understood_is_never_given_up(kind: type[PushOutcome]) -> None:
    outcome = an_outcome(kind)

    assert given_up(outcome, 99, attempts_max=3) is outcome
