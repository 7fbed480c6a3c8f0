"""A memory that forgets the oldest: ids that came, so that they are known when they come again."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T", bound=str)


class Newest(Generic[T]):
    """The newest of what came, so many at most, and each of them once. `known` has them, the oldest first.

    `forgotten` counts those that had to go.
    """

    __slots__ = ("forgotten", "known", "most")

    def __init__(self, known: tuple[T, ...], most: int) -> None:
        self.known = dict.fromkeys(known)
        self.most = most
        self.forgotten = 0

    def add(self, one: T) -> None:
        """Keep what is not known yet."""
        known = self.known
        known[one] = None
        while len(known) > self.most:  # more than one where there was room for more
            del known[next(iter(known))]
            self.forgotten += 1
