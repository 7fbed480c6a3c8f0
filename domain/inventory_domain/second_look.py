"""When a rise that a read did not show counts as not taken, so that it may be sent again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SecondLook:
    """When a sampled rise that a read did not show is read once more, and when it counts as not taken.

    Where the marketplace lowers its number when it sells, buyers may have bought all that the rise added, and their
    orders not be reported yet: sent again it would put sold units back on sale. Only two equal reads, `order_delay_ms`
    apart, are no sale. Where it does not (`deadline_ms` after the rise was sent), what is not there was not taken.
    """

    order_delay_ms: int
    deadline_ms: int | None = None

    def due_ms(self, sent_at_ms: int, asked_at_ms: int) -> int:
        """When it is read once more, after a read that was asked for at that time."""
        if self.deadline_ms is not None and asked_at_ms < sent_at_ms + self.deadline_ms:
            return sent_at_ms + self.deadline_ms
        return asked_at_ms + self.order_delay_ms

    def not_taken(self, sent_at_ms: int, asked_at_ms: int, *, equal_again: bool) -> bool:
        """Whether such a read says so. `equal_again`: it is a second one, and shows what the first one did."""
        if self.deadline_ms is not None:
            return asked_at_ms >= sent_at_ms + self.deadline_ms
        return equal_again
