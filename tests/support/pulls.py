"""A marketplace that is pulled: pages and documents as a test says, and what is asked of it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from inventory_domain.bulk import (
    BackgroundPullTraits,
    BulkTraits,
    CallFailed,
    Found,
    HeldPage,
    Page,
    PullDone,
    PullRunning,
    PullStarted,
    PullTraits,
)
from inventory_domain.catalog import Fulfillment, Listing, ListingNode, Product, ProductStatus
from inventory_domain.identifiers import ChannelId, ListingId, LocationId, Marketplace, NodeId, Sku
from inventory_domain.ports import AdapterTraits, ListingRef, OperationLimit, Push, ReadAnswer
from inventory_schemas.codec import Serde
from inventory_schemas.records import PRODUCT
from inventory_schemas.registry import LocalRegistry
from inventory_streams.catalog_copy import CatalogCopy

CHANNEL = ChannelId("market-us")
MARKETPLACE = Marketplace("market")
LIMITS = (OperationLimit("write", 10.0, 10.0), OperationLimit("read", 10.0, 10.0), OperationLimit("pull", 10.0, 10.0))

Answers = list[Page | CallFailed]


class _Adapter:
    """What every adapter has; nothing of it is asked here."""

    def __init__(self, limits: Sequence[OperationLimit] = LIMITS) -> None:
        self._traits = AdapterTraits(MARKETPLACE, tuple(limits), "write", "read", read_age_s_max=60.0)

    @property
    def traits(self) -> AdapterTraits:
        return self._traits

    async def push(self, pushes: Sequence[Push]) -> Sequence[object]:
        raise AssertionError("nothing is written here")

    async def read(self, listing: ListingRef) -> ReadAnswer:
        raise AssertionError("nothing is read here")

    async def aclose(self) -> None:
        return None


class PagedMarket(_Adapter):
    """Answers pages in turn. The last answer is given again."""

    def __init__(
        self, *answers: Page | CallFailed, sequential: bool = False, limits: Sequence[OperationLimit] = LIMITS
    ) -> None:
        super().__init__(limits)
        self.answers: Answers = list(answers)
        self.cursors: list[str | None] = []
        self.sequential = sequential

    @property
    def pull_traits(self) -> PullTraits:
        return PullTraits("pull", 100, sequential=self.sequential)

    async def pull(self, channel: ChannelId, cursor: str | None) -> Page | CallFailed:
        self.cursors.append(cursor)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class BackgroundMarket(_Adapter):
    """Gathers in the background what the polls say."""

    def __init__(
        self, *polls: PullRunning | PullDone | CallFailed, start: PullStarted | CallFailed | None = None
    ) -> None:
        super().__init__()
        self.polls = list(polls)
        self.start = start or PullStarted(pull_id="p-1", ask_after_s=60.0, api="start")

    @property
    def background_pull_traits(self) -> BackgroundPullTraits:
        return BackgroundPullTraits(BulkTraits("pull", 0), BulkTraits("pull", 0), age_s_max=3_600.0)

    async def start_pull(self, channel: ChannelId) -> PullStarted | CallFailed:
        return self.start

    async def poll_pull(self, channel: ChannelId, pull_id: str) -> PullRunning | PullDone | CallFailed:
        return self.polls.pop(0) if len(self.polls) > 1 else self.polls[0]


@dataclass
class HeldMarket(_Adapter):
    """Holds stock for us."""

    pages: list[HeldPage | CallFailed] = field(default_factory=list)

    def __post_init__(self) -> None:
        _Adapter.__init__(self)

    @property
    def held_stock_traits(self) -> BulkTraits:
        return BulkTraits("pull", 50)

    async def held_stock(self, channel: ChannelId, cursor: str | None) -> HeldPage | CallFailed:
        return self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]


def found(sku: str, quantity: int | None = 1, **nodes: int) -> Found:
    """A listing that a pull comes across."""
    return Found(
        marketplace_ids={"sku": sku}, quantity=quantity, nodes={NodeId(name): units for name, units in nodes.items()}
    )


def a_page(*every: Found, then: str | None = None) -> Page:
    """A page, and where it goes on."""
    return Page(found=every, next_cursor=then, api="pull", request_id=f"r-{then}")


def done(every: Iterator[Found], unreadable: int = 0) -> PullDone:
    """A document."""
    return PullDone(found=every, unreadable=unreadable, api="download")


def failed(kind: str = "transient", reason: str = "busy") -> CallFailed:
    """A call that was not done."""
    return CallFailed(kind=kind, api="pull", reason=reason)  # type: ignore[arg-type]


def a_catalog(*listings: tuple[str, Mapping[str, str]], held: bool = False, nodes: Sequence[str] = ()) -> CatalogCopy:
    """A catalog with a product per (SKU, marketplace ids)."""
    serde = Serde(PRODUCT, "product-value", LocalRegistry())
    catalog = CatalogCopy(serde)
    for sku, ids in listings:
        catalog.apply(sku.encode(), serde.encode(a_product(sku, ids, held=held, nodes=nodes)))
    return catalog


def a_product(
    sku: str,
    ids: Mapping[str, str] | None = None,
    *,
    held: bool = False,
    nodes: Sequence[str] = (),
    channel: ChannelId = CHANNEL,
) -> Product:
    """A product with one listing."""
    listing = Listing(
        ListingId(f"{channel}/{sku}"),
        channel,
        ids or {"sku": sku},
        fulfillment=Fulfillment.MARKETPLACE if held else Fulfillment.SELLER,
        nodes=tuple(ListingNode(NodeId(one), LocationId(f"at-{one}")) for one in nodes),
    )
    return Product(Sku(sku), ProductStatus.ACTIVE, "things", (), (listing,))
