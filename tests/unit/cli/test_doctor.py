"""What `doctor` says of accounts, and what it mends, against the stand-in marketplaces."""

from __future__ import annotations

import pytest

from inventory_adapters.secrets import Secret
from inventory_cli import doctor
from inventory_cli.doctor import Finding
from inventory_domain.account_calls import DailyQuota, DailyQuotas
from inventory_domain.bulk import BulkTraits
from inventory_domain.identifiers import AccountId
from inventory_sandbox.marketplaces import FaultMode, SandboxSettings
from tests.support.adapters_sandbox import Stage, a_stage

ACCOUNT = AccountId("acc")
SHOP_SIGNALS = {
    "endpoint": "https://signals.example/shop",
    "api_secret": Secret(SandboxSettings().credentials.shopify_api_secret),
}


@pytest.fixture(autouse=True)
def no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PACE_S", 0.0)  # the clock of these stand-ins stands still


async def findings(stage: Stage, *, fix: bool = False) -> dict[str, Finding]:
    """What is said of the account, by what it is about."""
    settings = stage.adapter._settings  # type: ignore[attr-defined]  # what the adapter was built from
    every = doctor._account(ACCOUNT, settings, stage.adapter, fix=fix)
    return {finding.about: finding async for finding in every}


async def test_a_missing_subscription_is_named_and_made() -> None:
    stage = a_stage("shopify", signals=SHOP_SIGNALS)
    about = "acc subscription INVENTORY_LEVELS_UPDATE"

    before = await findings(stage)
    mended = await findings(stage, fix=True)
    after = await findings(stage)
    await stage.adapter.aclose()

    assert before[about].well is False and "--fix" in before[about].text
    assert mended[about].well is True and after[about] == mended[about]


async def test_out_of_stock_control_that_is_off_is_told_and_turned_on() -> None:
    """Off, a listing that reaches zero ends."""
    stage = a_stage("ebay", {"ebay_out_of_stock_control": False})

    before = await findings(stage)
    mended = await findings(stage, fix=True)
    after = await findings(stage)
    await stage.adapter.aclose()

    assert before["acc out-of-stock control"].well is False
    assert mended["acc out-of-stock control (turned on)"].well is True
    assert after["acc out-of-stock control"].well is True


async def test_credentials_that_are_refused_are_told_and_nothing_else_is_asked() -> None:
    stage = a_stage("walmart", client_secret=Secret("another"))

    found = await findings(stage)
    await stage.adapter.aclose()

    assert list(found) == ["acc credentials"] and found["acc credentials"].well is False


async def test_an_account_that_is_told_nothing_is_worth_a_note() -> None:
    stage = a_stage("walmart")

    found = await findings(stage)
    await stage.adapter.aclose()

    assert found["acc credentials"].well is True
    assert found["acc subscriptions"].well is None and "signals is not set" in found["acc subscriptions"].text


async def test_a_marketplace_that_does_not_answer_is_told() -> None:
    stage = a_stage("ebay")
    stage.fail(FaultMode.SERVICE_UNAVAILABLE, count=None)

    found = await findings(stage)
    await stage.adapter.aclose()

    assert found["acc credentials"].well is False and "outage" in found["acc credentials"].text


class NoCallsLeft:
    """An account whose calls of the day are used up."""

    @property
    def quota_traits(self) -> BulkTraits:
        return BulkTraits("quotas", 0)

    async def daily_quotas(self) -> DailyQuotas:
        spent = DailyQuota(operation="write", calls=5_000, remaining=0, window_s=86_400.0, resets_at_ms=None)
        left = DailyQuota(operation="read", calls=5_000, remaining=17, window_s=86_400.0, resets_at_ms=None)
        return DailyQuotas(quotas=(spent, left), api="quotas")


async def test_a_quota_that_is_used_up_is_told() -> None:
    found = {one.about: one async for one in doctor._quotas(ACCOUNT, NoCallsLeft())}  # type: ignore[arg-type]

    assert found["acc quota write"].well is False and "0 of 5,000 calls are left" in found["acc quota write"].text
    assert found["acc quota read"].well is True
