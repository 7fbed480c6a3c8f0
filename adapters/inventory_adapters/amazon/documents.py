"""Fetches what Amazon has put behind a presigned address: a report of a feed, or of the listings."""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import replace

from inventory_adapters.amazon.settings import AmazonSettings
from inventory_adapters.exchange import Exchange
from inventory_adapters.failures import UNREADABLE, Failure
from inventory_adapters.http import DOCUMENT_BYTES_MAX, Answer, Request
from inventory_domain.outcomes import Transient


async def fetched(
    url: str, exchange: Exchange, settings: AmazonSettings, deadline_s: float, *, gzipped: bool
) -> Answer | Failure:
    """The document as it was before it was packed. Our token does not go there."""
    answer = await exchange.document(Request("GET", url, {}), deadline_s, settings.document_hosts)
    if not isinstance(answer, Answer) or not gzipped:
        return answer
    content = await asyncio.to_thread(unpacked, answer.content)  # megabytes, while other calls go on
    if content is None:
        return Failure(then=Transient, reason=UNREADABLE)
    return replace(answer, content=content)


def unpacked(content: bytes) -> bytes | None:
    """The content of a GZIP file, nothing when it is none or larger than is read.

    A file may be several that follow one another (RFC 1952, 2.2): what is after the first belongs to it.
    """
    plain, rest = bytearray(), content
    while True:
        packer = zlib.decompressobj(wbits=31)
        try:
            plain += packer.decompress(rest, DOCUMENT_BYTES_MAX + 1 - len(plain))
        except zlib.error:
            return None
        if not packer.eof or len(plain) > DOCUMENT_BYTES_MAX:
            return None
        rest = packer.unused_data.lstrip(b"\0")  # zeros may fill the file up
        if not rest:
            return bytes(plain)
