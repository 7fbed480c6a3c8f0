"""What the real code asks of Kafka's client and of threads, where it makes both for itself."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

from inventory_streams.engine.records import Headers, InputRecord
from tests.support.simulator.virtual_time import VirtualLoop

P = ParamSpec("P")
T = TypeVar("T")


class ModeledMessage:
    """A record as the client gives it."""

    def __init__(self, record: InputRecord) -> None:
        self._record = record

    def topic(self) -> str:
        return self._record.topic

    def partition(self) -> int:
        return self._record.partition

    def offset(self) -> int:
        return self._record.offset

    def key(self) -> bytes | None:
        return self._record.key

    def value(self) -> bytes | None:
        return self._record.value

    def headers(self) -> Headers:
        return self._record.headers

    def timestamp(self) -> tuple[int, int]:
        return 2, self._record.timestamp_ms  # by the broker, as it was appended

    def error(self) -> None:
        return None


class Threads(Executor):
    """Does what it is given at once and tells of it a moment later; a call may answer with a future of its own."""

    def __init__(self, loop: VirtualLoop, dice: random.Random) -> None:
        self._loop, self._dice = loop, dice

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        done: Future[T] = Future()
        try:
            answer = fn(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - a future carries it, as with threads
            done.set_exception(error)
            return done
        if isinstance(answer, Future):
            return answer
        slow = self._dice.random() < 0.05
        self._loop.outside(self._dice.uniform(0.0, 2.0 if slow else 0.02), tell, done, answer)
        return done


def tell(done: Future[T], answer: T) -> None:
    """Answer whoever still waits."""
    if not done.done():
        done.set_result(answer)


class Inline:
    """The threads of a takeover: here the broker answers at once."""

    def __init__(self, *_: object, **__: object) -> None:
        """As `ThreadPoolExecutor` is made."""

    def __enter__(self) -> Inline:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left behind."""

    def map(self, call: Callable[[int], T], numbers: Iterable[int]) -> Iterator[T]:
        return map(call, numbers)
