"""What installs the project: pip's own settings reach uv, and a stale lock is noticed without a network."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.sources import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-uv.lock")


def uv_environment(**settings: str) -> dict[str, str]:
    """The environment that uv would get, from a process whose own one has only these pip settings."""
    program = "import json, install; print(json.dumps(install.uv_environment()))"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "SSL_"))}
    environment = {**clean, "PIP_CONFIG_FILE": os.devnull, "PYTHONPATH": str(ROOT / "packaging"), **settings}
    answer = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(answer.stdout)


def test_an_index_from_pips_file_reaches_uv(tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nindex-url = https://mirror.example/simple\nfind-links =\n  /one\n  /two\n")

    given = uv_environment(PIP_CONFIG_FILE=str(file))

    assert given["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert given["UV_FIND_LINKS"] == "/one,/two"


def test_the_environment_stands_above_pips_file_and_uvs_own_word_above_both(tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nindex-url = https://file.example/simple\n")

    from_environment = uv_environment(PIP_CONFIG_FILE=str(file), PIP_INDEX_URL="https://env.example/simple")
    from_uv = uv_environment(PIP_CONFIG_FILE=str(file), UV_DEFAULT_INDEX="https://uv.example/simple")

    assert from_environment["UV_DEFAULT_INDEX"] == "https://env.example/simple"
    assert from_uv["UV_DEFAULT_INDEX"] == "https://uv.example/simple"


def test_uv_is_left_as_it_is_where_pip_has_no_settings() -> None:
    assert not [name for name in uv_environment() if name.startswith("UV_")]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "packaging", tmp_path / "packaging", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", *LOCKS):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def lock_check(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(folder / "packaging" / "lock.py"), "check"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_locks_belong_to_the_requirements() -> None:
    answer = lock_check(ROOT)

    assert answer.returncode == 0, answer.stderr


def test_a_requirement_that_was_never_locked_is_noticed(copy: Path) -> None:
    project = copy / "pyproject.toml"
    project.write_text(project.read_text().replace('"fastavro>=1.9"', '"fastavro>=1.10"'))

    answer = lock_check(copy)

    assert answer.returncode == 1
    assert "requirements.lock does not belong to the requirements in pyproject.toml: run 'make lock'" in answer.stderr


def test_other_changes_of_the_project_file_leave_the_locks_valid(copy: Path) -> None:
    project = copy / "pyproject.toml"
    project.write_text(project.read_text().replace("line-length = 120", "line-length = 121"))

    assert lock_check(copy).returncode == 0


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_hashes(name: str) -> None:
    """What is installed is what was locked, whatever an index serves."""
    text = (ROOT / name).read_text()
    packages = text.replace("\\\n", " ").splitlines()[1:]

    assert packages
    assert all("--hash=sha256:" in package for package in packages if package and not package.startswith("#"))


def test_no_service_is_installed_for_the_sake_of_its_programs(tmp_path: Path) -> None:
    """Debian starts Prometheus when it is installed, and at every boot, on all addresses of the machine."""
    here, venv = tmp_path / "path", tmp_path / "venv"
    here.mkdir()
    (venv / "bin").mkdir(parents=True)
    for name in ("sh", "mktemp", "cp", "rm", "mkdir", "sed", "touch", "cat"):
        (here / name).symlink_to(shutil.which(name) or name)
    told = tmp_path / "told"
    unpacked = 'mkdir -p "$3/usr/bin"; for one in prometheus promtool amtool; do echo > "$3/usr/bin/$one"; done'
    fakes = {
        "apt-get": f'echo "$@" >> {told}; case "$1" in download) touch a.deb;; esac',
        "dpkg-deb": unpacked,
        "id": "echo 0",
        "chromium": ":",
        "docker-compose": ":",
        "kube-score": ":",
        "kubectl": ":",
    }
    for name, text in fakes.items():
        (here / name).write_text(f"#!/bin/sh\n{text}\n")
        (here / name).chmod(0o755)

    done = subprocess.run(
        [ROOT / "packaging" / "install-tools", venv],
        env={"PATH": str(here)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert told.read_text().splitlines() == ["download -qq prometheus", "download -qq prometheus-alertmanager"]
    assert {one.name for one in (venv / "bin").iterdir()} == {"prometheus", "promtool", "amtool"}
