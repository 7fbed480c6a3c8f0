"""Which Java the stack is started with."""

from pathlib import Path

import pytest

from inventory_sandbox.stack import JavaMissing
from inventory_sandbox.stack.java import find_java


@pytest.fixture(autouse=True)
def no_java_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))


def a_java(folder: Path, major: int) -> Path:
    java = folder / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{major}.0.1\" 2026-01-01' >&2\n")
    java.chmod(0o755)
    return java


def test_the_packaged_runtime_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = a_java(tmp_path / "packaged", 25)
    monkeypatch.setenv("JAVA_HOME", str(a_java(tmp_path / "home", 25).parents[1]))

    assert find_java(21, lambda: packaged) == packaged


def test_a_platform_without_a_package_uses_the_machines_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = a_java(tmp_path / "home", 17)
    monkeypatch.setenv("JAVA_HOME", str(own.parents[1]))

    assert find_java(17, lambda: None) == own


def test_java_on_the_path_is_found_when_java_home_is_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(a_java(tmp_path / "old", 11).parents[1]))
    newer = a_java(tmp_path / "new", 21)
    monkeypatch.setenv("PATH", str(newer.parent))

    assert find_java(21, lambda: None) == newer


def test_a_java_that_is_too_old_is_named_with_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = a_java(tmp_path / "old", 17)
    monkeypatch.setenv("JAVA_HOME", str(old.parents[1]))

    with pytest.raises(JavaMissing, match=rf"Java 21 or later is needed \({old} is version 17\).*openjdk-21-jre"):
        find_java(21, lambda: None)


def test_no_java_at_all_says_where_was_looked() -> None:
    with pytest.raises(JavaMissing, match="none found in JAVA_HOME or PATH"):
        find_java(17, lambda: None)
