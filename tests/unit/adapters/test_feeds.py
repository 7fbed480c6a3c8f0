"""Feeds: files as each marketplace wants them, and what their reports mean."""

from __future__ import annotations

import email
import email.policy
import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import httpx
import pytest

from inventory_domain.bulk import CallFailed, FeedOutcomes, FeedPart, FeedRunning, FeedSubmitted, TakesFeeds, numbered
from inventory_domain.errors import InvariantBroken
from inventory_domain.identifiers import ListingId, NodeId
from inventory_domain.outcomes import Accepted, PushOutcome, Rejected, Transient
from inventory_domain.ports import Push
from tests.support.adapters import FakeClock, Scripted, a_push, an_adapter

DOCUMENTS = "https://tortuga-prod-na.s3.amazonaws.com/d"


def pushes(marketplace: str, count: int = 3, nodes: Mapping[NodeId, int] | None = None) -> list[Push]:
    key = "seller_sku" if marketplace == "amazon" else "sku"
    return [
        a_push(
            marketplace,
            listing_id=ListingId(f"{marketplace}-us/{number}"),
            quantity=number,
            nodes=nodes or {},
            marketplace_ids={key: f"S{number}"},
        )
        for number in range(1, count + 1)
    ]


class Server(Scripted):
    """A marketplace that answers by path, and hands out tokens."""

    def __init__(self, answers: Mapping[str, Callable[[httpx.Request], httpx.Response] | httpx.Response]) -> None:
        super().__init__(httpx.Response(500))
        self._answers = answers

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        for key, answer in self._answers.items():
            method, _, path = key.partition(" ")
            if request.method == method and request.url.path == path:
                await request.aread()
                self.requests.append(request)
                found = answer if isinstance(answer, httpx.Response) else answer(request)
                return httpx.Response(found.status_code, headers=dict(found.headers), content=found.content)
        return await super().handle_async_request(request)

    def sent(self, method: str) -> list[httpx.Request]:
        return [request for request in self.requests if request.method == method]


def feeds_of(marketplace: str, server: Server, **settings: object) -> TakesFeeds:
    adapter = an_adapter(marketplace, server, **settings)
    assert isinstance(adapter, TakesFeeds)
    return adapter


PLACE = {"feedDocumentId": "doc-1", "url": f"{DOCUMENTS}/in"}
AMAZON_SUBMIT = {
    "POST /feeds/2021-06-30/documents": httpx.Response(201, json=PLACE),
    "PUT /d/in": httpx.Response(200),
    "POST /feeds/2021-06-30/feeds": httpx.Response(202, json={"feedId": "feed-1"}),
}


async def test_amazon_feed_is_announced_uploaded_and_handed_in() -> None:
    server = Server(AMAZON_SUBMIT)

    submitted = await feeds_of("amazon", server).submit_feed(numbered(pushes("amazon")))

    assert isinstance(submitted, FeedSubmitted) and submitted.feed_id == "feed-1"
    assert [request.url.path for request in server.requests] == [
        "/feeds/2021-06-30/documents",
        "/d/in",
        "/feeds/2021-06-30/feeds",
    ]
    announced, upload, handed_in = server.requests
    assert json.loads(announced.content) == {"contentType": upload.headers["content-type"]}
    assert json.loads(handed_in.content) == {
        "feedType": "JSON_LISTINGS_FEED",
        "marketplaceIds": ["ATVPDKIKX0DER"],
        "inputFeedDocumentId": "doc-1",
    }
    assert [message["messageId"] for message in json.loads(upload.content)["messages"]] == [1, 2, 3]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://evil.example/d", "document-host-refused"),
        ("http://tortuga-prod-na.s3.amazonaws.com/d", "document-host-refused"),
        ("http://127.0.0.1:80/d", "document-host-refused"),
        ("https://169.254.169.254/d", "document-host-refused"),
        ("", "unrecognized"),
    ],
)
async def test_amazon_document_goes_to_listed_hosts_only(url: str, reason: str) -> None:
    server = Server(
        {"POST /feeds/2021-06-30/documents": httpx.Response(201, json={"feedDocumentId": "doc-1", "url": url})}
    )

    answer = await feeds_of("amazon", server).submit_feed(numbered(pushes("amazon")))

    assert isinstance(answer, CallFailed) and (answer.kind, answer.reason) == ("transient", reason)
    assert server.sent("PUT") == []


