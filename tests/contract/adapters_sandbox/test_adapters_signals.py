"""Subscriptions, and the messages that come of them, against the stand-in marketplaces."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import httpx
import pytest

from inventory_adapters.secrets import Secret
from inventory_domain.bulk import CallFailed
from inventory_domain.ports import MarketplaceAdapter
from inventory_domain.signals import (
    KeepsSubscriptions,
    ListingChanged,
    Message,
    Notice,
    Subscription,
    Subscriptions,
    TakesMessages,
)
from inventory_sandbox.marketplaces import FaultMode, SandboxSettings
from tests.support.adapters_sandbox import Stage, a_stage

SIGNALS: Mapping[str, Mapping[str, object]] = {
    "amazon": {"queue_arn": "arn:aws:sqs:us-east-1:1:stock"},
    "ebay": {"endpoint": "https://signals.example/ebay", "verification_token": Secret("t" * 40)},
    "walmart": {"endpoint": "https://signals.example/walmart", "secret": Secret("s")},
    "shopify": {
        "endpoint": "https://signals.example/shopify",
        "api_secret": Secret(SandboxSettings().credentials.shopify_api_secret),
    },
}
ELSEWHERE: Mapping[str, Mapping[str, object]] = {
    "amazon": {"queue_arn": "arn:aws:sqs:us-east-1:1:other", "destination_name": "other"},
    "ebay": {"endpoint": "https://other.example/"},
    "walmart": {"endpoint": "https://other.example/"},
    "shopify": {"endpoint": "https://other.example/"},
}
ALL = tuple(SIGNALS)


@pytest.fixture(params=ALL)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    stage = a_stage(request.param, signals=SIGNALS[request.param])
    yield stage
    await stage.adapter.aclose()


async def states(stage: Stage, adapter: MarketplaceAdapter) -> dict[str, str]:
    """How each topic stands that the account should have, with time for the limits before."""
    stage.clock.move(5)
    assert isinstance(adapter, KeepsSubscriptions)
    answer = await adapter.subscriptions()
    assert isinstance(answer, Subscriptions), answer
    found: dict[str, str] = {each.topic: each.state for each in answer.subscriptions}
    assert len(found) == len(answer.subscriptions)
    return found


async def subscribed(stage: Stage, adapter: MarketplaceAdapter) -> None:
    """All topics that the account should have, with time for the limits in between."""
    assert isinstance(adapter, KeepsSubscriptions)
    for topic in await states(stage, adapter):
        stage.clock.move(5)
        answer = await adapter.subscribe(topic)
        assert isinstance(answer, Subscription) and answer.state == "on", answer
    stage.clock.move(5)


async def test_what_is_missing_is_named_created_and_ended(stage: Stage) -> None:
    adapter = stage.adapter
    assert isinstance(adapter, KeepsSubscriptions)

    before = await states(stage, adapter)
    await subscribed(stage, adapter)
    after = await states(stage, adapter)
    await subscribed(stage, adapter)  # again, which changes nothing
    again = await states(stage, adapter)
    for topic in after:
        stage.clock.move(5)
        ended = await adapter.unsubscribe(topic)
        assert isinstance(ended, Subscription) and ended.state == "missing"
    ended_twice = await adapter.unsubscribe(next(iter(after)))
    stage.clock.move(5)

    assert set(before.values()) == {"missing"} and before
    assert set(after.values()) == {"on"} and again == after
    assert isinstance(ended_twice, Subscription)
    assert set((await states(stage, adapter)).values()) == {"missing"}


async def test_one_that_leads_elsewhere_is_found_and_repaired(stage: Stage) -> None:
    other = stage.another(signals={**SIGNALS[stage.marketplace], **ELSEWHERE[stage.marketplace]})
    await subscribed(stage, other)
    stage.clock.move(5)

    before = await states(stage, stage.adapter)
    await subscribed(stage, stage.adapter)
    after = await states(stage, stage.adapter)
    await other.aclose()

    assert set(before.values()) == {"elsewhere"}
    assert set(after.values()) == {"on"}


async def test_a_subscription_that_cannot_be_made_says_why(stage: Stage) -> None:
    adapter = stage.adapter
    assert isinstance(adapter, KeepsSubscriptions)
    topic = next(iter(await states(stage, adapter)))
    for mode, kind in ((FaultMode.SERVICE_UNAVAILABLE, "outage"), (FaultMode.HTML, "transient")):
        stage.fail(mode, count=None)

        listed, made = await adapter.subscriptions(), await adapter.subscribe(topic)
        stage.sandbox.world.faults.clear()

        assert isinstance(listed, CallFailed) and listed.kind == kind
        assert isinstance(made, CallFailed) and made.kind == kind
    unknown = await adapter.subscribe("NOBODYS_TOPIC")
    assert isinstance(unknown, CallFailed) and (unknown.kind, unknown.reason) == ("rejected", "unknown-topic")


@pytest.mark.parametrize("marketplace", ALL)
async def test_an_account_without_a_place_for_signals_says_so(marketplace: str) -> None:
    adapter = a_stage(marketplace).adapter
    assert isinstance(adapter, KeepsSubscriptions)

    answers = [await adapter.subscriptions(), await adapter.subscribe("X"), await adapter.unsubscribe("X")]
    await adapter.aclose()

    assert {each.reason for each in answers if isinstance(each, CallFailed)} == {"signals-not-set"}
    assert all(isinstance(each, CallFailed) for each in answers)


async def test_one_that_was_turned_off_is_turned_on_again() -> None:
    stage = a_stage("ebay", signals=SIGNALS["ebay"])
    await subscribed(stage, stage.adapter)
    paths = [request.url.path for request in stage.transport.requests if request.method == "POST"]
    assert isinstance(stage.adapter, KeepsSubscriptions)
    answer = await stage.adapter.subscriptions()
    assert isinstance(answer, Subscriptions)
    one = answer.subscriptions[0]
    headers = dict(stage.transport.requests[-1].headers)
    async with httpx.AsyncClient(transport=stage.transport, base_url="http://127.0.0.1:1") as client:
        path = f"/commerce/notification/v1/subscription/{one.subscription_id}/disable"
        disabled = await client.post(path, headers={"authorization": headers["authorization"]})
    assert disabled.status_code == 204, paths

    off = await states(stage, stage.adapter)
    again = await stage.adapter.subscribe(one.topic)
    on = await states(stage, stage.adapter)
    await stage.adapter.aclose()

    assert off[one.topic] == "off" and on[one.topic] == "on"
    assert isinstance(again, Subscription) and again.subscription_id == one.subscription_id


@pytest.mark.parametrize("marketplace", ["amazon", "shopify"])
async def test_what_the_marketplace_sends_of_our_own_write_is_taken(marketplace: str) -> None:
    stage = a_stage(marketplace, signals=SIGNALS[marketplace])
    await subscribed(stage, stage.adapter)
    push = stage.a_push(0, quantity=6)
    await stage.push(push)
    stage.settle()
    await stage.read(0)

    sent = [each for each in stage.sandbox.world.outbox.kept if each.topic != "BULK_OPERATIONS_FINISH"]
    assert sent
    adapter = stage.adapter
    assert isinstance(adapter, TakesMessages)
    message = Message({name.lower(): value for name, value in sent[-1].headers.items()}, sent[-1].body)
    notice = await adapter.take(message)
    await adapter.aclose()

    assert isinstance(notice, Notice)
    (signal,) = notice.signals
    assert isinstance(signal, ListingChanged) and signal.quantity == 6
    assert signal.marketplace_ids.items() <= push.marketplace_ids.items()
