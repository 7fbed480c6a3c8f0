"""Whether a channel can be vouched for: what is known of it, and what follows for everybody.

One owner per marketplace runs this (rule 33). Facts come in by the functions of `health_machine`; the state is derived
from the facts, so that no order of events can leave the two apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from inventory_domain.errors import ConfigFault
from inventory_domain.identifiers import ChannelId
from inventory_domain.listing_holds import TOO_MANY_DEAD_LETTERS
from inventory_domain.masks import STOP_SALE, Standing
from inventory_domain.retry import RetrySchedule

FAILURES_IN_A_ROW: Final = 3  # design.md section 4: three in a row on a channel, no success between
SYSTEM: Final = "system"
UNAUTHORIZED: Final = "unauthorized"  # the failure that counts at once: credentials do not come back by themselves

ENGINE_BEHIND: Final = "engine-behind-recovery"
CIRCUIT_OPEN: Final = "circuit-open"
KNOWN_OUTAGE: Final = "known-outage"
PAUSED: Final = "paused"
NO_REPORT: Final = "no report yet"  # the first words of a channel's health, as long as nothing changes its state
NOTHING_WRITTEN: Final = "nothing was written yet"
ANSWERS: Final = "the marketplace answers"
SILENT_MS: Final = 120_000
"""A channel whose health was not written for so long is not known to be as it says: delivery writes it every 15 s."""
_DAY_S: Final = 86_400.0


class ChannelState(Enum):
    """SELLING: writes go through. FAILING: they do not, and one probe goes instead of every listing. OUTAGE: the
    platform says so itself. PAUSED: an operator holds it. STOPPED: all its listings are shown as zero. RESTORING: the
    way is open again and the newest targets go out. NOT_LIVE: its account was never seen to be set as our writes need
    it, so nothing is written."""

    SELLING = "selling"
    FAILING = "failing"
    OUTAGE = "outage"
    PAUSED = "paused"
    STOPPED = "stopped"
    RESTORING = "restoring"
    NOT_LIVE = "not-live"


_S = ChannelState
_NOT_READY: Final = "its account is not set as our writes need it, and never was since it is ours"
TRANSITIONS: Final[Mapping[ChannelState, Mapping[ChannelState, str]]] = {
    _S.SELLING: {
        _S.FAILING: "failures in a row, or credentials lost",
        _S.OUTAGE: "the platform says that it is down",
        _S.PAUSED: "pause",
        _S.STOPPED: "stop-sale, or no success for the limit",
        _S.NOT_LIVE: _NOT_READY,
    },
    _S.FAILING: {
        _S.SELLING: "a probe went through",
        _S.RESTORING: "a probe went through before the channel was whole again",
        _S.OUTAGE: "the platform says that it is down",
        _S.PAUSED: "pause of everything, or a probe went through while it is paused",
        _S.STOPPED: "no success for the limit, or stop-sale",
        _S.NOT_LIVE: _NOT_READY,
    },
    _S.OUTAGE: {
        _S.SELLING: "a probe went through, or the platform says that it is up and nothing had failed",
        _S.RESTORING: "the same, before the channel was whole again",
        _S.FAILING: "the platform says that it is up, and a probe must show it",
        _S.PAUSED: "pause of everything, or the outage is over while it is paused",
        _S.STOPPED: "no success for the limit, or stop-sale",
        _S.NOT_LIVE: _NOT_READY,
    },
    _S.PAUSED: {
        _S.SELLING: "resume",
        _S.RESTORING: "resume before the channel was whole again",
        _S.FAILING: "failures in a row while falls go, or resume of a channel that failed",
        _S.OUTAGE: "the platform says that it is down while falls go, or resume while it says so",
        _S.STOPPED: "no success for the limit (counted from a pause of everything), or stop-sale",
        _S.NOT_LIVE: _NOT_READY,
    },
    _S.STOPPED: {
        _S.RESTORING: "a push went through, and no operator wants it stopped",
        _S.PAUSED: "the same, while it is paused",
        _S.NOT_LIVE: "restore",
    },
    _S.RESTORING: {
        _S.SELLING: "every listing shows what it should",
        _S.FAILING: "failures in a row, or credentials lost",
        _S.OUTAGE: "the platform says that it is down",
        _S.PAUSED: "pause",
        _S.STOPPED: "stop-sale, or no success for the limit",
        _S.NOT_LIVE: _NOT_READY,
    },
    _S.NOT_LIVE: {
        _S.SELLING: "its account is set as our writes need it",
        _S.RESTORING: "the same, before the channel was whole again",
        _S.FAILING: "the same, and writes do not go through",
        _S.OUTAGE: "the same, and the platform says that it is down",
        _S.PAUSED: "the same, while it is paused",
        _S.STOPPED: "stop-sale",
    },
}
"""Every change of state that there is, and what brings it about."""


@dataclass(frozen=True, slots=True)
class HealthRules:
    """When a channel is probed, stopped and restored. Every `_s` is in seconds.

    `stop_after_failures` and `stop_after_failures_s`: the second trigger, so many failures in a row with no success for
    so long; 0 failures: off. `restore_ramp_s`: rises come back over so long. `warn_before_s`: how long before stop-sale
    the warning goes out.
    """

    failures_in_a_row: int = FAILURES_IN_A_ROW
    probe: RetrySchedule = field(default_factory=RetrySchedule)
    idle_probe_s: float = 300.0
    outage_probe_s: float = 300.0
    stop_after_s: float = 1_800.0
    stop_after_failures: int = 0
    stop_after_failures_s: float = 300.0
    warn_before_s: float = 600.0
    restore_ramp_s: float = 300.0

    def faults(self, path: str) -> list[ConfigFault]:
        """Everything in these rules that cannot be, each with its path in the configuration file."""
        found = self.probe.faults(f"{path}.probe")
        for name in ("idle_probe_s", "outage_probe_s", "stop_after_s"):
            value = getattr(self, name)
            if not 0 < value <= _DAY_S:
                found.append(ConfigFault(f"{path}.{name}", f"is {value}; above 0 s and at most a day"))
        for name in ("stop_after_failures_s", "warn_before_s", "restore_ramp_s"):
            value = getattr(self, name)
            if not 0 <= value <= _DAY_S:
                found.append(ConfigFault(f"{path}.{name}", f"is {value}; 0 s to a day"))
        if self.failures_in_a_row < 1:
            found.append(ConfigFault(f"{path}.failures_in_a_row", f"is {self.failures_in_a_row}; at least 1"))
        if self.stop_after_failures < 0:
            found.append(ConfigFault(f"{path}.stop_after_failures", f"is {self.stop_after_failures}; 0 is off"))
        if self.idle_probe_s >= self.stop_after_s:
            text = f"is {self.idle_probe_s}; an idle channel would be stopped ({self.stop_after_s} s) before its probe"
            found.append(ConfigFault(f"{path}.idle_probe_s", text))
        return found


@dataclass(frozen=True, slots=True)
class ChannelReport:
    """What one worker saw on one channel since its last report.

    `failures_since_success` counts this worker's failures after its last success (all of them when it had none);
    `last_success_ms` is None until it had one. `rounds`: how often the listing that failed most often has failed in a
    row. `probes_failed`: failures that were probes. `reads_answered`: probes by a read, which prove less than a write.
    `epoch`: of the health that the worker follows. `listings` that it may write; `unsettled`: those of them that do
    not show yet what they should. `flooded`: since the last report it has begun to see more dead letters than bad data
    can be. `revised`: what the marketplace lets be written only so often a day, and how often it was written, not told
    before; of one channel of an account for all of them.
    """

    channel: ChannelId
    worker: str
    at_ms: int
    successes: int
    failures: Mapping[str, int]
    failures_since_success: int
    last_success_ms: int | None
    backlog: int
    quota_used: Mapping[str, int]
    rounds: int = 0
    probes_failed: int = 0
    reads_answered: int = 0
    epoch: int = 0
    listings: int = 0
    unsettled: int = 0
    flooded: bool = False
    revised: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pause:
    """An operator's pause: rises wait; `falls_too`: nothing goes at all."""

    by: str
    why: str
    at_ms: int
    falls_too: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop-sale. `held`: only an operator's word ends it; else a push that goes through does."""

    by: str
    why: str
    at_ms: int
    held: bool = False


