"""An input that does not move though there is more of it, on a partition that is busy with something else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from inventory_streams.engine.catching_up import FetchState
from inventory_streams.engine.partition import Partition
from inventory_streams.engine.settings import INPUT_STILL_S
from inventory_streams.engine.standing_still import StandingInputs


@dataclass
class APartition:
    """What is looked at of one."""

    number: int = 0
    at: dict[str, int] = field(default_factory=lambda: {"commands": 4})
    running: asyncio.Future[None] | None = None

    def positions(self) -> dict[str, int]:
        return dict(self.at)


def looks(watch: StandingInputs, partition: APartition, now_s: float) -> list[tuple[str, int, int]]:
    def fetched(positions: Mapping[str, int], number: int) -> dict[str, FetchState]:
        return {"commands": FetchState(5, 0)}

    return watch.overdue([cast(Partition, partition)], fetched, now_s)


async def test_transactions_of_other_inputs_do_not_begin_the_watch_anew() -> None:
    """A busy partition has one under way at every other look, and what was lost would never be fetched again."""
    watch, partition, found = StandingInputs(), APartition(), []
    running = asyncio.get_running_loop().create_future()
    for second in range(int(INPUT_STILL_S) + 2):
        partition.running = running if second % 2 else None
        found += looks(watch, partition, float(second))

    assert found == [("commands", 0, 4)]


async def test_an_input_that_moved_in_a_transaction_is_watched_from_then_on() -> None:
    watch, partition = StandingInputs(), APartition(at={"commands": 3})
    looks(watch, partition, 0.0)
    partition.running = asyncio.get_running_loop().create_future()
    looks(watch, partition, 1.0)
    partition.running, partition.at = None, {"commands": 4}

    assert looks(watch, partition, INPUT_STILL_S + 1) == []
    assert looks(watch, partition, 2 * INPUT_STILL_S + 1) == [("commands", 0, 4)]
