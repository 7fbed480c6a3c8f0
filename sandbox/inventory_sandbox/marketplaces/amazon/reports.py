"""The Reports API, as far as the two listing reports go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from inventory_sandbox.marketplaces.amazon.attributes import DEFAULT_CHANNEL
from inventory_sandbox.marketplaces.amazon.documents import Documents
from inventory_sandbox.marketplaces.amazon.jobs import Job, Queue, job_json
from inventory_sandbox.marketplaces.amazon.listings import MARKETPLACE_IDS
from inventory_sandbox.marketplaces.amazon.rules import invalid_input, not_found
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.stock import Listing
from inventory_sandbox.marketplaces.world import World

BASE: Final = "/reports/2021-06-30"
ALL_DATA: Final = "GET_MERCHANT_LISTINGS_ALL_DATA"
OPEN_LISTINGS: Final = "GET_FLAT_FILE_OPEN_LISTINGS_DATA"
# Amazon publishes no list of columns; these are the ones that are usually seen.
_ALL_DATA_COLUMNS: Final = (
    "item-name",
    "listing-id",
    "seller-sku",
    "price",
    "quantity",
    "item-condition",
    "asin1",
    "product-id",
    "fulfillment-channel",
    "status",
)
_OPEN_COLUMNS: Final = ("sku", "asin", "price", "quantity")


class Reports:
    """The seller's reports; each shows the listings as they are when it is made."""

    def __init__(self, world: World, documents: Documents) -> None:
        self._world = world
        self._documents = documents
        self._queue = Queue(world)

    def operations(self) -> Sequence[Operation]:
        """What is served of this API."""
        report = f"{BASE}/reports/{{reportId}}"
        return (
            Operation("createReport", "POST", f"{BASE}/reports", self._create),
            Operation("getReports", "GET", f"{BASE}/reports", self._list),
            Operation("getReport", "GET", report, self._get),
            Operation("cancelReport", "DELETE", report, self._cancel),
            Operation("getReportDocument", "GET", f"{BASE}/documents/{{reportDocumentId}}", self._document),
        )

    def _create(self, call: Call) -> Answer:
        body = call.json_object() or {}
        kind = body.get("reportType")
        if kind not in (ALL_DATA, OPEN_LISTINGS):
            return invalid_input("'reportType' is required and must be one that is served.")
        marketplaces = body.get("marketplaceIds")
        if not isinstance(marketplaces, list) or not marketplaces:
            return invalid_input("'marketplaceIds' is required.")
        if any(not isinstance(one, str) or one not in MARKETPLACE_IDS for one in marketplaces):
            return invalid_input("Invalid 'marketplaceIds'.")
        job = self._queue.add(str(kind), tuple(marketplaces), self._work)
        return json_answer(202, {"reportId": job.job_id})

    def _work(self, job: Job, at: float) -> None:
        listings = (one for one in self._world.stock.listings("amazon") if one.seed.marketplace_id in job.marketplaces)
        columns, row = (_ALL_DATA_COLUMNS, _all_data_row) if job.kind == ALL_DATA else (_OPEN_COLUMNS, _open_row)
        lines = ["\t".join(columns), *("\t".join(row(one)) for one in listings)]
        text = "\r\n".join(lines) + "\r\n"
        job.document_id = self._documents.store(text.encode(), "text/plain; charset=UTF-8").document_id
        job.status = "DONE"

    def _get(self, call: Call) -> Answer:
        job = self._queue.get(call.parameters["reportId"])
        if job is None:
            return not_found("The report was not found.")
        return json_answer(200, job_json(job, "report"))

    def _list(self, call: Call) -> Answer:
        found = self._queue.page(call, "report")
        return invalid_input(found) if isinstance(found, str) else json_answer(200, found)

    def _cancel(self, call: Call) -> Answer:
        job = self._queue.get(call.parameters["reportId"])
        if job is None:
            return not_found("The report was not found.")
        if not self._queue.cancel(job):
            return invalid_input(f"The report cannot be cancelled: it is {job.status}.")
        return json_answer(200, {})

    def _document(self, call: Call) -> Answer:
        document = self._documents.get(call.parameters["reportDocumentId"])
        if document is None:
            return not_found("The report document was not found.")
        answer = {"reportDocumentId": document.document_id, "url": self._documents.url(document, call)}
        if document.gzipped:
            answer["compressionAlgorithm"] = "GZIP"
        return json_answer(200, answer)


def _quantity(listing: Listing) -> str:
    """The seller's own units; empty where Amazon holds the stock."""
    part = listing.parts.get(DEFAULT_CHANNEL)
    return str(part.live) if part is not None else ""


def _all_data_row(listing: Listing) -> tuple[str, ...]:
    seed = listing.seed
    channel = next(iter(listing.parts), DEFAULT_CHANNEL)
    status = "Active" if listing.live > 0 else "Inactive"
    return (
        seed.title,
        f"{seed.asin}-{seed.marketplace_id}",
        seed.sku,
        "19.99",
        _quantity(listing),
        "11",
        seed.asin,
        seed.asin,
        channel,
        status,
    )


def _open_row(listing: Listing) -> tuple[str, ...]:
    return (listing.seed.sku, listing.seed.asin, "19.99", _quantity(listing))
