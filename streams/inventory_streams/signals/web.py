"""The endpoint that marketplaces call: one path per account, a bounded body, a quick answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from inventory_domain.clock import Clock
from inventory_domain.signals import AnswersChallenges, Message
from inventory_streams.signals.intake import COME_AGAIN, Intake, SignalingAccount
from inventory_streams.signals.metrics import SignalsMetrics
from inventory_streams.signals.settings import SignalsSettings

TOO_LARGE = 413
TOO_SLOW = 408
HEADERS_MAX = 200
CHALLENGE_LENGTH_MAX = 200


class Endpoint:
    """What one account's messages are answered with."""

    def __init__(
        self,
        account: SignalingAccount,
        intake: Intake,
        settings: SignalsSettings,
        metrics: SignalsMetrics,
        clock: Clock,
        slots: asyncio.Semaphore,
    ) -> None:
        self._account = account
        self._intake = intake
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._slots = slots

    async def post(self, request: Request) -> Response:
        """Takes a message. The answer says nothing of what it led to: whoever sent it learns only that it arrived."""
        if self._slots.locked():
            self._metrics.refused.labels(self._account.account_id, "busy").inc()
            return _answer(COME_AGAIN, {"retry-after": "1"})
        began_s = self._clock.monotonic_s()
        async with self._slots:
            self._metrics.in_flight.inc()
            try:
                return await self._taken(request)
            finally:
                self._metrics.in_flight.dec()
                self._metrics.answer.observe(self._clock.monotonic_s() - began_s)

    async def get(self, request: Request) -> Response:
        """Proves to the marketplace that this endpoint is ours, where it asks."""
        adapter, code = self._account.adapter, request.query_params.get("challenge_code", "")
        if not isinstance(adapter, AnswersChallenges) or not 0 < len(code) <= CHALLENGE_LENGTH_MAX:
            return _answer(404)
        answer = adapter.challenge_response(code)
        return _answer(404) if answer is None else JSONResponse({"challengeResponse": answer})

    async def _taken(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(self._settings.body_s_max):
                body = await self._body(request)
        except TimeoutError:
            self._metrics.refused.labels(self._account.account_id, "too-slow").inc()
            return _answer(TOO_SLOW)
        except ClientDisconnect:
            return _answer(400)
        if body is None or len(request.headers) > HEADERS_MAX:
            self._metrics.refused.labels(self._account.account_id, "too-large").inc()
            return _answer(TOO_LARGE)
        headers = {name.lower(): value for name, value in request.headers.items()}
        reply = await self._intake.take(self._account, Message(headers, body))
        return _answer(reply.status)

    async def _body(self, request: Request) -> bytes | None:
        """The body, byte by byte as it came; nothing where it is longer than it may be."""
        said = request.headers.get("content-length", "")
        if said.isdecimal() and int(said) > self._settings.body_bytes_max:
            return None
        parts: list[bytes] = []
        length = 0
        async for part in request.stream():
            length += len(part)
            if length > self._settings.body_bytes_max:
                return None
            parts.append(part)
        return b"".join(parts)


def application(
    paths: Mapping[str, SignalingAccount],
    intake: Intake,
    settings: SignalsSettings,
    metrics: SignalsMetrics,
    clock: Clock,
) -> Starlette:
    """The endpoint with a path for each account; every other path is 404."""
    slots = asyncio.Semaphore(settings.in_flight_max)
    routes = []
    for path, account in paths.items():
        endpoint = Endpoint(account, intake, settings, metrics, clock, slots)
        routes += [
            Route(path, endpoint.post, methods=["POST"]),
            Route(path, endpoint.get, methods=["GET"]),
        ]
    return Starlette(routes=routes)


def _answer(status: int, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status_code=status, headers=dict(headers or {}))
