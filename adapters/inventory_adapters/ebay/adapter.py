"""eBay as the pipeline sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from inventory_adapters.account_adapter import AccountAdapter
from inventory_adapters.accounts import AccountSettings
from inventory_adapters.ebay import account, auth, failures, limits, observe, push, signals, subscriptions, trading
from inventory_adapters.ebay.settings import (
    ANALYTICS_API,
    EBAY,
    INVENTORY_API,
    NOTIFICATION_API,
    REVISIONS_RESERVE,
    TOPICS,
    TRADING_API,
    EbaySettings,
)
from inventory_adapters.exchange import Dialect, Exchange
from inventory_adapters.guards import check_group, read_refusal, refusals
from inventory_adapters.http import HttpClient, Json
from inventory_adapters.messages import UNSET
from inventory_domain.account_calls import DailyQuotas, OutOfStockControl, OutOfStockPolicy
from inventory_domain.bulk import BulkTraits, CallFailed, Page, PullTraits
from inventory_domain.clock import Clock
from inventory_domain.errors import InvariantBroken
from inventory_domain.identifiers import ChannelId
from inventory_domain.outcomes import PushOutcome
from inventory_domain.ports import AdapterTraits, ListingRef, Push, ReadAnswer, RevisionLimit
from inventory_domain.signals import Message, Notice, NoticeRefused

if TYPE_CHECKING:
    import httpx


class EbayAdapter(AccountAdapter):
    """One seller on eBay, with its sites as channels."""

    def __init__(self, settings: EbaySettings, clock: Clock, transport: httpx.AsyncBaseTransport | None) -> None:
        self._settings = settings
        self._clock = clock
        self._keys = signals.KeyCache(self._fetch_key, clock)
        self._offers: dict[str, dict[str, int]] = {}  # by SKU, what was sent for each of its offers on several sites
        http = HttpClient(settings.calls, transport)
        dialect = Dialect(
            rules=failures.RULES,
            facts=failures.facts,
            seen=limits.seen_by(clock),
            request_id=lambda answer: answer.header("x-ebay-c-request-id"),
        )
        tokens = auth.tokens(settings, http, clock)
        application_tokens = auth.application_tokens(settings, http, clock)
        exchange = Exchange(http, tokens, dialect, clock, settings.calls.timeout_s)
        sent = () if settings.signals is None else (settings.signals.verification_token,)
        self._as_application = Exchange(http, application_tokens, dialect, clock, settings.calls.timeout_s, sent)
        self._trading = Exchange(http, tokens, trading.DIALECT, clock, settings.calls.timeout_s)
        kept = (
            subscriptions.EbaySubscriptions(settings, settings.signals, exchange, self._as_application)
            if settings.signals is not None
            else None
        )
        traits = AdapterTraits(
            marketplace=EBAY,
            limits=settings.limits,
            push_operation=INVENTORY_API,
            read_operation=INVENTORY_API,
            push_group_max=settings.group_max,
            read_cost=float(observe.CALLS_PER_READ),
            settling_s_max=settings.settling_s_max,
            freshness_objective_s=settings.freshness_objective_s,
            # "Concurrent access of the same Inventory or Inventory Item Group object is not allowed" (25025): the
            # variations of one item share its listing id.
            exclusive_ids=("sku", "listing_id"),
            revisions=RevisionLimit(
                "listing_id", settings.revisions_per_day, int(settings.revisions_per_day * REVISIONS_RESERVE)
            ),
        )
        super().__init__(traits, exchange, topics=TOPICS, kept=kept, others=(self._as_application,))

    @property
    def token_age_s(self) -> float | None:
        """How long ago the access token in use was fetched."""
        return self._exchange.token_age_s

    async def push(self, pushes: Sequence[Push]) -> Sequence[PushOutcome]:
        """See `ports.MarketplaceAdapter`."""
        check_group(pushes, self._traits)
        outcomes = refusals(pushes, self._settings.channel_ids, push.NEEDED_IDS, push.BULK_UPDATE)
        sent = [each for each in pushes if each.listing_id not in outcomes]
        if len(self._settings.channel_ids) > 1:
            for each in sent:
                of_sku = self._offers.setdefault(each.marketplace_ids["sku"], {})
                of_sku[each.marketplace_ids["offer_id"]] = each.quantity
        if sent:
            deadline_s = self._exchange.deadline_s()
            outcomes |= await push.push_group(sent, self._settings, self._exchange, deadline_s, self._offers)
        return [outcomes[each.listing_id] for each in pushes]

    async def read(self, listing: ListingRef) -> ReadAnswer:
        """See `ports.MarketplaceAdapter`."""
        refused = read_refusal(listing, self._settings.channel_ids, push.NEEDED_IDS)
        if refused is not None:
            return refused.read_answer(listing.listing_id, observe.GET_OFFER)
        return await observe.read_one(listing, self._settings, self._exchange, self._exchange.deadline_s())

    @property
    def pull_traits(self) -> PullTraits:
        """See `bulk.PullsListings`."""
        return PullTraits(INVENTORY_API, observe.PAGE_SIZE, of_account=True)

    async def pull(self, channel: ChannelId, cursor: str | None) -> Page | CallFailed:
        """See `bulk.PullsListings`."""
        return await observe.pull(cursor, self._settings, self._exchange, self._exchange.deadline_s())

    @property
    def out_of_stock_policy(self) -> OutOfStockPolicy:
        """See `account_calls.ControlsOutOfStock`."""
        return self._settings.out_of_stock_policy

    @property
    def out_of_stock_traits(self) -> BulkTraits:
        """See `account_calls.ControlsOutOfStock`."""
        return BulkTraits(TRADING_API, 0)

    async def out_of_stock_control(self) -> OutOfStockControl | CallFailed:
        """See `account_calls.ControlsOutOfStock`."""
        return await account.out_of_stock_control(self._settings, self._trading, self._trading.deadline_s())

    async def set_out_of_stock_control(self, on: bool) -> OutOfStockControl | CallFailed:
        """See `account_calls.ControlsOutOfStock`."""
        return await account.set_out_of_stock_control(on, self._settings, self._trading, self._trading.deadline_s())

    @property
    def quota_traits(self) -> BulkTraits:
        """See `account_calls.ReportsQuotas`."""
        return BulkTraits(ANALYTICS_API, 0)

    async def daily_quotas(self) -> DailyQuotas | CallFailed:
        """See `account_calls.ReportsQuotas`."""
        deadline_s = self._as_application.deadline_s()
        return await account.daily_quotas(self._settings, self._as_application, deadline_s)

    def challenge_response(self, challenge_code: str) -> str | None:
        """See `signals.AnswersChallenges`."""
        own = self._settings.signals
        if own is None:
            return None
        return signals.challenge_response(challenge_code, own.verification_token.reveal(), own.endpoint)

    async def take(self, message: Message) -> Notice | NoticeRefused:
        """See `signals.TakesMessages`."""
        if self._settings.signals is None:
            return UNSET
        return await signals.read(message, self._keys, self._clock.now_ms())

    async def _fetch_key(self, key_id: str) -> Json | CallFailed:
        deadline_s = self._as_application.deadline_s()
        return await account.public_key(key_id, self._settings, self._as_application, deadline_s)

    @property
    def subscription_traits(self) -> BulkTraits:
        """See `signals.KeepsSubscriptions`."""
        return BulkTraits(NOTIFICATION_API, 0)


def build(settings: AccountSettings, clock: Clock, transport: httpx.AsyncBaseTransport | None = None) -> EbayAdapter:
    """The adapter of this account; `transport` replaces the network."""
    if not isinstance(settings, EbaySettings):
        raise InvariantBroken(f"settings of {settings.marketplace} given to ebay")
    return EbayAdapter(settings, clock, transport)
