"""Changes in a random order, and a plain sum of them that shares nothing with the engine."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from inventory_domain.catalog import Component
from inventory_domain.changes import InventoryChange, StockAdjusted, StockCounted, UnitsSold
from inventory_domain.identifiers import ChannelId, OrderId, Sku
from tests.support.commands import wait_until
from tests.support.engine import CHANNEL, EngineBus, change_of, listing_of, product_of

# Kits of plain SKUs, and one of a kit, so that what SKUs say to each other is under the same strikes.
KITS = {"K0": {"S0": 1, "S1": 2}, "K1": {"S2": 3, "S3": 1}, "K2": {"S4": 1, "S5": 1}, "KK": {"K0": 1, "S6": 2}}


@dataclass
class Traffic:
    """Sends changes for some SKUs and sales of kits, and knows what must come out of them.

    `expected` is on hand by SKU, `sold` the kits that were sold; no sale is ever reported by the source.
    """

    bus: EngineBus
    seed: int
    skus: int = 40
    expected: dict[str, int] = field(default_factory=dict)
    sold: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KITS, 0))
    sequence: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    def catalog(self) -> None:
        """Every SKU with a product and a first count."""
        names = [f"S{number}" for number in range(self.skus)]
        self.bus.products(*[product_of(name) for name in names])
        for kit, needs in KITS.items():
            parts = tuple(Component(Sku(part), units) for part, units in needs.items())
            self.bus.products(replace(product_of(kit), components=parts))
        self.bus.changes(*[self._counted(name) for name in names])

    def burst(self, count: int) -> None:
        """So many changes; a tenth of them is sent twice, as a producer does that was not answered."""
        changes: list[InventoryChange] = []
        for _ in range(count):
            name = f"S{self._chance.randrange(self.skus)}"
            if self._chance.random() < 0.01:
                changes.append(self._kit_sold())
                continue
            if self._chance.random() < 0.05:
                changes.append(self._counted(name))
                continue
            units = self._chance.choice((3, 2, 1, -1, -2))
            self.expected[name] += units
            self.sequence += 1
            change = change_of(name, StockAdjusted(units), sequence=self.sequence)
            changes.extend([change] * (2 if self._chance.random() < 0.1 else 1))
        self.bus.changes(*changes)

    def _kit_sold(self) -> InventoryChange:
        kit, units = self._chance.choice(tuple(KITS)), self._chance.randint(1, 2)
        self.sold[kit] += units
        self.sequence += 1
        kind = UnitsSold(ChannelId(CHANNEL), OrderId(f"order-{self.sequence}"), units)
        return change_of(kit, kind, location=None)

    def wanted(self) -> dict[str, int]:
        """What every listing must show."""
        sold = dict.fromkeys(self.expected, 0) | self.sold
        for kit in ("KK", "K0", "K1", "K2"):  # the one that has a kit in it comes first
            for part, units in KITS[kit].items():
                sold[part] += sold[kit] * units
        kits: dict[str, int] = {}
        for kit in ("K0", "K1", "K2"):
            kits[kit] = min(max(0, self.expected[part]) // units for part, units in KITS[kit].items())
        # The inner kit's own sales may take what the outer one would be made of; the outer one's sales are its own.
        kits["KK"] = min(max(0, kits["K0"] - self.sold["K0"]), max(0, self.expected["S6"]) // 2)
        free = {name: max(0, units) for name, units in self.expected.items()} | kits
        return {name: max(0, units - sold[name]) for name, units in free.items()}

    def _counted(self, name: str) -> InventoryChange:
        self.sequence += 1
        self.expected[name] = self._chance.randrange(200)
        return change_of(name, StockCounted(self.expected[name]), sequence=self.sequence)

    def wait_until_shown(self) -> None:
        """Wait until the newest targets are what the changes add up to, and hold that against everything committed."""

        def settled() -> bool:
            return not self.differences()

        try:
            wait_until(settled, "every target is what the changes add up to", 120)
        except AssertionError as error:
            raise AssertionError(f"seed {self.seed}: {self.differences()}") from error
        self.check_history()

    def differences(self) -> dict[str, tuple[int, int | None]]:
        """Per SKU what is expected and what the newest target says, where they differ."""
        newest = self.bus.newest()
        found = {}
        for name, units in self.wanted().items():
            target = newest.get(listing_of(name))
            if target is None or target.quantity != units:
                found[name] = (units, target.quantity if target else None)
        return found

    def check_history(self) -> None:
        """No version is given twice or decreases, and each state's number is that of its newest target."""
        last: dict[str, int] = {}
        for told in self.bus.told():
            assert told.target is not None
            assert told.target.version > last.get(told.listing_id, 0), (self.seed, told)
            last[told.listing_id] = told.target.version
        for name, state in self.bus.states().items():
            if name not in KITS:
                position = state.stock.positions["dallas"]  # type: ignore[index]
                assert position.on_hand == self.expected[name], (self.seed, name)
            assert state.targets[listing_of(name)].version == last[listing_of(name)], (self.seed, name)
