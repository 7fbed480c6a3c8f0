"""One message, from its bytes to an answer: proven, recognized, published, and only then said to be taken."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Protocol

from inventory_domain.changes import InventoryChange, SaleCancelled, UnitsSold
from inventory_domain.clock import Clock
from inventory_domain.identifiers import AccountId, ChannelId, EventId, ListingId, Marketplace, OrderId, Sku, SourceId
from inventory_domain.reconciliation import Observation, ObservedBy
from inventory_domain.signals import (
    ListingChanged,
    Message,
    Notice,
    NoticeRefused,
    OrderChanged,
    TakesMessages,
)
from inventory_schemas.values import NO_NODES
from inventory_streams.catalog_copy import CatalogListing
from inventory_streams.signals.codecs import Codecs
from inventory_streams.signals.known import Known
from inventory_streams.signals.metrics import SignalsMetrics
from inventory_streams.signals.publishing import NotPublished, Record
from inventory_streams.signals.settings import SignalsSettings
from inventory_streams.topics import Topics

TAKEN: Final = 202
COME_AGAIN: Final = 503
CANCELLED: Final = frozenset({"canceled", "cancelled", "declined", "voided", "refunded"})
ID_LENGTH_MAX: Final = 200

log = logging.getLogger(__name__)


class Publishes(Protocol):
    """Where records go to."""

    async def publish(self, records: list[Record]) -> None:
        """Returns when every record is durable. Raises NotPublished."""
        ...


@dataclass(frozen=True, slots=True)
class SignalingAccount:
    """An account that messages may be of. `markets`: what the marketplace calls each channel's country, if anything."""

    account_id: AccountId
    marketplace: Marketplace
    adapter: TakesMessages
    channels: tuple[ChannelId, ...]
    markets: Mapping[ChannelId, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a message is answered with: an HTTP status, and why."""

    status: int
    why: str


@dataclass(frozen=True, slots=True)
class _SoldLine:
    """What one event is about: an order's line, or all of an order's units of a SKU where lines are not told apart."""

    channel: ChannelId
    sku: Sku
    order_id: str
    line: str


class Remembered:
    """Ids of messages that were taken, for a time and up to a number; the oldest are forgotten first."""

    def __init__(self, kept_s: float, kept_max: int, clock: Clock) -> None:
        self._kept_s = kept_s
        self._kept_max = kept_max
        self._clock = clock
        self._ids: OrderedDict[tuple[AccountId, str], float] = OrderedDict()

    def __contains__(self, one: tuple[AccountId, str]) -> bool:
        at_s = self._ids.get(one)
        return at_s is not None and self._clock.monotonic_s() - at_s < self._kept_s

    def add(self, one: tuple[AccountId, str]) -> None:
        """It was taken just now."""
        self._ids[one] = self._clock.monotonic_s()
        self._ids.move_to_end(one)
        while len(self._ids) > self._kept_max:
            self._ids.popitem(last=False)


class Pace:
    """How often listings may be told of: each once in a while, and a channel's all together so many a second."""

    def __init__(self, interval_s: float, per_s: float, kept_max: int, clock: Clock) -> None:
        self._interval_s = interval_s
        self._per_s = per_s
        self._burst = max(1.0, per_s * 10)
        self._kept_max = kept_max
        self._clock = clock
        self._told_s: OrderedDict[ListingId, float] = OrderedDict()
        self._tokens: dict[ChannelId, tuple[float, float]] = {}

    def wait_s(self, listing_id: ListingId) -> float | None:
        """In how many seconds the listing may be told of: at once, or where it was told of a moment before when that
        time is over. None: it is told of for then already, which covers what changes until then."""
        now_s, at_s = self._clock.monotonic_s(), self._told_s.get(listing_id)
        if at_s is None or now_s - at_s >= self._interval_s:
            return 0.0
        return None if at_s > now_s else at_s + self._interval_s - now_s

    def may_tell(self, channel: ChannelId) -> bool:
        """Whether the channel's rate allows one more; takes it if so."""
        now_s = self._clock.monotonic_s()
        tokens, at_s = self._tokens.get(channel, (self._burst, now_s))
        tokens = min(self._burst, tokens + (now_s - at_s) * self._per_s)
        allowed = tokens >= 1
        self._tokens[channel] = (tokens - 1 if allowed else tokens, now_s)
        return allowed

    def told(self, listing_id: ListingId, wait_s: float) -> None:
        """It is told of, for so many seconds from now."""
        self._told_s[listing_id] = self._clock.monotonic_s() + wait_s
        self._told_s.move_to_end(listing_id)
        while len(self._told_s) > self._kept_max:
            self._told_s.popitem(last=False)


class Intake:
    """Takes messages of all accounts. Safe for concurrent calls on one loop."""

    def __init__(
        self,
        settings: SignalsSettings,
        topics: Topics,
        known: Known,
        codecs: Codecs,
        publisher: Publishes,
        metrics: SignalsMetrics,
        clock: Clock,
    ) -> None:
        self._topics = topics
        self._known = known
        self._codecs = codecs
        self._publisher = publisher
        self._metrics = metrics
        self._clock = clock
        self._remembered = Remembered(settings.kept_s, settings.kept_max, clock)
        self._pace = Pace(settings.hint_interval_s, settings.hints_per_s_max, settings.kept_max, clock)

    async def take(self, account: SignalingAccount, message: Message) -> Reply:
        """What the message is answered with. It was taken only when what it leads to is durable."""
        notice = await account.adapter.take(message)
        if isinstance(notice, NoticeRefused):
            self._metrics.refused.labels(account.account_id, notice.reason).inc()
            log.info("message refused", extra={"account": account.account_id, "why": notice.reason})
            return Reply(notice.status, notice.reason)
        own_id = (account.account_id, notice.notice_id)
        if own_id in self._remembered:
            self._metrics.duplicates.labels(account.account_id).inc()
            return Reply(TAKEN, "duplicate")
        hinted: dict[ListingId, float] = {}
        records = [*self._hints(account, notice, hinted), *self._sales(account, notice)]
        try:
            await self._publisher.publish(records)
        except NotPublished as error:
            self._metrics.unpublished.labels(account.account_id).inc()
            log.warning("message not published", extra={"account": account.account_id, "why": str(error)})
            return Reply(COME_AGAIN, "not-published")
        for listing_id, wait_s in hinted.items():
            self._pace.told(listing_id, wait_s)
        self._remembered.add(own_id)
        self._metrics.taken.labels(account.account_id, notice.topic).inc()
        return Reply(TAKEN, "taken")

    def _hints(self, account: SignalingAccount, notice: Notice, hinted: dict[ListingId, float]) -> Iterable[Record]:
        """`hinted`: the listings that are told of, each with for when."""
        for signal in notice.signals:
            if isinstance(signal, ListingChanged):
                for listing in self._listings(account, signal.marketplace_ids, signal.market):
                    wait_s = self._pace.wait_s(listing.listing_id)
                    record = self._hint(account, notice, signal, listing, wait_s)
                    if record is not None and wait_s is not None and listing.listing_id not in hinted:
                        hinted[listing.listing_id] = wait_s
                        yield record

    def _hint(
        self,
        account: SignalingAccount,
        notice: Notice,
        signal: ListingChanged,
        listing: CatalogListing,
        wait_s: float | None,
    ) -> Record | None:
        channel = listing.channel
        if not listing.is_written:
            return None
        if self._known.is_own(listing.listing_id, signal):
            self._metrics.echoes.labels(channel).inc()
            return None
        if wait_s is None:
            self._metrics.merged.labels(channel).inc()
            return None
        if not self._pace.may_tell(channel):
            self._metrics.left_out.labels(channel).inc()
            return None
        self._metrics.hints.labels(channel).inc()
        now_ms = self._clock.now_ms()
        occurred_at_ms = notice.occurred_at_ms if notice.occurred_at_ms is not None else now_ms
        observation = Observation(
            listing.listing_id,
            listing.sku,
            channel,
            signal.quantity if signal.node is None or len(listing.nodes) == 1 else None,
            NO_NODES,
            ObservedBy.SIGNAL,
            now_ms + round(wait_s * 1_000) if wait_s > 0 else occurred_at_ms,
            now_ms,
            f"{notice.topic} {notice.notice_id}"[:ID_LENGTH_MAX],
        )
        topic = self._topics.observations(account.marketplace)
        value = self._codecs.observations[account.marketplace].encode(observation)
        return Record(topic, listing.sku, listing.listing_id, value)

    def _sales(self, account: SignalingAccount, notice: Notice) -> Iterable[Record]:
        orders = [one for one in notice.signals if isinstance(one, OrderChanged)]
        lines: list[tuple[ChannelId, Sku, str, str, str, int]] = []
        for order in orders:
            listings = [one for one in self._listings(account, order.marketplace_ids, order.market) if not one.is_held]
            if len(listings) == 1 and order.units > 0:  # of several countries nobody can say where it was sold
                where = (listings[0].channel, listings[0].sku)
                lines.append((*where, order.order_id, order.line, order.status, order.units))
        for (*where_sold, status), same in groupby(sorted(lines), key=lambda line: line[:5]):
            yield self._sale(_SoldLine(*where_sold), status, sum(units for *_, units in same), notice)

    def _sale(self, line: _SoldLine, status: str, units: int, notice: Notice) -> Record:
        now_ms = self._clock.now_ms()
        channel, sku, order = line.channel, line.sku, OrderId(line.order_id[:ID_LENGTH_MAX])
        cancelled = status.lower() in CANCELLED
        kind: UnitsSold | SaleCancelled = UnitsSold(channel, order, units)
        if cancelled:
            kind = SaleCancelled(channel, order, units, status.lower())
        name = "cancelled" if cancelled else "sold"
        self._metrics.sales.labels(channel, name).inc()
        change = InventoryChange(
            # The same for every message about this line, so that it counts once however often it is told.
            event_id=EventId(f"{name}:{channel}:{order}:{f'{line.line}:' if line.line else ''}{sku}"[:ID_LENGTH_MAX]),
            source=SourceId(f"signals-{channel}"),
            sequence=None,
            occurred_at_ms=min(notice.occurred_at_ms or now_ms, now_ms),
            sku=sku,
            location=None,
            kind=kind,
        )
        return Record(self._topics.inventory_changes, sku, sku, self._codecs.changes.encode(change))

    def _listings(
        self, account: SignalingAccount, marketplace_ids: Mapping[str, str], market: str | None
    ) -> list[CatalogListing]:
        """The listings that are named: of the country that the signal tells, else of all of the account's channels."""
        channels = [one for one in account.channels if market is None or account.markets.get(one, market) == market]
        found = [listing for channel in channels for listing in self._known.named(channel, marketplace_ids)]
        if not found:
            self._metrics.unknown.labels(account.account_id).inc()
        return found
