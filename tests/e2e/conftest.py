"""Processes of a test: the stand-ins of the marketplaces, and whatever the test starts beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import Started


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Started]:
    """Ended with the test, after everything that uses it."""
    found = Started(tmp_path)
    yield found
    found.end()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    """What is left of these is killed."""
    found = Started(tmp_path)
    yield found
    found.kill()
