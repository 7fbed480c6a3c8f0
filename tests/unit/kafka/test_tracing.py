"""What a record carries of its trace, and what is no context at all."""

from __future__ import annotations

import pytest

from inventory_streams.kafka.tracing import TRACEPARENT, TRACESTATE, TraceContext, context_of
from tests.support.traces import a_context

GOOD = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_context_comes_back_as_it_was_sent() -> None:
    context = TraceContext(GOOD, b"vendor=1")

    assert context_of(context.headers()) == context
    assert context_of([("other", b"x"), *a_context().headers()]) == a_context()


def test_clients_give_headers_in_several_forms() -> None:
    """confluent-kafka gives lists or mappings, aiokafka tuples."""
    forms = ([(TRACEPARENT, GOOD.decode())], {TRACEPARENT: GOOD}, ((TRACEPARENT, GOOD),))

    assert [context_of(one) for one in forms] == [TraceContext(GOOD)] * 3
    assert context_of(None) is None
    assert context_of(()) is None


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        None,
        b"00-short-b7ad6b7169203331-01",
        GOOD.upper(),
        GOOD + b"\n",
        b"ff" + GOOD[2:],
        b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01",
        b"00-0af7651916cd43dd8448eb211c80319c-" + b"0" * 16 + b"-01",
        b"\xff\xfe",
    ],
)
def test_what_is_no_context_is_passed_over(raw: bytes | None) -> None:
    """A header is somebody else's word: a wrong one must not cost a record."""
    assert context_of([(TRACEPARENT, raw)]) is None


def test_a_state_that_is_too_long_is_left_out() -> None:
    assert context_of([(TRACEPARENT, GOOD), (TRACESTATE, b"a" * 513)]) == TraceContext(GOOD)
