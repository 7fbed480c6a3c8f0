"""Walmart's feeds: inventory of many SKUs in one file, worked on later, judged item by item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from inventory_sandbox.marketplaces.assortment import WALMART_PARTNER_ID
from inventory_sandbox.marketplaces.faults import FEED_MODES, SHAPE_MODES, FaultMode
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.walmart.inventory import Inventory
from inventory_sandbox.marketplaces.walmart.rules import WalmartRules, feed_error, gateway_error
from inventory_sandbox.marketplaces.walmart.uploads import (
    MAX_BYTES,
    WRONG_FORM,
    FeedFile,
    FeedRow,
    read_feed,
    uploaded_file,
)
from inventory_sandbox.marketplaces.world import World

RECEIVED_S: Final = (0.1, 5.0)
WORKED_S: Final = (1.0, 75.0)
"""From the published sample: 0.1 to 75 s from receipt to the end."""
STALE_S: Final = 24 * 3600.0
"""An unchanged value sent again by feed within this time is refused."""
MAX_FEEDS: Final = 5_000
MAX_PAGE: Final = 50
Json = dict[str, object]


@dataclass(slots=True)
class Feed:
    """One feed and what has come of its items so far; a verdict is (status, code, text)."""

    feed_id: str
    kind: str
    received_at: float
    items: int
    skus: dict[int, str]
    status: str = "RECEIVED"
    changed_at: float = 0.0
    error: str = ""
    verdicts: dict[int, tuple[str, str, str]] = field(default_factory=dict)


class Feeds:
    """The seller's feeds."""

    def __init__(self, world: World, rules: WalmartRules, inventory: Inventory) -> None:
        self._world = world
        self._rules = rules
        self._inventory = inventory
        self._feeds: dict[str, Feed] = {}
        self._sent_at: dict[tuple[str, str], tuple[object, float]] = {}

    def operations(self) -> Sequence[Operation]:
        """What is served."""
        return (
            Operation("bulkInventoryUpdate", "POST", "/v3/feeds", self._send, takes=FEED_MODES),
            Operation("getAllFeedStatuses", "GET", "/v3/feeds", self._list, limit="feedReads"),
            Operation(
                "getFeedItemStatus", "GET", "/v3/feeds/{feedId}", self._get, limit="feedReads", takes=SHAPE_MODES
            ),
        )

    def _send(self, call: Call) -> Answer:
        kind = call.query.get("feedType", "")
        if kind not in MAX_BYTES:
            return feed_error(400, "INVALID_FEED_TYPE", f"feedType must be one of {', '.join(MAX_BYTES)}.")
        throttled = self._rules.limit(f"feed:{kind}", call)
        if throttled is not None:
            answer = feed_error(429, "RATE_LIMIT_EXCEEDED", "Too many feed uploads. Please retry later.")
            answer.headers.update(throttled.headers)
            answer.throttled = True
            return answer
        content = uploaded_file(call.headers, call.body)
        if content is None:
            return feed_error(400, "MISSING_FILE", "Multipart field 'file' is required.")
        if len(content) > MAX_BYTES[kind]:
            return feed_error(400, "FILE_TOO_LARGE", f"A file of {kind} has at most {MAX_BYTES[kind]} bytes.")
        file = read_feed(kind, content)
        if file is None:
            text = "Expected JSON for MP_INVENTORY or JSON/XML for inventory."
            return feed_error(415, "UNSUPPORTED_MEDIA_TYPE", text)
        nameless = next((row.index for row in file.rows if not row.sku), None)
        if nameless is not None:
            return feed_error(422, "INVALID_SKU", "The item has no SKU.", f"inventory[{nameless}].sku")
        return json_answer(200, {"feedId": self._take(kind, file, call).feed_id})

    def _take(self, kind: str, file: FeedFile, call: Call) -> Feed:
        world, factor = self._world, self._world.settings.factor
        feed_id = f"{call.request_id.replace('-', '').upper()}@AU8BAQA"
        skus = {row.index: row.sku for row in file.rows}
        feed = Feed(feed_id, kind, call.at, file.items, skus, changed_at=call.at)
        self._feeds[feed_id] = feed
        if len(self._feeds) > MAX_FEEDS:
            del self._feeds[next(iter(self._feeds))]
        begins_at = call.at + world.draw(*RECEIVED_S) * factor
        ends_at = begins_at + world.draw(*WORKED_S) * factor
        world.stock.schedule(begins_at, lambda at: _begin(feed, at))
        if call.fault is None or call.fault.mode is not FaultMode.FEED_STUCK:
            world.stock.schedule(ends_at, lambda at: self._work(feed, file, call, at))
        return feed

    def _work(self, feed: Feed, file: FeedFile, call: Call, at: float) -> None:
        fatal = call.fault is not None and call.fault.mode is FaultMode.FEED_FATAL
        feed.changed_at = at
        if file.error:
            feed.status, feed.error = "ERROR", file.error
            return
        rows = file.rows[: len(file.rows) // 2] if fatal else file.rows
        for row in rows:
            verdict = self._judge(feed, row, file.items, call, at)
            before = feed.verdicts.get(row.index)
            if before is None or before[0] == "SUCCESS":
                feed.verdicts[row.index] = verdict
        feed.status = "ERROR" if fatal else "PROCESSED"
        if fatal:
            feed.error = "ERR_INT_SYS_0101000 The feed could not be worked on to its end."

    def _judge(self, feed: Feed, row: FeedRow, items: int, call: Call, at: float) -> tuple[str, str, str]:
        if call.row_fails(row.index, items, f"{row.sku} {row.node}"):
            return "SYSTEM_ERROR", "ERR_INT_SYS_0101001", "Unexpected system error. Please try again."
        listing = self._inventory.find_settled(row.sku)
        if listing is None:
            return "DATA_ERROR", "ERR_EXT_DATA_0101116", f"SKU '{row.sku}' not found for this seller."
        node = row.node or next(iter(listing.parts), "")
        sent = self._sent_at.get((row.sku, node))
        recent = sent is not None and at - sent[1] < STALE_S * self._world.settings.factor
        if sent is not None and recent and sent[0] == row.quantity and self._unchanged(row.sku, node, row.quantity):
            return "DATA_ERROR", "ERR_EXT_DATA_0101198", "Stale update request."
        wrong = self._inventory.submit(listing, node, row.quantity, call, f"feed {feed.feed_id}", at)
        if wrong:
            return "DATA_ERROR", "ERR_EXT_DATA_0101119", wrong
        self._sent_at[row.sku, node] = (row.quantity, at)
        return "SUCCESS", "", ""

    def _unchanged(self, sku: str, node: str, quantity: object) -> bool:
        listing = self._inventory.find_settled(sku)
        part = listing.parts.get(node) if listing is not None else None
        return part is not None and part.submitted == quantity

    def _list(self, call: Call) -> Answer:
        page = _page(call)
        if isinstance(page, Answer):
            return page
        limit, offset = page
        self._world.stock.settle()
        wanted = call.query.get("feedId")
        found = [one for one in reversed(self._feeds.values()) if wanted in (None, "", one.feed_id)]
        shown = [self._summary(one) for one in found[offset : offset + limit]]
        answer: Json = {"totalResults": len(found), "offset": offset, "limit": limit, "results": {"feed": shown}}
        return json_answer(200, answer)

    def _summary(self, feed: Feed) -> Json:
        return {
            "feedId": feed.feed_id,
            "feedSource": "MARKETPLACE_PARTNER",
            "feedType": feed.kind,
            "partnerId": WALMART_PARTNER_ID,
            **_counts(feed),
            "feedStatus": feed.status,
            "feedDate": int(feed.received_at * 1000),
            "modifiedDtm": int(feed.changed_at * 1000),
        }

    def _get(self, call: Call) -> Answer:
        page = _page(call)
        if isinstance(page, Answer):
            return page
        limit, offset = page
        self._world.stock.settle()
        feed = self._feeds.get(call.parameters["feedId"])
        if feed is None:
            text = f"No feed {call.parameters['feedId']}"
            return gateway_error(404, "CONTENT_NOT_FOUND.GMP_FEED_API", text, "feedId", "DATA")
        answer: Json = {"feedId": feed.feed_id, "feedStatus": feed.status, **_counts(feed)}
        answer |= {"offset": offset, "limit": limit}
        if feed.error:
            code, _, text = feed.error.partition(" ")
            kind = "DATA_ERROR" if code == WRONG_FORM else "SYSTEM_ERROR"
            answer["ingestionErrors"] = {"ingestionError": [{"type": kind, "code": code, "description": text}]}
        if call.query.get("includeDetails") == "true":
            indexes = sorted(feed.skus)[offset : offset + limit]
            answer["itemDetails"] = {
                "itemIngestionStatus": [
                    _odd(_item_json(feed, one)) if call.odd else _item_json(feed, one) for one in indexes
                ]
            }
        return json_answer(200, answer)


def _begin(feed: Feed, at: float) -> None:
    feed.status, feed.changed_at = "INPROGRESS", at


def _counts(feed: Feed) -> Json:
    succeeded = sum(one[0] == "SUCCESS" for one in feed.verdicts.values())
    failed = len(feed.verdicts) - succeeded
    ended = feed.status in ("PROCESSED", "ERROR")
    if feed.status == "ERROR":
        failed = feed.items - succeeded
    return {
        "itemsReceived": feed.items,
        "itemsSucceeded": succeeded,
        "itemsFailed": failed,
        "itemsProcessing": 0 if ended else feed.items,
    }


def _item_json(feed: Feed, index: int) -> Json:
    status, code, text = feed.verdicts.get(index, ("INPROGRESS", "", ""))
    item: Json = {"martId": 0, "sku": feed.skus[index], "index": index, "ingestionStatus": status}
    if code:
        item["ingestionErrors"] = {"ingestionError": [{"type": status, "code": code, "description": text}]}
    return item


def _odd(item: Json) -> Json:
    """An item in a form that has been seen: one error in place of a list, null or an empty error for a success."""
    errors = item.get("ingestionErrors")
    if isinstance(errors, dict):
        return {**item, "ingestionErrors": {"ingestionError": errors["ingestionError"][0]}}
    empty = {"ingestionError": [{"description": None}]}
    return {**item, "ingestionErrors": None if item["index"] == 0 else empty}


def _page(call: Call) -> tuple[int, int] | Answer:
    limit, offset = call.whole("limit", MAX_PAGE), call.whole("offset", 0)
    if limit is None or offset is None or not 1 <= limit <= MAX_PAGE or offset < 0:
        text = f"limit must be from 1 to {MAX_PAGE}, offset 0 or more."
        return gateway_error(400, "INVALID_REQUEST_PARAM.GMP_FEED_API", text, "limit", "DATA")
    return limit, offset