@pytest.mark.parametrize(
    ("step", "reply", "unknown"),
    [
        ("POST /feeds/2021-06-30/documents", httpx.Response(500), False),
        ("PUT /d/in", httpx.Response(403, text="<Error/>"), False),
        ("PUT /d/in", httpx.Response(500), False),
        ("POST /feeds/2021-06-30/feeds", httpx.Response(500), True),
        ("POST /feeds/2021-06-30/feeds", httpx.Response(400, json={"errors": [{"code": "InvalidInput"}]}), False),
        ("POST /feeds/2021-06-30/feeds", httpx.Response(202, json={}), True),
    ],
)
async def test_amazon_feed_has_an_effect_by_its_last_step_only(step: str, reply: httpx.Response, unknown: bool) -> None:
    answer = await feeds_of("amazon", Server({**AMAZON_SUBMIT, step: reply})).submit_feed(numbered(pushes("amazon")))

    assert isinstance(answer, CallFailed)
    assert answer.effect_unknown is unknown


def report(*issues: dict[str, object], **changes: object) -> dict[str, object]:
    header = {"sellerId": "A2SELLER", "version": "2.0", "feedId": "feed-1"}
    return {"header": header, "issues": list(issues), "summary": {"messagesProcessed": 3}, **changes}


def issue(number: object, severity: str = "ERROR", code: str = "90220") -> dict[str, object]:
    return {"messageId": number, "code": code, "severity": severity, "message": "m"}


def whole(feed_id: str, made_of: Sequence[Push]) -> FeedPart:
    """All rows of a feed."""
    return FeedPart(feed_id, len(made_of), numbered(made_of))


async def amazon_poll(status: str, body: bytes | None, gzipped: bool = True, part: FeedPart | None = None) -> object:
    feed: dict[str, object] = {"feedId": "feed-1", "processingStatus": status}
    if body is not None:
        feed["resultFeedDocumentId"] = "doc-2"
    place: dict[str, object] = {"feedDocumentId": "doc-2", "url": f"{DOCUMENTS}/out"}
    if gzipped:
        place["compressionAlgorithm"] = "GZIP"
    server = Server(
        {
            "GET /feeds/2021-06-30/feeds/feed-1": httpx.Response(200, json=feed),
            "GET /feeds/2021-06-30/documents/doc-2": httpx.Response(200, json=place),
            "GET /d/out": httpx.Response(200, content=body or b""),
        }
    )
    return await feeds_of("amazon", server).poll_feed(part or whole("feed-1", pushes("amazon")), None)


def summary(outcomes: Sequence[PushOutcome]) -> list[tuple[type[object], str, bool]]:
    return [(type(each), each.reason, each.effect_unknown) for each in outcomes]


ACCEPTED = (Accepted, "accepted", False)
UNCLEAR = (Transient, "feed-unclear", True)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (report(), [ACCEPTED] * 3),
        (report(issue(2)), [ACCEPTED, (Rejected, "listing-invalid", False), ACCEPTED]),
        (report(issue(2, code="4000003")), [ACCEPTED, (Rejected, "invalid-value", False), ACCEPTED]),
        (report(issue(2, severity="WARNING")), [ACCEPTED] * 3),
        (report(issue(None)), [UNCLEAR] * 3),
        (report(issue(99), issue(1)), [(Rejected, "listing-invalid", False), UNCLEAR, UNCLEAR]),
        (report(summary=None), [UNCLEAR] * 3),
        # More was refused than the issues tell of: nobody knows which.
        (report(summary={"messagesInvalid": 1}), [UNCLEAR] * 3),
        (report(issue(1), summary={"messagesInvalid": 2}), [(Rejected, "listing-invalid", False), UNCLEAR, UNCLEAR]),
        (report(summary={"messagesAccepted": 2}), [UNCLEAR] * 3),
        (
            report(issue(1), issue(1), summary={"messagesInvalid": 1, "messagesAccepted": 2}),
            [(Rejected, "listing-invalid", False), ACCEPTED, ACCEPTED],
        ),
        ([], [UNCLEAR] * 3),
    ],
)
@pytest.mark.parametrize("gzipped", [True, False])
async def test_amazon_report_tells_of_messages_by_their_id(said: object, expected: object, gzipped: bool) -> None:
    body = json.dumps(said).encode()

    done = await amazon_poll("DONE", gzip.compress(body) if gzipped else body, gzipped)

    assert isinstance(done, FeedOutcomes) and done.next_cursor is None
    assert summary(done.outcomes) == expected