@dataclass(frozen=True, slots=True)
class ChannelHealth:
    """A channel's state as everybody sees it, with the facts that it is derived from.

    The epoch grows at each stop and each restore. Without success is counted from the later of `clock_from_ms` and the
    last success. `stop_at_ms`: when stop-sale begins unless something goes through, while that is coming. `rounds`:
    probes that failed, which is the place in their schedule. `half_open`: something told that the way may be open, so
    what waits may try. `recovered_ms`: when the last outage ended; nothing rises while the engine's word is older.
    `restoring`: not every listing shows yet what it should since the last stop. `outage_disproved`: a push went through
    although the platform says that it is down, so its word counts for nothing until it changes. `went_live_ms`: when
    its account was first seen to be set as our writes need it, where the marketplace has such a setting; `not_ready`:
    why it is not set so now. `flooded_ms`: since when a worker saw more dead letters than bad data can be; rises wait
    until an operator resumes the channel.
    """

    channel: ChannelId
    state: ChannelState
    epoch: int
    since_ms: int
    failures_in_a_row: int
    last_success_ms: int | None
    reason: str
    by: str
    clock_from_ms: int = 0
    stop_at_ms: int | None = None
    warned: bool = False
    probe_at_ms: int | None = None
    probe_by: str = ""
    rounds: int = 0
    half_open: bool = False
    credentials_lost: bool = False
    known_outage: bool = False
    outage_disproved: bool = False
    pause: Pause | None = None
    stop: Stop | None = None
    restoring: bool = False
    recovered_ms: int | None = None
    went_live_ms: int | None = None
    not_ready: str | None = None
    flooded_ms: int | None = None

    @property
    def is_not_live(self) -> bool:
        """Whether nothing of it is written, because it was never ready."""
        return self.not_ready is not None and self.went_live_ms is None

    @property
    def without_success_since_ms(self) -> int:
        """From when on the time without a success counts."""
        return max(self.clock_from_ms, self.last_success_ms or 0)

    def is_failing(self, rules: HealthRules) -> bool:
        """Whether writes do not go through, whatever else holds."""
        return self.failures_in_a_row >= rules.failures_in_a_row or self.credentials_lost


