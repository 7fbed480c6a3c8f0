"""Connections: only to allowed hosts, within limits, following nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace

import httpx
import pytest

from inventory_adapters import addresses
from inventory_adapters.accounts import CallSettings
from inventory_adapters.addresses import Resolve
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


def leads_to(*addresses: str) -> Resolve:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


@dataclass
class Asked:
    """The requests that reached the network."""

    requests: list[httpx.Request] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(200, content=b"report")


async def document(url: str, resolve: Resolve, settings: CallSettings = SETTINGS) -> tuple[Answer | NoAnswer, Asked]:
    asked = Asked()
    http = HttpClient(settings, httpx.MockTransport(asked.answer), resolve)
    answer = await http.send_document(Request("GET", url, {}), 1.0, (".amazonaws.com",))
    await http.aclose()
    return answer, asked


S3 = "https://tortuga.s3.amazonaws.com/a%2Fb?X-Amz-Signature=1%2B2"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.9",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "nonsense",
    ],
)
async def test_a_document_is_not_fetched_from_our_own_network(address: str) -> None:
    """An answer that names an address could otherwise have us call what only we can reach."""
    answer, asked = await document(S3, leads_to(address))
    mixed, asked_too = await document(S3, leads_to("52.216.1.1", address))

    assert answer == mixed == NoAnswer("document-address-refused", sent=False)
    assert not asked.requests and not asked_too.requests


@pytest.mark.parametrize(
    ("address", "written"),
    [("52.216.1.1", "52.216.1.1"), ("2600:1fa0::1", "[2600:1fa0::1]"), ("64:ff9b::34d8:101", "[64:ff9b::34d8:101]")],
)
async def test_a_document_comes_from_the_very_address_that_was_looked_at(address: str, written: str) -> None:
    """A name that leads elsewhere when it is asked for again gains nothing."""
    answer, asked = await document(S3, leads_to(address))

    (request,) = asked.requests
    assert isinstance(answer, Answer)
    assert str(request.url) == f"https://{written}/a%2Fb?X-Amz-Signature=1%2B2"
    assert request.headers["host"] == "tortuga.s3.amazonaws.com"
    assert request.extensions["sni_hostname"] == "tortuga.s3.amazonaws.com"


async def test_a_name_that_leads_nowhere_is_a_value() -> None:
    async def nowhere(host: str, port: int) -> Sequence[str]:
        raise OSError("unknown")

    async def never(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        raise AssertionError

    assert (await document(S3, nowhere))[0] == NoAnswer("cannot-resolve", sent=False)
    assert (await document(S3, leads_to()))[0] == NoAnswer("document-address-refused", sent=False)
    assert (await document(S3, never))[0] == NoAnswer("timeout", sent=False)


async def test_a_document_of_a_sandbox_on_this_machine_is_fetched_by_sandbox_accounts_only() -> None:
    sandbox = replace(SETTINGS, base_url="http://127.0.0.1:8080")
    url = "http://127.0.0.1:8080/documents/1"

    there, asked = await document(url, leads_to("127.0.0.1"), sandbox)
    elsewhere, _ = await document(url, leads_to("127.0.0.1"))
    by_name, _ = await document(S3, leads_to("127.0.0.1"), sandbox)

    assert isinstance(there, Answer) and str(asked.requests[0].url) == url
    assert elsewhere == NoAnswer("document-host-refused", sent=False)
    assert by_name == NoAnswer("document-address-refused", sent=False)


async def test_the_machine_s_own_resolver_is_asked() -> None:
    assert "127.0.0.1" in await addresses.resolve("localhost", 443)
    with pytest.raises(OSError, match="no host name"):
        await addresses.resolve("a" * 70 + ".invalid", 443)
