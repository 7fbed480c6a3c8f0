"""Walmart as the pipeline sees it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from inventory_adapters.account_adapter import AccountAdapter
from inventory_adapters.accounts import AccountSettings
from inventory_adapters.exchange import Dialect, Exchange
from inventory_adapters.failures import refused_here
from inventory_adapters.guards import check_feed, check_group, read_refusal, refusals, refused_since
from inventory_adapters.http import HttpClient
from inventory_adapters.messages import UNSET
from inventory_adapters.walmart import (
    auth,
    failures,
    feeds,
    held,
    limits,
    nodes,
    observe,
    push,
    signals,
    status,
    subscriptions,
)
from inventory_adapters.walmart.settings import (
    API_STATUS,
    GET_FEEDS,
    GET_INVENTORIES,
    GET_INVENTORY,
    GET_SHIP_NODES,
    GET_WFS_INVENTORY,
    POST_INVENTORY_FEED,
    POST_MP_INVENTORY_FEED,
    PUT_INVENTORY,
    RESOURCES,
    WALMART,
    WEBHOOKS,
    WalmartSettings,
)
from inventory_domain.account_calls import LocationPage
from inventory_domain.bulk import (
    BulkTraits,
    CallFailed,
    FeedOutcomes,
    FeedPart,
    FeedRunning,
    FeedSubmitted,
    FeedTraits,
    HeldPage,
    MarketplaceStatus,
    Page,
    PullTraits,
)
from inventory_domain.clock import Clock
from inventory_domain.errors import InvariantBroken
from inventory_domain.identifiers import ChannelId, ListingId
from inventory_domain.outcomes import PushOutcome
from inventory_domain.ports import AdapterTraits, ListingRef, Push, ReadAnswer
from inventory_domain.signals import Message, Notice, NoticeRefused

if TYPE_CHECKING:
    import httpx


def new_correlation_id() -> str:
    """A number for one call, by which Walmart's support finds it."""
    return str(uuid.uuid4())


