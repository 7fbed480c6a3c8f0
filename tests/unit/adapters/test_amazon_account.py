"""Amazon's reports, its own stock and its previews, by answers as Amazon sends them."""

from __future__ import annotations

import gzip
import json

import httpx
import pytest

from inventory_domain.bulk import (
    CallFailed,
    CheckAnswer,
    CheckPassed,
    ChecksPushes,
    HeldPage,
    HeldStock,
    PullDone,
    PullRunning,
    PullsInBackground,
    PullStarted,
    ReadsHeldStock,
)
from inventory_domain.identifiers import ChannelId
from inventory_domain.outcomes import Outage, Rejected, Throttled, Transient
from tests.support.adapters import Reply, Scripted, a_push, an_adapter, html

US = ChannelId("amazon-us")
JSON = httpx.Response
URL = "https://tortuga-prod-na.s3.amazonaws.com/report?X-Amz-Signature=1"
HEADER = "item-name\tlisting-id\tseller-sku\tprice\tquantity\tasin1\tfulfillment-channel\tstatus"


def row(sku: str, quantity: str, channel: str = "DEFAULT", name: str = "Mug") -> str:
    return f"{name}\t0814X\t{sku}\t19.99\t{quantity}\tB000000001\t{channel}\tActive"


async def polled(*replies: Reply) -> tuple[PullRunning | PullDone | CallFailed, Scripted]:
    transport = Scripted(*replies)
    adapter = an_adapter("amazon", transport)
    assert isinstance(adapter, PullsInBackground)
    answer = await adapter.poll_pull(US, "report 1")
    await adapter.aclose()
    return answer, transport


def document(*lines: str, encoding: str = "utf-8", packed: bool = True) -> tuple[httpx.Response, ...]:
    content = "\r\n".join((HEADER, *lines, "")).encode(encoding)
    packing = {"compressionAlgorithm": "GZIP"} if packed else {}
    return (
        JSON(200, json={"reportId": "1", "processingStatus": "DONE", "reportDocumentId": "d/1"}),
        JSON(200, json={"reportDocumentId": "d/1", "url": URL, **packing}),
        JSON(200, content=gzip.compress(content) if packed else content),
    )


async def test_a_report_of_one_country_is_asked_for() -> None:
    transport = Scripted(JSON(202, json={"reportId": "ID323"}))
    adapter = an_adapter("amazon", transport)
    assert isinstance(adapter, PullsInBackground)

    answer = await adapter.start_pull(ChannelId("amazon-ca"))

    assert isinstance(answer, PullStarted) and answer.pull_id == "ID323" and answer.ask_after_s > 0
    assert transport.requests[0].url.path == "/reports/2021-06-30/reports"
    assert transport.bodies() == [
        {"reportType": "GET_MERCHANT_LISTINGS_ALL_DATA", "marketplaceIds": ["A2EUQ1WTGCTBG2"]}
    ]


@pytest.mark.parametrize("packed", [True, False])
async def test_a_report_tells_every_listing_and_why_one_has_no_quantity(packed: bool) -> None:
    lines = (row("A", "5"), row("B", "", "AMAZON_NA"), row("C", ""), row("D", "0", name="Half\u2028full"))

    answer, transport = await polled(*document(*lines, packed=packed))

    assert isinstance(answer, PullDone) and answer.unreadable == 0
    found = [(each.marketplace_ids["seller_sku"], each.quantity, each.reason) for each in answer.found]
    assert found == [("A", 5, None), ("B", None, "marketplace-held"), ("C", None, "no-quantity"), ("D", 0, None)]
    assert [each.url.raw_path.decode() for each in transport.requests[:2]] == [
        "/reports/2021-06-30/reports/report%201",
        "/reports/2021-06-30/documents/d%2F1",
    ]
    assert "x-amz-access-token" not in transport.requests[2].headers


async def test_a_report_that_was_packed_in_parts_is_read_to_its_end() -> None:
    """A GZIP file may be several that follow one another, RFC 1952, 2.2."""
    lines = [f"{line}\n".encode() for line in (HEADER, row("A", "5"), row("B", "6"))]
    packed = b"".join(gzip.compress(each) for each in lines)

    answer, _ = await polled(DONE, PLACE, JSON(200, content=packed + b"\0" * 512))

    assert isinstance(answer, PullDone) and answer.unreadable == 0
    assert [(each.marketplace_ids["seller_sku"], each.quantity) for each in answer.found] == [("A", 5), ("B", 6)]


async def test_lines_that_are_cut_off_are_counted_and_not_guessed() -> None:
    answer, _ = await polled(*document(row("A", "5"), "Mug\t0814X\tB", row("C", "7")))

    assert isinstance(answer, PullDone) and answer.unreadable == 1
    assert [each.marketplace_ids["seller_sku"] for each in answer.found] == ["A", "C"]


async def test_an_older_report_is_read_in_its_own_encoding() -> None:
    answer, _ = await polled(*document(row("CAFÉ-1", "5"), encoding="cp1252"))

    assert isinstance(answer, PullDone)
    assert [each.marketplace_ids["seller_sku"] for each in answer.found] == ["CAFÉ-1"]


DONE, PLACE, _ = document()


