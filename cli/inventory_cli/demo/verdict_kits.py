"""What the events amount to for kits and their components: the part of the verdict that looks at several SKUs.

Written apart from the engine, from the words of docs/kits.md, as the rest of the verdict is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from inventory_cli.demo.journal import ProductFacts, Said
from inventory_cli.demo.verdict_stock import Stock, orders_left, orders_reported, stock_of


class Books:
    """All events of all SKUs, and what they amount to for one."""

    def __init__(self, said: Mapping[str, Sequence[Said]], products: Mapping[str, ProductFacts]) -> None:
        self._said = said
        self._products = products
        self._kits_with: dict[str, list[str]] = defaultdict(list)
        for sku, product in products.items():
            for part in product.components:
                self._kits_with[part].append(sku)

    def stock(self, sku: str) -> Stock:
        """Free units by location, and units that may be missing at any of them."""
        product = self._products[sku]
        free = self._scarcest(product) if product.components else stock_of(self._said.get(sku, ())).free
        return Stock(free, self._missing(sku, None))

    def _scarcest(self, kit: ProductFacts) -> dict[str, int]:
        """Per location of the kit as many as its scarcest component would do for."""
        parts = [self._kits_of(part, units) for part, units in kit.components.items()]
        return {location: min(kits.get(location, 0) for kits in parts) for location in kit.safety_stock}

    def _kits_of(self, part: str, units: int) -> dict[str, int]:
        """How many kits the component would do for by location: what may be promised of it there, divided."""
        product = self._products[part]
        if not product.sold:
            return {}
        free = self.stock(part).free
        return {
            location: max(0, free[location] - safety) // units
            for location, safety in product.safety_stock.items()
            if location in free
        }

    def _missing(self, sku: str, besides: str | None) -> int:
        """Units sold that nobody has reported where they are kept, those in one kit aside; of a kit also lost ones."""
        reported = self._reported(sku)
        sold = self._sold(sku, besides)
        missing = sum(units for order, units in sold.items() if order not in reported)
        return missing + self._lost(self._products[sku])

    def _lost(self, kit: ProductFacts) -> int:
        """The most kits that unreported sales of its components may cost."""
        scarcest = self._scarcest(kit) if kit.components else {}
        lost = 0
        for part, units in kit.components.items():
            missing, kits = self._missing(part, kit.sku), self._kits_of(part, units)
            first = min(missing, sum(1 for number in kits.values() if number))
            cost = first + (missing - first) // units
            beyond = [kits[location] - number for location, number in scarcest.items() if number]
            lost += max(0, cost - min(beyond, default=0))
        return lost

    def _sold(self, sku: str, besides: str | None) -> dict[str, int]:
        """Units by order: sold by itself, and inside the kits that it is in."""
        found: dict[str, int] = defaultdict(int)
        for order, units in orders_left(self._said.get(sku, ())).items():
            found[order] += max(0, units)
        for kit in self._kits_with[sku]:
            if kit == besides:
                continue
            for order, units in self._sold(kit, None).items():
                found[order] += units * self._products[kit].components[sku]
        return dict(found)

    def _reported(self, sku: str) -> set[str]:
        """Orders that the ERP has reserved or shipped: of a kit, at every component."""
        components = self._products[sku].components
        if components:
            return set.intersection(*(self._reported(part) for part in components))
        return orders_reported(self._said.get(sku, ()))