def new_channel(channel: ChannelId, now_ms: int) -> ChannelHealth:
    """A channel of which nothing is known yet: it sells until it fails."""
    return ChannelHealth(channel, ChannelState.SELLING, 1, now_ms, 0, None, NO_REPORT, SYSTEM, clock_from_ms=now_ms)


def standing_of(health: ChannelHealth, rules: HealthRules, complete_until_ms: int | None) -> Standing:
    """What the channel's health means for its listings on a partition that the engine has spoken of up to then."""
    known = KNOWN_OUTAGE if health.known_outage else None
    if health.stop is not None:
        return Standing(mask=STOP_SALE, falls_held=known, every_path=True)
    if known is not None:
        return Standing(rises_held=known, falls_held=known)
    pause = health.pause
    if health.is_failing(rules) and not health.half_open:
        return Standing(rises_held=CIRCUIT_OPEN, falls_held=CIRCUIT_OPEN)
    rises_held = PAUSED if pause is not None else None
    falls_held = PAUSED if pause is not None and pause.falls_too else None
    if rises_held is None and health.flooded_ms is not None:
        rises_held = TOO_MANY_DEAD_LETTERS
    recovered_ms = health.recovered_ms
    if rises_held is None and recovered_ms is not None and (complete_until_ms or 0) < recovered_ms:
        rises_held = ENGINE_BEHIND  # P6: what was computed during the outage may be old
    return Standing(rises_held=rises_held, falls_held=falls_held)