class WalmartAdapter(AccountAdapter):
    """One seller at Walmart."""

    def __init__(
        self,
        settings: WalmartSettings,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None,
        new_id: Callable[[], str] = new_correlation_id,
    ) -> None:
        self._settings = settings
        self._new_id = new_id
        http = HttpClient(settings.calls, transport)
        dialect = Dialect(
            rules=failures.RULES,
            facts=failures.facts,
            seen=limits.seen_by(clock),
            request_id=lambda answer: answer.header("WM_QOS.CORRELATION_ID"),
        )
        tokens = auth.tokens(settings, http, clock, new_id)
        sent = () if settings.signals is None else (settings.signals.secret,)
        exchange = Exchange(http, tokens, dialect, clock, settings.calls.timeout_s, sent)
        self._feeds = feeds.WalmartFeeds(settings, exchange, new_id)
        kept = (
            subscriptions.WalmartSubscriptions(settings, settings.signals, exchange, new_id)
            if settings.signals is not None
            else None
        )
        traits = AdapterTraits(
            marketplace=WALMART,
            limits=settings.limits,
            push_operation=PUT_INVENTORY,
            read_operation=GET_INVENTORY,
            tells_what_is_left=True,
            settling_s_max=settings.settling_s_max,
            freshness_objective_s=settings.freshness_objective_s,
            read_includes_own_sales=False,  # what is read is what was put in; a sale is reserved beside it
        )
        super().__init__(traits, exchange, topics=RESOURCES, kept=kept)

    @property
    def token_age_s(self) -> float | None:
        """How long ago the access token in use was fetched."""
        return self._exchange.token_age_s

    async def push(self, pushes: Sequence[Push]) -> Sequence[PushOutcome]:
        """See `ports.MarketplaceAdapter`."""
        check_group(pushes, self._traits)
        outcomes = refusals(pushes, self._settings.channel_ids, push.NEEDED_IDS, PUT_INVENTORY)
        deadline_s = self._exchange.deadline_s()
        for each in pushes:
            if each.listing_id not in outcomes:
                outcomes[each.listing_id] = await push.push_one(
                    each, self._settings, self._exchange, self._new_id, deadline_s
                )
        return [outcomes[each.listing_id] for each in pushes]

    async def read(self, listing: ListingRef) -> ReadAnswer:
        """See `ports.MarketplaceAdapter`."""
        refused = read_refusal(listing, self._settings.channel_ids, push.NEEDED_IDS)
        if refused is not None:
            return refused.read_answer(listing.listing_id, GET_INVENTORY)
        deadline_s = self._exchange.deadline_s()
        return await observe.read_one(listing, self._settings, self._exchange, self._new_id, deadline_s)

    @property
    def pull_traits(self) -> PullTraits:
        """See `bulk.PullsListings`."""
        return PullTraits(GET_INVENTORIES, observe.PAGE_SIZE, sequential=True)

    async def pull(self, channel: ChannelId, cursor: str | None) -> Page | CallFailed:
        """See `bulk.PullsListings`."""
        return await observe.pull(
            self._settings.channels[channel].market,
            cursor,
            self._settings,
            self._exchange,
            self._new_id,
            self._exchange.deadline_s(),
        )

    @property
    def held_stock_traits(self) -> BulkTraits:
        """See `bulk.ReadsHeldStock`."""
        return BulkTraits(GET_WFS_INVENTORY, held.PAGE_SIZE)

    async def held_stock(self, channel: ChannelId, cursor: str | None) -> HeldPage | CallFailed:
        """See `bulk.ReadsHeldStock`."""
        market = self._settings.channels[channel].market
        deadline_s = self._exchange.deadline_s()
        return await held.page(market, cursor, self._settings, self._exchange, self._new_id, deadline_s)

    @property
    def location_traits(self) -> BulkTraits:
        """See `account_calls.ReportsLocations`."""
        return BulkTraits(GET_SHIP_NODES, 0)

    async def locations(self, cursor: str | None) -> LocationPage | CallFailed:
        """See `account_calls.ReportsLocations`."""
        return await nodes.locations(self._settings, self._exchange, self._new_id, self._exchange.deadline_s())

    @property
    def status_traits(self) -> BulkTraits:
        """See `bulk.ReportsStatus`."""
        return BulkTraits(API_STATUS, 0)

    async def status(self) -> MarketplaceStatus | CallFailed:
        """See `bulk.ReportsStatus`."""
        return await status.status(self._settings, self._exchange, self._new_id, self._exchange.deadline_s())

    @property
    def feed_traits(self) -> FeedTraits:
        """See `bulk.TakesFeeds`."""
        return self._feed_traits(POST_INVENTORY_FEED, feeds.ONE_NUMBER_MAX)

    @property
    def node_feed_traits(self) -> FeedTraits:
        """See `bulk.TakesFeeds`."""
        return self._feed_traits(POST_MP_INVENTORY_FEED, feeds.BY_NODE_MAX)

    def _feed_traits(self, operation: str, rows_max: int) -> FeedTraits:
        return FeedTraits(
            operation,
            rows_max,
            poll_operation=GET_FEEDS,
            takes_s=self._settings.feed_takes_s,
            takes_s_max=self._settings.feed_takes_s_max,
        )

    async def submit_feed(self, rows: Mapping[int, Push]) -> FeedSubmitted | CallFailed:
        """See `bulk.TakesFeeds`."""
        pushes = list(rows.values())
        sent, _ = self._feed_parts(pushes)
        if not sent:
            operation = feeds.operation_of(pushes)
            return refused_here("nothing-to-send", "no push of the feed may be sent").call_failed(operation)
        return await self._feeds.submit(sent, self._exchange.deadline_s())

    async def find_feed(self, rows: Mapping[int, Push], since_ms: int) -> FeedSubmitted | CallFailed | None:
        """See `bulk.TakesFeeds`."""
        sent, _ = self._feed_parts(list(rows.values()))
        return await self._feeds.find(sent, since_ms, self._exchange.deadline_s()) if sent else None

    async def poll_feed(self, part: FeedPart, cursor: str | None) -> FeedRunning | FeedOutcomes | CallFailed:
        """See `bulk.TakesFeeds`."""
        sent, refused = self._feed_parts(list(part.rows.values()))
        if not sent:
            return FeedOutcomes(outcomes=refused_since(refused), next_cursor=None)
        answer = await self._feeds.poll(part.feed_id, sent, cursor, self._exchange.deadline_s())
        if isinstance(answer, FeedOutcomes):
            return replace(answer, outcomes=(*answer.outcomes, *refused_since(refused)))
        return answer

    async def take(self, message: Message) -> Notice | NoticeRefused:
        """See `signals.TakesMessages`."""
        own = self._settings.signals
        return UNSET if own is None else signals.read(message, own.secret, own.header)

    @property
    def subscription_traits(self) -> BulkTraits:
        """See `signals.KeepsSubscriptions`."""
        return BulkTraits(WEBHOOKS, 0)

    def _feed_parts(self, pushes: Sequence[Push]) -> tuple[list[Push], dict[ListingId, PushOutcome]]:
        check_feed(pushes, self.node_feed_traits if any(each.nodes for each in pushes) else self.feed_traits)
        refused = refusals(pushes, self._settings.channel_ids, push.NEEDED_IDS, feeds.operation_of(pushes))
        return [each for each in pushes if each.listing_id not in refused], refused


def build(settings: AccountSettings, clock: Clock, transport: httpx.AsyncBaseTransport | None = None) -> WalmartAdapter:
    """The adapter of this account; `transport` replaces the network."""
    if not isinstance(settings, WalmartSettings):
        raise InvariantBroken(f"settings of {settings.marketplace} given to walmart")
    return WalmartAdapter(settings, clock, transport)
