"""The spans of pushes: from an attempt's beginning to its outcome, in the trace of the change behind its target.

No request to a marketplace carries a trace: its operator has no use for our ids, and we none for telling them.
"""

from __future__ import annotations

from inventory_domain.exposure import Attempt
from inventory_domain.outcomes import PushOutcome, Rejected, counts_against_channel, kind_of
from inventory_domain.targets import Target
from inventory_streams.kafka.tracing import Span, SpanKind, TraceContext, Traces


def push_span(
    traces: Traces | None, target: Target, attempt: Attempt, stands_for: tuple[TraceContext, ...]
) -> Span | None:
    """Begin the span of an attempt; None where nobody traces what it stands for. The newest is its parent.

    A row of a feed has two: one that ends when the feed is handed in, and one at its report, maybe of another worker.
    """
    if traces is None or not stands_for:
        return None
    facts: dict[str, str | int] = {
        "inventory.channel": target.channel,
        "inventory.listing": target.listing_id,
        "inventory.sku": target.sku,
        "inventory.version": attempt.version,
        "inventory.attempt": attempt.number,
        "inventory.quantity": attempt.quantity,
        "inventory.path": attempt.path,
    }
    if attempt.mask is not None:
        facts["inventory.mask"] = attempt.mask
    return traces.start(f"push {target.channel}", SpanKind.CLIENT, facts, stands_for[-1], stands_for[:-1])


def handed_in(span: Span | None, feed_id: str) -> None:
    """The attempt is a row of a feed that the marketplace has; what becomes of it is a span of its own."""
    if span is not None:
        span.end({"inventory.outcome": "handed-in", "inventory.feed": feed_id})


def withdrawn(span: Span | None, reason: str) -> None:
    """The attempt is not sent."""
    if span is not None:
        span.end({"inventory.outcome": "withdrawn", "inventory.reason": reason})


def concluded(span: Span | None, outcome: PushOutcome) -> None:
    """What became of the attempt is known."""
    if span is None:
        return
    facts: dict[str, str | int] = {"inventory.outcome": kind_of(outcome), "inventory.reason": outcome.reason}
    if outcome.api:
        facts["inventory.api"] = outcome.api
    if outcome.request_id is not None:
        facts["inventory.request"] = outcome.request_id
    if outcome.status is not None:
        facts["http.response.status_code"] = outcome.status
    failed = isinstance(outcome, Rejected) or counts_against_channel(outcome)
    span.end(facts, failed=outcome.reason if failed else None)
