"""Pulls all listings of a country as one report: asked for, waited for, and fetched as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote

from inventory_adapters.amazon import auth
from inventory_adapters.amazon.documents import fetched
from inventory_adapters.amazon.push import SELLER_FULFILLED
from inventory_adapters.amazon.settings import (
    CREATE_REPORT,
    GET_REPORT,
    GET_REPORT_DOCUMENT,
    AmazonChannel,
    AmazonSettings,
)
from inventory_adapters.bodies import encoded, mapping, text
from inventory_adapters.exchange import Answered, Exchange
from inventory_adapters.failures import Failure
from inventory_adapters.http import Request
from inventory_adapters.secrets import Secret
from inventory_domain.bulk import CallFailed, Found, PullDone, PullRunning, PullStarted
from inventory_domain.clock import Clock
from inventory_domain.outcomes import UNRECOGNIZED, Transient

REPORT_TYPE: Final = "GET_MERCHANT_LISTINGS_ALL_DATA"
REPORTS: Final = "/reports/2021-06-30"
HELD: Final = "marketplace-held"
NO_QUANTITY: Final = "no-quantity"
# Amazon publishes no list of columns; these are seen in every report that sellers show.
SKU: Final = "seller-sku"
QUANTITY: Final = "quantity"
CHANNEL: Final = "fulfillment-channel"
DOWNLOAD: Final = "downloadReportDocument"


class AmazonReports:
    """The listing reports of one account."""

    def __init__(self, settings: AmazonSettings, exchange: Exchange, clock: Clock) -> None:
        self._settings = settings
        self._exchange = exchange
        self._clock = clock

    async def start(self, channel: AmazonChannel, deadline_s: float) -> PullStarted | CallFailed:
        """Ask for the report of one country."""
        wanted = {"reportType": REPORT_TYPE, "marketplaceIds": [channel.marketplace_id]}
        answer = await self._call(CREATE_REPORT, "/reports", deadline_s, wanted)
        if not isinstance(answer, Answered):
            return answer.call_failed(CREATE_REPORT)
        report_id = text(mapping(answer.body).get("reportId"))
        if not report_id:
            return answer.unrecognized().call_failed(CREATE_REPORT)
        return PullStarted(
            pull_id=report_id,
            ask_after_s=self._settings.report_poll_s,
            api=CREATE_REPORT,
            request_id=answer.request_id,
            seen=answer.seen,
        )

    async def poll(self, report_id: str, deadline_s: float) -> PullRunning | PullDone | CallFailed:
        """How the report stands; fetched when it is done."""
        answer = await self._call(GET_REPORT, f"/reports/{quote(report_id, safe='')}", deadline_s)
        if not isinstance(answer, Answered):
            return answer.call_failed(GET_REPORT)
        report = mapping(answer.body)
        status, document_id = text(report.get("processingStatus")), text(report.get("reportDocumentId"))
        if status in ("IN_QUEUE", "IN_PROGRESS"):
            return PullRunning(ask_after_s=self._settings.report_poll_s, api=GET_REPORT, seen=answer.seen)
        if status in ("CANCELLED", "FATAL"):  # cancelled also when there was nothing to tell: that proves nothing
            reason = f"report-{status.lower()}"
            return Failure(then=Transient, reason=reason, request_id=answer.request_id).call_failed(GET_REPORT)
        if status != "DONE" or not document_id:
            return answer.unrecognized().call_failed(GET_REPORT)
        return await self._document(document_id, deadline_s)

    async def _document(self, document_id: str, deadline_s: float) -> PullDone | CallFailed:
        place = await self._call(GET_REPORT_DOCUMENT, f"/documents/{quote(document_id, safe='')}", deadline_s)
        if not isinstance(place, Answered):
            return place.call_failed(GET_REPORT_DOCUMENT)
        said = mapping(place.body)
        url = text(said.get("url"))
        if not url:
            return place.unrecognized().call_failed(GET_REPORT_DOCUMENT)
        gzipped = said.get("compressionAlgorithm") == "GZIP"
        document = await fetched(url, self._exchange, self._settings, deadline_s, gzipped=gzipped)
        if isinstance(document, Failure):
            return document.call_failed(DOWNLOAD)
        # Not splitlines: a title may hold a separator of Unicode's that ends no line here.
        lines = [line.removesuffix("\r") for line in decoded(document.content).split("\n")]
        columns = lines[0].split("\t")
        if SKU not in columns or QUANTITY not in columns:
            said_ = f"columns {', '.join(columns)}"[:200]
            return Failure(then=Transient, reason=UNRECOGNIZED, error=said_).call_failed(DOWNLOAD)
        return PullDone(
            found=listings(lines, columns),
            unreadable=sum(line != "" and not _is_whole(line, columns) for line in lines[1:]),
            api=DOWNLOAD,
            request_id=place.request_id,
            seen=place.seen,
        )

    async def _call(
        self, operation: str, path: str, deadline_s: float, body: Mapping[str, object] | None = None
    ) -> Answered | Failure:
        def build(token: Secret) -> Request:
            headers = auth.headers(self._settings, token, self._clock)
            url = f"{self._settings.calls.base_url}{REPORTS}{path}"
            if body is None:
                return Request("GET", url, headers)
            return Request("POST", url, headers | {"content-type": "application/json"}, encoded(body))

        return await self._exchange.call(operation, build, deadline_s, writes=False)


def decoded(content: bytes) -> str:
    """The report's text. Newer reports are UTF-8, older ones Windows-1252, and neither says which it is."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def listings(lines: list[str], columns: list[str]) -> Iterator[Found]:
    """The listings of the lines below the first, leaving out those that are cut off."""
    sku_at, quantity_at = columns.index(SKU), columns.index(QUANTITY)
    channel_at = columns.index(CHANNEL) if CHANNEL in columns else None
    for line in lines[1:]:
        if not _is_whole(line, columns):
            continue
        values = line.split("\t")
        sku, quantity = values[sku_at], values[quantity_at].strip()
        channel = values[channel_at].strip() if channel_at is not None else SELLER_FULFILLED
        if not sku:
            continue
        if channel not in ("", SELLER_FULFILLED):
            yield Found(marketplace_ids={"seller_sku": sku}, quantity=None, reason=HELD)
        elif not (quantity.isascii() and quantity.isdecimal()):
            yield Found(marketplace_ids={"seller_sku": sku}, quantity=None, reason=NO_QUANTITY)
        else:
            yield Found(marketplace_ids={"seller_sku": sku}, quantity=int(quantity))


def _is_whole(line: str, columns: list[str]) -> bool:
    return line.count("\t") == len(columns) - 1
