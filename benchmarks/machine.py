"""The machine that a result was measured on, without a name or a path of it."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import psutil

from inventory_sandbox.stack.artifacts import locked_artifacts

PACKAGES: Final = ("faust-streaming", "aiokafka", "confluent-kafka", "fastavro")


def described() -> dict[str, object]:
    """Processor, memory, system and versions; `load_1m` is the load when it was asked, other work included."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "kafka": next(one.version for one in locked_artifacts("kafka") if one.name.startswith("kafka_")),
        "load_1m": load(),
    }


def load() -> float:
    """The mean number of running processes over the last minute."""
    return round(os.getloadavg()[0], 2)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
