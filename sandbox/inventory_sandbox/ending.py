"""What the signals that end a process do to it while a block runs."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

ENDS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def on_end(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Within the block the handler is called for Ctrl-C and SIGTERM; afterwards what was called before it."""
    before = {number: signal.signal(number, handler) for number in ENDS}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
