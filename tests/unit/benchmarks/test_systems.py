"""The systems that are measured beside each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.cluster import Cluster
from benchmarks.systems import Place, python_systems


def test_a_peers_python_is_found_from_whatever_folder_its_process_starts_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    quix = next(one for one in python_systems(Path("peers/bin/python")) if one.name == "quix")

    command = quix.command(Place(Cluster("127.0.0.1:1", "http://127.0.0.1:1"), "bench.", tmp_path))

    assert command[0] == str(tmp_path / "peers/bin/python")
