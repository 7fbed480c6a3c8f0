"""Times as people write them on a command line: `2h` from now, or a date with a time."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_UNITS_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_SPAN: Final = re.compile(r"(\d{1,6})([smhd])")
EXAMPLES: Final = "30m, 2h, 7d, or a time such as 2026-12-01T18:00Z (without a zone it is UTC)"


def parse_time(text: str, now_ms: int) -> int:
    """Milliseconds since 1970 of a time in the future.

    Raises:
        ValueError: it is no such time, or it is over; the message says what would be one.
    """
    span = _SPAN.fullmatch(text.strip())
    if span is not None:
        at_ms = now_ms + int(span.group(1)) * _UNITS_MS[span.group(2)]
    else:
        try:
            at = datetime.fromisoformat(text.strip())
        except ValueError:
            raise ValueError(f"{text!r} is no time; write {EXAMPLES}") from None
        at_ms = int((at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp() * 1000)
    if at_ms <= now_ms:
        raise ValueError(f"{text!r} is not in the future; it is {show_time(now_ms)} now")
    return at_ms


def show_time(at_ms: int) -> str:
    """The time in words, to the second, UTC."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
