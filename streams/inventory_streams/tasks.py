"""Tasks that are ended together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable


async def end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel these tasks and wait until each has ended, whatever with."""
    running = list(tasks)
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running)
