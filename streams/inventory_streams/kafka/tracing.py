"""Trace context on Kafka's records, in the W3C's form, and the seam to whoever keeps the spans."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
TRACESTATE_LENGTH_MAX: Final = 512  # the W3C's: what is longer may be left out
LINKS_MAX: Final = 32  # changes beside the newest that one span names; a target may stand for thousands

# Version ff and ids of zeros are not valid; versions to come may add fields, which are passed on as they are.
_PARENT: Final = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]{1,100})?"
)

Headers = Sequence[tuple[str, str | bytes | None]] | Mapping[str, str | bytes | None]
"""Headers as Kafka's clients give them."""
Facts = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class TraceContext:
    """Where a span stands in its trace: the values of the two headers."""

    parent: bytes
    state: bytes = b""

    def headers(self) -> tuple[tuple[str, bytes], ...]:
        """As a record carries it."""
        if self.state:
            return ((TRACEPARENT, self.parent), (TRACESTATE, self.state))
        return ((TRACEPARENT, self.parent),)


class SpanKind(Enum):
    """What a span is about: a record sent, records worked on, a call to somebody else's system."""

    PRODUCER = "producer"
    CONSUMER = "consumer"
    CLIENT = "client"


class Span(Protocol):
    """Something that goes on. One that is never ended is never told of."""

    @property
    def context(self) -> TraceContext:
        """What records carry that follow from it."""
        ...

    def end(self, facts: Facts | None = None, *, failed: str | None = None) -> None:
        """It is over. `failed`: why it did not succeed. Does not block."""
        ...


class Traces(Protocol):
    """Keeps spans. Safe for all threads; no call blocks or raises, whatever becomes of the collector."""

    def start(
        self,
        name: str,
        kind: SpanKind,
        facts: Facts,
        parent: TraceContext | None = None,
        links: Sequence[TraceContext] = (),
    ) -> Span:
        """A span that begins now, in its parent's trace; without a parent in the caller's own, else in a new one."""
        ...


def context_of(headers: Headers | None) -> TraceContext | None:
    """The context that a record carries; None where it carries none, or nothing that could be one."""
    if not headers:
        return None
    parent = state = None
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        if name == TRACEPARENT:
            parent = value
        elif name == TRACESTATE:
            state = value
    raw = _bytes(parent)
    if not _PARENT.fullmatch(raw):
        return None
    told = _bytes(state)
    return TraceContext(raw, told if len(told) <= TRACESTATE_LENGTH_MAX else b"")


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""
