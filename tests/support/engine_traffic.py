"""Changes in a random order, and a plain sum of them that shares nothing with the engine."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from inventory_domain.changes import InventoryChange, StockAdjusted, StockCounted
from tests.support.engine import EngineBus, change_of, listing_of, product_of, wait_until


@dataclass
class Traffic:
    """Sends changes for some SKUs and knows what must come out of them."""

    bus: EngineBus
    seed: int
    skus: int = 40
    expected: dict[str, int] = field(default_factory=dict)
    sequence: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    def catalog(self) -> None:
        """Every SKU with a product and a first count."""
        names = [f"S{number}" for number in range(self.skus)]
        self.bus.products(*[product_of(name) for name in names])
        self.bus.changes(*[self._counted(name) for name in names])

    def burst(self, count: int) -> None:
        """So many changes; a tenth of them is sent twice, as a producer does that was not answered."""
        changes: list[InventoryChange] = []
        for _ in range(count):
            name = f"S{self._chance.randrange(self.skus)}"
            if self._chance.random() < 0.05:
                changes.append(self._counted(name))
                continue
            units = self._chance.choice((3, 2, 1, -1, -2))
            self.expected[name] += units
            self.sequence += 1
            change = change_of(name, StockAdjusted(units), sequence=self.sequence)
            changes.extend([change] * (2 if self._chance.random() < 0.1 else 1))
        self.bus.changes(*changes)

    def _counted(self, name: str) -> InventoryChange:
        self.sequence += 1
        self.expected[name] = self._chance.randrange(200)
        return change_of(name, StockCounted(self.expected[name]), sequence=self.sequence)

    def wait_until_shown(self) -> None:
        """Wait until the newest targets are what the changes add up to, and hold that against everything committed."""

        def settled() -> bool:
            newest = self.bus.newest()
            return all(
                (target := newest.get(listing_of(name))) is not None and target.quantity == max(0, units)
                for name, units in self.expected.items()
            )

        try:
            wait_until(settled, "every target is what the changes add up to", 60, 0.2)
        except AssertionError as error:
            raise AssertionError(f"seed {self.seed}: {self.differences()}") from error
        self.check_history()

    def differences(self) -> dict[str, tuple[int, int | None]]:
        """Per SKU what is expected and what the newest target says, where they differ."""
        newest = self.bus.newest()
        found = {}
        for name, units in self.expected.items():
            target = newest.get(listing_of(name))
            if target is None or target.quantity != max(0, units):
                found[name] = (max(0, units), target.quantity if target else None)
        return found

    def check_history(self) -> None:
        """No version is given twice or decreases, and each state's number is that of its newest target."""
        last: dict[str, int] = {}
        for told in self.bus.told():
            assert told.target is not None
            assert told.target.version > last.get(told.listing_id, 0), (self.seed, told)
            last[told.listing_id] = told.target.version
        for name, state in self.bus.states().items():
            position = state.stock.positions["dallas"]  # type: ignore[index]
            assert position.on_hand == self.expected[name], (self.seed, name)
            assert state.targets[listing_of(name)].version == last[listing_of(name)], (self.seed, name)
