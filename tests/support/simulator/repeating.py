"""All that happens in a run, down to each turn of a task, so that runs of one seed in two processes can be compared."""

from __future__ import annotations

import asyncio
import gc
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import zip_longest
from typing import Any
from unittest.mock import patch

from tests.support.simulator.kafka import ModeledKafka
from tests.support.simulator.marketplace import ModeledMarketplace
from tests.support.simulator.promises import Promises
from tests.support.simulator.virtual_time import VirtualLoop
from tests.support.simulator.world import steps_of

HOLES = 200_000
HOLE_BYTES_MAX = 500  # the allocator keeps larger ones elsewhere, and nothing that runs in a loop is larger


def main(disorder: int, *seeds: int) -> None:
    """Print all of these seeds, in a process whose memory is in a disorder of its own."""
    left = _scattered(disorder)
    for seed in seeds:
        sys.stdout.writelines(f"{line}\n" for line in everything_of(seed))
    del left


def everything_of(seed: int) -> list[str]:
    """Each turn of a task and each timer, record, and call of a marketplace, with its virtual time, in their order.

    A record's first bytes are the number of its schema, which is another where other runs came before.
    """
    told: list[str] = []
    with _told(told.append):
        steps_of(seed)
    return told


def first_difference(one: str, other: str) -> str | None:
    """Where what two processes told parts for the first time, with what was before it; None: it is the same."""
    before: list[str] = []
    for number, (left, right) in enumerate(zip_longest(one.splitlines(), other.splitlines()), 1):
        if left != right:
            return "\n".join([*before[-10:], f"line {number}: {left}", f"      or: {right}"])
        before.append(left)
    return None


def _scattered(disorder: int) -> list[bytes]:
    """Holes all over the memory: what is made next lies in another order, and is collected at other times."""
    dice = random.Random(disorder)
    kept = [bytes(dice.randrange(HOLE_BYTES_MAX)) for _ in range(HOLES)]
    dice.shuffle(kept)
    del kept[::2]
    gc.set_threshold(dice.randrange(100, 2_000))
    return kept


@contextmanager
def _told(tell: Callable[[str], None]) -> Iterator[None]:
    run, init, note = asyncio.Handle._run, VirtualLoop.__init__, Promises.note
    append, take_over = ModeledKafka.append, ModeledKafka.take_over
    call, take = ModeledMarketplace.call, ModeledMarketplace.take
    loops: list[VirtualLoop] = []

    def made(loop: VirtualLoop) -> None:
        init(loop)
        loops.append(loop)

    def turned(handle: Any) -> None:
        tell(f"{loops[-1].turns} {loops[-1].time():.6f} {_name(handle)}")
        run(handle)

    def noted(promises: Promises, step: str) -> None:
        tell(step)
        note(promises, step)

    def appended(kafka: ModeledKafka, *given: Any) -> None:
        tell(f"append at {kafka.now_ms}, offset {kafka.end(*given[:2])}: {given}")
        append(kafka, *given)

    def taken_over(kafka: ModeledKafka, transactional_id: str) -> int:
        tell(f"take over {transactional_id}")
        return take_over(kafka, transactional_id)

    def called(market: ModeledMarketplace, *given: Any) -> str | None:
        tell(f"call {given}")
        return call(market, *given)

    def taken(market: ModeledMarketplace, push: Any, refused: Any, sent: Any) -> Any:
        outcome = take(market, push, refused, sent)
        tell(f"push {push.listing_id} = {push.quantity} v{push.version}: {outcome}")
        return outcome

    with ExitStack() as stack:
        for kind, name, replacement in (
            (asyncio.Handle, "_run", turned),
            (VirtualLoop, "__init__", made),
            (Promises, "note", noted),
            (ModeledKafka, "append", appended),
            (ModeledKafka, "take_over", taken_over),
            (ModeledMarketplace, "call", called),
            (ModeledMarketplace, "take", taken),
        ):
            stack.enter_context(patch.object(kind, name, replacement))
        yield


def _name(handle: Any) -> str:
    """Of what runs, without addresses."""
    called = handle._callback
    owner = getattr(called, "__self__", None)
    name = getattr(called, "__qualname__", type(called).__name__)
    of = (
        owner
        if isinstance(owner, asyncio.Task)
        else next((a for a in handle._args if isinstance(a, asyncio.Task)), None)
    )
    return name if of is None else f"{name} of {of.get_coro().__qualname__}"  # type: ignore[union-attr]


if __name__ == "__main__":
    main(*(int(one) for one in sys.argv[1:]))
