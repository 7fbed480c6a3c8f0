"""The only module that makes connections: to allowed hosts, within limits of time and size, following no redirect."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import httpx

from inventory_adapters.accounts import CallSettings
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

    def __init__(self, settings: CallSettings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        self._client = httpx.AsyncClient(
            transport=transport,
            follow_redirects=False,
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
        """Like `send`, to an address that an answer gave: a host that is not one of these is not called."""
        if not self._may_call(request.url, hosts):
            return NoAnswer("document-host-refused", sent=False)
        return await self._send_in(request, timeout_s, bytes_max)

    async def _send_in(self, request: Request, timeout_s: float, bytes_max: int) -> Answer | NoAnswer:
        if timeout_s <= 0:
            return NoAnswer("out-of-time", sent=False)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._send(request, bytes_max)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return NoAnswer("cannot-connect", sent=False)
        except httpx.PoolTimeout:
            return NoAnswer("no-free-connection", sent=False)
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol):
            return NoAnswer("request-not-sendable", sent=False)
        except (TimeoutError, httpx.TimeoutException):
            return NoAnswer("timeout", sent=True)
        except httpx.DecodingError:
            return NoAnswer("unreadable-answer", sent=True)
        except httpx.RequestError:
            return NoAnswer("connection-lost", sent=True)

    async def aclose(self) -> None:
        """Give back the connections."""
        await self._client.aclose()

    async def _send(self, request: Request, bytes_max: int) -> Answer | NoAnswer:
        content = bytearray()
        async with self._client.stream(
            request.method, request.url, headers=dict(request.headers), content=request.content
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
