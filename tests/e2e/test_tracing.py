"""One event with a trace, from the command that sends it to the push that shows it, told to a collector by OTLP."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from confluent_kafka import Message

from inventory_streams.kafka.reading import read_to_end
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.kafka.tracing import context_of
from tests.support.commands import Started, wait_until
from tests.support.own_system import a_system, run, shown
from tests.support.traces import Collector, a_collector

COUNT = {"kind": "StockCounted", "source": "my-erp", "sku": "SKU-00002", "location": "dallas"}
EXAMPLES = Path(__file__).parents[2] / "examples"
SHOPIFY = "shopify/50000000002"


@pytest.mark.timeout(480)
def test_a_traced_event_is_one_trace_from_its_producer_to_its_push(
    kafka: str,
    registry_url: str,
    topic_prefix: str,
    application_id: str,
    tmp_path: Path,
    sandbox: Started,
    started: Started,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    facts = a_system(sandbox, tmp_path, kafka, registry_url, topic_prefix, application_id)
    with a_collector() as collector:
        start(started, "engine", collector)
        start(started, "deliver-shopify", collector)
        run("produce", str(EXAMPLES / "03_events.jsonl"), "--config", "sync.yaml", cwd=tmp_path)
        assert shown(facts["control_url"], until={SHOPIFY: 38}) == {SHOPIFY: 38}
        assert collector.spans == [], "what nobody traced begins no trace"

        trace = send(tmp_path, monkeypatch, collector, 11, on_hand=21, sequence=10)
        assert shown(facts["control_url"], until={SHOPIFY: 19}) == {SHOPIFY: 19}
        wait_until(lambda: "push shop" in names(collector, trace), "the push's span is told", limit_s=60)
        whole = {one.name: one for one in collector.of(trace)}

        # A delivery that begins anew knows the trace of a target that it did not send before.
        started.end_one("deliver-shopify")
        later = send(tmp_path, monkeypatch, collector, 12, on_hand=11, sequence=11)
        wait_until(lambda: any(one.startswith("process") for one in names(collector, later)), "it is computed")
        start(started, "deliver-shopify", collector)
        wait_until(lambda: "push shop" in names(collector, later), "the push's span is told", limit_s=60)
        statuses = started.end()

    changes = f"{topic_prefix}inventory.changes"
    assert [whole[name].service for name in (f"send {changes}", f"process {changes}", "push shop")] == [
        f"{application_id}-{role}" for role in ("produce", "engine", "deliver-shopify")
    ]
    assert whole[f"process {changes}"].parent == whole[f"send {changes}"].span
    assert whole["push shop"].parent == whole[f"process {changes}"].span
    assert whole["push shop"].facts["inventory.outcome"] in ("accepted", "applied")
    assert set(statuses.values()) == {0}
    assert carried(kafka, f"{topic_prefix}listing.targets.shopify") == {trace, later}


def start(started: Started, name: str, collector: Collector) -> None:
    command = ("engine",) if name == "engine" else ("deliver", name.removeprefix("deliver-"))
    started.start(name, *command, "--config", "sync.yaml", env=collector.env())


def send(
    folder: Path, monkeypatch: pytest.MonkeyPatch, collector: Collector, trace: int, *, on_hand: int, sequence: int
) -> str:
    """A count, sent by somebody who has a trace already; the trace's id."""
    (folder / "count.jsonl").write_text(json.dumps({**COUNT, "on_hand": on_hand, "sequence": sequence}))
    with monkeypatch.context() as patched:
        for name, value in collector.env().items():
            patched.setenv(name, value)
        patched.setenv("TRACEPARENT", f"00-{trace:032x}-{1:016x}-01")
        run("produce", "count.jsonl", "--config", "sync.yaml", cwd=folder)
    return f"{trace:032x}"


def names(collector: Collector, trace: str) -> set[str]:
    return {one.name for one in collector.of(trace)}


def carried(kafka: str, topic: str) -> set[str]:
    """The traces whose contexts the records of a topic carry."""
    found: list[Message] = []
    read_to_end(KafkaSettings(kafka), [(topic, number) for number in range(6)], found.extend)
    contexts = [context_of(one.headers()) for one in found]
    return {one.parent[3:35].decode() for one in contexts if one is not None}
