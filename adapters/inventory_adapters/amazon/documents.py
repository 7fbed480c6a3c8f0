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
    """The content of a GZIP file, nothing when it is none or larger than is read."""
    packer = zlib.decompressobj(wbits=31)
    try:
        plain = packer.decompress(content, DOCUMENT_BYTES_MAX)
    except zlib.error:
        return None
    return plain if packer.eof else None
