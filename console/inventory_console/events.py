"""Server-sent events: a browser that watches is told when something has changed, and asks for it then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Final

from sse_starlette.sse import EventSourceResponse
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

WATCHERS_MAX: Final = 100
LOOK_EVERY_S: Final = 2.0
KEPT_OPEN_S: Final = 15


class Watchers:
    """The browsers that watch: bounded in number, each told of changes only."""

    def __init__(self, look_every_s: float = LOOK_EVERY_S) -> None:
        self._look_every_s = look_every_s
        self._count = 0
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Let every stream end, so that the server can."""
        self._stopping.set()

    def watched(self, request: Request, mark: Callable[[], Awaitable[str]]) -> Response:
        """A stream of `changed` events, one whenever `mark` gives something else."""
        if self._count >= WATCHERS_MAX:
            return PlainTextResponse("too many watch already\n", HTTPStatus.SERVICE_UNAVAILABLE)
        return EventSourceResponse(self._changes(request, mark), ping=KEPT_OPEN_S)

    async def _changes(self, request: Request, mark: Callable[[], Awaitable[str]]) -> AsyncIterator[dict[str, str]]:
        self._count += 1
        try:
            known = await mark()
            yield {"event": "watching", "data": known}
            while not self._stopping.is_set() and not await request.is_disconnected():
                await self._rest()
                now = await mark()
                if now != known:
                    known = now
                    yield {"event": "changed", "data": now}
        finally:
            self._count -= 1

    async def _rest(self) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), self._look_every_s)
        except TimeoutError:
            return
