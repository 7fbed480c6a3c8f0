"""Where to go on in the inputs, and when not to."""

from __future__ import annotations

import pytest

from inventory_domain.sku_state import InputPosition, PartitionProgress
from inventory_streams.engine.inputs import (
    BrokerUnavailable,
    InputFacts,
    InputReplaced,
    LeaderUnsettled,
    begin_at,
    patiently,
)

TOPIC = "inventory.changes"


def known(position: int, topic_id: str = "id-1") -> PartitionProgress:
    return PartitionProgress({TOPIC: InputPosition(topic_id, position)}, {"erp": 5}, "policy")


def test_it_goes_on_where_it_was() -> None:
    beginning = begin_at(known(40), {TOPIC: InputFacts("id-1", 0, 100)}, 3, "app")

    assert beginning.progress == known(40)
    assert beginning.lost == ()


def test_a_new_input_is_read_from_its_first_record() -> None:
    beginning = begin_at(PartitionProgress(), {TOPIC: InputFacts("id-1", 12, 100)}, 3, "app")

    assert beginning.progress.positions == {TOPIC: InputPosition("id-1", 12)}


def test_an_input_that_is_no_longer_configured_is_left_out() -> None:
    beginning = begin_at(known(40), {}, 3, "app")

    assert beginning.progress.positions == {}


def test_a_topic_that_was_created_anew_stops_the_start() -> None:
    """Its offsets say nothing of what was applied, so input would be skipped or counted twice (rule 3)."""
    with pytest.raises(InputReplaced, match=rf"{TOPIC}\[3\] has the id id-2.*inventory-sync engine adopt"):
        begin_at(known(40), {TOPIC: InputFacts("id-2", 0, 100)}, 3, "app")


def test_a_topic_that_ends_before_what_was_applied_stops_the_start() -> None:
    with pytest.raises(InputReplaced, match="ends at offset 39, and was applied up to 40"):
        begin_at(known(40), {TOPIC: InputFacts("id-1", 0, 39)}, 3, "app")


def test_input_that_was_deleted_unread_is_named_and_skipped() -> None:
    """Waiting for it would be waiting for ever; it is told loudly."""
    beginning = begin_at(known(40), {TOPIC: InputFacts("id-1", 55, 100)}, 3, "app")

    assert beginning.lost == (TOPIC,)
    assert beginning.progress.positions[TOPIC].position == 55


def test_a_partition_without_a_settled_leader_is_asked_for_again() -> None:
    """Just after it was created, or while its broker restarts: no reason to end a start."""
    answers = iter([LeaderUnsettled("not leader"), LeaderUnsettled("not leader"), 7])

    def ask() -> int:
        answer = next(answers)
        if isinstance(answer, LeaderUnsettled):
            raise answer
        return answer

    assert patiently(ask, pause_s=0) == 7


def test_a_leader_that_never_settles_is_told() -> None:
    def ask() -> int:
        raise LeaderUnsettled("not leader")

    with pytest.raises(BrokerUnavailable, match="not leader"):
        patiently(ask, limit_s=0, pause_s=0)
