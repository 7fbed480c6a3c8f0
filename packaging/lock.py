"""Writes the lock files, and says whether they still belong to pyproject.toml.

lock.py write   resolves again; versions that still fit stay as they are
lock.py upgrade resolves to the newest versions that fit
lock.py check   exit status 1 when pyproject.toml asks for something else than was locked (works offline)
"""

import hashlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(Path(__file__).parent))
from install import UV, uv_environment  # noqa: E402 - the folder is not a package

UV_VERSION = "0.13.9"
# lock file -> what uv compiles it from; a later one takes over the versions of an earlier one
LOCKS = {
    "requirements.lock": ["pyproject.toml", "--group", "build"],
    "requirements-dev.lock": ["pyproject.toml", "--group", "build", "--group", "dev", "-c", "requirements.lock"],
    "requirements-uv.lock": ["-"],
}
MARK = "# made by 'make lock' from the requirements with digest "


def digest() -> str:
    """Changes when, and only when, the requirements in pyproject.toml change."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())
    parts = [
        table["project"]["requires-python"],
        table["project"]["dependencies"],
        table["build-system"],
        table["dependency-groups"],
        UV_VERSION,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def write(*, upgrade: bool) -> None:
    """Resolves for all platforms and Python versions at once and writes each lock with its digest."""
    for name, sources in LOCKS.items():
        lock = ROOT / name
        command = [str(UV), "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-header"]
        command += ["--no-annotate", "--python-version", "3.11", *sources, "-o", str(lock)]
        if upgrade or not lock.exists():
            command.append("--upgrade")
        subprocess.run(command, cwd=ROOT, env=uv_environment(), input=f"uv=={UV_VERSION}\n", text=True, check=True)
        lock.write_text(f"{MARK}{digest()}\n{lock.read_text()}")
        print(f"{name}: {sum(line[0].isalnum() for line in lock.read_text().splitlines())} packages")


def check() -> int:
    """Names each lock that was made from other requirements."""
    stale = [name for name in LOCKS if not _is_current(ROOT / name)]
    for name in stale:
        print(f"{name} does not belong to the requirements in pyproject.toml: run 'make lock'", file=sys.stderr)
    return 1 if stale else 0


def _is_current(lock: Path) -> bool:
    return lock.exists() and lock.read_text().startswith(f"{MARK}{digest()}\n")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["write"]:
            write(upgrade=False)
        case ["upgrade"]:
            write(upgrade=True)
        case ["check"]:
            raise SystemExit(check())
        case _:
            raise SystemExit(__doc__)
