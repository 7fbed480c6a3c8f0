"""A transaction that is not committed ends the process, before anything of it is seen or the input moves (rule 12)."""

from __future__ import annotations

import asyncio
from typing import NoReturn

import pytest

from inventory_domain.changes import StockCounted
from inventory_domain.errors import OwnershipLost
from inventory_streams.engine import committing
from inventory_streams.kafka.stopping import ExitCode
from inventory_streams.kafka.transactions import TransactionFailed, Write
from tests.support.engine_bench import CHANGES, PRODUCTS, a_bench
from tests.support.stock import SKU, a_change, a_product


class Ended(BaseException):
    """In the place of the process's end."""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OwnershipLost("fenced"), ExitCode.OWNERSHIP_LOST),
        (TransactionFailed("not within two minutes"), ExitCode.TRANSACTION_FAILED),
        (RuntimeError("whatever it is"), ExitCode.TRANSACTION_FAILED),
    ],
    ids=["another owner", "given up", "a bug"],
)
async def test_a_transaction_that_is_not_committed_ends_the_process_and_moves_nothing(
    monkeypatch: pytest.MonkeyPatch, error: Exception, code: ExitCode
) -> None:
    """Faust itself goes on: 500 of 500 refused writes of a table were never noticed, and their input was committed."""
    ended: list[ExitCode] = []

    def end_process(code: ExitCode, why: str) -> NoReturn:
        ended.append(code)
        raise Ended(why)

    def refuse(writes: list[Write]) -> None:
        raise error

    monkeypatch.setattr(committing, "end_process", end_process)
    async with a_bench() as bench:
        bench.feed(PRODUCTS, bench.wire.product(a_product()))
        await bench.until(lambda: bench.inputs.positions, "the product is applied")
        before = dict(bench.inputs.positions)
        monkeypatch.setattr(bench.writer, "commit_all", refuse)

        bench.feed(CHANGES, bench.wire.change(a_change(StockCounted(5))))
        await bench.until(lambda: ended, "the process ends")

        assert ended[0] is code
        assert bench.inputs.positions == before
        state = bench.partition.states.get(SKU)
        assert state is not None and not state.stock.positions
        running = bench.partition.running
        assert running is not None
        with pytest.raises(Ended):
            await asyncio.wait_for(running, 5)
