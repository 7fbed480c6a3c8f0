"""Writes many quantities as one feed: a file is handed in, and asked for item by item when it is done."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from inventory_adapters.bodies import encoded, mapping, number, rows, text, units
from inventory_adapters.exchange import Answered, Exchange
from inventory_adapters.failures import Failure, refused_here, shortened
from inventory_adapters.http import Json, Request
from inventory_adapters.secrets import Secret
from inventory_adapters.walmart import auth
from inventory_adapters.walmart.settings import (
    GET_FEEDS,
    POST_INVENTORY_FEED,
    POST_MP_INVENTORY_FEED,
    WalmartSettings,
)
from inventory_domain.bulk import CallFailed, FeedOutcomes, FeedRunning, FeedSubmitted
from inventory_domain.outcomes import UNRECOGNIZED, Accepted, PushOutcome, Rejected, Transient
from inventory_domain.ports import Push

BYTES_MAX: Final[Mapping[str, int]] = {POST_INVENTORY_FEED: 10 * 2**20, POST_MP_INVENTORY_FEED: 2**20}
ONE_NUMBER_MAX: Final = 10_000
# The file may hold 1 MiB; 2,000 listings with a few nodes each stay below it. A larger file is refused before it goes.
BY_NODE_MAX: Final = 2_000
DETAILS_PER_PAGE: Final = 50
STALE: Final = "ERR_EXT_DATA_0101198"  # the value was the same before: what is asked for is there
KNOWN_MAX: Final = 1_000  # ids of feeds that were handed in here: those of days, at the 60 an hour that are allowed
LOOK_BACK_MS: Final = 60_000  # clocks differ: a feed that was taken a minute early may be ours
FEED_TYPES: Final[Mapping[str, str]] = {POST_INVENTORY_FEED: "inventory", POST_MP_INVENTORY_FEED: "MP_INVENTORY"}


class WalmartFeeds:
    """The feeds of one account. A feed is made of pushes of one channel, none of which is refused here."""

    def __init__(self, settings: WalmartSettings, exchange: Exchange, new_id: Callable[[], str]) -> None:
        self._settings = settings
        self._exchange = exchange
        self._new_id = new_id
        self._known: deque[str] = deque(maxlen=KNOWN_MAX)

    async def submit(self, pushes: Sequence[Push], deadline_s: float) -> FeedSubmitted | CallFailed:
        """Hand in a feed. It is not safe to repeat: after a timeout, look for it first."""
        operation = operation_of(pushes)
        file = encoded(feed_file(pushes))
        if len(file) > BYTES_MAX[operation]:
            return refused_here("feed-too-large", f"{len(file)} bytes, at most {BYTES_MAX[operation]}").call_failed(
                operation
            )
        boundary = f"inventory-sync-{self._new_id()}"
        content_type = {"content-type": f"multipart/form-data; boundary={boundary}"}
        path = f"/v3/feeds?feedType={FEED_TYPES[operation]}"
        answer = await self._call(operation, path, pushes[0], deadline_s, multipart(file, boundary), content_type)
        if not isinstance(answer, Answered):
            return answer.call_failed(operation)
        feed_id = text(mapping(answer.body).get("feedId"))
        if not feed_id:
            return _unrecognized(answer, writes=True).call_failed(operation)
        return self._submitted(feed_id, operation, answer)

    async def find(self, pushes: Sequence[Push], since_ms: int, deadline_s: float) -> FeedSubmitted | CallFailed | None:
        """The newest feed of this type and size since then that is not known to be another one of ours."""
        operation = operation_of(pushes)
        answer = await self._call(GET_FEEDS, f"/v3/feeds?offset=0&limit={DETAILS_PER_PAGE}", pushes[0], deadline_s)
        if not isinstance(answer, Answered):
            return answer.call_failed(GET_FEEDS)
        fitting = [
            (date_ms, feed_id)
            for feed in rows(mapping(mapping(answer.body).get("results")).get("feed"))
            if feed.get("feedType") == FEED_TYPES[operation]
            and units(feed.get("itemsReceived")) == len(pushes)
            and (date_ms := number(feed.get("feedDate")) or 0) >= since_ms - LOOK_BACK_MS
            and (feed_id := text(feed.get("feedId")))
            and feed_id not in self._known  # what it did says nothing of this one
        ]
        return self._submitted(max(fitting)[1], GET_FEEDS, answer) if fitting else None

    async def poll(
        self, feed_id: str, pushes: Sequence[Push], cursor: str | None, deadline_s: float
    ) -> FeedRunning | FeedOutcomes | CallFailed:
        """How the feed stands; when it is done, a page of its items at a time."""
        offset = int(cursor) if cursor else 0
        query = f"includeDetails=true&offset={offset}&limit={DETAILS_PER_PAGE}"
        path = f"/v3/feeds/{quote(feed_id, safe='')}?{query}"
        answer = await self._call(GET_FEEDS, path, pushes[0], deadline_s)
        if not isinstance(answer, Answered):
            return answer.call_failed(GET_FEEDS)
        feed = mapping(answer.body)
        status = text(feed.get("feedStatus"))
        items = rows(mapping(feed.get("itemDetails")).get("itemIngestionStatus"))
        # A feed that is PROCESSED may still have items that are not.
        waits = status in ("RECEIVED", "INPROGRESS") or any(
            each.get("ingestionStatus") == "INPROGRESS" for each in items
        )
        if waits:
            return FeedRunning(ask_after_s=self._settings.feed_poll_s, api=GET_FEEDS, seen=answer.seen)
        if status not in ("PROCESSED", "ERROR"):
            return _unrecognized(answer).call_failed(GET_FEEDS)
        by_sku = {push.marketplace_ids["sku"]: push for push in pushes}
        outcomes = tuple(
            item_outcome(item, by_sku[sku], operation_of(pushes))
            for item in items
            if (sku := text(item.get("sku"))) is not None and sku in by_sku
        )
        received = units(feed.get("itemsReceived")) or 0
        more = offset + len(items) < received and bool(items)
        return FeedOutcomes(outcomes=outcomes, next_cursor=str(offset + len(items)) if more else None, seen=answer.seen)

    def _submitted(self, feed_id: str, api: str, answer: Answered) -> FeedSubmitted:
        self._known.append(feed_id)
        return FeedSubmitted(
            feed_id=feed_id,
            ask_after_s=self._settings.feed_poll_s,
            api=api,
            request_id=answer.request_id,
            seen=answer.seen,
        )

    async def _call(
        self,
        operation: str,
        path: str,
        push: Push,
        deadline_s: float,
        content: bytes | None = None,
        more_headers: Mapping[str, str] | None = None,
    ) -> Answered | Failure:
        def build(token: Secret) -> Request:
            market = self._settings.channels[push.channel].market
            headers = auth.headers(self._settings, token, self._new_id(), market) | dict(more_headers or {})
            url = self._settings.calls.base_url + path
            return Request("GET" if content is None else "POST", url, headers, content)

        return await self._exchange.call(operation, build, deadline_s, writes=content is not None)


def operation_of(pushes: Sequence[Push]) -> str:
    """Which of the two feeds takes these pushes."""
    return POST_MP_INVENTORY_FEED if pushes[0].nodes else POST_INVENTORY_FEED


def feed_file(pushes: Sequence[Push]) -> dict[str, object]:
    """The file. The names of one feed begin with capitals and those of the other do not; a wrong case is refused."""
    if not pushes[0].nodes:
        items = [{"sku": push.marketplace_ids["sku"], "quantity": _each(push.quantity)} for push in pushes]
        return {"InventoryHeader": {"version": "1.4"}, "Inventory": items}
    by_node = [
        {
            "sku": push.marketplace_ids["sku"],
            "shipNodes": [{"shipNode": node, "quantity": _each(units)} for node, units in sorted(push.nodes.items())],
        }
        for push in pushes
    ]
    return {"inventoryHeader": {"version": "1.5"}, "inventory": by_node}


def multipart(file: bytes, boundary: str) -> bytes:
    """The file as the one field of a form."""
    head = (
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="file"; filename="inventory.json"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode() + file + f"\r\n--{boundary}--\r\n".encode()


def item_outcome(item: dict[str, Json], push: Push, api: str) -> PushOutcome:
    """What became of one item of a feed that is done."""
    status = text(item.get("ingestionStatus"))
    raw = mapping(item.get("ingestionErrors")).get("ingestionError")
    errors = [raw] if isinstance(raw, dict) else rows(raw)  # one object in place of a list has been seen
    codes = {text(error.get("code")) for error in errors}
    if status == "SUCCESS" or (status == "DATA_ERROR" and codes == {STALE}):
        return Accepted(listing_id=push.listing_id, api=api, reason="accepted" if status == "SUCCESS" else "unchanged")
    words = shortened(
        " ".join(part for key in ("code", "description") if (part := text(error.get(key)))) for error in errors
    )
    if status == "DATA_ERROR":
        failure = Failure(then=Rejected, reason="item-data-error", error=words)
    elif status in ("SYSTEM_ERROR", "TIMEOUT_ERROR"):
        failure = Failure(then=Transient, reason="server-error", error=words, effect_unknown=True)
    else:
        failure = Failure(then=Transient, reason=UNRECOGNIZED, error=words, effect_unknown=True)
    return failure.outcome(push.listing_id, api)


def _each(units_: int) -> dict[str, object]:
    return {"unit": "EACH", "amount": units_}


def _unrecognized(answer: Answered, *, writes: bool = False) -> Failure:
    return Failure(
        then=Transient,
        reason=UNRECOGNIZED,
        status=answer.status,
        request_id=answer.request_id,
        effect_unknown=writes,
        seen=answer.seen,
    )
