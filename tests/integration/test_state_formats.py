"""States of earlier formats are read and written anew; of a later one that cannot be read, the start is refused."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest
from confluent_kafka import Producer

from inventory_domain.errors import InvariantBroken
from inventory_domain.identifiers import Sku
from inventory_schemas.avsc import parse, schema_text
from inventory_schemas.codec import HEADER, MAGIC
from inventory_schemas.records import SKU_STATE
from inventory_streams.engine.recovery import Opener
from inventory_streams.engine.serdes import EngineSerdes, engine_serdes
from inventory_streams.engine.settings import EngineSettings
from inventory_streams.kafka.partitioner import partition_of
from tests.support.engine import PARTITIONS, EngineBus, FixedRegistry, the_policy
from tests.support.ledger import a_state

HISTORY = Path(__file__).parents[1] / "contract" / "schema_history" / "sku_state"
SKU = Sku("A-1")


class Registry(FixedRegistry):
    """Knows formats of other versions, too."""

    def add(self, schema: dict[str, Any]) -> int:
        """A format; its id."""
        text = json.dumps(schema)
        self._schemas[self.id_of("", text)] = parse(text)
        return self.id_of("", text)


@pytest.fixture
def bus(kafka: str, topic_prefix: str) -> EngineBus:
    bus = EngineBus(kafka, topic_prefix)
    bus.create()
    return bus


def written(bus: EngineBus, schema_id: int, schema: dict[str, Any], record: dict[str, Any]) -> None:
    """A record of the changelog as a program with this format would write it."""
    body = BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(schema), record)
    producer = Producer({"bootstrap.servers": bus.kafka.bootstrap_servers})
    value = HEADER.pack(MAGIC, schema_id) + body.getvalue()
    producer.produce(bus.topics.sku_state, value, SKU.encode(), partition_of(SKU, PARTITIONS))
    assert producer.flush(30) == 0


def opener(bus: EngineBus, registry: Registry, application: str) -> tuple[Opener, EngineSerdes]:
    settings = EngineSettings(bus.kafka, bus.topics, PARTITIONS, application)
    serdes = engine_serdes(bus.topics, registry)
    return Opener(settings, serdes, the_policy()), serdes


def test_states_of_the_first_format_are_read_and_written_in_the_newest(bus: EngineBus, application_id: str) -> None:
    """So a migration is nothing but time; what is new in a state has its default until then."""
    registry = Registry()
    first = json.loads((HISTORY / "1.avsc").read_text())
    state = a_state(sku=SKU)
    written(bus, registry.add(first), first, SKU_STATE.to_record(state))  # what the format lacks is left out
    opening, serdes = opener(bus, registry, application_id)

    partition = opening.open(partition_of(SKU, PARTITIONS), {}, lambda: False, None)

    assert partition is not None
    found = partition.states.get(SKU)
    assert found is not None
    assert (found.sku, found.stock.positions) == (state.sku, state.stock.positions)
    again = serdes.state.encode(found)
    assert again[: HEADER.size] == HEADER.pack(MAGIC, registry.id_of("", schema_text("sku_state")))


def test_states_of_a_format_that_cannot_be_read_stop_the_start_and_name_it(bus: EngineBus, application_id: str) -> None:
    """An engine of the former version, started after a rollback: else it would stop at that SKU, in the middle."""
    registry = Registry()
    later = json.loads(schema_text("sku_state"))
    (entry,) = [field for field in later["fields"] if field["name"] == "entry"]
    entry["type"].append({"type": "record", "name": "OfTomorrow", "fields": [{"name": "x", "type": "long"}]})
    number = registry.add(later)
    written(bus, number, later, SKU_STATE.to_record(a_state(sku=SKU)))
    opening, _ = opener(bus, registry, application_id)

    with pytest.raises(InvariantBroken) as refused:
        opening.open(partition_of(SKU, PARTITIONS), {}, lambda: False, None)

    assert f"format {number}" in str(refused.value)
    assert "OfTomorrow" in str(refused.value)
