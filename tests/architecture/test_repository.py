"""What is in the repository, and what of it reaches users."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.sources import ROOMS, ROOT, report, tracked_files

MACHINE_PATH = re.compile(r"(?<![\w.\-])/(work|tmp|root)/")
REGISTRY_HOST = re.compile(
    r"pypi[.]org|pythonhosted[.]org|repo1?[.]maven|maven[.]org|registry[.]npmjs|proxy[.]golang|crates[.]io|deb[.]debian"
)
BINARY = {".png", ".ico", ".woff2", ".gz"}


@pytest.fixture(scope="module")
def text_files() -> list[tuple[Path, str]]:
    files = [path for path in tracked_files() if path.suffix not in BINARY]
    if not files:
        pytest.skip("not a git checkout")
    return [(path, (ROOT / path).read_text()) for path in files]


@pytest.mark.parametrize(
    ("what", "pattern"), [("a machine's own path", MACHINE_PATH), ("a registry", REGISTRY_HOST)], ids=["paths", "hosts"]
)
def test_no_file_depends_on_one_machine(
    what: str, pattern: re.Pattern[str], text_files: list[tuple[Path, str]]
) -> None:
    violations = [
        f"{path}:{number} names {what}: {line.strip()[:80]}"
        for path, text in text_files
        if path != Path(__file__).relative_to(ROOT)
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]

    assert not violations, report(violations)


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(tmp_path: Path) -> None:
    """Schemas, queries and settings are read from the installed package, so they must be in it."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")

    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}

    assert packed == _package_files()
    assert all(f"inventory_{room}/py.typed" in packed for room in ROOMS if (ROOT / room).is_dir())


def test_make_help_lists_every_command() -> None:
    commands = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))

    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True).stdout

    assert commands == set(re.findall(r"^  make ([a-z]+)", listed, flags=re.MULTILINE))


def test_processes_started_by_make_keep_what_they_compiled_in_the_environment() -> None:
    """Half of a process' start is compiling, where the environment says to keep nothing and each does it again."""
    said = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": ""}

    shown = subprocess.run(
        ["make", "--eval", "environment: ; @env", "environment", "VENV=made"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env=said,
    ).stdout.splitlines()

    assert f"PYTHONPYCACHEPREFIX={ROOT / 'made' / 'pycache'}" in shown
    assert not [line for line in shown if line.startswith("PYTHONDONTWRITEBYTECODE=")]


def _package_files() -> set[str]:
    return {
        str(path.relative_to(ROOT / room))
        for room in ROOMS
        for path in (ROOT / room / f"inventory_{room}").rglob("*")
        if path.is_file() and path.suffix != ".pyc" and not path.name.startswith(".")
    }
