"""The only module that makes connections: to allowed hosts, within limits of time and size, following no redirect."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import httpx

from inventory_adapters import addresses
from inventory_adapters.accounts import CallSettings
from inventory_adapters.addresses import Resolve
from inventory_adapters.fields import host_allowed, is_loopback
from inventory_domain.errors import InvariantBroken

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

DOCUMENT_BYTES_MAX: Final = 64 * 2**20  # a feed's report on 25,000 listings is a few megabytes
KEEPALIVE_S: Final = 30.0  # shorter than the idle time after which load balancers drop a connection, 60 s as a rule
POOL_WAIT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it goes out. `headers` may hold credentials, so it is never printed."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)

    def header(self, name: str) -> str | None:
        """A header by its name in any case."""
        return self.headers.get(name.lower())

    def is_json(self) -> bool:
        """Whether the body is empty or well-formed JSON, whatever its Content-Type says."""
        try:
            self.json()
        except ValueError:
            return False
        return True

    def json(self) -> Json:
        """The body, `None` when it is empty.

        Raises:
            ValueError: it is not JSON.
        """
        if not self.content.strip():
            return None
        try:
            body: Json = json.loads(self.content, parse_constant=_refuse_constant)
        except RecursionError as nested:
            raise ValueError("nested too deeply") from nested
        return body


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No answer came. `sent`: the request may have reached the server, so a write may have been applied."""

    reason: str
    sent: bool


class HttpClient:
    """The connections of one account. Safe for concurrent calls."""

    def __init__(
        self,
        settings: CallSettings,
        transport: httpx.AsyncBaseTransport | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self._settings = settings
        # A transport that replaces the network has no addresses, unless it is told how to find them too.
        self._resolve = addresses.resolve if resolve is None and transport is None else resolve
        self._client = httpx.AsyncClient(
            transport=transport,
            follow_redirects=False,
            verify=ssl.create_default_context(cafile=settings.ca_file) if settings.ca_file else True,
            trust_env=False,  # a proxy from the environment would see every credential
            timeout=httpx.Timeout(settings.timeout_s, connect=settings.connect_timeout_s, pool=POOL_WAIT_S),
            limits=httpx.Limits(
                max_connections=settings.connections_max,
                max_keepalive_connections=settings.connections_max,
                keepalive_expiry=KEEPALIVE_S,
            ),
        )

    async def send(self, request: Request, timeout_s: float) -> Answer | NoAnswer:
        """Send once and wait this long at most. Whatever the network does is a value; cancelling it is safe.

        Raises:
            InvariantBroken: the address is not one that this account may call, so nothing was sent.
        """
        if not self._may_call(request.url, self._settings.allowed_hosts):
            raise InvariantBroken(f"a request to {_place(request.url)} is not allowed by the account's settings")
        return await self._send_in(request, timeout_s, self._settings.response_bytes_max)

    async def send_document(
        self, request: Request, timeout_s: float, hosts: Sequence[str], bytes_max: int = DOCUMENT_BYTES_MAX
    ) -> Answer | NoAnswer:
        """Like `send`, to an address that an answer gave: a host that is not one of these is not called.

        Nor is one that leads to this machine or its network; where the account's own address does (a sandbox), one
        that says so by itself is.
        """
        if not self._may_call(request.url, hosts):
            return NoAnswer("document-host-refused", sent=False)
        return await self._send_in(request, timeout_s, bytes_max, pin=True)

    async def _send_in(
        self, request: Request, timeout_s: float, bytes_max: int, *, pin: bool = False
    ) -> Answer | NoAnswer:
        if timeout_s <= 0:
            return NoAnswer("out-of-time", sent=False)
        sent = False
        try:
            async with asyncio.timeout(timeout_s):
                address = await self._pinned(request.url) if pin else None
                if isinstance(address, NoAnswer):
                    return address
                sent = True
                return await self._send(request, bytes_max, address)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return NoAnswer("cannot-connect", sent=False)
        except httpx.PoolTimeout:
            return NoAnswer("no-free-connection", sent=False)
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol):
            return NoAnswer("request-not-sendable", sent=False)
        except (TimeoutError, httpx.TimeoutException):
            return NoAnswer("timeout", sent=sent)
        except httpx.DecodingError:
            return NoAnswer("unreadable-answer", sent=True)
        except httpx.RequestError:
            return NoAnswer("connection-lost", sent=True)

    async def aclose(self) -> None:
        """Give back the connections."""
        await self._client.aclose()

    async def _pinned(self, url: str) -> str | NoAnswer | None:
        """The address to call for a host, nothing where the host is one itself.

        The very address that was looked at is called: asked again, the name might lead to another one.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        if self._resolve is None or is_loopback(host):  # `_may_call` has seen to it that it may be
            return None
        try:
            found = await self._resolve(host, parts.port or 443)
        except OSError:
            return NoAnswer("cannot-resolve", sent=False)
        if not found or not all(addresses.is_public(each) for each in found):
            return NoAnswer("document-address-refused", sent=False)
        return found[0]

    async def _send(self, request: Request, bytes_max: int, address: str | None) -> Answer | NoAnswer:
        content = bytearray()
        url, headers, extensions = httpx.URL(request.url), dict(request.headers), {}
        if address is not None:
            # The name stays what the server and its certificate are asked for. Connections are kept by address, so
            # this one is not kept: its certificate was not looked at for another name that leads to the same place.
            headers |= {"host": url.netloc.decode(), "connection": "close"}
            extensions["sni_hostname"] = url.host
            url = url.copy_with(host=address)
        async with self._client.stream(
            request.method, url, headers=headers, content=request.content, extensions=extensions
        ) as response:
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > bytes_max:
                    return NoAnswer("answer-too-large", sent=True)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, headers, bytes(content))

    def _may_call(self, url: str, hosts: Sequence[str]) -> bool:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if is_loopback(host):
            # An account that calls the internet has no business on this machine.
            return is_loopback(urlsplit(self._settings.base_url).hostname or "") and parts.scheme in ("http", "https")
        return parts.scheme == "https" and host_allowed(host, hosts)


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}"


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")