async def test_amazon_report_is_judged_for_the_rows_that_a_worker_answers_for() -> None:
    """After a handover the rows of a feed have several owners; an error of another's row is not ours."""
    second = FeedPart("feed-1", 3, {2: pushes("amazon")[1]})
    body = gzip.compress(json.dumps(report(issue(3))).encode())

    done = await amazon_poll("DONE", body, part=second)

    assert isinstance(done, FeedOutcomes)
    assert summary(done.outcomes) == [ACCEPTED]


@pytest.mark.parametrize(
    ("status", "reason", "unknown"), [("FATAL", "feed-fatal", True), ("CANCELLED", "feed-cancelled", False)]
)
async def test_amazon_feed_that_ended_badly_is_read_back_or_sent_anew(status: str, reason: str, unknown: bool) -> None:
    done = await amazon_poll(status, None)

    assert isinstance(done, FeedOutcomes)
    assert summary(done.outcomes) == [(Transient, reason, unknown)] * 3


@pytest.mark.parametrize("status", ["IN_QUEUE", "IN_PROGRESS"])
async def test_amazon_feed_that_runs_is_asked_for_again(status: str) -> None:
    answer = await amazon_poll(status, None)

    assert isinstance(answer, FeedRunning) and answer.ask_after_s == 60.0


@pytest.mark.parametrize("body", [b"no gzip", gzip.compress(b"<html>", mtime=0), gzip.compress(b"{}", mtime=0)[:-9]])
async def test_amazon_report_that_cannot_be_read_is_asked_for_again(body: bytes) -> None:
    answer = await amazon_poll("DONE", body)

    assert isinstance(answer, CallFailed) and (answer.kind, answer.reason) == ("transient", "unreadable-answer")


async def test_amazon_report_that_unpacks_without_end_is_not_read() -> None:
    bomb = gzip.compress(b" " * (65 * 2**20))

    answer = await amazon_poll("DONE", bomb)

    assert isinstance(answer, CallFailed) and answer.reason == "unreadable-answer"


async def test_amazon_feed_done_without_a_report_is_unclear() -> None:
    done = await amazon_poll("DONE", None)

    assert isinstance(done, FeedOutcomes) and summary(done.outcomes) == [UNCLEAR] * 3


async def test_amazon_feed_in_no_known_state_is_asked_for_again() -> None:
    answer = await amazon_poll("PONDERING", None)

    assert isinstance(answer, CallFailed) and answer.reason == "unrecognized"


