"""Spans that are kept in a list, and a collector that takes what processes tell by OTLP."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from inventory_streams.kafka.tracing import Facts, SpanKind, TraceContext
from tests.support.serving import QuietHandler, served


def a_context(trace: int = 1, span: int = 1) -> TraceContext:
    """A sampled context with these ids."""
    return TraceContext(f"00-{trace:032x}-{span:016x}-01".encode())


@dataclass
class KeptSpan:
    """One span. `facts` has those of its beginning and of its end."""

    name: str
    kind: SpanKind
    facts: dict[str, str | int]
    parent: TraceContext | None
    links: tuple[TraceContext, ...]
    context: TraceContext
    ended: bool = False
    failed: str | None = None

    def end(self, facts: Facts | None = None, *, failed: str | None = None) -> None:
        self.facts |= facts or {}
        self.ended, self.failed = True, failed


@dataclass
class KeptTraces:
    """Keeps every span that was begun."""

    spans: list[KeptSpan] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(100))

    def start(
        self,
        name: str,
        kind: SpanKind,
        facts: Facts,
        parent: TraceContext | None = None,
        links: Sequence[TraceContext] = (),
    ) -> KeptSpan:
        number = next(self.numbers)
        trace = f"{number:032x}".encode() if parent is None else parent.parent[3:35]
        context = TraceContext(b"00-" + trace + f"-{number:016x}-01".encode())
        self.spans.append(KeptSpan(name, kind, dict(facts), parent, tuple(links), context))
        return self.spans[-1]


@dataclass(frozen=True)
class ToldSpan:
    """A span as a collector got it; ids in hexadecimal."""

    service: str
    name: str
    trace: str
    span: str
    parent: str
    links: tuple[tuple[str, str], ...]
    facts: dict[str, str]


@dataclass
class Collector:
    """Takes OTLP over HTTP and decodes it. `headers` are those of the newest request."""

    endpoint: str = ""
    spans: list[ToldSpan] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def env(self) -> dict[str, str]:
        """What a process is given to tell its spans here, soon."""
        return {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }

    def of(self, trace: str) -> list[ToldSpan]:
        """The spans of this trace, so far."""
        return [one for one in self.spans if one.trace == trace]

    def take(self, body: bytes) -> None:
        """One request's spans."""
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            about = {one.key: one.value.string_value for one in resource.resource.attributes}
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                self.spans.append(
                    ToldSpan(
                        about["service.name"],
                        span.name,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        tuple((one.trace_id.hex(), one.span_id.hex()) for one in span.links),
                        {one.key: one.value.string_value or str(one.value.int_value) for one in span.attributes},
                    )
                )


@contextmanager
def a_collector() -> Iterator[Collector]:
    """A collector on a free port for as long as the block runs."""
    collector = Collector()

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces", self.path
            collector.headers = dict(self.headers.items())
            collector.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer()

    with served(Handler) as collector.endpoint:
        yield collector
