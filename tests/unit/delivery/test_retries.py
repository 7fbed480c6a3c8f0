from __future__ import annotations

from inventory_domain.identifiers import ListingId
from inventory_streams.delivery.queue import WorkKey
from inventory_streams.delivery.retries import RetryNote, Waiting, note_of


def key(own_id: str) -> WorkKey:
    return (0, ListingId(own_id))


def test_a_note_comes_back_from_its_headers() -> None:
    note = RetryNote(attempt=3, not_before_ms=1_700_000_000_000, reason="busy", error="naïve: 100 %")

    assert note_of(note.headers()) == note


def test_headers_without_a_note_say_nothing() -> None:
    assert note_of(None) is None
    assert note_of([("attempt", b"x"), ("not-before", b"5")]) is None


def test_what_waits_comes_in_the_order_of_its_time_and_never_before() -> None:
    waiting = Waiting()
    waiting.put(key("a"), 5.0)
    waiting.put(key("b"), 3.0)

    early = waiting.pop_due(2.9)
    order = [waiting.pop_due(6.0), waiting.pop_due(6.0), waiting.pop_due(6.0)]

    assert early is None
    assert order == [key("b"), key("a"), None]


def test_a_new_time_replaces_the_old_one() -> None:
    waiting = Waiting()
    waiting.put(key("a"), 5.0)
    waiting.put(key("a"), 9.0)

    assert waiting.pop_due(6.0) is None
    assert (waiting.pop_due(9.0), len(waiting)) == (key("a"), 0)


def test_what_is_discarded_does_not_come() -> None:
    waiting = Waiting()
    waiting.put(key("a"), 5.0)

    waiting.discard(key("a"))

    assert waiting.pop_due(9.0) is None


def test_putting_for_ever_takes_no_more_room() -> None:
    waiting = Waiting()

    for number in range(5_000):
        waiting.put(key("a"), float(number))

    assert len(waiting._heap) < 200
