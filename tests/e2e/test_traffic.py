"""A system that runs already is given something to do, for as long as somebody wants to look at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.asking import local
from tests.support.commands import Started, wait_until
from tests.support.own_system import a_system

TRAFFIC = ("traffic", "--skus", "20", "--events-per-s", "20", "--config", "sync.yaml", "--control")


@pytest.mark.timeout(480)
def test_buyers_come_until_it_is_asked_to_stop_and_again_when_it_is_started_again(
    kafka: str,
    registry_url: str,
    topic_prefix: str,
    application_id: str,
    tmp_path: Path,
    sandbox: Started,
    started: Started,
) -> None:
    control = a_system(sandbox, tmp_path, kafka, registry_url, topic_prefix, application_id)["control_url"]
    started.start("engine", "engine", "--config", "sync.yaml")
    started.start("deliver-shopify", "deliver", "shopify", "--config", "sync.yaml")

    started.start("traffic", *TRAFFIC, control)
    wait_until(lambda: sold(control) >= 3, "buyers buy", limit_s=120)
    first = started.end_one("traffic")
    before = sold(control)
    started.start("traffic", *TRAFFIC, control)
    wait_until(lambda: sold(control) > before, "buyers come again", limit_s=120)

    statuses = started.end()
    assert first == 0
    assert set(statuses.values()) == {0}


def sold(control: str) -> int:
    """Units that buyers have bought so far."""
    return sum(one["sold"] for one in local().get(f"{control}/listings").json()["listings"])
