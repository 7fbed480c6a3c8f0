"""The Feeds API: JSON_LISTINGS_FEED in five steps, from the document to the processing report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from inventory_sandbox.marketplaces.amazon.attributes import Issue, issue, read_attributes, read_patches
from inventory_sandbox.marketplaces.amazon.documents import Documents
from inventory_sandbox.marketplaces.amazon.jobs import Job, Queue, job_json
from inventory_sandbox.marketplaces.amazon.listings import MARKETPLACE_IDS, Listings, Submission
from inventory_sandbox.marketplaces.amazon.rules import invalid_input, not_found
from inventory_sandbox.marketplaces.faults import FEED_MODES, FaultMode
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.world import World

BASE: Final = "/feeds/2021-06-30"
FEED_TYPE: Final = "JSON_LISTINGS_FEED"
MAX_MESSAGES: Final = 25_000
MAX_MARKETPLACES: Final = 25
_FORMS: Final = {"PATCH": "patches", "PARTIAL_UPDATE": "attributes", "UPDATE": "attributes"}
Json = dict[str, object]


@dataclass(slots=True)
class _Report:
    """The processing report as it grows."""

    header: Json
    issues: list[Json]
    processed: int = 0
    accepted: int = 0
    invalid: int = 0

    def note(self, message_id: object, sku: object, found: Sequence[Issue]) -> None:
        """Adds what was found in one message."""
        self.processed += 1
        if found:
            self.invalid += 1
        else:
            self.accepted += 1
        for one in found:
            row: Json = {"messageId": message_id, **one}
            if isinstance(sku, str):
                row["sku"] = sku
            self.issues.append(row)

    def content(self) -> bytes:
        """The report as JSON."""
        summary = {
            "errors": sum(one["severity"] == "ERROR" for one in self.issues),
            "warnings": sum(one["severity"] == "WARNING" for one in self.issues),
            "messagesProcessed": self.processed,
            "messagesAccepted": self.accepted,
            "messagesInvalid": self.invalid,
        }
        return json.dumps({"header": self.header, "issues": self.issues, "summary": summary}).encode()


class Feeds:
    """The seller's feeds. They share one queue for each type."""

    def __init__(self, world: World, listings: Listings, documents: Documents) -> None:
        self._listings = listings
        self._documents = documents
        self._queue = Queue(world)

    def operations(self) -> Sequence[Operation]:
        """What is served of this API."""
        feed = f"{BASE}/feeds/{{feedId}}"
        return (
            Operation("createFeedDocument", "POST", f"{BASE}/documents", self._create_document),
            Operation("getFeedDocument", "GET", f"{BASE}/documents/{{feedDocumentId}}", self._get_document),
            Operation("createFeed", "POST", f"{BASE}/feeds", self._create, takes=FEED_MODES),
            Operation("getFeeds", "GET", f"{BASE}/feeds", self._list),
            Operation("getFeed", "GET", feed, self._get),
            Operation("cancelFeed", "DELETE", feed, self._cancel),
        )

    def _create_document(self, call: Call) -> Answer:
        content_type = (call.json_object() or {}).get("contentType")
        if not isinstance(content_type, str) or not content_type:
            return invalid_input("'contentType' is required.")
        document = self._documents.announce(content_type, call)
        answer = {"feedDocumentId": document.document_id, "url": self._documents.url(document, call)}
        return json_answer(201, answer)

    def _get_document(self, call: Call) -> Answer:
        document = self._documents.get(call.parameters["feedDocumentId"])
        if document is None:
            return not_found("The feed document was not found.")
        answer = {"feedDocumentId": document.document_id, "url": self._documents.url(document, call)}
        if document.gzipped:
            answer["compressionAlgorithm"] = "GZIP"
        return json_answer(200, answer)

    def _create(self, call: Call) -> Answer:
        body = call.json_object() or {}
        marketplaces = body.get("marketplaceIds")
        if body.get("feedType") != FEED_TYPE:
            return invalid_input(f"Invalid request parameters: feedType {body.get('feedType')!r} is not supported.")
        if not isinstance(marketplaces, list) or not 1 <= len(marketplaces) <= MAX_MARKETPLACES:
            return invalid_input(f"'marketplaceIds' takes 1 to {MAX_MARKETPLACES} ids.")
        if any(not isinstance(one, str) or one not in MARKETPLACE_IDS for one in marketplaces):
            return invalid_input("Invalid 'marketplaceIds'.")
        document = self._documents.get(str(body.get("inputFeedDocumentId", "")))
        if document is None or document.content is None or document.gzipped:
            return invalid_input("'inputFeedDocumentId' names no document that was uploaded.")
        content = document.text()
        stuck = call.fault is not None and call.fault.mode is FaultMode.FEED_STUCK
        job = self._queue.add(FEED_TYPE, tuple(marketplaces), lambda job, at: self._work(job, content, call, at), stuck)
        return json_answer(202, {"feedId": job.job_id})

    def _work(self, job: Job, content: bytes, call: Call, at: float) -> None:
        header, messages = _read(content)
        report = _Report({**header, "feedId": job.job_id}, [])
        fatal = call.fault is not None and call.fault.mode is FaultMode.FEED_FATAL
        if isinstance(messages, str):
            report.issues.append({**issue("4000000", messages), "messageId": 1})
            job.status = "FATAL"
        else:
            self._work_on(messages[: len(messages) // 2] if fatal else messages, job, report, call, at)
            job.status = "FATAL" if fatal else "DONE"
        if not fatal:
            job.document_id = self._documents.store(report.content(), "application/json; charset=UTF-8").document_id

    def _work_on(self, messages: Sequence[object], job: Job, report: _Report, call: Call, at: float) -> None:
        seen: set[object] = set()
        for index, message in enumerate(messages):
            if not isinstance(message, dict):
                report.note(index + 1, None, [issue("90000", "The message is not an object.")])
                continue
            message_id, sku = message.get("messageId"), message.get("sku")
            wrong = _message_error(message_id, sku, seen)
            if isinstance(message_id, int):
                seen.add(message_id)
            if wrong:
                report.note(message_id if isinstance(message_id, int) else index + 1, sku, [issue("90001", wrong)])
            elif call.row_fails(index, len(messages), str(sku)):
                conflict = issue("8541", "The SKU data provided conflicts with the catalog.")
                report.note(message_id, sku, [conflict])
            else:
                report.note(message_id, sku, self._submit(str(sku), message, job, call, at))

    def _submit(self, sku: str, message: Json, job: Job, call: Call, at: float) -> Sequence[Issue]:
        form = _FORMS.get(str(message.get("operationType")))
        if form is None:
            return [issue("90002", f"operationType {message.get('operationType')!r} is not supported.")]
        raw = message.get(form)
        changes = read_patches(raw) if form == "patches" else read_attributes(raw)
        if isinstance(changes, str):
            return [issue("90003", changes)]
        whole = message["operationType"] == "UPDATE"
        submission = Submission(sku, str(message.get("productType", "")), changes, whole)
        return self._listings.submit(submission, job.marketplaces, call, f"feed {job.job_id}", at)

    def _get(self, call: Call) -> Answer:
        job = self._queue.get(call.parameters["feedId"])
        return json_answer(200, job_json(job, "feed")) if job is not None else not_found("The feed was not found.")

    def _list(self, call: Call) -> Answer:
        found = self._queue.page(call, "feed")
        return invalid_input(found) if isinstance(found, str) else json_answer(200, found)

    def _cancel(self, call: Call) -> Answer:
        job = self._queue.get(call.parameters["feedId"])
        if job is None:
            return not_found("The feed was not found.")
        if not self._queue.cancel(job):
            return invalid_input(f"The feed cannot be cancelled: it is {job.status}.")
        return json_answer(200, {})


def _read(content: bytes) -> tuple[Json, list[object] | str]:
    """Header and messages of a feed, or the text that says why it is none."""
    try:
        feed = json.loads(content)
    except ValueError:
        return {"sellerId": "", "version": "2.0"}, "The feed is not valid JSON."
    raw = feed.get("header") if isinstance(feed, dict) else None
    header: Json = {"sellerId": str(raw.get("sellerId", "")) if isinstance(raw, dict) else "", "version": "2.0"}
    if not isinstance(raw, dict) or raw.get("version") != "2.0" or not raw.get("sellerId"):
        return header, "The header needs sellerId and version 2.0."
    messages = feed.get("messages")
    if not isinstance(messages, list) or not 1 <= len(messages) <= MAX_MESSAGES:
        return header, f"The feed must have 1 to {MAX_MESSAGES} messages."
    return header, messages


def _message_error(message_id: object, sku: object, seen: set[object]) -> str:
    if isinstance(message_id, bool) or not isinstance(message_id, int) or message_id < 1:
        return "messageId must be a whole number, 1 or more."
    if message_id in seen:
        return f"messageId {message_id} is used more than once."
    return "" if isinstance(sku, str) and sku else "sku is required."
