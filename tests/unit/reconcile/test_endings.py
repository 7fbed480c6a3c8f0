"""For what a reconciling process ends, and with which status."""

from __future__ import annotations

from typing import NoReturn

import pytest

from inventory_domain.errors import OwnershipLost
from inventory_streams.kafka.stopping import ExitCode
from inventory_streams.kafka.transactions import TransactionFailed
from inventory_streams.reconcile import run


class Ended(Exception):
    """In the place of the end of the process."""

    def __init__(self, code: ExitCode, why: str) -> None:
        super().__init__(code, why)
        self.code = code
        self.why = why


@pytest.fixture(autouse=True)
def an_end_that_can_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(code: ExitCode, why: str) -> NoReturn:
        raise Ended(code, why)

    monkeypatch.setattr(run, "end_process", end)


def ended_for(error: BaseException) -> Ended:
    with pytest.raises(Ended) as caught:
        run.end_for(error)
    return caught.value


NOBODY = TransactionFailed("nobody answers")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NOBODY, ExitCode.TRANSACTION_FAILED),
        (ExceptionGroup("tasks", [NOBODY]), ExitCode.TRANSACTION_FAILED),
        (ExceptionGroup("tasks", [NOBODY, NOBODY]), ExitCode.TRANSACTION_FAILED),
        (ExceptionGroup("tasks", [ExceptionGroup("pulls", [OwnershipLost("taken"), NOBODY])]), ExitCode.OWNERSHIP_LOST),
        (ExceptionGroup("tasks", [NOBODY, KeyError("sku")]), ExitCode.INVARIANT_BROKEN),
    ],
    ids=["alone", "in a group", "two that waited for one commit", "groups in a group", "with a bug"],
)
def test_what_was_foreseen_is_no_bug_however_many_tasks_it_ended(error: BaseException, code: ExitCode) -> None:
    """Two accounts that wait for Kafka fail together; a bug among them is not hidden (found by the simulator)."""
    assert ended_for(error).code is code


def test_the_status_comes_with_the_reason_itself() -> None:
    assert ended_for(ExceptionGroup("tasks", [NOBODY, NOBODY])).why == "nobody answers"
