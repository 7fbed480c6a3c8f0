"""The timeline of an outage with a real broker and a marketplace in the same process, 200 times faster."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from confluent_kafka.admin import AdminClient

from inventory_domain.health import ChannelState, HealthRules
from inventory_domain.identifiers import ChannelId
from inventory_domain.operations import OperatorAction
from inventory_domain.outcomes import PushOutcome, Transient
from inventory_domain.ports import Push
from inventory_domain.retry import RetrySchedule
from inventory_streams.delivery.reports import takes_writes
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.producer.channels import ChannelOperator
from tests.support.delivery import (
    CHANNEL,
    MARKETPLACE,
    Bus,
    FakeMarketplace,
    SystemClock,
    a_target,
    accepted,
    delivering,
    set_refusing,
    until,
)

QUICK = RetrySchedule((0.2, 0.4, 1.0), 1.5)
RULES = HealthRules(
    probe=QUICK, idle_probe_s=3.0, outage_probe_s=1.5, stop_after_s=9.0, warn_before_s=3.0, restore_ramp_s=0.5
)
LIMIT_S = 90.0


class Way:
    """The way to the marketplace, which may be down."""

    down = False

    def answer(self, push: Push) -> PushOutcome:
        """What a push comes to."""
        if self.down:
            return Transient(listing_id=push.listing_id, api="write", reason="no-answer")
        return accepted(push)


def operator(bus: Bus) -> ChannelOperator:
    return ChannelOperator(bus.kafka, bus.topics, bus.registry, now_ms=SystemClock().now_ms)


async def test_an_outage_from_the_first_failure_to_whole_again_across_a_restart(bus: Bus, application_id: str) -> None:
    """Failing, countdown, stop-sale that outlives the worker that began it, and the way back."""
    way = Way()
    market, asked = FakeMarketplace(answer=way.answer), operator(bus)
    settings = {"health": RULES, "retry": QUICK}
    states: list[ChannelState] = []

    def state() -> ChannelState | None:
        record = asked.healths().get(CHANNEL)
        if record is not None and (not states or states[-1] is not record.health.state):
            states.append(record.health.state)
        return states[-1] if states else None

    bus.send(*[a_target(own_id, 5, version=1) for own_id in "ABC"])
    async with delivering(bus, market, application_id, **settings) as first:
        await until(lambda: len(market.shown) == 3, "all is shown", LIMIT_S)
        way.down = True
        market.pushes.clear()
        bus.send(a_target("A", 2, version=2))
        await until(lambda: state() is ChannelState.FAILING, "it fails", LIMIT_S, every_s=0.3)
        failing = asked.healths()[CHANNEL].health
        assert first.worker.ready
    async with delivering(bus, market, application_id, **settings):
        await until(lambda: state() is ChannelState.STOPPED, "stop-sale begins", LIMIT_S, every_s=0.3)
        await until(
            lambda: {push.listing_id[-1] for push in market.pushes if push.quantity == 0} == set("ABC"),
            "zero is tried for every listing",
            LIMIT_S,
        )
        way.down = False
        await until(lambda: state() is ChannelState.SELLING, "it sells again", LIMIT_S, every_s=0.2)

    whole = asked.healths()[CHANNEL].health
    assert failing.stop_at_ms is not None
    assert whole.epoch == failing.epoch + 2, "one stop and one restore"
    assert sorted(market.shown.items()) == [(f"{CHANNEL}/{own_id}", 2 if own_id == "A" else 5) for own_id in "ABC"]
    assert states.index(ChannelState.FAILING) < states.index(ChannelState.STOPPED)


async def test_a_stop_sale_holds_over_a_restart_until_an_operator_ends_it(bus: Bus, application_id: str) -> None:
    """Health is read before anything is sent: a worker that starts must not sell what is stopped (rule 21)."""
    market, asked = FakeMarketplace(), operator(bus)
    bus.send(*[a_target(own_id, 5, version=1) for own_id in "AB"])

    async with delivering(bus, market, application_id, health=RULES, retry=QUICK):
        await until(lambda: len(market.shown) == 2, "all is shown", LIMIT_S)
        _, offset = asked.send(CHANNEL, OperatorAction.STOP_SALE, "ann", "wrong prices")
        stopped = await asyncio.to_thread(asked.taken, CHANNEL, offset, LIMIT_S)
        await until(lambda: set(market.shown.values()) == {0}, "all is zero", LIMIT_S)
    market.pushes.clear()
    bus.send(a_target("A", 9, version=2), a_target("C", 4, version=1))
    async with delivering(bus, market, application_id, health=RULES, retry=QUICK) as second:
        await until(lambda: market.quantities("C") == [0], "the new listing is zero too", LIMIT_S)
        await until(lambda: second.worker.accounting.read >= 3, "the targets are read", LIMIT_S)
        sold = [push for push in market.pushes if push.quantity]
        _, offset = asked.send(CHANNEL, OperatorAction.RESTORE, "bob", "prices are right")
        restored = await asyncio.to_thread(asked.taken, CHANNEL, offset, LIMIT_S)
        await until(lambda: sorted(market.shown.values()) == [4, 5, 9], "all is restored", LIMIT_S)

    assert stopped is not None and restored is not None
    assert (stopped.health.state, stopped.health.by, stopped.health.reason) == (
        ChannelState.STOPPED,
        "ann",
        "stop-sale: wrong prices",
    )
    assert sold == []
    # By the time it is read the system may have said more: that its account was looked at, or that all of it sells.
    said = restored.health.by, restored.health.state
    assert said in (
        ("bob", ChannelState.RESTORING),
        ("system", ChannelState.RESTORING),
        ("system", ChannelState.SELLING),
    )
    assert asked.taken(ChannelId("harbor-moon"), 0, 0.1) is None


async def test_reports_on_a_topic_that_was_created_anew_are_heard(bus: Bus, application_id: str) -> None:
    """They begin at offset 0 again, which is far below what was folded of the former topic."""
    way = Way()
    market, asked = FakeMarketplace(answer=way.answer), operator(bus)
    reports = bus.topics.reports(MARKETPLACE)
    bus.send(a_target("A", 5, version=1))
    async with delivering(bus, market, application_id, health=RULES, retry=QUICK, report_interval_s=0.05):
        await until(
            lambda: market.shown != {} and len(bus.read(reports)) > 100, "much is reported", LIMIT_S, every_s=0.3
        )
    admin = AdminClient({"bootstrap.servers": bus.kafka.bootstrap_servers})
    admin.delete_topics([reports])[reports].result(30)
    await until(lambda: reports not in admin.list_topics(timeout=10).topics, "the topic is gone", LIMIT_S, every_s=0.1)
    bus.create()
    way.down = True
    bus.send(a_target("A", 2, version=2))
    rules = replace(RULES, stop_after_s=120.0)
    async with delivering(bus, market, application_id, health=rules, retry=QUICK, report_interval_s=5.0):
        await until(lambda: _state(asked) is ChannelState.FAILING, "it fails", 20.0, every_s=0.3)
        way.down = False
        await until(lambda: _state(asked) is ChannelState.SELLING, "it sells again", 20.0, every_s=0.3)


def _state(asked: ChannelOperator) -> ChannelState | None:
    record = asked.healths().get(CHANNEL)
    return None if record is None else record.health.state


def test_kafka_that_answers_and_takes_nothing_counts_as_gone(bus: Bus) -> None:
    """With two of three brokers away. Taken for there, a worker would end, and nobody be left to set its zeros."""
    topic = bus.topics.reports(MARKETPLACE)

    assert takes_writes(bus.kafka, topic)
    for refusing in (True, False):
        set_refusing(bus, [topic], refusing=refusing)
        # What is altered holds a moment later.
        assert any(takes_writes(bus.kafka, topic, 2.0) is not refusing for _ in range(20))
    assert not takes_writes(KafkaSettings("127.0.0.1:1"), topic, 1.0)
