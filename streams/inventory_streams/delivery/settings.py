"""What a delivery process may be told, with the reason of each number beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from inventory_domain.errors import ConfigFault
from inventory_domain.health import HealthRules
from inventory_domain.identifiers import ChannelId, Marketplace
from inventory_domain.listing_holds import LetterRules
from inventory_domain.modes import LIVE, ChannelMode
from inventory_domain.retry import RetrySchedule
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Topics

DAY_S = 86_400.0
_POSITIVE = (
    "attempt_valid_s",
    "request_s_max",
    "drain_s_max",
    "aged_after_s",
    "report_interval_s",
    "offset_commit_interval_s",
    "session_timeout_s",
    "status_poll_s",
)


DEADLINE_FACTOR = 1.5
DEADLINE_LEAST_S = 120.0  # a read that said nothing is asked for again within it, by the schedule of retries


def deadline_s(settling_s_max: float) -> float:
    """By when a write must be seen live where nothing else is said, by what its marketplace says that it needs."""
    return max(DEADLINE_FACTOR * settling_s_max, settling_s_max + DEADLINE_LEAST_S)


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """One marketplace's delivery. Every `_s` is in seconds, every `_max` is a bound that holds.

    `handover_wait_s`: how long a listing rests after a takeover when the former owner's request may still be under
    way: `attempt_valid_s` plus `request_s_max`. `read_share`: the part of a throttle that reads may use while pushes
    wait for the same one. `zero_reserve`: the part of a daily quota that only falls to zero may use.
    `engine_silent_s`: when the engine's word on a partition is older than this, its listings are shown as zero; where
    there is none, its newest target.
    `tick_s`: how often what waits for a time is looked at.
    `status_poll_s`: how often a marketplace is asked how it is. `readiness_check_s`: how often an account that is set
    as our writes need it is looked at again.
    `modes`: of the channels that are not live. `deadlines_s`: by when a fall or a sampled rise of a channel must be
    seen live, where it is not `DEADLINE_FACTOR` times what the marketplace needs at most; past it it is told and tried
    by the other path. `order_delay_s`: how long orders may take to be reported: two equal reads that far apart do not
    show a sale, so that a rise may be sent again. `failing_fall_s`: after so long the listing of a fall goes to zero by
    every path, unless more than `failing_falls_max` of a channel do, which is the channel's matter. A fall that
    waits so long for the next day's quota goes to zero too, however many do.
    `mass_change_hold_s`: how long a change that is part of a mass change is held. `rise_sample_percent`: the part of
    rises that are read back.
    `aged_after_s`: what waits longer than this is served in turn with what is more urgent, so that nothing starves.
    `pull_share`: the part of a limit that reconciliation's pulls may use where they call what pushes call, too.
    """

    app: str
    marketplace: Marketplace
    kafka: KafkaSettings
    topics: Topics
    retry: RetrySchedule = field(default_factory=RetrySchedule)
    attempt_valid_s: float = 5.0
    request_s_max: float = 15.0
    handover_wait_s: float = 20.0
    drain_s_max: float = 15.0
    unrecognized_attempts_max: int = 5
    requests_in_flight_max: int = 32
    reads_in_flight_max: int = 8
    read_share: float = 0.2
    zero_reserve: float = 0.05
    aged_after_s: float = 60.0
    report_interval_s: float = 5.0
    offset_commit_interval_s: float = 5.0
    commit_linger_s: float = 0.004
    session_timeout_s: float = 10.0
    engine_silent_s: float = 900.0
    health: HealthRules = field(default_factory=HealthRules)
    status_poll_s: float = 60.0
    readiness_check_s: float = DAY_S
    tick_s: float = 0.05
    modes: Mapping[ChannelId, ChannelMode] = field(default_factory=dict)
    deadlines_s: Mapping[ChannelId, float] = field(default_factory=dict)
    order_delay_s: float = 3_600.0
    failing_fall_s: float = 1_800.0
    failing_falls_max: int = 100
    mass_change_hold_s: float = 600.0
    letters: LetterRules = field(default_factory=LetterRules)
    rise_sample_percent: float = 2.0
    pull_share: float = 0.0
    probe_host: str = "127.0.0.1"
    probe_port: int = 0

    def mode(self, channel: ChannelId) -> ChannelMode:
        """How the channel is written."""
        return self.modes.get(channel, LIVE)

    def seen_within(self, channel: ChannelId, settling_s_max: float) -> float:
        """Seconds from a fall's first attempt to its deadline; see `deadlines_s`."""
        given = self.deadlines_s.get(channel)
        return deadline_s(settling_s_max) if given is None else max(given, settling_s_max)

    @property
    def group(self) -> str:
        """The consumer group, and the beginning of the transactional ids of its partitions."""
        return f"{self.app}-delivery-{self.marketplace}"

    def transactional_id(self, partition: int) -> str:
        """The id whose owner alone may write for this partition."""
        return f"{self.group}-{partition}"

    @property
    def health_transactional_id(self) -> str:
        """The id whose owner alone may write the health of this marketplace's channels."""
        return f"{self.app}-health-{self.marketplace}"

    def faults(self, path: str) -> list[ConfigFault]:
        """Everything in these settings that cannot be, each with its path in the configuration file."""
        found = [*self.retry.faults(f"{path}.retry"), *self.health.faults(f"{path}.health")]
        for name in _POSITIVE:
            value = getattr(self, name)
            if not 0 < value <= 600:
                found.append(ConfigFault(f"{path}.{name}", f"is {value}; above 0 s and at most 600"))
        if self.handover_wait_s < self.attempt_valid_s + self.request_s_max:
            least = self.attempt_valid_s + self.request_s_max
            text = f"is {self.handover_wait_s}; a former owner's request may last {least} s after its commit"
            found.append(ConfigFault(f"{path}.handover_wait_s", text))
        if not 0 <= self.commit_linger_s <= 1:
            found.append(ConfigFault(f"{path}.commit_linger_s", f"is {self.commit_linger_s}; 0 to 1 s"))
        if not 0 < self.read_share <= 0.9:
            found.append(ConfigFault(f"{path}.read_share", f"is {self.read_share}; above 0 and at most 0.9"))
        if not 0 <= self.zero_reserve <= 0.9:
            found.append(ConfigFault(f"{path}.zero_reserve", f"is {self.zero_reserve}; 0 to 0.9"))
        if not 0 < self.engine_silent_s <= DAY_S:
            found.append(ConfigFault(f"{path}.engine_silent_s", f"is {self.engine_silent_s}; above 0 s, a day at most"))
        if not 0 < self.readiness_check_s <= DAY_S:
            found.append(
                ConfigFault(f"{path}.readiness_check_s", f"is {self.readiness_check_s}; above 0 s, a day at most")
            )
        found += self._hold_faults(path)
        for name in ("unrecognized_attempts_max", "requests_in_flight_max", "reads_in_flight_max"):
            if getattr(self, name) < 1:
                found.append(ConfigFault(f"{path}.{name}", f"is {getattr(self, name)}; at least 1"))
        return found

    def _hold_faults(self, path: str) -> list[ConfigFault]:
        """What cannot be of what holds or masks single listings."""
        found = [
            ConfigFault(f"channels.{channel}.seen_within_s", f"is {value}; above 0 s, a day at most")
            for channel, value in self.deadlines_s.items()
            if not 0 < value <= DAY_S
        ]
        for name in ("failing_fall_s", "mass_change_hold_s", "order_delay_s"):
            if not 0 < getattr(self, name) <= DAY_S:
                found.append(ConfigFault(f"{path}.{name}", f"is {getattr(self, name)}; above 0 s, a day at most"))
        for name, value in (
            ("rise_sample_percent", self.rise_sample_percent),
            ("dead_letters.percent_max", self.letters.percent_max),
        ):
            if not 0 <= value <= 100:
                found.append(ConfigFault(f"{path}.{name}", f"is {value}; 0 to 100"))
        for name, value in (
            ("failing_falls_max", self.failing_falls_max),
            ("dead_letters.in_a_row_max", self.letters.in_a_row_max),
            ("dead_letters.share_of_least", self.letters.share_of_least),
        ):
            if value < 1:
                found.append(ConfigFault(f"{path}.{name}", f"is {value}; at least 1"))
        return found
