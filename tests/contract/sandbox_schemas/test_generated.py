"""Requests that nobody thought of, made from the published files: the stand-ins never break and answer as published.

An operation that a stand-in does not have is counted by it as unknown, and passed over here.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from tests.support import published
from tests.support.sandbox import (
    Bench,
    SandboxTransport,
    a_bench,
    a_walmart_listing,
    an_amazon_listing,
    an_ebay_listing,
)

pytestmark = pytest.mark.skipif(not published.available(), reason=published.WHY_SKIPPED)

EXAMPLES = 3  # for each operation; the seed is fixed, so a failure is found again
SERVED = [(marketplace, name) for marketplace, names in published.FILES.items() for name in names]
FRAMES = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "user-agent"})


def a_full_bench() -> Bench:
    """A sandbox with a listing at each marketplace, without limits that generated calls would run into."""
    return a_bench(an_amazon_listing(), an_ebay_listing(), a_walmart_listing(), factor=1e-6, burst_factor=1e6)


async def headers_of(bench: Bench, marketplace: str) -> Mapping[str, str]:
    """Those of a seller who is let in."""
    if marketplace == "amazon":
        return await bench.amazon_headers()
    return await (bench.ebay_headers() if marketplace == "ebay" else bench.walmart_headers())


async def sent(bench: Bench, own: Mapping[str, str], request: Mapping[str, Any]) -> httpx.Response:
    """What the stand-in answers to a generated request."""
    given_headers = {
        name: str(value)
        for name, value in (request.get("headers") or {}).items()
        if name.lower() not in {*FRAMES, *(one.lower() for one in own)} and str(value).isascii()
    }
    body = {"json": request["json"]} if "json" in request else {"content": _content(request.get("data"))}
    async with httpx.AsyncClient(transport=SandboxTransport(bench.marketplaces)) as client:
        return await client.request(
            request["method"], request["url"], params=request.get("params"), headers={**given_headers, **own}, **body
        )


def unknown_calls(bench: Bench) -> int:
    """Calls so far of operations that the stand-ins do not have."""
    counted = bench.marketplaces.world.counters.calls.items()
    return sum(count for (_, operation, _), count in counted if operation == "unknown")


def _content(data: object) -> bytes:
    if data is None:
        return b""
    return data if isinstance(data, bytes) else str(data).encode()


@pytest.mark.filterwarnings("ignore")  # what the generator says of the files is not ours to mend
@pytest.mark.parametrize(("marketplace", "name"), SERVED, ids=[name for _, name in SERVED])
def test_generated_requests_are_answered_as_published(marketplace: str, name: str) -> None:
    logging.getLogger("hypothesis").setLevel(logging.ERROR)
    document = json.loads((published.SPECS / name).read_text())
    base = published._base_path(document) if "openapi" in document else str(document.get("basePath", "")).rstrip("/")
    schema = schemathesis.openapi.from_dict(document)
    served: set[str] = set()
    loop = asyncio.new_event_loop()
    bench = a_full_bench()
    own = loop.run_until_complete(headers_of(bench, marketplace))
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def try_it(case: schemathesis.Case) -> None:
            request = case.as_transport_kwargs(base_url=f"http://{marketplace}.test{base}")
            before = unknown_calls(bench)
            answer = loop.run_until_complete(sent(bench, own, request))
            if unknown_calls(bench) == before:
                served.add(case.operation.label)
                assert published.misfit(marketplace, answer.request, answer) == "", request
            assert answer.status_code < 500, (request, answer.text[:300])

        try_it()
    loop.close()
    assert served, "none of the operations is there"
