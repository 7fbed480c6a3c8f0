"""Documents behind presigned URLs: uploaded within five minutes, downloaded with or without GZIP."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from inventory_sandbox.marketplaces.http import Answer, Call, Operation
from inventory_sandbox.marketplaces.world import World

URL_LIFE_S: Final = 300.0
MAX_DOCUMENT_BYTES: Final = 10 * 1024 * 1024
MAX_DOCUMENTS: Final = 2_000
"""Documents kept; the oldest are forgotten first."""
_PATH: Final = "/documents"


@dataclass(slots=True)
class Document:
    """One document: where it was announced, what it holds, and until when its URL works."""

    document_id: str
    content_type: str
    url_until: float
    content: bytes | None = None
    gzipped: bool = False

    def text(self) -> bytes:
        """The content as it was written, unpacked when it was uploaded packed."""
        content = self.content or b""
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


class Documents:
    """The documents of feeds and reports. A URL works for five minutes, however time is scaled."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._documents: dict[str, Document] = {}

    def operations(self) -> Sequence[Operation]:
        """The presigned URLs, which need no token."""
        path = f"{_PATH}/{{documentId}}"
        return (
            Operation("uploadDocument", "PUT", path, self._upload, open=True),
            Operation("downloadDocument", "GET", path, self._download, open=True),
        )

    def announce(self, content_type: str, call: Call) -> Document:
        """A document that is to be uploaded."""
        document = Document(f"amzn1.tortuga.4.na.{call.request_id}", content_type, call.at + URL_LIFE_S)
        return self._keep(document)

    def store(self, content: bytes, content_type: str) -> Document:
        """A document made here, packed, to be downloaded."""
        document_id = f"amzn1.tortuga.4.na.{self._world.new_id()}"
        packed = gzip.compress(content, mtime=0)
        return self._keep(Document(document_id, content_type, 0.0, packed, gzipped=True))

    def get(self, document_id: str) -> Document | None:
        """The document with that id."""
        return self._documents.get(document_id)

    def url(self, document: Document, call: Call) -> str:
        """A URL for the document; for a download each question renews its five minutes."""
        if document.gzipped:
            document.url_until = call.at + URL_LIFE_S
        return f"{call.document_url}{_PATH}/{document.document_id}?X-Amz-Expires={int(URL_LIFE_S)}"

    def _keep(self, document: Document) -> Document:
        self._documents[document.document_id] = document
        if len(self._documents) > MAX_DOCUMENTS:
            del self._documents[next(iter(self._documents))]
        return document

    def _upload(self, call: Call) -> Answer:
        document = self.get(call.parameters["documentId"])
        if document is None or document.gzipped:
            return _storage_error(404, "NoSuchKey", "The specified key does not exist.")
        if call.at >= document.url_until:
            return _storage_error(403, "AccessDenied", "Request has expired")
        if call.headers.get("content-type", "") != document.content_type:
            text = "The request signature we calculated does not match the signature you provided."
            return _storage_error(403, "SignatureDoesNotMatch", text)
        if len(call.body) >= MAX_DOCUMENT_BYTES:
            return _storage_error(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
        document.content = call.body
        return Answer(200, b"")

    def _download(self, call: Call) -> Answer:
        document = self.get(call.parameters["documentId"])
        if document is None or document.content is None:
            return _storage_error(404, "NoSuchKey", "The specified key does not exist.")
        if call.at >= document.url_until:
            return _storage_error(403, "AccessDenied", "Request has expired")
        return Answer(200, document.content, document.content_type)


def _storage_error(status: int, code: str, message: str) -> Answer:
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return Answer(status, f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'.encode(), "application/xml")