@pytest.mark.parametrize(
    ("replies", "kind", "reason"),
    [
        ((JSON(200, json={"processingStatus": "CANCELLED"}),), "transient", "report-cancelled"),
        ((JSON(200, json={"processingStatus": "FATAL"}),), "transient", "report-fatal"),
        ((JSON(200, json={"processingStatus": "DONE"}),), "transient", "unrecognized"),
        ((JSON(200, json={"processingStatus": "SOON"}),), "transient", "unrecognized"),
        ((html(200),), "transient", "unreadable-answer"),
        ((DONE, JSON(200, json={})), "transient", "unrecognized"),
        ((DONE, PLACE, JSON(200, content=b"no gzip")), "transient", "unreadable-answer"),
        ((DONE, PLACE, JSON(200, content=gzip.compress(b"sku\tnumber\r\nA\t1"))), "transient", "unrecognized"),
        ((DONE, PLACE, JSON(403, text="<Error><Code>AccessDenied</Code></Error>")), "transient", "document-refused"),
        ((DONE, JSON(200, json={"url": "https://evil.example/report"})), "transient", "document-host-refused"),
        ((JSON(429, json={"errors": [{"code": "QuotaExceeded"}]}),), "throttled", "too-many-requests"),
    ],
)
async def test_a_report_that_tells_nothing_is_a_failed_call(replies: tuple[Reply, ...], kind: str, reason: str) -> None:
    answer, _ = await polled(*replies)

    assert isinstance(answer, CallFailed) and (answer.kind, answer.reason) == (kind, reason)


@pytest.mark.parametrize("status", ["IN_QUEUE", "IN_PROGRESS"])
async def test_a_report_that_is_not_done_is_asked_for_again(status: str) -> None:
    answer, _ = await polled(JSON(200, json={"reportId": "1", "processingStatus": status}))

    assert isinstance(answer, PullRunning) and answer.ask_after_s > 0


def summary(sku: str, **details: object) -> dict[str, object]:
    return {"asin": "B1", "fnSku": "X1", "sellerSku": sku, "totalQuantity": 99, "inventoryDetails": details}


async def held(reply: Reply, cursor: str | None = None) -> tuple[HeldPage | CallFailed, Scripted]:
    transport = Scripted(reply)
    adapter = an_adapter("amazon", transport)
    assert isinstance(adapter, ReadsHeldStock)
    answer = await adapter.held_stock(US, cursor)
    await adapter.aclose()
    return answer, transport


async def test_what_amazon_holds_is_what_can_be_sold_of_it() -> None:
    rows = [
        summary("F1", fulfillableQuantity=12, reservedQuantity={"totalReservedQuantity": 3}),
        summary("F2"),
        {"asin": "B2", "sellerSku": "F3", "totalQuantity": 7},
        summary("", fulfillableQuantity=1),
    ]
    body = {"payload": {"inventorySummaries": rows}, "pagination": {"nextToken": "next=="}}

    page, transport = await held(JSON(200, json=body), cursor="this==")

    assert isinstance(page, HeldPage) and page.next_cursor == "next=="
    assert page.held == (HeldStock(marketplace_ids={"seller_sku": "F1", "asin": "B1"}, available=12, reserved=3),)
    assert dict(transport.requests[0].url.params) == {
        "details": "true",
        "granularityType": "Marketplace",
        "granularityId": "ATVPDKIKX0DER",
        "marketplaceIds": "ATVPDKIKX0DER",
        "nextToken": "this==",
    }


@pytest.mark.parametrize("body", [{}, {"payload": {}}, {"payload": {"inventorySummaries": None}}])
async def test_an_answer_without_summaries_is_not_an_empty_pool(body: object) -> None:
    page, _ = await held(JSON(200, json=body))

    assert isinstance(page, CallFailed) and page.reason == "unrecognized"


async def checked(*replies: Reply, **changes: object) -> tuple[CheckAnswer, Scripted]:
    transport = Scripted(*replies)
    adapter = an_adapter("amazon", transport)
    assert isinstance(adapter, ChecksPushes)
    answer = await adapter.check(a_push("amazon", **changes))
    await adapter.aclose()
    return answer, transport


def submission(status: str, *issues: dict[str, object]) -> httpx.Response:
    return JSON(200, json={"sku": "S", "status": status, "submissionId": "1", "issues": list(issues)})


async def test_a_check_is_the_push_itself_as_a_preview() -> None:
    answer, transport = await checked(submission("VALID"))
    adapter = an_adapter("amazon", transport)
    await adapter.push([a_push("amazon")])

    preview, push = transport.requests
    assert isinstance(answer, CheckPassed)
    assert dict(preview.url.params) == {**dict(push.url.params), "mode": "VALIDATION_PREVIEW"}
    assert (preview.method, json.loads(preview.content)) == ("PATCH", json.loads(push.content))


@pytest.mark.parametrize(
    ("reply", "kind", "reason"),
    [
        (
            submission("INVALID", {"code": "90000900", "message": "No.", "severity": "ERROR"}),
            Rejected,
            "unknown-attribute",
        ),
        (submission("ACCEPTED"), Transient, "unrecognized"),
        (JSON(200, json={}), Transient, "unrecognized"),
        (JSON(429, json={"errors": [{"code": "QuotaExceeded"}]}), Throttled, "too-many-requests"),
        (JSON(503, json={}), Outage, "service-unavailable"),
        (httpx.ReadTimeout("late"), Transient, "timeout"),
    ],
)
async def test_a_check_that_fails_says_why_and_leaves_nothing_open(reply: Reply, kind: type, reason: str) -> None:
    answer, _ = await checked(reply)

    assert isinstance(answer, kind) and not isinstance(answer, CheckPassed)
    assert answer.reason == reason and not answer.effect_unknown


async def test_what_is_never_written_is_not_even_checked() -> None:
    answer, transport = await checked(
        submission("VALID"), marketplace_ids={"seller_sku": "F", "fulfillment": "marketplace"}
    )

    assert isinstance(answer, Rejected) and answer.reason == "never-written" and not transport.requests
