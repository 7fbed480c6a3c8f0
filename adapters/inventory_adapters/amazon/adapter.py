"""Amazon as the pipeline sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from inventory_adapters.account_adapter import AccountAdapter
from inventory_adapters.accounts import AccountSettings
from inventory_adapters.amazon import (
    auth,
    failures,
    feeds,
    held,
    limits,
    observe,
    push,
    queue,
    reports,
    signals,
    subscriptions,
)
from inventory_adapters.amazon.settings import (
    AMAZON,
    CREATE_FEED,
    CREATE_REPORT,
    GET_FBA_SUMMARIES,
    GET_FEED,
    GET_LISTING,
    GET_REPORT,
    NOTIFICATIONS,
    PATCH_LISTING,
    SEARCH_LISTINGS,
    TOPICS,
    AmazonSettings,
)
from inventory_adapters.exchange import Dialect, Exchange
from inventory_adapters.failures import refused_here
from inventory_adapters.guards import (
    check_feed,
    check_group,
    check_reads,
    read_refusal,
    refusal,
    refusals,
    refused_since,
)
from inventory_adapters.http import HttpClient
from inventory_adapters.messages import NOWHERE, UNSET
from inventory_domain.bulk import (
    BackgroundPullTraits,
    BulkTraits,
    CallFailed,
    CheckAnswer,
    FeedOutcomes,
    FeedPart,
    FeedRunning,
    FeedSubmitted,
    FeedTraits,
    HeldPage,
    Page,
    PullDone,
    PullRunning,
    PullStarted,
    PullTraits,
)
from inventory_domain.clock import Clock
from inventory_domain.errors import InvariantBroken
from inventory_domain.identifiers import ChannelId, ListingId
from inventory_domain.outcomes import PushOutcome
from inventory_domain.ports import AdapterTraits, ListingRef, Push, ReadAnswer
from inventory_domain.signals import Message, Notice, NoticeRefused, Queued

if TYPE_CHECKING:
    import httpx


DIALECT: Final = Dialect(
    rules=failures.RULES,
    facts=failures.facts,
    seen=limits.seen,
    request_id=lambda answer: answer.header("x-amzn-RequestId"),
)


class AmazonAdapter(AccountAdapter):
    """One selling partner in one region, with its countries as channels."""

    def __init__(self, settings: AmazonSettings, clock: Clock, transport: httpx.AsyncBaseTransport | None) -> None:
        self._settings = settings
        self._clock = clock
        http = HttpClient(settings.calls, transport)
        tokens = auth.tokens(settings, http, clock)
        exchange = Exchange(http, tokens, DIALECT, clock, settings.calls.timeout_s)
        application_tokens = auth.application_tokens(settings, http, clock)
        self._as_application = Exchange(http, application_tokens, DIALECT, clock, settings.calls.timeout_s)
        kept = (
            subscriptions.AmazonSubscriptions(settings, settings.signals, exchange, self._as_application, clock)
            if settings.signals is not None
            else None
        )
        self._queue = None if settings.signals is None else queue.AmazonQueue(settings.signals)
        self._feeds = feeds.AmazonFeeds(settings, exchange, clock)
        self._reports = reports.AmazonReports(settings, exchange, clock)
        traits = AdapterTraits(
            marketplace=AMAZON,
            limits=settings.limits,
            push_operation=PATCH_LISTING,
            read_operation=GET_LISTING,
            settling_s_max=settings.settling_s_max,
            freshness_objective_s=settings.freshness_objective_s,
        )
        super().__init__(traits, exchange, topics=TOPICS, kept=kept, others=(self._as_application,))

    @property
    def token_age_s(self) -> float | None:
        """How long ago the access token in use was fetched."""
        return self._exchange.token_age_s

    async def push(self, pushes: Sequence[Push]) -> Sequence[PushOutcome]:
        """See `ports.MarketplaceAdapter`."""
        check_group(pushes, self._traits)
        outcomes = refusals(pushes, self._settings.channel_ids, push.NEEDED_IDS, PATCH_LISTING)
        deadline_s = self._exchange.deadline_s()
        for each in pushes:
            if each.listing_id not in outcomes:
                outcomes[each.listing_id] = await push.push_one(
                    each, self._settings, self._exchange, self._clock, deadline_s
                )
        return [outcomes[each.listing_id] for each in pushes]

    async def read(self, listing: ListingRef) -> ReadAnswer:
        """See `ports.MarketplaceAdapter`."""
        refused = read_refusal(listing, self._settings.channel_ids, push.NEEDED_IDS)
        if refused is not None:
            return refused.read_answer(listing.listing_id, GET_LISTING)
        deadline_s = self._exchange.deadline_s()
        return await observe.read_one(listing, self._settings, self._exchange, self._clock, deadline_s)

    @property
    def group_read_traits(self) -> BulkTraits:
        """See `bulk.ReadsGroups`."""
        return BulkTraits(SEARCH_LISTINGS, observe.GROUP_READ_MAX)

    async def read_group(self, listings: Sequence[ListingRef]) -> Sequence[ReadAnswer]:
        """See `bulk.ReadsGroups`. A SKU with a comma in it cannot stand in a list of Amazon's: it is read alone."""
        check_reads(listings, observe.GROUP_READ_MAX)
        answers: dict[ListingId, ReadAnswer] = {}
        for each in listings:
            refused = read_refusal(each, self._settings.channel_ids, push.NEEDED_IDS)
            if refused is None and "," in each.marketplace_ids["seller_sku"]:
                refused = refused_here("not-in-groups", "a SKU with a comma in it is read alone")
            if refused is not None:
                answers[each.listing_id] = refused.read_answer(each.listing_id, SEARCH_LISTINGS)
        asked = [each for each in listings if each.listing_id not in answers]
        if asked:
            deadline_s = self._exchange.deadline_s()
            answers |= await observe.read_group(asked, self._settings, self._exchange, self._clock, deadline_s)
        return [answers[each.listing_id] for each in listings]

    @property
    def pull_traits(self) -> PullTraits:
        """See `bulk.PullsListings`."""
        return PullTraits(SEARCH_LISTINGS, observe.GROUP_READ_MAX, listings_max=observe.PULL_MAX)

    async def pull(self, channel: ChannelId, cursor: str | None) -> Page | CallFailed:
        """See `bulk.PullsListings`."""
        own = self._settings.channels[channel]
        deadline_s = self._exchange.deadline_s()
        return await observe.pull(own, cursor, self._settings, self._exchange, self._clock, deadline_s)

    @property
    def background_pull_traits(self) -> BackgroundPullTraits:
        """See `bulk.PullsInBackground`."""
        return BackgroundPullTraits(
            start=BulkTraits(CREATE_REPORT, 0),
            poll=BulkTraits(GET_REPORT, 0),
            age_s_max=self._settings.report_age_s_max,
        )

    async def start_pull(self, channel: ChannelId) -> PullStarted | CallFailed:
        """See `bulk.PullsInBackground`."""
        return await self._reports.start(self._settings.channels[channel], self._exchange.deadline_s())

    async def poll_pull(self, channel: ChannelId, pull_id: str) -> PullRunning | PullDone | CallFailed:
        """See `bulk.PullsInBackground`."""
        return await self._reports.poll(pull_id, self._exchange.deadline_s())

    @property
    def held_stock_traits(self) -> BulkTraits:
        """See `bulk.ReadsHeldStock`."""
        return BulkTraits(GET_FBA_SUMMARIES, held.PAGE_SIZE)

    async def held_stock(self, channel: ChannelId, cursor: str | None) -> HeldPage | CallFailed:
        """See `bulk.ReadsHeldStock`."""
        own = self._settings.channels[channel]
        deadline_s = self._exchange.deadline_s()
        return await held.page(own, cursor, self._settings, self._exchange, self._clock, deadline_s)

    @property
    def check_traits(self) -> BulkTraits:
        """See `bulk.ChecksPushes`."""
        return BulkTraits(PATCH_LISTING, 1)

    async def check(self, each: Push) -> CheckAnswer:
        """See `bulk.ChecksPushes`."""
        refused = refusal(each, self._settings.channel_ids, push.NEEDED_IDS)
        if refused is not None:
            return refused.check_answer(each.listing_id, PATCH_LISTING)
        deadline_s = self._exchange.deadline_s()
        return await push.check_one(each, self._settings, self._exchange, self._clock, deadline_s)

    @property
    def feed_traits(self) -> FeedTraits:
        """See `bulk.TakesFeeds`."""
        return FeedTraits(
            CREATE_FEED,
            feeds.MESSAGES_MAX,
            poll_operation=GET_FEED,
            takes_s=self._settings.feed_takes_s,
            takes_s_max=self._settings.feed_takes_s_max,
            always_above=self._settings.feed_always_above,
        )

    @property
    def node_feed_traits(self) -> None:
        """Amazon has one number a listing."""
        return None

    async def submit_feed(self, rows: Mapping[int, Push]) -> FeedSubmitted | CallFailed:
        """See `bulk.TakesFeeds`."""
        pushes = list(rows.values())
        check_feed(pushes, self.feed_traits)
        refused = self._refused(pushes)
        sent = [(number, each) for number, each in rows.items() if each.listing_id not in refused]
        if not sent:
            return refused_here("nothing-to-send", "no push of the feed may be sent").call_failed(CREATE_FEED)
        return await self._feeds.submit(sent, self._exchange.deadline_s())

    async def find_feed(self, rows: Mapping[int, Push], since_ms: int) -> CallFailed:
        """Amazon's list of feeds does not say what is in one, so ours cannot be told from another's."""
        return refused_here("not-offered", "the listings of the feed are to be read").call_failed("getFeeds")

    async def poll_feed(self, part: FeedPart, cursor: str | None) -> FeedRunning | FeedOutcomes | CallFailed:
        """See `bulk.TakesFeeds`."""
        refused = self._refused(list(part.rows.values()))
        rows = {number: each for number, each in part.rows.items() if each.listing_id not in refused}
        answer = await self._feeds.poll(replace(part, rows=rows), self._exchange.deadline_s())
        if isinstance(answer, FeedOutcomes):
            return replace(answer, outcomes=(*answer.outcomes, *refused_since(refused)))
        return answer

    async def take(self, message: Message) -> Notice | NoticeRefused:
        """See `signals.TakesMessages`. Amazon signs nothing: only what came by the account's own queue may be given."""
        return UNSET if self._settings.signals is None else signals.read(message, self._settings.seller_id)

    @property
    def has_queue(self) -> bool:
        """See `signals.ReadsQueue`."""
        return self._queue is not None

    async def receive(self) -> Sequence[Queued] | CallFailed:
        """See `signals.ReadsQueue`."""
        return NOWHERE.call_failed(queue.RECEIVE) if self._queue is None else await self._queue.receive()

    async def acknowledge(self, handles: Sequence[str]) -> CallFailed | None:
        """See `signals.ReadsQueue`."""
        return NOWHERE.call_failed(queue.DELETE) if self._queue is None else await self._queue.acknowledge(handles)

    @property
    def subscription_traits(self) -> BulkTraits:
        """See `signals.KeepsSubscriptions`."""
        return BulkTraits(NOTIFICATIONS, 0, subscriptions.COST)

    def _refused(self, pushes: Sequence[Push]) -> dict[ListingId, PushOutcome]:
        return refusals(pushes, self._settings.channel_ids, push.NEEDED_IDS, CREATE_FEED)


def build(settings: AccountSettings, clock: Clock, transport: httpx.AsyncBaseTransport | None = None) -> AmazonAdapter:
    """The adapter of this account; `transport` replaces the network."""
    if not isinstance(settings, AmazonSettings):
        raise InvariantBroken(f"settings of {settings.marketplace} given to amazon")
    return AmazonAdapter(settings, clock, transport)
