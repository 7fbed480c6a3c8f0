"""How a call becomes an answer, the same way at every marketplace: fault, token, throttle, work, delay, count."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.parse import parse_qsl

from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from inventory_sandbox.marketplaces.faults import INNER_MODES, Fault, FaultMode
from inventory_sandbox.marketplaces.world import World

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""The largest body read; a larger one is answered 413."""
_JSON: Final = "application/json"
HTML_ERROR_PAGE: Final = (
    b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\n"
    b"<body><center><h1>502 Bad Gateway</h1></center><hr><center>gateway</center></body></html>\n"
)


@dataclass(slots=True)
class Call:
    """One request as a marketplace sees it.

    Header names are lower-case; path and parameters are decoded; a query parameter given twice is joined by a comma.
    """

    method: str
    path: str
    query: dict[str, str]
    parameters: Mapping[str, str]
    headers: dict[str, str]
    body: bytes
    at: float
    request_id: str
    base_url: str
    """Where the caller believes to call, by its Host header."""
    document_url: str
    """Where documents are handed out and taken."""
    fault: Fault | None = None
    at_answer: list[Callable[[], None]] = field(default_factory=list)
    """Run when the answer leaves, for what lasts as long as the call does."""

    def json_object(self) -> dict[str, object] | None:
        """The body as a JSON object; None when it is not one."""
        try:
            body = json.loads(self.body)
        except ValueError:
            return None
        return body if isinstance(body, dict) else None

    def whole(self, name: str, default: int) -> int | None:
        """A query parameter as a whole number; None when it is not one."""
        text = self.query.get(name, "")
        if not text:
            return default
        return int(text) if text.isascii() and text.lstrip("-").isdigit() and len(text) < 12 else None

    @property
    def out_of_order(self) -> bool:
        """Whether an accepted write is to go live ahead of its turn."""
        return self.fault is not None and self.fault.mode is FaultMode.OUT_OF_ORDER

    @property
    def odd(self) -> bool:
        """Whether the answer is to take a form that is in no document."""
        return self.fault is not None and self.fault.mode is FaultMode.ODD_SHAPES

    def row_fails(self, index: int, rows: int, text: str) -> bool:
        """Whether the fault wants this row of `rows` to fail; `text` names the row (SKU, offer id)."""
        if self.fault is None or self.fault.mode is not FaultMode.PARTIAL_FAILURE:
            return False
        if self.fault.match:
            return self.fault.match in text or self.fault.match in self.path
        return rows == 1 or index % 2 == 1


@dataclass(slots=True)
class Answer:
    """One response; `body` is sent as it is."""

    status: int
    body: bytes = b""
    content_type: str = _JSON
    headers: dict[str, str] = field(default_factory=dict)
    throttled: bool = False


def json_answer(status: int, value: object, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, json.dumps(value, separators=(",", ":")).encode(), _JSON, dict(headers or {}))


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a marketplace's API: its published name, where it is, and what does it."""

    name: str
    method: str
    path: str
    handle: Callable[[Call], Answer]
    for_token: bool = False
    """A call for an access token: it needs none itself and meets token faults only."""
    open: bool = False
    """Needs no token (a presigned URL)."""
    limit: str = ""
    """The name of the bucket; its own name when empty."""
    takes: frozenset[FaultMode] = frozenset()
    """The faults inside an answer that it honors."""


class MarketplaceRules(Protocol):
    """What differs between marketplaces in the way calls are let in and refused."""

    name: str

    def operations(self) -> Sequence[Operation]:
        """Every operation that is served."""
        ...

    def refuse(self, call: Call, operation: Operation) -> Answer | None:
        """The answer to a call without a good token, or over its limit; None lets it in."""
        ...

    def failure(self, mode: FaultMode, call: Call, operation: Operation) -> Answer:
        """The answer that stands for a fault, as this marketplace writes it."""
        ...

    def finish(self, call: Call, operation: Operation, answer: Answer) -> None:
        """Adds the headers that this marketplace puts on every answer."""
        ...


