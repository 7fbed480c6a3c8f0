"""Shopify as the pipeline sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from inventory_adapters.accounts import AccountSettings
from inventory_adapters.exchange import Dialect, Exchange
from inventory_adapters.guards import check_group, read_refusal, refusals
from inventory_adapters.http import HttpClient
from inventory_adapters.shopify import failures, limits, observe, push
from inventory_adapters.shopify.settings import GRAPHQL, SHOPIFY, ShopifySettings
from inventory_domain.bulk import CallFailed, Page, PullTraits
from inventory_domain.clock import Clock
from inventory_domain.errors import InvariantBroken
from inventory_domain.identifiers import ChannelId
from inventory_domain.outcomes import PushOutcome
from inventory_domain.ports import AdapterTraits, ListingRef, Push, ReadAnswer

if TYPE_CHECKING:
    import httpx

DIALECT: Final = Dialect(
    rules=failures.RULES,
    facts=failures.facts,
    seen=limits.seen,
    request_id=lambda answer: answer.header("x-request-id"),
)


class ShopifyAdapter:
    """One shop."""

    def __init__(self, settings: ShopifySettings, clock: Clock, transport: httpx.AsyncBaseTransport | None) -> None:
        self._settings = settings
        http = HttpClient(settings.calls, transport)
        self._exchange = Exchange(http, settings.access_token, DIALECT, clock, settings.calls.timeout_s)
        self._traits = AdapterTraits(
            marketplace=SHOPIFY,
            limits=settings.limits,
            push_operation=GRAPHQL,
            read_operation=GRAPHQL,
            push_group_max=settings.group_max,
            push_cost=settings.write_cost,
            read_cost=settings.read_cost,
            settling_s_max=settings.settling_s_max,
            answer_proves_live=True,
        )

    @property
    def traits(self) -> AdapterTraits:
        """See `ports.MarketplaceAdapter`."""
        return self._traits

    async def push(self, pushes: Sequence[Push]) -> Sequence[PushOutcome]:
        """See `ports.MarketplaceAdapter`."""
        check_group(pushes, self._traits)
        outcomes = refusals(pushes, self._settings.channel_ids, push.NEEDED_IDS, push.SET_QUANTITIES)
        left = [each for each in pushes if each.listing_id not in outcomes]
        outcomes |= push.refusals(left, self._settings.locations_max)
        sent = [each for each in left if each.listing_id not in outcomes]
        if sent:
            deadline_s = self._exchange.deadline_s()
            outcomes |= await push.push_group(sent, self._settings, self._exchange, deadline_s)
        return [outcomes[each.listing_id] for each in pushes]

    async def read(self, listing: ListingRef) -> ReadAnswer:
        """See `ports.MarketplaceAdapter`."""
        refused = read_refusal(listing, self._settings.channel_ids, push.NEEDED_IDS)
        if refused is not None:
            return refused.read_answer(listing.listing_id, observe.INVENTORY_ITEM)
        return await observe.read_one(listing, self._settings, self._exchange, self._exchange.deadline_s())

    @property
    def pull_traits(self) -> PullTraits:
        """See `bulk.PullsListings`."""
        return PullTraits(GRAPHQL, cost=self._settings.pull_cost)

    async def pull(self, channel: ChannelId, cursor: str | None) -> Page | CallFailed:
        """See `bulk.PullsListings`."""
        return await observe.pull(cursor, self._settings, self._exchange, self._exchange.deadline_s())

    async def aclose(self) -> None:
        """See `ports.MarketplaceAdapter`."""
        await self._exchange.aclose()


def build(settings: AccountSettings, clock: Clock, transport: httpx.AsyncBaseTransport | None = None) -> ShopifyAdapter:
    """The adapter of this account; `transport` replaces the network."""
    if not isinstance(settings, ShopifySettings):
        raise InvariantBroken(f"settings of {settings.marketplace} given to shopify")
    return ShopifyAdapter(settings, clock, transport)
