"""What accounts are set to and allowed, and what marketplaces hold, against the stand-in marketplaces."""

from __future__ import annotations

from inventory_domain.account_calls import ControlsOutOfStock, DailyQuotas, OutOfStockControl, ReportsQuotas
from inventory_domain.bulk import CallFailed
from inventory_sandbox.marketplaces import FaultMode
from tests.support.adapters_sandbox import a_stage


async def test_out_of_stock_control_that_is_off_is_turned_on() -> None:
    stage = a_stage("ebay", {"ebay_out_of_stock_control": False})
    adapter = stage.adapter
    assert isinstance(adapter, ControlsOutOfStock)

    before = await adapter.out_of_stock_control()
    done = await adapter.set_out_of_stock_control(True)
    after = await adapter.out_of_stock_control()
    await adapter.aclose()

    states = [each.on for each in (before, done, after) if isinstance(each, OutOfStockControl)]
    assert states == [False, True, True]


async def test_a_lost_token_of_the_trading_api_is_replaced() -> None:
    stage = a_stage("ebay")
    adapter = stage.adapter
    assert isinstance(adapter, ControlsOutOfStock)
    await adapter.out_of_stock_control()
    stage.sandbox.world.token_stores["ebay"].revoke_all()

    answer = await adapter.out_of_stock_control()
    await adapter.aclose()

    assert isinstance(answer, OutOfStockControl)


async def test_the_quota_falls_with_every_call() -> None:
    stage = a_stage("ebay", {"ebay_daily_limit": 100})
    adapter = stage.adapter
    assert isinstance(adapter, ReportsQuotas)

    before = await adapter.daily_quotas()
    await stage.push(stage.a_push())
    await stage.read()
    after = await adapter.daily_quotas()
    await adapter.aclose()

    assert isinstance(before, DailyQuotas) and isinstance(after, DailyQuotas)
    (first,), (second,) = before.quotas, after.quotas
    assert (first.operation, first.calls, first.remaining, second.remaining) == ("sell.inventory", 100, 100, 97)
    assert first.resets_at_ms is not None and first.resets_at_ms > stage.clock.now() * 1_000


async def test_a_quota_that_cannot_be_asked_for_says_why() -> None:
    stage = a_stage("ebay")
    adapter = stage.adapter
    assert isinstance(adapter, ReportsQuotas)
    await adapter.daily_quotas()
    for mode, kind in ((FaultMode.SERVICE_UNAVAILABLE, "outage"), (FaultMode.HTML, "transient")):
        stage.fail(mode)

        answer = await adapter.daily_quotas()

        assert isinstance(answer, CallFailed) and answer.kind == kind
    await adapter.aclose()
