"""The stand-ins of the marketplaces, as a process that outlives what a test starts beside it."""

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
