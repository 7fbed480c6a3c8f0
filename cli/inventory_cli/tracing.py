"""Spans by OpenTelemetry, told where the standard environment variables say; without them nothing of it is loaded."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from inventory_cli.settings import Settings
from inventory_domain.errors import ConfigError, ConfigFault
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.kafka.tracing import (
    TRACEPARENT,
    TRACESTATE,
    Facts,
    Span,
    SpanKind,
    TraceContext,
    context_of,
)

if TYPE_CHECKING:
    from opentelemetry import trace
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import SpanProcessor

EXPORTER: Final = "OTEL_TRACES_EXPORTER"
PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PROTOCOL: Final = "http/protobuf"
LAST_SPANS_S_MAX: Final = 5.0  # what waits for a collector that does not answer is not waited for longer

log = logging.getLogger(__name__)


@contextmanager
def traced(settings: Settings, process: str) -> Iterator[Settings]:
    """The same settings for a process whose records are traced, where its environment asks for that.

    Raises:
        ConfigError: it asks for something that there is not.
    """
    with traced_kafka(settings.connection.kafka, process, settings.application_id) as kafka:
        yield replace(settings, connection=replace(settings.connection, kafka=kafka))


@contextmanager
def traced_kafka(kafka: KafkaSettings, process: str, application: str) -> Iterator[KafkaSettings]:
    """Likewise for settings of Kafka alone, such as a producer of your own has."""
    traces = traces_of(process, application, os.environ)
    if traces is None:
        yield kafka
        return
    try:
        yield replace(kafka, traces=traces)
    finally:
        traces.close()


def traces_of(process: str, application: str, env: Mapping[str, str]) -> OpenTelemetryTraces | None:
    """What keeps this process's spans; None unless `OTEL_TRACES_EXPORTER` names an exporter.

    Raises:
        ConfigError: an exporter or a protocol that there is not.
    """
    wanted = env.get(EXPORTER, "none").strip().lower() or "none"
    if wanted == "none" or env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    if wanted not in ("otlp", "console"):
        raise ConfigError([ConfigFault(EXPORTER, f"must be otlp, console or none, not {wanted!r}")])
    for name in PROTOCOLS:
        if env.get(name, PROTOCOL) != PROTOCOL:
            raise ConfigError([ConfigFault(name, f"must be {PROTOCOL}, not {env[name]!r}")])
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    told = {"service.namespace": application, "service.name": f"{application}-{process}"}
    if "OTEL_SERVICE_NAME" in env or "service.name=" in env.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        del told["service.name"]  # what the environment says comes first
    provider = TracerProvider(resource=Resource.create(told), shutdown_on_exit=False)
    processor = _processor(wanted)
    provider.add_span_processor(processor)
    outer = context_of([(TRACEPARENT, env.get("TRACEPARENT")), (TRACESTATE, env.get("TRACESTATE"))])
    return OpenTelemetryTraces(provider.get_tracer("inventory-sync"), processor, outer)


def _processor(wanted: str) -> SpanProcessor:
    import sys

    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor

    if wanted == "console":
        return SimpleSpanProcessor(ConsoleSpanExporter(out=sys.stderr))
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return BatchSpanProcessor(OTLPSpanExporter())


class OpenTelemetryTraces:
    """Spans of one tracer, of the environment's or of your own; it implements `inventory_streams.kafka.tracing.Traces`.

    `outer` is the parent of spans that have none: whoever started this process for one piece of work.
    """

    def __init__(
        self, tracer: trace.Tracer, processor: SpanProcessor | None = None, outer: TraceContext | None = None
    ) -> None:
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._tracer = tracer
        self._processor = processor
        self._outer = outer
        self._form = TraceContextTextMapPropagator()
        self._kinds = {
            SpanKind.PRODUCER: trace.SpanKind.PRODUCER,
            SpanKind.CONSUMER: trace.SpanKind.CONSUMER,
            SpanKind.CLIENT: trace.SpanKind.CLIENT,
        }

    def start(
        self,
        name: str,
        kind: SpanKind,
        facts: Facts,
        parent: TraceContext | None = None,
        links: Sequence[TraceContext] = (),
    ) -> Span:
        """A span that begins now; see `Traces`."""
        from opentelemetry import trace

        parent = parent or self._outer
        others = [trace.Link(trace.get_current_span(self._context(one)).get_span_context()) for one in links]
        span = self._tracer.start_span(
            name,
            context=None if parent is None else self._context(parent),
            kind=self._kinds[kind],
            attributes=dict(facts),
            links=others,
        )
        carrier: dict[str, str] = {}
        self._form.inject(carrier, trace.set_span_in_context(span))
        context = TraceContext(carrier.get(TRACEPARENT, "").encode(), carrier.get(TRACESTATE, "").encode())
        return _Span(span, context)

    def close(self) -> None:
        """Tell what was not told yet, within a limit, and stop."""
        if self._processor is not None:
            ending = threading.Thread(target=self._processor.shutdown, name="last-spans", daemon=True)
            ending.start()
            ending.join(LAST_SPANS_S_MAX)
            if ending.is_alive():
                log.warning("last spans not told", extra={"waited_s": LAST_SPANS_S_MAX})

    def _context(self, told: TraceContext) -> Context:
        return self._form.extract({TRACEPARENT: told.parent.decode(), TRACESTATE: told.state.decode(errors="ignore")})


class _Span:
    def __init__(self, span: trace.Span, context: TraceContext) -> None:
        self._span = span
        self.context = context

    def end(self, facts: Facts | None = None, *, failed: str | None = None) -> None:
        from opentelemetry.trace import Status, StatusCode

        if facts:
            self._span.set_attributes(dict(facts))
        if failed is not None:
            self._span.set_status(Status(StatusCode.ERROR, failed))
        self._span.end()
