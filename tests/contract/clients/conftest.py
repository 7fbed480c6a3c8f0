"""A sandbox for each test, reached by the clients' programs through a proxy."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.clients import Served, served, served_by_https


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        yield running


@pytest.fixture
async def https_sandbox(tmp_path: Path) -> AsyncIterator[Served]:
    async with served_by_https(tmp_path) as running:
        yield running
