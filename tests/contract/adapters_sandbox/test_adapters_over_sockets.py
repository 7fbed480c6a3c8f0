"""The adapters over real connections: what a dropped or hanging one looks like when no transport stands in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from inventory_domain.outcomes import Accepted, Applied, Transient
from inventory_domain.ports import Shown
from inventory_sandbox.marketplaces import FaultMode
from tests.support.adapters_sandbox import Served, served

ALL = ("amazon", "ebay", "walmart", "shopify")


@pytest.fixture(params=ALL)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    async with served(request.param, timeout_s=2.0) as stage:
        yield stage


async def test_a_write_and_a_read_go_through(stage: Served) -> None:
    (outcome,) = await stage.adapter.push([stage.stage.a_push(quantity=6)])
    await stage.until_live(6)

    answer = await stage.adapter.read(stage.stage.a_ref())

    assert isinstance(outcome, Accepted | Applied), outcome
    assert isinstance(answer, Shown) and answer.quantity == 6


async def test_a_connection_that_is_dropped_leaves_the_effect_unknown(stage: Served) -> None:
    await stage.adapter.read(stage.stage.a_ref())
    await stage.fail(FaultMode.RESET)

    (outcome,) = await stage.adapter.push([stage.stage.a_push()])

    assert isinstance(outcome, Transient) and outcome.reason == "connection-lost", outcome
    assert outcome.effect_unknown


async def test_a_server_that_writes_and_never_answers_is_left_in_time(stage: Served) -> None:
    await stage.adapter.read(stage.stage.a_ref())
    await stage.fail(FaultMode.TIMEOUT_AFTER_EFFECT)
    started_s = asyncio.get_running_loop().time()

    (outcome,) = await stage.adapter.push([stage.stage.a_push(quantity=5)])
    took_s = asyncio.get_running_loop().time() - started_s
    await stage.until_live(5)

    assert isinstance(outcome, Transient) and outcome.reason == "timeout", outcome
    assert outcome.effect_unknown
    assert took_s < 10


async def test_after_a_dropped_connection_the_next_call_goes_through(stage: Served) -> None:
    await stage.adapter.read(stage.stage.a_ref())
    await stage.fail(FaultMode.RESET)
    await stage.adapter.push([stage.stage.a_push()])

    (outcome,) = await stage.adapter.push([stage.stage.a_push(quantity=4)])

    assert isinstance(outcome, Accepted | Applied), outcome


async def test_a_server_that_is_gone_is_an_outcome(stage: Served) -> None:
    await stage.adapter.read(stage.stage.a_ref())
    await stage.stop()

    (outcome,) = await stage.adapter.push([stage.stage.a_push()])

    assert isinstance(outcome, Transient), outcome
    assert outcome.reason in ("cannot-connect", "connection-lost")


@pytest.mark.parametrize("marketplace", ALL)
async def test_a_sandbox_served_by_https_is_called_where_its_authority_is_trusted(
    marketplace: str, tmp_path: Path
) -> None:
    authority = tmp_path / "ca.pem"
    async with served(marketplace, authority, ca_file=str(authority)) as stage:
        (outcome,) = await stage.adapter.push([stage.stage.a_push(quantity=6)])
        await stage.until_live(6)
        answer = await stage.adapter.read(stage.stage.a_ref())

    assert isinstance(outcome, Accepted | Applied), outcome
    assert isinstance(answer, Shown) and answer.quantity == 6


async def test_a_server_whose_authority_is_not_trusted_is_told_nothing(tmp_path: Path) -> None:
    async with served("ebay", tmp_path / "ca.pem") as stage:
        (outcome,) = await stage.adapter.push([stage.stage.a_push()])

    assert isinstance(outcome, Transient), outcome
    assert (outcome.reason, outcome.effect_unknown) == ("token-cannot-connect", False)
