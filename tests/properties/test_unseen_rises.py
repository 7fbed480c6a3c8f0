"""A rise that was lost is sent again as soon as that can put no sold unit back on sale."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from inventory_domain.due import UNSEEN_MAX
from inventory_domain.exposure import Confirmed, Exposure, Proof, Result, begin, conclude, observe
from inventory_domain.identifiers import ListingId, Sku
from inventory_domain.outcomes import Accepted
from inventory_domain.second_look import SecondLook

MINUTE = 60_000
SETTLING, DEADLINE, ORDER_DELAY = 10, 15, 60
BEFORE, AFTER = 3, 8
SENT = 1_000


@dataclass
class Shop:
    """A marketplace that applies a write within `SETTLING` minutes or never, and sells; minutes throughout."""

    sells_down: bool
    lives_at: int | None
    dice: random.Random
    shown: int = BEFORE
    told_at: list[int] = field(default_factory=list)

    def pass_minute(self, now: int) -> None:
        if now == self.lives_at:
            self.shown = AFTER
        if self.shown and self.dice.random() < 0.1:
            if self.sells_down:
                self.shown -= 1
            self.told_at.append(now + self.dice.randint(1, ORDER_DELAY))

    def told(self, now: int) -> bool:
        """Whether the source has told of a sale: the engine says another number then, and nobody repeats this one."""
        return any(at <= now for at in self.told_at)


def a_rise(now_ms: int) -> Exposure:
    known = Confirmed(BEFORE, 1, now_ms - MINUTE, Proof.READ)
    exposure, attempt = begin(
        Exposure(ListingId("harbor-us/A"), Sku("A"), known),
        version=2,
        quantity=AFTER,
        nodes={},
        mask=None,
        path="single",
        now_ms=now_ms,
        settles_by_ms=now_ms + SETTLING * MINUTE,
        sampled=True,
    )
    taken = Accepted(listing_id=exposure.listing_id, api="write", reason="ok")
    return conclude(exposure, attempt.number, taken, now_ms, now_ms + SETTLING * MINUTE)


def sent_again(shop: Shop, look: SecondLook) -> int | None:
    """Minutes after the rise was sent when it is sent once more; None: never, since something else came up."""
    exposure = a_rise(SENT * MINUTE)
    for now in range(SENT + 1, SENT + 400):
        shop.pass_minute(now)
        if shop.told(now):
            return None
        due_ms = exposure.read_due_ms()
        if due_ms is None:
            return None  # it was seen live
        if due_ms <= now * MINUTE:
            exposure = observe(exposure, shop.shown, now * MINUTE, look)
            assert exposure.open == () or exposure.units() == AFTER, "until it is closed it counts as the worst case"
        if exposure.last is not None and exposure.last.result is Result.UNDER_SHOWN:
            assert exposure.last.unseen < UNSEEN_MAX
            return now - SENT
    raise AssertionError("neither seen nor sent again")


@given(seed=st.integers(0, 2**32), lives_after=st.none() | st.integers(1, SETTLING))
def test_no_sold_unit_is_put_back_on_sale(seed: int, lives_after: int | None) -> None:
    """Buyers may have bought all that the rise added, before the source tells of their orders."""
    shop = Shop(True, None if lives_after is None else SENT + lives_after, random.Random(seed))

    again = sent_again(shop, SecondLook(ORDER_DELAY * MINUTE))

    if again is not None:
        assert shop.told_at == [] and lives_after is None
        assert again == SETTLING + ORDER_DELAY


@given(seed=st.integers(0, 2**32), lives_after=st.none() | st.integers(1, SETTLING))
def test_where_sales_are_not_in_the_number_it_is_sent_again_at_its_deadline(seed: int, lives_after: int | None) -> None:
    shop = Shop(False, None if lives_after is None else SENT + lives_after, random.Random(seed))

    again = sent_again(shop, SecondLook(ORDER_DELAY * MINUTE, DEADLINE * MINUTE))

    assert again in (None, DEADLINE)
    if lives_after is not None:
        assert again is None
