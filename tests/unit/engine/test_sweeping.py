"""A sweep over all SKUs: paced, with its progress in logs and metrics, and whole in the end."""

from __future__ import annotations

import logging

import pytest

from inventory_domain.changes import StockCounted
from inventory_domain.identifiers import Sku
from inventory_streams.engine.due import DueWork
from inventory_streams.engine.settings import SWEEP_LOG_S, EngineSettings
from inventory_streams.engine.states import SkuStates
from inventory_streams.engine.waking import InForce
from inventory_streams.kafka.settings import KafkaSettings
from tests.support.engine_bench import Clock, a_bench
from tests.support.engine_work import PARTITIONS, TOPICS, Memory, a_velocity
from tests.support.stock import SKU, a_change, a_product

PER_S = 10


async def test_a_sweep_decides_no_more_skus_a_second_than_it_may(caplog: pytest.LogCaptureFixture) -> None:
    """A change of settings must not hold up the input of a million SKUs."""
    caplog.set_level(logging.INFO, "inventory_streams.engine.due")
    async with a_bench() as bench:
        memory = Memory()
        memory.batch(memory.wire.product(a_product()), memory.wire.change(a_change(StockCounted(5))))
        state = memory.states[SKU]
        states = SkuStates(lambda data: state, 10)
        for number in range(35):
            states.load(Sku(f"S{number}"), b"state")
        partition, clock = bench.partition, Clock()
        partition.states = states
        settings = EngineSettings(KafkaSettings("127.0.0.1:1"), TOPICS, PARTITIONS, "app", sweep_skus_per_s=PER_S)
        due = DueWork(settings, a_velocity(), clock, InForce("another policy", ()))
        left = []
        applied = None
        for _ in range(4):
            applied = due.add(partition, Memory().work(), lambda: None).applied
            assert partition.sweep is not None
            left.append(partition.sweep.left)
            clock.at_s += SWEEP_LOG_S

    assert left == [25, 15, 5, 0]
    assert applied == "another policy"
    told = [(record.message, record.__dict__.get("left")) for record in caplog.records]
    assert told == [
        ("deciding SKUs anew", 25),
        ("deciding SKUs anew", 15),
        ("deciding SKUs anew", 5),
        ("all SKUs decided anew", None),
    ]
