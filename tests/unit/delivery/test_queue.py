from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inventory_domain.due import Urgency
from inventory_domain.identifiers import ChannelId, ListingId
from inventory_streams.delivery.queue import AGED_TURN, Rank, WorkKey, WorkQueue

US, CA = ChannelId("harbor-us"), ChannelId("harbor-ca")
ZERO, FALL, RISE = (Urgency.FALL_TO_ZERO, 0), (Urgency.FALL, 0), (Urgency.RISE, 0)


def key(own_id: str) -> WorkKey:
    return (0, ListingId(own_id))


def a_queue(*entries: tuple[str, Rank], channel: ChannelId = US, aged_after_s: float = 60.0) -> WorkQueue:
    """A queue of these listings, put one second apart."""
    queue = WorkQueue(aged_after_s)
    for second, (own_id, rank) in enumerate(entries):
        queue.put(key(own_id), channel, rank, float(second))
    return queue


def taken(queue: WorkQueue, now_s: float = 10.0) -> list[str]:
    """Everything, one at a time."""
    order = []
    while entries := queue.take(1, now_s):
        order += [entry.key[1] for entry in entries]
    return order


def test_the_costliest_delay_goes_first_and_then_the_longest_waiting() -> None:
    queue = a_queue(("a", RISE), ("b", FALL), ("c", ZERO), ("d", RISE), ("e", (Urgency.FALL, -9)), ("f", ZERO))

    assert taken(queue) == ["c", "f", "e", "b", "a", "d"]


def test_a_listing_waits_once_and_keeps_its_age() -> None:
    queue = a_queue(("a", RISE), ("b", RISE))

    queue.put(key("a"), US, RISE, 5.0)

    assert len(queue) == 2
    assert taken(queue) == ["a", "b"]


def test_a_listing_that_becomes_more_urgent_moves_up() -> None:
    queue = a_queue(("a", RISE), ("b", RISE))

    queue.put(key("b"), US, ZERO, 5.0)

    assert taken(queue) == ["b", "a"]


def test_what_is_discarded_is_not_taken() -> None:
    queue = a_queue(("a", RISE), ("b", RISE))

    queue.discard(key("a"))

    assert key("a") not in queue
    assert taken(queue) == ["b"]


def test_what_waits_too_long_is_served_in_its_turn_however_many_zeros_come() -> None:
    queue = a_queue(("old", RISE), aged_after_s=60.0)
    served = []

    for second in range(61, 61 + 2 * AGED_TURN):
        queue.put(key(f"zero{second}"), US, ZERO, float(second))
        served += [entry.key[1] for entry in queue.take(1, float(second))]

    assert "old" in served
    assert sum(1 for own_id in served if own_id.startswith("zero")) > len(served) / 2


def test_channels_with_equally_urgent_work_are_served_in_turn() -> None:
    queue = a_queue(("u1", RISE), ("u2", RISE), ("u3", RISE))
    for number in range(3):
        queue.put(key(f"c{number}"), CA, RISE, 9.0)

    order = taken(queue)

    assert [own_id[0] for own_id in order] in (list("ucucuc"), list("cucucu"))


def test_a_call_takes_listings_of_one_channel_only() -> None:
    queue = a_queue(("u1", FALL), ("u2", RISE), ("u3", RISE))
    queue.put(key("c1"), CA, RISE, 9.0)

    group = queue.take(3, 10.0)

    assert [entry.key[1] for entry in group] == ["u1", "u2", "u3"]


def test_depth_backlog_and_age_tell_what_waits() -> None:
    queue = a_queue(("a", RISE), ("b", ZERO), ("c", RISE))

    assert queue.depth(US) == {Urgency.FALL_TO_ZERO: 1, Urgency.FALL: 0, Urgency.RISE: 2}
    assert (queue.backlog(US), queue.backlog(CA)) == (3, 0)
    assert queue.ages_s(US, 10.0) == {Urgency.FALL_TO_ZERO: 9.0, Urgency.FALL: 0.0, Urgency.RISE: 10.0}
    assert set(queue.ages_s(CA, 10.0).values()) == {0.0}


def test_replacing_entries_for_ever_takes_no_more_room() -> None:
    queue = a_queue(("a", RISE))

    for number in range(5_000):
        queue.put(key("a"), US, (Urgency.FALL, -number), 1.0)

    (channel,) = queue._channels.values()
    assert len(channel._by_rank) < 200
    assert len(channel._by_age) < 200


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from((ZERO, FALL, RISE)), st.booleans()), max_size=60)
)
def test_what_is_put_and_not_discarded_is_taken_exactly_once(acts: list[tuple[str, Rank, bool]]) -> None:
    queue, there = WorkQueue(60.0), set()
    for second, (own_id, rank, put) in enumerate(acts):
        if put:
            queue.put(key(own_id), US, rank, float(second))
            there.add(own_id)
        else:
            queue.discard(key(own_id))
            there.discard(own_id)

    order = taken(queue, 1_000.0)

    assert sorted(order) == sorted(there)
