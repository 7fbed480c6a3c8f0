"""With which status a process ends for what is nobody's fault here."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import pytest
from confluent_kafka import KafkaError, KafkaException

from inventory_schemas.registry import RegistryUnavailable
from inventory_streams.delivery import run as delivery
from inventory_streams.kafka.stopping import ExitCode
from inventory_streams.reconcile import run as reconcile
from inventory_streams.signals import run as signals


@pytest.mark.parametrize("process", [delivery, reconcile, signals], ids=["delivery", "reconcile", "signals"])
@pytest.mark.parametrize("error", [RegistryUnavailable("no answer"), KafkaException(KafkaError(KafkaError._TRANSPORT))])
def test_a_registry_or_broker_that_does_not_answer_is_no_bug_of_ours(
    process: object, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[ExitCode] = []

    def end(code: ExitCode, why: str) -> NoReturn:
        ended.append(code)
        raise SystemExit

    monkeypatch.setattr(process, "end_process", end)
    end_for: Callable[[BaseException], None] = process.end_for  # type: ignore[attr-defined]

    with pytest.raises(SystemExit):
        end_for(error)

    assert ended == [ExitCode.RECOVERY_FAILED]
