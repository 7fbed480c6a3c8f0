"""What is said of channels that delivery tells of, and of those that it does not any more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest
from typer.testing import CliRunner

from inventory_cli import operating
from inventory_cli.channel import app
from inventory_domain.health import ChannelState, new_channel
from inventory_domain.identifiers import ChannelId
from inventory_schemas.records import HealthRecord

CHANNEL = ChannelId("ebay-us")


@dataclass
class Told:
    """A channel that sells, of which delivery said so then."""

    seconds: float
    said_ms: dict[ChannelId, int] = field(default_factory=dict)

    def healths(self) -> dict[ChannelId, HealthRecord]:
        self.said_ms[CHANNEL] = int((time.time() - self.seconds) * 1_000)
        return {CHANNEL: HealthRecord(replace(new_channel(CHANNEL, 0), state=ChannelState.SELLING))}


@pytest.mark.parametrize(("seconds", "status"), [(20, 0), (600, 1)])
def test_a_channel_that_delivery_says_nothing_of_any_more_does_not_sell_for_all_we_know(
    monkeypatch: pytest.MonkeyPatch, seconds: float, status: int
) -> None:
    @contextmanager
    def opened(*_given: object) -> Iterator[Told]:
        yield Told(seconds)

    monkeypatch.setattr(operating, "channel_operator", opened)

    answer = CliRunner().invoke(app, ["status"])

    assert answer.exit_code == status, answer.output
    assert ("how it is now is not known" in answer.stderr) is (status == 1)
    assert "selling" in answer.stdout
