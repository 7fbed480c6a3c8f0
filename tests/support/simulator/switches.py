"""Rules that can be switched off, each to be noticed by the checks."""

from __future__ import annotations

from enum import Enum


class Off(Enum):
    """Which rule is switched off; the numbers are those of the rules."""

    NOTHING = "nothing"
    POSITION_GUARD = "3: a replay is applied again"
    SEQUENCE_GUARD = "3: what the source sent late is applied as if it were new"
    EVENT_ID_GUARD = "3: what the producer sent twice is applied twice"
    CONTINUITY = "4: nobody notices that a batch is missing"
    TAKE_OVER_FIRST = "13: the changelog is read before the transactional id is taken over"
    FENCING = "13: the broker refuses nobody"
    ONE_TRANSACTION = "13: the state and its position are two transactions"
    VERSION_FLOOR = "19: a version is the time alone"
    VERSION_MEMORY = "19: a listing that was forgotten begins at version one"
