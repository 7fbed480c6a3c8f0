"""When a target that could not be pushed is tried again."""

from __future__ import annotations

from dataclasses import dataclass

from inventory_domain.errors import ConfigFault

DOUBLED_MAX = 64  # times that a wait is doubled: 2.0 to the power of 1024 is no number any more
JITTER_MAX = 0.1  # only later, never sooner: the schedule is a promise to operators


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """Waits in seconds after the first, second, ... failure in a row; then `steady_s` for every further one."""

    first_s: tuple[float, ...] = (5.0, 15.0, 60.0)
    steady_s: float = 300.0

    @property
    def waits_s(self) -> tuple[float, ...]:
        """Every wait that there is."""
        return (*self.first_s, self.steady_s)

    def faults(self, path: str) -> list[ConfigFault]:
        """What is wrong with these waits, each with its path in the configuration file."""
        waits = list(self.waits_s)
        if all(0 < wait <= 86_400 for wait in waits):
            return []
        return [ConfigFault(path, f"has the waits {waits}; each must be above 0 s and at most a day")]


def delay_s(failures: int, schedule: RetrySchedule, jitter: float) -> float:
    """Seconds to wait after so many failures in a row (1 or more). `jitter` from 0 to 1 spreads up to 10 % later."""
    index = failures - 1
    wait = schedule.first_s[index] if index < len(schedule.first_s) else schedule.steady_s
    return wait * (1 + JITTER_MAX * min(max(jitter, 0.0), 1.0))


def doubled_s(first_s: float, failures: int, most_s: float) -> float:
    """Seconds to wait after so many failures in a row (1 or more), each wait twice as long as the one before."""
    return min(first_s * 2.0 ** min(failures - 1, DOUBLED_MAX), most_s)
