"""What tests of delivery on a real broker share; those of the engine have topics of their own kind."""

from __future__ import annotations

import pytest

from tests.support.delivery import Bus


@pytest.fixture
def bus(kafka: str, topic_prefix: str) -> Bus:
    """The topics of this test alone."""
    bus = Bus(kafka, topic_prefix)
    bus.create()
    return bus
