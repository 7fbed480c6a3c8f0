"""What a container is promised and held to, by a stated rule from what was measured: benchmarks/results/resources.json.

The benchmark has one process of each role, which does the work of all its partitions, for two sizes of catalog.

- Memory at a size: the line through the two sizes; what does not grow is flat. It is what one process needs that has
  every partition, as the last one does while the others are gone.
- Request of memory: at `SKUS_TYPICAL`. Limit: `HEADROOM` times what it is at `SKUS_SIZED`, and `BACKLOG_MIB` for what
  is fetched and computed while a process catches up, of which the benchmark's day has little.
- Request of processor time: the mean over the larger size's day. Limit: whole cores, `CORES_HEADROOM` times the busiest
  five seconds, and never below `CORES_MIN`. It is there for the neighbours' sake: a process that catches up uses a core
  and what Kafka's threads need beside it, and one that is slowed down falls behind.

Another size is another number here and `make generate`; another machine is another run of benchmarks/resources.py.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

RESULT: Final = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "resources.json"
SKUS_TYPICAL: Final = 10_000
SKUS_SIZED: Final = 50_000
HEADROOM: Final = 1.5
BACKLOG_MIB: Final = 256
CORES_HEADROOM: Final = 2.0
MEMORY_STEP_MIB: Final = 32
CPU_STEP_M: Final = 50
CORES_MIN: Final = 2


@dataclass(frozen=True, slots=True)
class Resources:
    """What a container is promised, and what it is held to."""

    cpu: str
    memory: str
    cpu_max: str
    memory_max: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What a role used: memory at most for each of two sizes, and cores in the day of the larger one."""

    skus: tuple[int, int]
    memory_mib: tuple[float, float]
    cores_mean: float
    cores_max: float

    @property
    def mib_per_thousand_skus(self) -> float:
        """What each thousand SKUs add, never less than nothing."""
        (fewer, more), (least, most) = self.skus, self.memory_mib
        return max(0.0, (most - least) * 1_000 / (more - fewer))

    def memory_mib_at(self, skus: int) -> float:
        """By the line through both sizes."""
        base = max(self.memory_mib) - self.mib_per_thousand_skus * self.skus[1] / 1_000
        return base + self.mib_per_thousand_skus * skus / 1_000


def measured(text: str) -> Mapping[str, Measured]:
    """The roles of a result."""
    fewer, more = json.loads(text)["sizes"]
    return {
        role: Measured(
            (fewer["skus"], more["skus"]),
            (fewer["roles"][role]["memory_mib_max"], used["memory_mib_max"]),
            used["cores_mean"],
            used["cores_max"],
        )
        for role, used in more["roles"].items()
    }


def resources(role: Measured) -> Resources:
    """By the rule above."""
    memory = _stepped(role.memory_mib_at(SKUS_TYPICAL), MEMORY_STEP_MIB)
    memory_max = _stepped(role.memory_mib_at(SKUS_SIZED) * HEADROOM + BACKLOG_MIB, MEMORY_STEP_MIB)
    cpu = _stepped(role.cores_mean * 1_000, CPU_STEP_M)
    cpu_max = max(CORES_MIN, math.ceil(role.cores_max * CORES_HEADROOM))
    return Resources(f"{cpu}m", f"{memory}Mi", str(cpu_max), f"{memory_max}Mi")


def _stepped(value: float, step: int) -> int:
    return step * max(1, math.ceil(value / step))


MEASURED: Final = measured(RESULT.read_text())
RESOURCES: Final = {role: resources(one) for role, one in MEASURED.items()}
"""Of every process by its name, and of the job that prepares a rollout."""


def table() -> str:
    """For docs/operations.md."""
    head = ("role", f"{SKUS_TYPICAL:,} SKUs", "more per 1,000", "cores, mean", "at most", "request", "limit")
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    for role, one in MEASURED.items():
        got = RESOURCES[role]
        lines.append(
            f"| {role} | {one.memory_mib_at(SKUS_TYPICAL):.0f} MiB | {one.mib_per_thousand_skus:.1f} MiB "
            f"| {one.cores_mean:.2f} | {one.cores_max:.2f} "
            f"| {got.cpu}, {got.memory} | {got.cpu_max}, {got.memory_max} |"
        )
    return "".join(f"{line}\n" for line in lines)
