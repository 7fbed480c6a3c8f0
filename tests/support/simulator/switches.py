"""Rules that can be switched off, each to be noticed by the checks."""

from __future__ import annotations

from enum import Enum


class Off(Enum):
    """Which rule is switched off; the numbers are those of the rules. From 21 on they are delivery's."""

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
    TARGETS_FIRST = "20: targets can be read before the state that remembers their versions is durable"
    EXPOSURE_READ = "21: what may be on sale is not read at a takeover"
    TARGETS_READ = "21: the newest targets are not read at a takeover"
    HEALTH_READ = "21: the channels' health is not read at a takeover"
    VERSIONS_COMPARED = "22: the versions of targets are not compared"
    NEWEST_PUSHED = "22: a retry pushes the target that it notes"
    ATTEMPT_FIRST = "23: a request leaves with nothing durable before it"
    ONE_IN_FLIGHT = "23: a listing may have two requests under way"
    UNKNOWN_EFFECT = "23: a request without an answer is taken for one without effect"
    ABSOLUTE = "24: differences are sent in place of quantities"
    DELIVERY_FENCING = "25: the broker refuses no former owner"
    HANDOVER_WAIT = "25: a successor does not wait for its predecessor's requests"
    HANDOVER_READ = "26: what a predecessor had under way is not read back"
    DERIVED = "27: what is due is what was read and not finished, and offsets move with reading"
    ACCEPTED = "28: what was accepted is taken for applied"
    RAISED_AT_ONCE = "29: what shows less is raised after one read"
    NO_RANGE = "29: what is shown is held against the number sent last, and not against all that may be"
    HEALTH_RECORD = "33: an owner of health begins without its predecessor's record"
    HEALTH_FENCING = "33: a former owner of health goes on writing"
    ZEROS_SENT = "33: a stop is known, and nothing is set to zero"

    @property
    def rule(self) -> int:
        """The number of the rule."""
        return int(self.value.partition(":")[0]) if self is not Off.NOTHING else 0


NOTICED_BY = {
    Off.SEQUENCE_GUARD: 41,
    Off.CONTINUITY: 23,
    Off.TAKE_OVER_FIRST: 6,
    Off.ONE_TRANSACTION: 121,
    Off.VERSION_FLOOR: 4,
    Off.VERSION_MEMORY: 30,
    Off.EXPOSURE_READ: 9,
    Off.HEALTH_READ: 1,
    Off.NEWEST_PUSHED: 4,
    Off.DELIVERY_FENCING: 14,
    Off.HANDOVER_WAIT: 7,
    Off.HANDOVER_READ: 2,
    Off.HEALTH_RECORD: 1,
    Off.HEALTH_FENCING: 18,
    Off.ZEROS_SENT: 15,
}
"""The first seed that noticed the rule missing when somebody last looked, where it is not seed 0."""


def seeds_for(off: Off, within: int) -> list[int]:
    """The seeds below `within`, the one that is known to notice first: those before it prove nothing, for minutes.

    Where the code has changed so that it no longer does, all the others are tried.
    """
    known = NOTICED_BY.get(off, 0)
    return [known, *(seed for seed in range(within) if seed != known)]


IN_DELIVERY = tuple(one for one in Off if one.rule > 20)
IN_ENGINE = tuple(one for one in Off if 0 < one.rule <= 20)
