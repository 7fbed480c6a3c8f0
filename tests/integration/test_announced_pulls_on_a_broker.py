"""A pull that is announced on a real broker has its part of the rate, whatever else stands on the topic."""

from __future__ import annotations

from dataclasses import replace

from confluent_kafka import Producer

from inventory_domain.bulk import Page, PullTraits
from inventory_domain.identifiers import ChannelId
from inventory_domain.ports import OperationLimit
from inventory_domain.pull_leases import KNOWN_S
from inventory_domain.reconciliation import CyclePhase, announcement
from inventory_schemas.codec import Serde
from inventory_schemas.records import RECONCILIATION_CYCLE
from inventory_streams.delivery.run import Delivery
from inventory_streams.kafka.transactions import TransactionalWriter, Write
from tests.support.delivery import CHANNEL, MARKETPLACE, Bus, FakeMarketplace, delivering, traits, until

LIMIT_S = 60.0


class Shared(FakeMarketplace):
    """Pushes and pulls call the same here, and nothing tells how much is left."""

    @property
    def pull_traits(self) -> PullTraits:
        return PullTraits("all", 100)

    async def pull(self, channel: ChannelId, cursor: str | None) -> Page:
        raise AssertionError("nobody pulls here")


def rate(delivery: Delivery) -> float:
    """What the account may use a second by now, by a worker that owns all."""
    (account,) = delivery.worker._accounts.all
    account.throttles.push.wait_s(0.0)
    return round(account.throttles.push.rate_per_s, 3)


async def test_a_pull_that_is_announced_behind_an_open_transaction_has_its_part(bus: Bus, application_id: str) -> None:
    """What is committed ends, to its readers, before the transaction that hangs; the announcement behind it counts."""
    topic = bus.topics.reconciliations(MARKETPLACE)
    serde = Serde(RECONCILIATION_CYCLE, f"{topic}-value", bus.registry)
    announced = announcement(CHANNEL, 1_700_000_000_000, "schedule")
    other = replace(announced, phase=CyclePhase.COMPLETE, reason="schedule")
    limits = (OperationLimit("all", 10.0, 10.0),)
    market = Shared(traits=traits(limits=limits, push_operation="all", read_operation="all"))
    hangs = Producer({**bus.kafka.producer(), "transactional.id": f"{application_id}-hangs"})
    writer = TransactionalWriter(bus.kafka, f"{application_id}-pulls")
    async with delivering(bus, market, application_id, pull_share=0.2) as delivery:
        await until(lambda: rate(delivery) == 10.0, "nobody pulls, so the whole rate is used", LIMIT_S)
        hangs.init_transactions(LIMIT_S)
        hangs.begin_transaction()
        hangs.produce(topic, serde.encode(other), CHANNEL.encode(), partition=0)
        assert hangs.flush(LIMIT_S) == 0
        writer.take_over()
        writer.commit_all([Write(topic, 0, CHANNEL.encode(), serde.encode(announced))])
        heard_within_s = KNOWN_S  # later it would be for what was read too long ago
        await until(lambda: rate(delivery) == 8.0, "who pulls has the rest", heard_within_s)
        (account,) = delivery.worker._accounts.all
        assert account.pulls is not None and account.pulls.held_until_s > 0
        hangs.abort_transaction(LIMIT_S)
