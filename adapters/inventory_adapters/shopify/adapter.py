"""Shopify as the pipeline sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from inventory_adapters.account_adapter import AccountAdapter
from inventory_adapters.accounts import AccountSettings
from inventory_adapters.exchange import Dialect, Exchange
from inventory_adapters.guards import check_group, read_refusal, refusals
from inventory_adapters.http import HttpClient
from inventory_adapters.messages import UNSET
from inventory_adapters.shopify import auth, bulk, failures, limits, observe, places, push, signals, subscriptions
from inventory_adapters.shopify.settings import GRAPHQL, SHOPIFY, TOPICS, ShopifySettings
from inventory_domain.account_calls import LocationPage
from inventory_domain.bulk import (
    BackgroundPullTraits,
    BulkTraits,
    CallFailed,
    Page,
    PullDone,
    PullRunning,
    PullStarted,
    PullTraits,
)
from inventory_domain.clock import Clock
from inventory_domain.errors import InvariantBroken
from inventory_domain.identifiers import ChannelId, NodeId
from inventory_domain.outcomes import PushOutcome
from inventory_domain.ports import AdapterTraits, ListingRef, Push, ReadAnswer
from inventory_domain.signals import Message, Notice, NoticeRefused

if TYPE_CHECKING:
    import httpx


class ShopifyAdapter(AccountAdapter):
    """One shop."""

    def __init__(self, settings: ShopifySettings, clock: Clock, transport: httpx.AsyncBaseTransport | None) -> None:
        self._settings = settings
        self._clock = clock
        http = HttpClient(settings.calls, transport)
        tokens = auth.tokens(settings, http, clock)
        dialect = Dialect(
            rules=failures.RULES,
            facts=failures.facts,
            seen=limits.seen_by(clock),
            request_id=lambda answer: answer.header("x-request-id"),
        )
        exchange = Exchange(http, tokens, dialect, clock, settings.calls.timeout_s)
        kept = (
            subscriptions.ShopifySubscriptions(settings, settings.signals, exchange)
            if settings.signals is not None
            else None
        )
        # Locations of fulfillment services, as far as the shop has told of them: learned from answers, never forgotten.
        self._services: set[NodeId] = set()
        traits = AdapterTraits(
            marketplace=SHOPIFY,
            limits=settings.limits,
            push_operation=GRAPHQL,
            read_operation=GRAPHQL,
            push_group_max=settings.group_max,
            push_cost=settings.write_cost,
            read_cost=settings.read_cost,
            tells_what_is_left=True,
            settling_s_max=settings.settling_s_max,
            freshness_objective_s=settings.freshness_objective_s,
            answer_proves_live=True,
        )
        super().__init__(traits, exchange, topics=TOPICS, kept=kept)

    async def push(self, pushes: Sequence[Push]) -> Sequence[PushOutcome]:
        """See `ports.MarketplaceAdapter`."""
        check_group(pushes, self._traits)
        outcomes = refusals(pushes, self._settings.channel_ids, push.NEEDED_IDS, push.SET_QUANTITIES)
        left = [each for each in pushes if each.listing_id not in outcomes]
        outcomes |= push.refusals(left, self._settings.locations_max, self._services)
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
        return PullTraits(GRAPHQL, self._settings.pull_page_size, cost=self._settings.pull_cost)

    async def pull(self, channel: ChannelId, cursor: str | None) -> Page | CallFailed:
        """See `bulk.PullsListings`."""
        page = await observe.pull(cursor, self._settings, self._exchange, self._exchange.deadline_s())
        if isinstance(page, Page):
            for found in page.found:
                self._learn(found.left_out)
        return page

    @property
    def background_pull_traits(self) -> BackgroundPullTraits:
        """See `bulk.PullsInBackground`."""
        return BackgroundPullTraits(
            start=BulkTraits(GRAPHQL, 0, bulk.START_COST), poll=BulkTraits(GRAPHQL, 0, bulk.POLL_COST), age_s_max=0.0
        )

    async def start_pull(self, channel: ChannelId) -> PullStarted | CallFailed:
        """See `bulk.PullsInBackground`."""
        return await bulk.start(self._settings, self._exchange, self._exchange.deadline_s())

    async def poll_pull(self, channel: ChannelId, pull_id: str) -> PullRunning | PullDone | CallFailed:
        """See `bulk.PullsInBackground`."""
        return await bulk.poll(pull_id, self._settings, self._exchange, self._exchange.deadline_s())

    @property
    def location_traits(self) -> BulkTraits:
        """See `account_calls.ReportsLocations`."""
        return BulkTraits(GRAPHQL, 0, places.COST)

    async def locations(self, cursor: str | None) -> LocationPage | CallFailed:
        """See `account_calls.ReportsLocations`. From then on no push may name one that a fulfillment service keeps."""
        page = await places.page(cursor, self._settings, self._exchange, self._exchange.deadline_s())
        if isinstance(page, LocationPage):
            self._learn({each.node: each.left_out for each in page.locations if each.left_out is not None})
        return page

    def _learn(self, left_out: Mapping[NodeId, str]) -> None:
        self._services |= {node for node, why in left_out.items() if why == places.FULFILLMENT_SERVICE}

    async def take(self, message: Message) -> Notice | NoticeRefused:
        """See `signals.TakesMessages`."""
        if self._settings.signals is None:
            return UNSET
        return signals.read(message, self._settings.signals.api_secret, self._clock.now_ms())

    @property
    def subscription_traits(self) -> BulkTraits:
        """See `signals.KeepsSubscriptions`."""
        return BulkTraits(GRAPHQL, 0, subscriptions.COST)


def build(settings: AccountSettings, clock: Clock, transport: httpx.AsyncBaseTransport | None = None) -> ShopifyAdapter:
    """The adapter of this account; `transport` replaces the network."""
    if not isinstance(settings, ShopifySettings):
        raise InvariantBroken(f"settings of {settings.marketplace} given to shopify")
    return ShopifyAdapter(settings, clock, transport)
