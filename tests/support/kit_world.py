"""Every partition of an engine in memory, with what they say to each other going through as Kafka would take it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from inventory_domain.catalog import Component, Product
from inventory_domain.changes import InventoryChange, SkuChange
from inventory_domain.commands import OperatorKind, SkuCommand
from inventory_domain.identifiers import EventId, ListingId, Sku
from inventory_domain.policies import AllocationPolicy
from inventory_domain.sku_state import SkuState
from inventory_streams.engine.records import InputRecord
from inventory_streams.engine.values import Computed
from inventory_streams.kafka.partitioner import partition_of
from tests.support.engine_work import PARTITIONS, Memory
from tests.support.stock import NOW_MS, a_change, a_listing, a_policy, a_product

ROUNDS_MAX = 20


def skus(count: int, prefix: str = "S") -> list[Sku]:
    """SKUs of which no two live in one partition, as long as there are partitions."""
    found: list[Sku] = []
    taken: set[int] = set()
    number = 0
    while len(found) < count:
        sku = Sku(f"{prefix}{number}")
        number += 1
        if len(taken) < PARTITIONS and partition_of(sku, PARTITIONS) in taken:
            continue
        taken.add(partition_of(sku, PARTITIONS))
        found.append(sku)
    return found


def listing_of(sku: Sku) -> ListingId:
    """The one listing of that SKU."""
    return ListingId(f"market-us/{sku}")


def a_sku(sku: Sku, locations: Mapping[str, int] | None = None, **needs: int) -> Product:
    """A product with one listing; a kit where components are named with the units that it needs."""
    made = a_product(a_listing(own_id=sku), locations=locations)
    return replace(made, sku=sku, components=tuple(Component(Sku(part), units) for part, units in needs.items()))


class World:
    """Partitions with their states; what is sent waits in each partition's queue until `run`."""

    def __init__(self, policy: AllocationPolicy | None = None) -> None:
        self.memories = [Memory(policy or a_policy(), partition=number) for number in range(PARTITIONS)]
        self.queues: list[list[InputRecord]] = [[] for _ in range(PARTITIONS)]
        self.shown: dict[Sku, int] = {}
        self.derivations: dict[Sku, str] = {}
        self.causes: dict[Sku, str] = {}
        self.told: list[tuple[Sku, int]] = []
        self.dead: list[tuple[str, str]] = []
        self.commands = 0
        self.catching_up = False
        self.batch_max = 1_000
        self._numbers = 0

    def memory(self, sku: Sku) -> Memory:
        """The partition in which the SKU lives."""
        return self.memories[partition_of(sku, PARTITIONS)]

    def state(self, sku: Sku) -> SkuState:
        """What is durable of it."""
        return self.memory(sku).states[sku]

    def product(self, product: Product | None, sku: Sku | None = None) -> None:
        """The catalog says this; None with a SKU removes it."""
        name = product.sku if product is not None else sku
        assert name is not None
        self._queue(name).append(self.memory(name).wire.product(product, key=name))

    def change(self, sku: Sku, kind: SkuChange, location: str | None = "dallas", **fields: int) -> InventoryChange:
        """Something happens to a SKU's stock."""
        made = replace(a_change(kind, location=location, **fields), sku=sku)
        self._queue(sku).append(self.memory(sku).wire.change(made, key=sku))
        return made

    def heard(self, change: InventoryChange) -> None:
        """A change as somebody else made it."""
        assert change.sku is not None
        self._queue(change.sku).append(self.memory(change.sku).wire.change(change, key=change.sku))

    def command(self, sku: Sku, kind: OperatorKind) -> None:
        """An operator says this."""
        self.send(SkuCommand(EventId("by hand"), sku, NOW_MS, "ann", kind))

    def send(self, command: SkuCommand) -> None:
        """A command is on its way."""
        self._queue(command.sku).append(self.memory(command.sku).wire.command(command, key=command.sku))

    def run(self) -> None:
        """Let everything arrive, until nobody has anything to say."""
        for _ in range(ROUNDS_MAX):
            if not any(self.queues):
                return
            for number in range(PARTITIONS):
                self.step(number)
        raise AssertionError("they go on talking: a loop")

    def step(self, number: int) -> None:
        """One batch of one partition; what it says to others is queued with its commit."""
        queue = self.queues[number]
        batch, self.queues[number] = queue[: self.batch_max], queue[self.batch_max :]
        if batch:
            self.commit(number, batch)

    def commit(self, number: int, batch: list[InputRecord], wake: Mapping[Sku, str] | None = None) -> Computed:
        """Compute a batch of that partition and take it over."""
        memory = self.memories[number]
        memory.now_ms += 1
        computed = memory.batch(*batch, catching_up=self.catching_up, wake=wake)
        for target in computed.targets:
            assert target.version > 0
            self.shown[target.sku] = target.quantity
            self.derivations[target.sku] = target.derivation
            self.causes[target.sku] = target.cause
            self.told.append((target.sku, target.quantity))
        self.dead.extend(((letter.record.key or b"").decode(), letter.reason) for letter in computed.dead_letters)
        self.commands += len(computed.commands)
        for command in computed.commands:
            self.send(command)
        return computed

    def wake(self, sku: Sku, cause: str = "policy") -> None:
        """A timer, a sweep or an owed rise looks at the SKU."""
        self.commit(partition_of(sku, PARTITIONS), [], {sku: cause})

    def _queue(self, sku: Sku) -> list[InputRecord]:
        return self.queues[partition_of(sku, PARTITIONS)]
