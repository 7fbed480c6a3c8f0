"""One marketplace that is down for a while, for a person to watch: alert, countdown, zero, recovery, restore."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from inventory_cli.connecting import Connection
from inventory_cli.demo.sandbox_control import SandboxControl
from inventory_domain.health import ChannelHealth, ChannelState, HealthRules
from inventory_domain.identifiers import ChannelId
from inventory_domain.retry import RetrySchedule
from inventory_schemas.codec import Serde
from inventory_schemas.records import CHANNEL_HEALTH
from inventory_schemas.registry import Registry
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.kafka.reading import groupless_consumer

STOP_AFTER_S: Final = 12.0
DOWN_S: Final = STOP_AFTER_S + 8.0  # beyond the limit, so that zeros are tried for a while
BEGINS_AT: Final = 0.15  # of the day
SCHEDULE: Final = RetrySchedule((0.5, 1.5, 3.0), 4.0)
RULES: Final = HealthRules(
    probe=SCHEDULE,
    idle_probe_s=6.0,
    outage_probe_s=4.0,
    stop_after_s=STOP_AFTER_S,
    warn_before_s=6.0,
    restore_ramp_s=3.0,
)
"""The protocol 150 times faster: 30 minutes are 12 seconds, 5 minutes are 4."""
MUST_BE_SEEN: Final = (
    ChannelState.FAILING,
    ChannelState.STOPPED,
    ChannelState.RESTORING,
    ChannelState.SELLING,
)

_SAID: Final[Mapping[ChannelState, str]] = {
    ChannelState.FAILING: "[red]fails[/]: one probe goes instead of every listing",
    ChannelState.STOPPED: "[bold red]stop-sale[/]: zero for every listing, ahead of everything, until it gets through",
    ChannelState.RESTORING: "[green]the way is open[/]: newest numbers go out, falls first",
    ChannelState.SELLING: "[bold green]sells, whole again[/]",
    ChannelState.PAUSED: "is paused",
    ChannelState.OUTAGE: "its platform says that it is down",
}


def in_a_hurry(settings: DeliverySettings) -> DeliverySettings:
    """These settings with the protocol's times scaled."""
    return replace(settings, retry=SCHEDULE, health=RULES, report_interval_s=1.0)


class OutageShow:
    """Takes the marketplace down and up again, and says what becomes of its channels. Belongs to one thread."""

    def __init__(
        self,
        marketplace: str,
        channels: Mapping[str, str],
        connection: Connection,
        registry: Registry,
        control: SandboxControl,
        day_s: float,
        say: Callable[[str], None],
    ) -> None:
        self._marketplace = marketplace
        self._channels = {name for name, owner in channels.items() if owner == marketplace}
        self._control = control
        self._say = say
        self._down_at_s = day_s * BEGINS_AT
        self._fault: int | None = None
        self._is_over = False
        self._serde = Serde(CHANNEL_HEALTH, f"{connection.topics.channel_health}-value", registry)
        self._health: dict[ChannelId, ChannelHealth] = {}
        self._seen: dict[ChannelId, list[ChannelState]] = {}
        self._consumer = groupless_consumer(connection.kafka)
        self._consumer.assign([TopicPartition(connection.topics.channel_health, 0, OFFSET_BEGINNING)])

    @property
    def is_whole(self) -> bool:
        """Whether the outage came, and every channel sells again."""
        return self._is_over and all(
            self._health[name].state is ChannelState.SELLING for name in self._health if name in self._channels
        )

    def missing(self) -> list[str]:
        """What should have been seen of a channel and was not."""
        if not self._seen:
            return [f"no channel of {self._marketplace} was seen to fail"]
        return [
            f"{channel}: never {state.value}"
            for channel, states in self._seen.items()
            for state in MUST_BE_SEEN
            if state not in states
        ]

    def tick(self, day_s: float) -> None:
        """So many seconds of the day are over."""
        if self._fault is None and day_s >= self._down_at_s:
            self._fault = self._control.add_fault(self._marketplace, "503")
            self._say(f"[bold]{self._marketplace} is down[/]: every call is answered with 503, for {DOWN_S:.0f} s")
        elif not self._is_over and self._fault is not None and day_s >= self._down_at_s + DOWN_S:
            self._is_over = True
            self._control.remove_fault(self._fault)
            self._say(f"[bold]{self._marketplace} is up again[/]")
        for message in self._consumer.consume(200, 0.0):
            if message.error() is None and (value := message.value()) is not None:
                self._follow(self._serde.decode(value).health)

    def _follow(self, health: ChannelHealth) -> None:
        before = self._health.get(health.channel)
        self._health[health.channel] = health
        if health.channel not in self._channels or before is None:
            return
        if health.warned and not before.warned:
            self._say(f"{health.channel}: [red]alert[/] stop-sale-near, {self._countdown(health)}")
        if health.state is before.state:
            return
        self._seen.setdefault(health.channel, []).append(health.state)
        why = f" ({health.reason})" if health.state in (ChannelState.FAILING, ChannelState.STOPPED) else ""
        until = f"; {self._countdown(health)}" if health.stop_at_ms is not None else ""
        self._say(f"{health.channel}: {_SAID[health.state]}{why}{until}")

    def _countdown(self, health: ChannelHealth) -> str:
        left_s = max(0.0, (health.stop_at_ms or 0) / 1000 - time.time())
        return f"stop-sale in {left_s:.0f} s unless something goes through"

    def notes(self) -> list[str]:
        """How each channel of the marketplace is now, with its countdown."""
        found = []
        for name in sorted(self._channels):
            health = self._health.get(ChannelId(name))
            if health is not None and health.state is not ChannelState.SELLING:
                countdown = f", {self._countdown(health)}" if health.stop_at_ms is not None else ""
                found.append(f"{name}: {health.state.value}, {health.failures_in_a_row} failures in a row{countdown}")
        return found

    def close(self) -> None:
        """Give the connection back."""
        self._consumer.close()
