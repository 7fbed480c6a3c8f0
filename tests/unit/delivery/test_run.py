"""The end of a delivery process."""

from __future__ import annotations

from dataclasses import dataclass

from inventory_streams.delivery.run import close_all
from tests.support.delivery import FakeMarketplace


@dataclass
class Page:
    """A status page that counts how often it is closed."""

    closed: int = 0

    async def aclose(self) -> None:
        self.closed += 1


async def test_adapters_and_status_pages_are_closed_once_each() -> None:
    adapter, page = FakeMarketplace(), Page()

    await close_all([adapter, page, page])  # type: ignore[list-item]

    assert (adapter.closed, page.closed) == (True, 1)
