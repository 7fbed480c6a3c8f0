"""Token buckets: the form in which all four marketplaces limit calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Rate:
    """A limit as published: tokens gained per second, and the most that can be saved up."""

    per_second: float
    burst: float


# Seconds since 1970 leave a float some 1e-7 s: at 1,000 tokens/s a token just gained may look short by this much.
_HAIR: Final = 1e-3


class TokenBucket:
    """A bucket that starts full and refills evenly; it is told the time and reads no clock."""

    __slots__ = ("_at", "_level", "rate")

    def __init__(self, rate: Rate, at: float) -> None:
        self.rate = rate
        self._level = rate.burst
        self._at = at

    def level(self, at: float) -> float:
        """Tokens there at that time."""
        if at > self._at:
            self._level = min(self.rate.burst, self._level + (at - self._at) * self.rate.per_second)
            self._at = at
        return self._level

    def take(self, at: float, tokens: float = 1.0) -> bool:
        """Takes the tokens if all are there; a refused call takes none."""
        if self.level(at) + _HAIR < tokens:
            return False
        self._level -= tokens
        return True

    def give(self, tokens: float) -> None:
        """Puts tokens back, up to the burst (Shopify refunds what a query did not use)."""
        self._level = min(self.rate.burst, self._level + tokens)

    def wait_s(self, at: float, tokens: float = 1.0) -> float:
        """Seconds until that many tokens are there; 0 when they are."""
        return max(0.0, (tokens - self.level(at)) / self.rate.per_second)
