"""How long an answer asks to wait, in the many ways that servers say it."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

WAIT_S_MAX: Final = 86_400.0
_EPOCH_MS_MIN: Final = 1e11  # a number above this is a time in milliseconds, not a wait
_EPOCH_S_MIN: Final = 1e9


def wait_s(value: str | None, now_ms: int) -> float | None:
    """Seconds to wait by a header: seconds, a time since 1970 in seconds or milliseconds, an ISO or an HTTP date.

    Never negative, at most a day; nothing where the header is absent or says nothing.
    """
    if value is None or not value.strip():
        return None
    value = value.strip()
    try:
        found = float(value)
    except ValueError:
        at_ms = time_ms(value)
        found = (at_ms - now_ms) / 1_000 if at_ms is not None else float("nan")
    else:
        if found >= _EPOCH_MS_MIN:
            found = (found - now_ms) / 1_000
        elif found >= _EPOCH_S_MIN:
            found -= now_ms / 1_000
    if found != found:  # not a number
        return None
    return min(max(found, 0.0), WAIT_S_MAX)


def count(value: str | None) -> float | None:
    """The number that a header holds, if it does."""
    try:
        found = float(value) if value is not None else None
    except ValueError:
        return None
    return found if found is not None and 0 <= found < float("inf") else None


def time_ms(value: str) -> float | None:
    """The time that an ISO or an HTTP date says, in milliseconds since 1970."""
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            at = parse(value)
        except ValueError:
            continue
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000
    return None