def part(request: httpx.Request) -> tuple[str | None, bytes]:
    """Name and content of the one field of a form, as a server would read it."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + request.content, policy=email.policy.HTTP)
    (only,) = message.iter_parts()
    assert isinstance(only, email.message.EmailMessage)
    content = only.get_payload(decode=True)
    assert isinstance(content, bytes)
    name = only.get_param("name", header="content-disposition")
    return (name if isinstance(name, str) else None), content


WALMART_FEED = "F129C19240844B97A3C6AD8F1A2C4997@AU8BAQA"
WALMART_SUBMIT = {"POST /v3/feeds": httpx.Response(200, json={"feedId": WALMART_FEED})}


async def test_walmart_feed_of_one_number_has_capital_names() -> None:
    server = Server(WALMART_SUBMIT)

    submitted = await feeds_of("walmart", server).submit_feed(numbered(pushes("walmart", 2)))

    assert isinstance(submitted, FeedSubmitted) and submitted.feed_id == WALMART_FEED
    name, content = part(server.requests[0])
    assert server.requests[0].url.params["feedType"] == "inventory"
    assert name == "file"
    assert json.loads(content) == {
        "InventoryHeader": {"version": "1.4"},
        "Inventory": [
            {"sku": "S1", "quantity": {"unit": "EACH", "amount": 1}},
            {"sku": "S2", "quantity": {"unit": "EACH", "amount": 2}},
        ],
    }


async def test_walmart_feed_by_node_has_small_names() -> None:
    server = Server(WALMART_SUBMIT)

    await feeds_of("walmart", server).submit_feed(numbered(pushes("walmart", 1, {NodeId("A"): 3, NodeId("B"): 4})))

    _, content = part(server.requests[0])
    assert server.requests[0].url.params["feedType"] == "MP_INVENTORY"
    assert json.loads(content) == {
        "inventoryHeader": {"version": "1.5"},
        "inventory": [
            {
                "sku": "S1",
                "shipNodes": [
                    {"shipNode": "A", "quantity": {"unit": "EACH", "amount": 3}},
                    {"shipNode": "B", "quantity": {"unit": "EACH", "amount": 4}},
                ],
            }
        ],
    }


async def test_walmart_feed_with_and_without_nodes_is_a_bug_of_the_caller() -> None:
    mixed = [*pushes("walmart", 1, {NodeId("A"): 3}), *pushes("walmart", 2)[1:]]

    with pytest.raises(InvariantBroken):
        await feeds_of("walmart", Server(WALMART_SUBMIT)).submit_feed(numbered(mixed))


@pytest.mark.parametrize(
    ("reply", "kind", "unknown"),
    [
        (httpx.Response(422, json={"errors": [{"code": "INVALID_SKU", "message": "m"}]}), "rejected", False),
        (httpx.Response(429, json={}, headers={"Retry-After": "360"}), "throttled", False),
        (httpx.Response(500, json={}), "transient", True),
        (httpx.Response(200, json={}), "transient", True),
    ],
)
async def test_walmart_feed_that_is_not_taken(reply: httpx.Response, kind: str, unknown: bool) -> None:
    answer = await feeds_of("walmart", Server({"POST /v3/feeds": reply})).submit_feed(numbered(pushes("walmart")))

    assert isinstance(answer, CallFailed) and (answer.kind, answer.effect_unknown) == (kind, unknown)


def feed_row(feed_id: str, received: int, date_ms: int, kind: str = "inventory") -> dict[str, object]:
    return {
        "feedId": feed_id,
        "feedType": kind,
        "itemsReceived": received,
        "feedDate": date_ms,
        "feedStatus": "RECEIVED",
    }


async def test_walmart_feed_that_timed_out_is_found_again() -> None:
    """Handed in twice it is worked on twice, so one looks first."""
    now_ms = FakeClock().now_ms()
    listed = [
        feed_row("too-old", 3, now_ms - 3_600_000),
        feed_row("other-size", 4, now_ms),
        feed_row("other-kind", 3, now_ms, "MP_INVENTORY"),
        feed_row("ours", 3, now_ms + 500),
        feed_row("older", 3, now_ms + 100),
    ]
    server = Server({"GET /v3/feeds": httpx.Response(200, json={"results": {"feed": listed}})})
    adapter = feeds_of("walmart", server)

    found = await adapter.find_feed(numbered(pushes("walmart")), now_ms)
    none = await adapter.find_feed(numbered(pushes("walmart", 7)), now_ms)

    assert isinstance(found, FeedSubmitted) and found.feed_id == "ours"
    assert none is None


async def test_walmart_feed_that_was_handed_in_before_is_not_found_for_the_next() -> None:
    """Of the same size, within the minute that clocks may differ by: what it did the lost one has not done."""
    now_ms = FakeClock().now_ms()
    listed = [feed_row(WALMART_FEED, 3, now_ms - 20_000)]
    adapter = feeds_of(
        "walmart", Server({**WALMART_SUBMIT, "GET /v3/feeds": httpx.Response(200, json={"results": {"feed": listed}})})
    )
    assert isinstance(await adapter.submit_feed(numbered(pushes("walmart"))), FeedSubmitted)

    assert await adapter.find_feed(numbered(pushes("walmart")), now_ms) is None


@pytest.mark.parametrize("left", [1, 0])
@pytest.mark.parametrize("marketplace", ["amazon", "walmart"])
async def test_a_row_that_may_no_longer_be_written_may_have_been_applied(marketplace: str, left: int) -> None:
    """The listing has gone over to the marketplace's own stock while its feed was worked on."""
    rows = numbered(pushes(marketplace, 1 + left))
    gone = {**rows[1].marketplace_ids, "fulfillment": "marketplace"}
    part = FeedPart("feed-1", 2, {**rows, 1: replace(rows[1], marketplace_ids=gone)})

    if marketplace == "amazon":
        done = await amazon_poll("DONE", gzip.compress(json.dumps(report()).encode()), part=part)
    else:
        server = Server(
            {"GET /v3/feeds/feed-1": walmart_feed("PROCESSED", *(item(f"S{n}", "SUCCESS") for n in (1, 2)))}
        )
        done = await feeds_of("walmart", server).poll_feed(part, None)

    assert isinstance(done, FeedOutcomes) and done.next_cursor is None
    assert summary(done.outcomes) == [ACCEPTED] * left + [(Rejected, "never-written", True)]


