"""One transaction in the making: changed, decided, encoded and listed in parts; the loop may turn between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, TypeVar

from inventory_domain.identifiers import Sku
from inventory_streams.engine.computing import Work
from inventory_streams.engine.partition import Partition, encode_states, writes_of
from inventory_streams.engine.serdes import EngineSerdes
from inventory_streams.engine.settings import EngineSettings
from inventory_streams.engine.tracing import NOTHING_CARRIED, SkuSpans, resumed
from inventory_streams.engine.values import Computed
from inventory_streams.kafka.transactions import Write

SKUS_IN_PART: Final = 50  # some 3 ms of deciding
WRITES_IN_PART: Final = 500

T = TypeVar("T")


class Preparation:
    """What a computation comes to. Nothing outside is touched, so it may be dropped at any part."""

    def __init__(
        self,
        partition: Partition,
        work: Work,
        settings: EngineSettings,
        serdes: EngineSerdes,
        spans: SkuSpans | None = None,
    ) -> None:
        self._partition = partition
        self._work = work
        self._settings = settings
        self._serdes = serdes
        self.spans = spans
        self.computed: Computed
        self.encoded: dict[Sku, bytes | None] = {}
        self.writes: list[Write] = []

    def whole(self) -> Preparation:
        """Itself, made without a pause."""
        for _ in self.parts():
            pass
        return self

    def parts(self) -> Iterator[None]:
        """Go on until there is nothing left to do; whoever asks may do something else between two parts."""
        work, serdes = self._work, self._serdes
        yield from work.settling()
        for first, skus in _parts(work.undecided(), SKUS_IN_PART):
            if first:
                yield
            work.decide(skus)
        self.computed = computed = work.computed()
        for first, states in _parts(list(computed.states.items()), SKUS_IN_PART):
            if first:
                yield
            self.encoded.update(encode_states(dict(states), serdes))
        traces, waiting = self._settings.kafka.traces, self._partition.waiting
        if traces is not None and waiting:
            self.spans = resumed(traces, self.spans, waiting, computed)
        writes = writes_of(
            computed,
            self.encoded,
            partition=self._partition.number,
            partitions=self._settings.partitions,
            group=self._settings.application,
            topics=self._settings.topics,
            serdes=serdes,
            carried=NOTHING_CARRIED if self.spans is None else self.spans.carried,
        )
        while part := list(islice(writes, WRITES_IN_PART)):
            self.writes += part
            if len(part) == WRITES_IN_PART:
                yield


def _parts(whole: Sequence[T], size: int) -> Iterator[tuple[int, Sequence[T]]]:
    for first in range(0, len(whole), size):
        yield first, whole[first : first + size]
