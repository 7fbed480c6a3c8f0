"""Connections: only to allowed hosts, within limits, following nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import httpx
import pytest

from inventory_adapters.accounts import CallSettings
from inventory_adapters.http import Answer, HttpClient, NoAnswer, Request
from inventory_domain.errors import InvariantBroken

SETTINGS = CallSettings(
    base_url="https://api.ebay.com",
    allowed_hosts=("api.ebay.com", ".myshopify.com"),
    timeout_s=5.0,
    connect_timeout_s=1.0,
    connections_max=2,
    response_bytes_max=2_000,
)


@pytest.fixture
async def client() -> AsyncIterator[Callable[..., HttpClient]]:
    made: list[HttpClient] = []

    def make(reply: httpx.Response, settings: CallSettings = SETTINGS) -> HttpClient:
        made.append(HttpClient(settings, httpx.MockTransport(lambda request: reply)))
        return made[-1]

    yield make
    for each in made:
        await each.aclose()


def get(url: str) -> Request:
    return Request("GET", url, {"authorization": "Bearer canary"})


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "http://api.ebay.com/",
        "https://api.ebay.com.evil.example/",
        "https://api.ebay.com@evil.example/",
        "https://myshopify.com/",
        "https://evilmyshopify.com/",
        "http://127.0.0.1:9092/",
        "https://[::1]/",
        "file:///etc/passwd",
    ],
)
async def test_no_other_host_is_ever_called(client: Callable[..., HttpClient], url: str) -> None:
    """A credential that goes to a wrong host is lost; this is a bug of ours, not an answer."""
    with pytest.raises(InvariantBroken):
        await client(httpx.Response(200)).send(get(url), 1.0)


@pytest.mark.parametrize("url", ["https://api.ebay.com/x", "https://API.ebay.com/x", "https://a-shop.myshopify.com/x"])
async def test_an_allowed_host_is_called(client: Callable[..., HttpClient], url: str) -> None:
    assert isinstance(await client(httpx.Response(200)).send(get(url), 1.0), Answer)


async def test_a_sandbox_account_calls_this_machine_by_plain_http(client: Callable[..., HttpClient]) -> None:
    sandbox = replace(SETTINGS, base_url="http://127.0.0.1:8080")

    answer = await client(httpx.Response(200), sandbox).send(get("http://127.0.0.1:8081/token"), 1.0)

    assert isinstance(answer, Answer)


async def test_a_redirect_is_an_answer_and_not_followed(client: Callable[..., HttpClient]) -> None:
    reply = httpx.Response(302, headers={"location": "https://evil.example/"})

    answer = await client(reply).send(get("https://api.ebay.com/"), 1.0)

    assert isinstance(answer, Answer) and answer.status == 302


async def test_an_answer_without_end_is_not_read(client: Callable[..., HttpClient]) -> None:
    answer = await client(httpx.Response(200, content=b"x" * 2_001)).send(get("https://api.ebay.com/"), 1.0)

    assert answer == NoAnswer("answer-too-large", sent=True)


async def test_an_answer_of_the_largest_size_is_read(client: Callable[..., HttpClient]) -> None:
    answer = await client(httpx.Response(200, content=b"x" * 2_000)).send(get("https://api.ebay.com/"), 1.0)

    assert isinstance(answer, Answer) and len(answer.content) == 2_000


async def test_no_time_left_means_nothing_is_sent(client: Callable[..., HttpClient]) -> None:
    assert await client(httpx.Response(200)).send(get("https://api.ebay.com/"), 0.0) == NoAnswer("out-of-time", False)


async def test_a_server_that_never_answers_is_left_in_time() -> None:
    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    http = HttpClient(SETTINGS, httpx.MockTransport(never))

    assert await http.send(get("https://api.ebay.com/"), 0.01) == NoAnswer("timeout", sent=True)
    await http.aclose()


async def test_a_cancelled_call_stays_cancelled() -> None:
    started = asyncio.Event()

    async def never(request: httpx.Request) -> httpx.Response:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    http = HttpClient(SETTINGS, httpx.MockTransport(never))
    call = asyncio.create_task(http.send(get("https://api.ebay.com/"), 10.0))
    await started.wait()
    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    await http.aclose()


def test_a_request_prints_no_credential() -> None:
    assert "canary" not in repr(get("https://api.ebay.com/"))


@pytest.mark.parametrize("content", [b"[" * 100_000, b"NaN", b"\xff\xfe", b"{"])
def test_what_is_no_json_is_said_to_be_none(content: bytes) -> None:
    assert not Answer(200, {}, content).is_json()


async def test_the_network_itself_is_reached_and_refused_ports_are_values() -> None:
    """The one test here without a transport in place of the network: nobody listens on port 1 of this machine."""
    sandbox = replace(SETTINGS, base_url="http://127.0.0.1:1")
    http = HttpClient(sandbox)

    assert await http.send(get("http://127.0.0.1:1/"), 5.0) == NoAnswer("cannot-connect", sent=False)
    await http.aclose()
