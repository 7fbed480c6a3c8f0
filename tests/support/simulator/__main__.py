"""Runs one seed of the world and prints what happened in it."""

from __future__ import annotations

import sys

from tests.support.simulator.run import Violation
from tests.support.simulator.world import steps_of


def main(seed: int) -> int:
    """Every step of the run; 1 where a promise was broken."""
    try:
        steps = steps_of(seed)
    except Violation as violation:
        sys.stdout.write(f"{violation}\n")
        return 1
    sys.stdout.write("\n".join([*steps, f"seed {seed}: every promise was kept", ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
