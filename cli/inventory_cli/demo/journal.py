"""What the demo's ERP said, in plain values: the input of the verdict, which shares no code with the pipeline."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ListedAs:
    """One listing of a product: where it is, how the sandbox names it, and what bounds its number.

    `nodes` are (the marketplace's id, the location it stands for). `written` is False for what nobody may write.
    """

    listing_id: str
    channel: str
    marketplace: str
    sandbox_key: str
    written: bool
    nodes: Sequence[tuple[str, str]] = ()
    min_shown: int = 0
    max_shown: int | None = None


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """What the catalog says of a SKU: safety stock by location that stocks it, its listings, and what a kit needs."""

    sku: str
    sold: bool
    category: str
    safety_stock: Mapping[str, int]
    listings: Sequence[ListedAs]
    components: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Said:
    """One event as it was sent. Fields that a kind does not have are None."""

    kind: str
    event_id: str
    sku: str
    source: str
    location: str | None = None
    sequence: int | None = None
    units: int = 0
    reservation_id: str | None = None
    order_id: str | None = None
    channel: str | None = None


@dataclass(slots=True)
class Journal:
    """All that was said, in the order of sending. Written by one thread, read by others under the lock."""

    products: dict[str, ProductFacts] = field(default_factory=dict)
    removed: dict[str, ListedAs] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)
    oversold_units: int = 0
    sold_units: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, said: Said) -> None:
        """Note an event that was sent."""
        with self.lock:
            self.said.append(said)

    def list_product(self, product: ProductFacts) -> None:
        """Note what the catalog says now; listings that it no longer names are removed ones."""
        with self.lock:
            before = self.products.get(product.sku)
            named = {one.listing_id for one in product.listings}
            for one in before.listings if before else ():
                if one.listing_id not in named:
                    self.removed[one.listing_id] = one
            self.products[product.sku] = product

    def events(self) -> int:
        """How many events were sent."""
        with self.lock:
            return len(self.said)
