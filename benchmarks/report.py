"""Results as figures for a program and as a table for people."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BASES: Final = ("faust", "quix", "kstreams-rocksdb", "kstreams-rocksdb-eos", "floor")
"""Systems that the table has a column of ratios for, where they were measured."""


@dataclass(frozen=True, slots=True)
class Round:
    """One round: events from all readable to last target readable, with processor time of the system and load."""

    events: int
    seconds: float
    cpu_s: float
    targets: int
    load: float

    @property
    def events_per_s(self) -> float:
        """The rate of this round."""
        return self.events / self.seconds


@dataclass(frozen=True, slots=True)
class Result:
    """One system. `skipped` says why it was not measured; `faults` where its numbers are wrong (none: they are right).

    `memory_mb` is after the last round, `skus` how many it had.
    """

    name: str
    what: str
    rounds: tuple[Round, ...] = ()
    faults: tuple[str, ...] = ()
    skipped: str | None = None
    memory_mb: float = 0.0
    skus: int = 0
    compared: bool = True

    @property
    def rates(self) -> dict[str, float]:
        """Least, median and most events in a second."""
        rates = [one.events_per_s for one in self.rounds]
        return {"min": round(min(rates)), "median": round(statistics.median(rates)), "max": round(max(rates))}


def as_json(results: Sequence[Result]) -> dict[str, dict[str, dict[str, float]]]:
    """The measured systems as `{name: {events_per_s: {min, median, max}}}`."""
    return {one.name: {"events_per_s": one.rates} for one in results if one.rounds}


def table(results: Sequence[Result]) -> str:
    """A Markdown table of rates, ratios to other systems, processor time and memory."""
    medians = {one.name: one.rates["median"] for one in results if one.rounds}
    bases = [base for base in BASES if base in medians]
    head = ["system", "events/s median", "min", "max", *(f"x {base}" for base in bases)]
    head += ["CPU µs/event", "targets/event", "memory MB", "numbers"]
    lines = [_row(head), _row(["---", *["---:"] * (len(head) - 2), "---"])]
    for one in results:
        if not one.rounds:
            lines.append(_row([one.name, *["-"] * (len(head) - 2), one.skipped or "; ".join(one.faults)]))
            continue
        rates, events = one.rates, sum(r.events for r in one.rounds)
        cells = [one.name, *(f"{rates[key]:,.0f}" for key in ("median", "min", "max"))]
        cells += [f"{rates['median'] / medians[base]:.2f}" for base in bases]
        cells.append(f"{sum(r.cpu_s for r in one.rounds) / events * 1e6:.1f}")
        cells.append(f"{sum(r.targets for r in one.rounds) / events:.2f}")
        cells += [f"{one.memory_mb:,.0f}", _verdict(one)]
        lines.append(_row(cells))
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _verdict(result: Result) -> str:
    if result.faults:
        return "WRONG: " + "; ".join(result.faults)
    return "equal to the model" if result.compared else "computes none"


def listed(machine: Mapping[str, object]) -> str:
    """The machine as a list."""
    return "\n".join(f"- {name.replace('_', ' ')}: {_words(value)}" for name, value in machine.items())


def markdown(
    results: Sequence[Result], machine: Mapping[str, object], options: Mapping[str, object], notes: Sequence[str]
) -> str:
    """The whole result as a page."""
    asked = ", ".join(f"{name.replace('_', ' ')} {_words(value)}" for name, value in options.items())
    systems = "\n".join(f"- `{one.name}`: {one.what}" for one in results)
    rounds = "\n".join(
        f"- `{one.name}`: " + ", ".join(f"{r.events_per_s:,.0f}/s (load {r.load})" for r in one.rounds)
        for one in results
        if one.rounds
    )
    parts = (
        "# Engine benchmark",
        f"Measured by `benchmarks/engine.py` with {asked}.",
        table(results),
        f"## Machine\n{listed(machine)}",
        f"## Systems\n{systems}",
        f"## Rounds\n{rounds}",
        "## How it is measured\n" + "\n".join(f"- {note}" for note in notes),
    )
    return "\n\n".join(parts) + "\n"


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {one}" for key, one in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)


def write(folder: Path, name: str, page: str, details: Mapping[str, object]) -> tuple[Path, Path]:
    """Write the page and all details into the folder; gives both files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / f"{name}.md", folder / f"{name}.json"
    paths[0].write_text(page)
    paths[1].write_text(json.dumps(details, indent=2) + "\n")
    return paths
