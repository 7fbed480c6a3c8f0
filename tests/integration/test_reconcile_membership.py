"""However many processes reconcile: each marketplace is one's at a time, and another's when that one is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from inventory_domain.identifiers import Marketplace
from inventory_streams.kafka.admin import apply
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.reconcile.membership import Membership
from inventory_streams.reconcile.settings import ReconcileSettings
from inventory_streams.topics import Topics

MARKETPLACES = tuple(Marketplace(name) for name in ("one", "two", "three"))
LIMIT_S = 90.0


@dataclass
class Owner:
    """Notes what it has; `shared` counts marketplaces that two had at one time."""

    everybody: list[Marketplace]
    shared: int = 0
    has: set[Marketplace] = field(default_factory=set)

    async def gained(self, marketplaces: Sequence[Marketplace]) -> None:
        self.shared += sum(one in self.everybody for one in marketplaces)
        self.everybody.extend(marketplaces)
        self.has.update(marketplaces)

    async def parted(self, marketplaces: Sequence[Marketplace]) -> None:
        for one in marketplaces:
            self.everybody.remove(one)
            self.has.discard(one)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110 - two threads change it
            await asyncio.sleep(0.05)


async def test_marketplaces_are_shared_out_and_taken_over(kafka: str, topic_prefix: str, application_id: str) -> None:
    topics = Topics(MARKETPLACES, topic_prefix)
    declared = [one for one in topics.declarations() if "reconciliations" in one.name]
    await asyncio.to_thread(apply, KafkaSettings(kafka), declared, 1)
    settings = ReconcileSettings(application_id, KafkaSettings(kafka), topics, 1, session_timeout_s=6.0)
    everybody: list[Marketplace] = []
    owners = [Owner(everybody), Owner(everybody)]
    failures: list[BaseException] = []
    loop = asyncio.get_running_loop()
    members = [Membership(settings, MARKETPLACES, owner, loop, failures.append) for owner in owners]
    first, second = owners

    members[0].start()
    await until(lambda: first.has == set(MARKETPLACES))
    members[1].start()
    await until(lambda: bool(second.has) and first.has | second.has == set(MARKETPLACES))
    kept = set(second.has)
    members[0].stop()
    assert await asyncio.to_thread(members[0].join, LIMIT_S)
    await until(lambda: second.has == set(MARKETPLACES))
    members[1].stop()
    assert await asyncio.to_thread(members[1].join, LIMIT_S)

    assert kept < set(MARKETPLACES)  # the first one kept what it could keep
    assert (first.shared, second.shared, everybody, failures) == (0, 0, [], [])