def item(sku: str, status: str, errors: object = None) -> dict[str, object]:
    found: dict[str, object] = {"martId": 0, "sku": sku, "index": 0, "ingestionStatus": status}
    return found if errors is None else {**found, "ingestionErrors": errors}


def walmart_feed(status: str, *items: dict[str, object], received: int | None = None) -> httpx.Response:
    return httpx.Response(
        200,
        json={
            "feedId": WALMART_FEED,
            "feedStatus": status,
            "itemsReceived": len(items) if received is None else received,
            "itemDetails": {"itemIngestionStatus": list(items)},
        },
    )


async def walmart_poll(reply: httpx.Response, cursor: str | None = None) -> tuple[object, Server]:
    server = Server({f"GET /v3/feeds/{WALMART_FEED}": reply})
    return await feeds_of("walmart", server).poll_feed(whole(WALMART_FEED, pushes("walmart")), cursor), server


ERROR = {"type": "DATA_ERROR", "code": "ERR_EXT_DATA_1", "description": "d"}
STALE = {"type": "DATA_ERROR", "code": "ERR_EXT_DATA_0101198", "description": "stale update request"}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (item("S1", "SUCCESS"), ACCEPTED),
        (item("S1", "SUCCESS", {"ingestionError": [{"description": None}]}), ACCEPTED),
        (item("S1", "DATA_ERROR", {"ingestionError": [ERROR]}), (Rejected, "item-data-error", False)),
        (item("S1", "DATA_ERROR", {"ingestionError": ERROR}), (Rejected, "item-data-error", False)),
        (item("S1", "DATA_ERROR", {"ingestionError": None}), (Rejected, "item-data-error", False)),
        (item("S1", "DATA_ERROR"), (Rejected, "item-data-error", False)),
        (item("S1", "DATA_ERROR", {"ingestionError": [STALE]}), (Accepted, "unchanged", False)),
        (item("S1", "SYSTEM_ERROR"), (Transient, "server-error", True)),
        (item("S1", "TIMEOUT_ERROR"), (Transient, "server-error", True)),
        (item("S1", "BRAND_NEW"), (Transient, "unrecognized", True)),
    ],
)
async def test_walmart_items_are_judged_one_by_one(found: dict[str, object], expected: object) -> None:
    done, _ = await walmart_poll(walmart_feed("PROCESSED", found, item("S2", "SUCCESS")))

    assert isinstance(done, FeedOutcomes)
    assert summary(done.outcomes) == [expected, ACCEPTED]


@pytest.mark.parametrize(
    "reply",
    [
        walmart_feed("RECEIVED"),
        walmart_feed("INPROGRESS", item("S1", "SUCCESS")),
        walmart_feed("PROCESSED", item("S1", "SUCCESS"), item("S2", "INPROGRESS")),
    ],
)
async def test_walmart_feed_that_runs_is_asked_for_again(reply: httpx.Response) -> None:
    """A feed can be PROCESSED while an item of it is not."""
    answer, _ = await walmart_poll(reply)

    assert isinstance(answer, FeedRunning)


async def test_walmart_items_come_page_by_page() -> None:
    first, server = await walmart_poll(walmart_feed("PROCESSED", item("S1", "SUCCESS"), received=2))
    assert isinstance(first, FeedOutcomes)
    last, _ = await walmart_poll(walmart_feed("PROCESSED", item("S2", "SUCCESS"), received=2), first.next_cursor)

    assert first.next_cursor == "1"
    assert isinstance(last, FeedOutcomes) and last.next_cursor is None
    assert b"%40" in server.requests[0].url.raw_path


async def test_walmart_page_without_items_ends_the_feed() -> None:
    """Else a wrong count would have us ask for ever."""
    done, _ = await walmart_poll(walmart_feed("ERROR", received=3))

    assert done == FeedOutcomes(outcomes=(), next_cursor=None)
