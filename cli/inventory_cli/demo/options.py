"""What the demo may be told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

OUTAGE_DAY_S: Final = 45.0  # a day with an outage is at least so long: it must be over before the day is


class Chaos(StrEnum):
    """What is killed in the middle, as by a power cut, and started again."""

    ENGINE = "engine"
    DELIVERY = "delivery"


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """One run. Addresses of None mean the local stack.

    `factor` scales the marketplaces' time, `pace` is in events a second.
    """

    skus: int
    seconds: float
    seed: int
    report: Path | None
    chaos: tuple[Chaos, ...]
    data_dir: Path
    partitions: int
    bootstrap_servers: str | None
    schema_registry: str | None
    factor: float
    keep: bool
    outage: str | None = None
    pace: float | None = None

    @property
    def events_per_s(self) -> float:
        """The pace: as asked for, else a tenth of the SKUs a second, at least 8 and at most 500."""
        return min(500.0, max(8.0, self.skus / 10)) if self.pace is None else self.pace
