"""A limit on how long something may take, on the clock that is handed in."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from inventory_domain.clock import Clock

Answer = TypeVar("Answer")


async def within(clock: Clock, seconds: float, call: Coroutine[object, object, Answer]) -> Answer:
    """What the call answers. At the limit it is cancelled, and its end waited for.

    Raises:
        TimeoutError: it took longer.
    """
    task = asyncio.ensure_future(call)
    limit = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({task, limit}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise TimeoutError(f"no answer within {seconds:g} s")
        return task.result()
    finally:
        limit.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
