"""Writes many quantities of one country as one feed: a document is uploaded, the feed handed in, its report fetched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from inventory_adapters.amazon import auth
from inventory_adapters.amazon.documents import fetched
from inventory_adapters.amazon.failures import INVALID, RULES
from inventory_adapters.amazon.push import patch
from inventory_adapters.amazon.settings import (
    CREATE_FEED,
    CREATE_FEED_DOCUMENT,
    GET_FEED,
    GET_FEED_DOCUMENT,
    AmazonSettings,
)
from inventory_adapters.bodies import encoded, mapping, rows, text, units
from inventory_adapters.exchange import Answered, Exchange
from inventory_adapters.failures import UNREADABLE, Facts, Failure, judge, refused_here, shortened
from inventory_adapters.http import Answer, Json, Request
from inventory_adapters.secrets import Secret
from inventory_domain.bulk import CallFailed, FeedOutcomes, FeedPart, FeedRunning, FeedSubmitted
from inventory_domain.clock import Clock
from inventory_domain.outcomes import Accepted, PushOutcome, Transient
from inventory_domain.ports import Push

FEED_TYPE: Final = "JSON_LISTINGS_FEED"
CONTENT_TYPE: Final = "application/json; charset=UTF-8"
MESSAGES_MAX: Final = 25_000
BYTES_MAX: Final = 10 * 2**20 - 1  # "below 10 MiB"
FEEDS: Final = "/feeds/2021-06-30"
UNCLEAR: Final = "feed-unclear"

Build = Callable[[Secret], Request]


class AmazonFeeds:
    """The feeds of one account. A feed is made of pushes of one channel, none of which is refused here."""

    def __init__(self, settings: AmazonSettings, exchange: Exchange, clock: Clock) -> None:
        self._settings = settings
        self._exchange = exchange
        self._clock = clock

    async def submit(self, pushes: Sequence[tuple[int, Push]], deadline_s: float) -> FeedSubmitted | CallFailed:
        """Hand in a feed of these pushes, each with its message id."""
        content = encoded(document(pushes, self._settings))
        if len(content) > BYTES_MAX:
            return refused_here("feed-too-large", f"{len(content)} bytes, at most {BYTES_MAX}").call_failed(CREATE_FEED)
        # 1. A place for the document; it can be uploaded to for 5 minutes, so the upload follows at once.
        place = await self._call(CREATE_FEED_DOCUMENT, "/documents", deadline_s, {"contentType": CONTENT_TYPE})
        if not isinstance(place, Answered):
            return place.call_failed(CREATE_FEED_DOCUMENT)
        announced = mapping(place.body)
        document_id, url = text(announced.get("feedDocumentId")), text(announced.get("url"))
        if not document_id or not url:
            return place.unrecognized().call_failed(CREATE_FEED_DOCUMENT)
        # 2. The document itself, with the very content type that was announced, and without our token.
        upload = Request("PUT", url, {"content-type": CONTENT_TYPE}, content)
        uploaded = await self._exchange.document(upload, deadline_s, self._settings.document_hosts)
        if not isinstance(uploaded, Answer):
            return uploaded.call_failed("uploadFeedDocument")
        # 3. Only this hands the feed in: whatever failed before it had no effect.
        channel = self._settings.channels[pushes[0][1].channel]
        feed: dict[str, object] = {
            "feedType": FEED_TYPE,
            "marketplaceIds": [channel.marketplace_id],
            "inputFeedDocumentId": document_id,
        }
        answer = await self._call(CREATE_FEED, "/feeds", deadline_s, feed, writes=True)
        if not isinstance(answer, Answered):
            return answer.call_failed(CREATE_FEED)
        feed_id = text(mapping(answer.body).get("feedId"))
        if not feed_id:
            return answer.unrecognized(writes=True).call_failed(CREATE_FEED)
        return FeedSubmitted(
            feed_id=feed_id,
            ask_after_s=self._settings.feed_poll_s,
            api=CREATE_FEED,
            request_id=answer.request_id,
            seen=answer.seen,
        )

    async def poll(self, part: FeedPart, deadline_s: float) -> FeedRunning | FeedOutcomes | CallFailed:
        """How the feed of these rows stands."""
        pushes = list(part.rows.values())
        answer = await self._call(GET_FEED, f"/feeds/{quote(part.feed_id, safe='')}", deadline_s)
        if not isinstance(answer, Answered):
            return answer.call_failed(GET_FEED)
        feed = mapping(answer.body)
        status, report_id = text(feed.get("processingStatus")), text(feed.get("resultFeedDocumentId"))
        if status in ("IN_QUEUE", "IN_PROGRESS"):
            return FeedRunning(ask_after_s=self._settings.feed_poll_s, api=GET_FEED, seen=answer.seen)
        if status == "CANCELLED":  # before it was begun
            return _all(pushes, Failure(then=Transient, reason="feed-cancelled"))
        if status == "FATAL":  # some, none or all of it may have been applied
            return _all(pushes, Failure(then=Transient, reason="feed-fatal", effect_unknown=True))
        if status != "DONE":
            return answer.unrecognized().call_failed(GET_FEED)
        if not report_id:
            return _all(pushes, Failure(then=Transient, reason=UNCLEAR, effect_unknown=True))
        report = await self._report(report_id, deadline_s)
        if isinstance(report, CallFailed):
            return report
        return FeedOutcomes(outcomes=tuple(judged(report, part)), next_cursor=None, seen=answer.seen)

    async def _report(self, document_id: str, deadline_s: float) -> Json | CallFailed:
        place = await self._call(GET_FEED_DOCUMENT, f"/documents/{quote(document_id, safe='')}", deadline_s)
        if not isinstance(place, Answered):
            return place.call_failed(GET_FEED_DOCUMENT)
        said = mapping(place.body)
        url = text(said.get("url"))
        if not url:
            return place.unrecognized().call_failed(GET_FEED_DOCUMENT)
        gzipped = said.get("compressionAlgorithm") == "GZIP"
        report = await fetched(url, self._exchange, self._settings, deadline_s, gzipped=gzipped)
        if isinstance(report, Failure):
            return report.call_failed("downloadFeedDocument")
        if not report.is_json():
            return Failure(then=Transient, reason=UNREADABLE).call_failed("downloadFeedDocument")
        return report.json()

    async def _call(
        self,
        operation: str,
        path: str,
        deadline_s: float,
        body: Mapping[str, object] | None = None,
        *,
        writes: bool = False,
    ) -> Answered | Failure:
        def build(token: Secret) -> Request:
            headers = auth.headers(self._settings, token, self._clock)
            url = f"{self._settings.calls.base_url}{FEEDS}{path}"
            if body is None:
                return Request("GET", url, headers)
            return Request("POST", url, headers | {"content-type": "application/json"}, encoded(body))

        return await self._exchange.call(operation, build, deadline_s, writes=writes)


def document(pushes: Sequence[tuple[int, Push]], settings: AmazonSettings) -> dict[str, object]:
    """The feed itself: one patch a listing, the same as a single call sends."""
    channel = settings.channels[pushes[0][1].channel]
    return {
        "header": {"sellerId": settings.seller_id, "version": "2.0", "issueLocale": channel.issue_locale},
        "messages": [
            {
                "messageId": number,
                "sku": push.marketplace_ids["seller_sku"],
                "operationType": "PATCH",
                **patch(push, settings.patch_op),
            }
            for number, push in pushes
        ],
    }


def judged(report: Json, part: FeedPart) -> Iterable[PushOutcome]:
    """The outcomes by a report: a message with an error was refused, any other accepted and not live yet.

    The report names messages by their id; the SKU may be missing. An error of no message of the feed makes all unclear,
    and so does a summary that counts more refused messages, or fewer accepted ones, than the issues leave.
    """
    by_message: dict[int, list[dict[str, Json]]] = {}
    unclear = not isinstance(report, dict) or not isinstance(report.get("summary"), dict)
    for issue in rows(mapping(report).get("issues")):
        number = units(issue.get("messageId"))
        if issue.get("severity") != "ERROR":
            continue
        if number is not None and 1 <= number <= part.size:
            by_message.setdefault(number, []).append(issue)
        else:
            unclear = True
    summary = mapping(mapping(report).get("summary"))
    refused, accepted = units(summary.get("messagesInvalid")) or 0, units(summary.get("messagesAccepted"))
    left = sum(number not in by_message for number in part.rows)
    unclear = unclear or refused > len(by_message) or (accepted is not None and accepted < left)
    for number, push in part.rows.items():
        issues = by_message.get(number)
        if issues:
            codes = tuple(code for issue in issues if (code := text(issue.get("code"))))
            words = shortened(f"{issue.get('code')} {issue.get('message')}" for issue in issues)
            facts = Facts(status=200, codes=(*codes, INVALID), error=words)
            yield judge(RULES, facts, writes=True).outcome(push.listing_id, CREATE_FEED)
        elif unclear:
            failure = Failure(then=Transient, reason=UNCLEAR, effect_unknown=True)
            yield failure.outcome(push.listing_id, CREATE_FEED)
        else:
            yield Accepted(listing_id=push.listing_id, api=CREATE_FEED, reason="accepted")


def _all(pushes: Sequence[Push], failure: Failure) -> FeedOutcomes:
    return FeedOutcomes(
        outcomes=tuple(failure.outcome(push.listing_id, CREATE_FEED) for push in pushes), next_cursor=None
    )
