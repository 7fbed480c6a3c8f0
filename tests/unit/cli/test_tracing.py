"""Spans go where the standard environment variables say, and nowhere without them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from inventory_cli.tracing import OpenTelemetryTraces, traces_of
from inventory_domain.errors import ConfigError
from inventory_streams.kafka.tracing import SpanKind, context_of
from tests.support.traces import a_collector, a_context


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_TRACES_EXPORTER": ""},
        {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
    ],
)
def test_nothing_is_traced_unless_an_exporter_is_named(env: dict[str, str]) -> None:
    assert traces_of("engine", "shop", env) is None


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL"),
    ],
)
def test_what_there_is_not_stops_the_start(env: dict[str, str], name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        traces_of("engine", "shop", env)


def test_a_process_without_tracing_does_not_load_it() -> None:
    """Loading it takes a fifth of a second, and 20 MB, of every process."""
    code = (
        "import sys; from inventory_cli.tracing import traces_of; import inventory_cli.engine;"
        "assert traces_of('engine', 'shop', {}) is None; sys.exit(any('opentelemetry' in one for one in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_spans_reach_a_collector_with_the_name_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_collector() as collector:
        for name, value in collector.env().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=k")
        traces = traces_of("engine", "shop", collector.env())
        assert traces is not None

        traces.start("process", SpanKind.CONSUMER, {"sku": "A"}, a_context(7), [a_context(8)]).end({"targets": 2})
        traces.close()

    (span,) = collector.spans
    assert (span.service, span.name, span.trace) == ("shop-engine", "process", f"{7:032x}")
    assert span.links == ((f"{8:032x}", f"{1:016x}"),)
    assert span.facts == {"sku": "A", "targets": "2"}
    assert collector.headers["x-api-key"] == "k"


def test_the_service_has_the_name_that_the_environment_gives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_collector() as collector:
        env = {**collector.env(), "OTEL_SERVICE_NAME": "mine"}
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        traces = traces_of("engine", "shop", env)
        assert traces is not None

        traces.start("process", SpanKind.CONSUMER, {}, a_context()).end()
        traces.close()

    assert collector.spans[0].service == "mine"


def test_a_collector_that_is_not_there_holds_no_stop_up_for_long() -> None:
    """A process that is asked to stop has other things to finish within its grace period.

    In a process of its own: the exporter's thread goes on trying for half a minute and draws random numbers for it.
    """
    code = (
        "import os; from inventory_cli import tracing; from inventory_streams.kafka.tracing import SpanKind;"
        "tracing.LAST_SPANS_S_MAX = 0.1; traces = tracing.traces_of('engine', 'shop', os.environ);"
        "[traces.start('process', SpanKind.PRODUCER, {}).end() for _ in range(3_000)]; traces.close()"
    )
    env = {**os.environ, "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}

    assert subprocess.run([sys.executable, "-c", code], env=env, check=False, timeout=25).returncode == 0


def test_the_context_of_a_span_is_its_own_within_its_parents_trace() -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    traces = OpenTelemetryTraces(provider.get_tracer("test"), outer=a_context(3))

    child = traces.start("a", SpanKind.CLIENT, {}, a_context(7))
    of_whoever_started_us = traces.start("b", SpanKind.PRODUCER, {})
    child.end(failed="busy")

    assert context_of(child.context.headers()) == child.context
    assert child.context.parent.startswith(b"00-" + f"{7:032x}".encode())
    assert of_whoever_started_us.context.parent.startswith(b"00-" + f"{3:032x}".encode())
    (told,) = kept.get_finished_spans()
    assert told.status.description == "busy"
    assert not told.status.is_ok


def test_a_span_that_is_not_sampled_passes_its_context_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    provider = TracerProvider()

    span = OpenTelemetryTraces(provider.get_tracer("test")).start("a", SpanKind.PRODUCER, {})

    assert not int(span.context.parent[-2:], 16) & 1
