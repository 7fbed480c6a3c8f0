"""The demo's figures, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from inventory_cli.demo.verdict import Mismatch
from inventory_cli.demo.watch import ChannelFlow, DeadLetterSeen, percentile


@dataclass(frozen=True, slots=True)
class Freshness:
    """From a change to the marketplace's answer, in milliseconds; None where nothing was pushed."""

    p50: int | None
    p99: int | None
    pushes: int

    @staticmethod
    def of(values_ms: Sequence[int]) -> Freshness:
        """The figures of these values."""
        return Freshness(percentile(values_ms, 50), percentile(values_ms, 99), len(values_ms))


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of one run. Times `_s` are seconds; `first_push_s` is from the start of the command."""

    skus: int
    listings: int
    seed: int
    seconds: float
    chaos: Sequence[str]
    events: int
    targets: Mapping[str, int]
    pushes: Mapping[str, Mapping[str, int]]
    freshness_ms: Mapping[str, Freshness]
    freshness_opening_ms: Mapping[str, Freshness]
    listings_compared: int
    mismatches: Sequence[Mismatch]
    sold_units: int
    oversold_units: int
    never_written: int
    dead_letters: Sequence[DeadLetterSeen]
    dead_letters_missing: Sequence[DeadLetterSeen]
    dead_targets: int
    first_push_s: float | None
    settle_s: float
    settled: bool
    restarts: Mapping[str, float]
    outage_missing: Sequence[str] = ()

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost, nothing forbidden was written, and what was wrong was seen to be dead."""
        wrong = (self.mismatches, self.never_written, self.dead_letters_missing, self.outage_missing)
        return self.settled and not any(wrong)

    def as_json(self) -> str:
        """The report as one JSON object; `mismatches` is their number, and `mismatch_list` says which."""
        tree = {name: value for name, value in asdict(self).items() if name not in ("mismatches",)}
        tree["mismatches"] = len(self.mismatches)
        tree["mismatch_list"] = [asdict(one) for one in self.mismatches]
        tree["good"] = self.is_good
        return json.dumps(tree, indent=2, default=str) + "\n"

    def write(self, file: Path) -> None:
        """Write it as JSON."""
        file.write_text(self.as_json(), encoding="utf-8")


def freshness_of(channels: Mapping[str, ChannelFlow], *, opening: bool) -> dict[str, Freshness]:
    """Freshness by channel, of the opening (everything is told for the first time) or of the day after it."""
    return {name: Freshness.of(flow.opening_ms if opening else flow.freshness_ms) for name, flow in channels.items()}
