"""One suite over all adapters, against the stand-in marketplaces: what delivery may rely on, whichever it talks to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from inventory_domain.errors import InvariantBroken
from inventory_domain.identifiers import ChannelId
from inventory_domain.outcomes import (
    Accepted,
    Applied,
    Outage,
    PushOutcome,
    Rejected,
    Throttled,
    Transient,
    Unauthorized,
)
from inventory_domain.ports import NotListed, Shown
from inventory_sandbox.marketplaces import FaultMode
from tests.support.adapters_sandbox import Stage, a_stage

ALL = ("amazon", "ebay", "walmart", "shopify")
WITH_TOKENS = ("amazon", "ebay", "walmart")
TOKEN_LIFE_S = {"amazon": 3600, "ebay": 7200, "walmart": 900}
TOKEN_CALLS = {"amazon": "/auth/o2/token", "ebay": "/identity/v1/oauth2/token", "walmart": "/v3/token"}


@pytest.fixture(params=ALL)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    stage = a_stage(request.param)
    yield stage
    await stage.adapter.aclose()


@pytest.fixture(params=WITH_TOKENS)
async def token_stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    stage = a_stage(request.param)
    yield stage
    await stage.adapter.aclose()


def token_calls(stage: Stage) -> int:
    return stage.transport.paths().count(TOKEN_CALLS[stage.marketplace])


async def one(stage: Stage, quantity: int = 7) -> PushOutcome:
    (outcome,) = await stage.push(stage.a_push(quantity=quantity))
    return outcome


async def test_a_push_goes_live_after_the_delay_that_the_adapter_declares(stage: Stage) -> None:
    outcome = await one(stage)
    stage.settle()

    assert isinstance(outcome, Accepted | Applied), outcome
    assert stage.live() == 7


async def test_only_an_adapter_that_says_so_proves_a_push_live(stage: Stage) -> None:
    outcome = await one(stage)

    assert isinstance(outcome, Applied) == stage.adapter.traits.answer_proves_live
    assert outcome.request_id


async def test_a_read_shows_what_buyers_see(stage: Stage) -> None:
    await one(stage)
    stage.settle()

    answer = await stage.read()

    assert isinstance(answer, Shown), answer
    assert (answer.listing_id, answer.quantity) == (stage.a_ref().listing_id, stage.live()) and stage.live() == 7


async def test_zero_is_a_quantity_like_any_other(stage: Stage) -> None:
    """A fall to zero is the push that matters most, and a listing at zero is still a listing."""
    await one(stage, quantity=7)
    stage.settle()

    outcome = await one(stage, quantity=0)
    stage.settle()
    answer = await stage.read()

    assert isinstance(outcome, Accepted | Applied)
    assert isinstance(answer, Shown) and answer.quantity == 0


async def test_a_repeated_push_is_harmless(stage: Stage) -> None:
    push = stage.a_push(quantity=5)

    outcomes = [*await stage.push(push), *await stage.push(push)]
    stage.settle()

    assert all(isinstance(outcome, Accepted | Applied) for outcome in outcomes), outcomes
    assert stage.live() == 5


async def test_every_listing_of_a_full_group_gets_its_own_outcome_in_order(stage: Stage) -> None:
    count = min(len(stage.seeds), stage.adapter.traits.push_group_max)
    pushes = [stage.a_push(index, quantity=index + 3) for index in range(count)]

    outcomes = await stage.push(*pushes)
    stage.settle()

    assert [outcome.listing_id for outcome in outcomes] == [push.listing_id for push in pushes]
    assert all(isinstance(outcome, Accepted | Applied) for outcome in outcomes), outcomes
    assert [stage.live(index) for index in range(count)] == [push.quantity for push in pushes]


async def test_a_sku_of_any_characters_is_addressed(stage: Stage) -> None:
    index = 2

    outcomes = await stage.push(stage.a_push(index, quantity=9))
    stage.settle()
    answer = await stage.read(index)

    assert isinstance(outcomes[0], Accepted | Applied), outcomes
    assert isinstance(answer, Shown) and answer.quantity == 9 == stage.live(index)


async def test_too_many_calls_are_throttled_and_say_so_of_the_limit(stage: Stage) -> None:
    stage.fail(FaultMode.THROTTLE)

    outcome = await one(stage)

    assert isinstance(outcome, Throttled), outcome
    assert not outcome.effect_unknown
    assert outcome.seen is not None and outcome.seen.operation == stage.adapter.traits.push_operation


async def test_a_throttled_read_is_throttled_too(stage: Stage) -> None:
    stage.fail(FaultMode.THROTTLE)

    assert isinstance(await stage.read(), Throttled)


async def test_the_declared_limits_are_those_of_the_marketplace(stage: Stage) -> None:
    """The burst that an adapter declares goes through, and not many more calls do."""
    limit = next(each for each in stage.adapter.traits.limits if each.operation == stage.adapter.traits.push_operation)
    allowed = int(limit.burst / stage.adapter.traits.push_cost)
    allowed = min(allowed, 250)

    outcomes = [await one(stage, quantity=quantity % 9) for quantity in range(allowed)]

    assert not [outcome for outcome in outcomes if isinstance(outcome, Throttled)]


async def test_an_outage_is_not_held_against_the_listing(stage: Stage) -> None:
    stage.fail(FaultMode.SERVICE_UNAVAILABLE)

    outcome = await one(stage)

    assert isinstance(outcome, Outage), outcome
    assert outcome.effect_unknown


async def test_a_server_that_fails_may_have_applied_the_write(stage: Stage) -> None:
    stage.fail(FaultMode.INTERNAL_ERROR)

    outcome = await one(stage)

    assert isinstance(outcome, Transient), outcome
    assert outcome.effect_unknown


async def test_a_dropped_connection_leaves_the_effect_unknown(stage: Stage) -> None:
    await stage.read()  # so that there is a token, and the write itself meets the fault
    stage.fail(FaultMode.RESET)

    outcome = await one(stage)

    assert isinstance(outcome, Transient) and outcome.reason == "connection-lost"
    assert outcome.effect_unknown


async def test_a_timeout_after_the_write_leaves_the_effect_unknown(stage: Stage) -> None:
    await stage.read()
    stage.fail(FaultMode.TIMEOUT_AFTER_EFFECT)

    outcome = await one(stage)
    stage.settle()

    assert isinstance(outcome, Transient) and outcome.reason == "timeout"
    assert outcome.effect_unknown
    assert stage.live() == 7


async def test_a_page_of_html_is_no_answer(stage: Stage) -> None:
    stage.fail(FaultMode.HTML)

    outcome = await one(stage)

    assert isinstance(outcome, Transient), outcome
    assert outcome.effect_unknown


async def test_an_error_in_no_document_is_transient_and_named_so(stage: Stage) -> None:
    """Who retries gives up on these after a while, and they are counted by themselves."""
    stage.fail(FaultMode.UNKNOWN_ERROR_CODE)

    outcome = await one(stage)

    assert isinstance(outcome, Transient), outcome
    assert outcome.reason == "unrecognized"


async def test_a_row_that_fails_inside_an_answer_of_success_is_no_success(stage: Stage) -> None:
    stage.fail(FaultMode.PARTIAL_FAILURE)

    outcome = await one(stage)

    assert not isinstance(outcome, Accepted | Applied), outcome


async def test_an_unknown_listing_is_not_listed_and_never_zero(stage: Stage) -> None:
    unknown = {key: f"{value}999" for key, value in stage.a_ref().marketplace_ids.items()}

    answer = await stage.adapter.read(replace(stage.a_ref(), marketplace_ids=unknown))

    assert isinstance(answer, NotListed), answer


async def test_a_push_to_an_unknown_listing_never_looks_applied(stage: Stage) -> None:
    """Amazon accepts a patch of a SKU that it does not know; only a read finds out."""
    unknown = {key: f"{value}999" for key, value in stage.a_ref().marketplace_ids.items()}

    (outcome,) = await stage.push(stage.a_push(marketplace_ids=unknown))

    assert isinstance(outcome, Rejected | Accepted)
    assert isinstance(outcome, Rejected) or stage.marketplace == "amazon"


@pytest.mark.parametrize(
    "said",
    [
        {"fulfillment": "marketplace"},
        {"fulfillment": "WFS"},
        {"fulfillment_channel_code": "AMAZON_NA"},
        {"format": "AUCTION"},
        {"listing_type": "variation-parent"},
    ],
    ids=str,
)
async def test_stock_that_is_not_ours_to_write_never_reaches_the_wire(stage: Stage, said: dict[str, str]) -> None:
    push = stage.a_push(marketplace_ids={**stage.a_push().marketplace_ids, **said})

    (outcome,) = await stage.push(push)

    assert isinstance(outcome, Rejected) and outcome.reason == "never-written"
    assert stage.transport.requests == []


async def test_a_missing_id_is_an_outcome_that_names_it(stage: Stage) -> None:
    (outcome,) = await stage.push(stage.a_push(marketplace_ids={}))
    answer = await stage.adapter.read(replace(stage.a_ref(), marketplace_ids={}))

    for said in (outcome, answer):
        assert isinstance(said, Rejected) and said.reason == "missing-marketplace-id"
        assert said.error is not None and "'" in said.error
    assert stage.transport.requests == []


async def test_a_channel_of_another_account_is_refused(stage: Stage) -> None:
    (outcome,) = await stage.push(stage.a_push(channel=ChannelId("somebody-else")))

    assert isinstance(outcome, Rejected) and outcome.reason == "unknown-channel"
    assert stage.transport.requests == []


async def test_a_listing_named_twice_in_a_call_is_a_bug_of_the_caller(stage: Stage) -> None:
    with pytest.raises(InvariantBroken):
        await stage.push(stage.a_push(), stage.a_push())


async def test_nothing_is_called_for_no_pushes(stage: Stage) -> None:
    assert list(await stage.push()) == []
    assert stage.transport.requests == []


async def test_one_token_serves_many_calls(token_stage: Stage) -> None:
    for quantity in range(3):
        await one(token_stage, quantity)

    assert token_calls(token_stage) == 1


async def test_many_calls_at_once_ask_for_one_token(token_stage: Stage) -> None:
    await asyncio.gather(*(token_stage.read(index % 2) for index in range(4)))

    assert token_calls(token_stage) == 1


async def test_a_token_is_replaced_ahead_of_its_end(token_stage: Stage) -> None:
    await one(token_stage)
    token_stage.clock.move(TOKEN_LIFE_S[token_stage.marketplace] - 60)

    outcome = await one(token_stage, 8)

    assert isinstance(outcome, Accepted)
    assert token_calls(token_stage) == 2
    assert len(token_stage.transport.requests) == 4  # no call was refused


async def test_a_refused_token_is_replaced_once_and_the_call_repeated_once(token_stage: Stage) -> None:
    await one(token_stage)
    token_stage.sandbox.world.token_stores[token_stage.marketplace].revoke_all()

    outcome = await one(token_stage, 8)
    token_stage.settle()

    assert isinstance(outcome, Accepted)
    assert token_calls(token_stage) == 2
    assert token_stage.live() == 8


async def test_many_refused_calls_at_once_replace_the_token_once(token_stage: Stage) -> None:
    await token_stage.read()
    token_stage.sandbox.world.token_stores[token_stage.marketplace].revoke_all()

    answers = await asyncio.gather(*(token_stage.read(index % 2) for index in range(4)))

    assert all(isinstance(answer, Shown) for answer in answers)
    assert token_calls(token_stage) == 2


async def test_credentials_that_stay_refused_are_the_channels_matter(stage: Stage) -> None:
    stage.fail(FaultMode.UNAUTHORIZED, count=None)

    outcome = await one(stage)

    assert isinstance(outcome, Unauthorized), outcome
    assert not outcome.effect_unknown
    writes = [request for request in stage.transport.requests if request.url.path not in TOKEN_CALLS.values()]
    assert len(writes) == (1 if stage.marketplace == "shopify" else 2)


async def test_a_lost_consent_is_named_and_no_retry_loop(token_stage: Stage) -> None:
    token_stage.fail(FaultMode.INVALID_GRANT, count=None)

    outcomes = [await one(token_stage) for _ in range(5)]

    assert {(type(outcome), outcome.reason) for outcome in outcomes} == {(Unauthorized, "consent-lost")}
    assert token_calls(token_stage) == 1


async def test_a_consent_that_is_given_again_is_noticed(token_stage: Stage) -> None:
    token_stage.fail(FaultMode.INVALID_GRANT, count=1)
    await one(token_stage)
    token_stage.clock.move(61)

    assert isinstance(await one(token_stage), Accepted)


async def test_no_credential_is_ever_logged_or_answered(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[object] = [stage.adapter]
    for mode in (None, FaultMode.UNAUTHORIZED, FaultMode.INTERNAL_ERROR, FaultMode.HTML, FaultMode.RESET):
        if mode is not None:
            stage.fail(mode)
        said += [await one(stage), await stage.read()]

    known = stage.sandbox.world.settings.credentials
    secrets = [getattr(known, name) for name in known.__slots__ if "secret" in name or "token" in name]
    tokens = [
        value
        for request in stage.transport.requests
        for name, value in request.headers.items()
        if name in ("x-amz-access-token", "wm_sec.access_token", "authorization", "x-shopify-access-token")
    ]
    printed = f"{said!r} {caplog.text}"
    assert tokens
    assert [secret for secret in {*secrets, *tokens} if secret in printed] == []