class Endpoint:
    """One operation as an ASGI application.

    Raises ConnectionResetError or TimeoutError where a fault wants no answer; the server then drops the connection.
    """

    def __init__(self, world: World, rules: MarketplaceRules, operation: Operation) -> None:
        self._world = world
        self._rules = rules
        self._operation = operation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one call."""
        body = await read_body(receive)
        call = self._call(scope, body or b"")
        world, operation, marketplace = self._world, self._operation, self._rules.name
        if body is None:
            await self._send(send, call, Answer(413))
            return
        where = f"{call.path}?{scope.get('query_string', b'').decode('latin-1')}"
        fault = call.fault = world.faults.draw(
            marketplace, where, call.body, call.at, operation.for_token, operation.takes
        )
        if fault is not None:
            world.counters.faults[marketplace, fault.mode.value] += 1
        answer = self._before(call, fault)
        if answer is None:
            answer = self._rules.refuse(call, operation)
        if answer is None:
            answer = operation.handle(call)
        try:
            await world.clock.sleep(world.draw(*world.settings.answer_range_s(marketplace)))
            if fault is not None and fault.mode is FaultMode.TIMEOUT_AFTER_EFFECT:
                await self._hold(fault)
        finally:
            for done in call.at_answer:
                done()
        self._rules.finish(call, operation, answer)
        await self._send(send, call, answer)

    def _before(self, call: Call, fault: Fault | None) -> Answer | None:
        match fault.mode if fault is not None else None:
            case None | FaultMode.TIMEOUT_AFTER_EFFECT:
                return None
            case mode if mode in INNER_MODES:
                return None
            case FaultMode.RESET:
                self._world.counters.calls[self._rules.name, self._operation.name, 0] += 1
                raise ConnectionResetError("reset on request")
            case FaultMode.HTML:
                return Answer(502, HTML_ERROR_PAGE, "text/html; charset=utf-8")
            case mode:
                return self._rules.failure(mode, call, self._operation)

    async def _hold(self, fault: Fault) -> None:
        if fault.answer_after_s is not None:
            await self._world.clock.sleep(fault.answer_after_s)
            return
        await self._world.clock.sleep(self._world.settings.hold_s)
        self._world.counters.calls[self._rules.name, self._operation.name, 0] += 1
        raise TimeoutError("no answer on request")

    def _call(self, scope: Scope, body: bytes) -> Call:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        query: dict[str, str] = {}
        for name, value in parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True):
            query[name] = f"{query[name]},{value}" if name in query else value
        base_url = f"{scope.get('scheme', 'http')}://{headers.get('host', 'localhost')}"
        return Call(
            method=scope["method"],
            path=scope["path"],
            query=query,
            parameters=scope.get("path_params", {}),
            headers=headers,
            body=body,
            at=self._world.clock.now(),
            request_id=self._world.new_id(),
            base_url=base_url,
            document_url=_own_url(scope) or base_url,
        )

    async def _send(self, send: Send, call: Call, answer: Answer) -> None:
        self._world.counters.calls[self._rules.name, self._operation.name, answer.status] += 1
        if answer.throttled:
            self._world.counters.throttled[self._rules.name] += 1
        await send_answer(send, answer, with_body=call.method != "HEAD")


def _own_url(scope: Scope) -> str:
    """The server's own address on this machine, empty where it is reached by another: its callers' names differ.

    A client may send any Host header (some cut it from an address in a way that suits https only), and a document's
    address must work all the same.
    """
    host, port = scope.get("server") or ("", None)
    return f"{scope.get('scheme', 'http')}://{host}:{port}" if host.startswith("127.") and port else ""


async def send_answer(send: Send, answer: Answer, with_body: bool = True) -> None:
    """Sends an answer; a 204 goes out without a body."""
    headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
    if answer.body:
        headers.append((b"content-type", answer.content_type.encode()))
    if answer.status != 204:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body if with_body else b""})


async def read_body(receive: Receive) -> bytes | None:
    """The whole body; None when it is larger than is taken."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(chunks)
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            return None
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def router_of(world: World, rules: MarketplaceRules, not_found: Callable[[Call], Answer]) -> Router:
    """All operations of a marketplace as one ASGI application; other paths and methods get `not_found`."""
    missing = Endpoint(world, rules, Operation("unknown", "GET", "/", not_found, open=True))
    routes = [Route(one.path, Endpoint(world, rules, one), methods=[one.method]) for one in rules.operations()]
    # Last and for every method, so that a known path with another method is answered in the marketplace's form too.
    routes.append(Route("/{path:path}", missing))
    return Router(routes=routes, redirect_slashes=False)
