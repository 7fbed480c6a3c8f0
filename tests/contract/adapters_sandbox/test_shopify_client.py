"""A shop's app that gets its tokens by client credentials, against the stand-in."""

from __future__ import annotations

import pytest

from inventory_adapters.catalog import MARKETPLACES
from inventory_adapters.secrets import Secret
from inventory_domain.identifiers import Marketplace
from inventory_domain.outcomes import Applied, PushOutcome, Unauthorized
from tests.support.adapters_sandbox import DomainClock, Stage, a_stage

TOKEN_PATH = "/admin/oauth/access_token"
DAY_S = 86_400


def a_client_stage(**wrong: object) -> Stage:
    """The stage of a shop whose adapter has a client and no access token."""
    stage = a_stage("shopify")
    known = stage.sandbox.world.settings.credentials
    client = {"client_id": known.shopify_client_id, "client_secret": Secret(known.shopify_api_secret), **wrong}
    raw = {"base_url": "http://127.0.0.1:1", "client": client, "channels": {"shopify-us": {}}}
    module = MARKETPLACES[Marketplace("shopify")]
    stage.adapter = module.build(module.parse(raw, "accounts.shopify"), DomainClock(stage.clock), stage.transport)
    return stage


async def one(stage: Stage, quantity: int) -> PushOutcome:
    (outcome,) = await stage.push(stage.a_push(quantity=quantity))
    return outcome


async def test_an_app_of_client_credentials_writes_with_one_token_for_a_day() -> None:
    stage = a_client_stage()

    outcomes = [await one(stage, quantity) for quantity in (3, 4)]
    stage.clock.move(DAY_S - 300)
    outcomes.append(await one(stage, 5))
    stage.settle()
    await stage.adapter.aclose()

    assert [type(each) for each in outcomes] == [Applied] * 3
    assert stage.transport.paths().count(TOKEN_PATH) == 2  # the second ahead of the first one's end
    assert stage.live() == 5


async def test_a_token_that_the_shop_takes_back_is_replaced_once() -> None:
    stage = a_client_stage()
    await one(stage, 3)
    stage.sandbox.world.token_stores["shopify"].revoke_all()

    outcome = await one(stage, 4)
    await stage.adapter.aclose()

    assert isinstance(outcome, Applied)
    assert stage.transport.paths().count(TOKEN_PATH) == 2


@pytest.mark.parametrize("wrong", [{"client_id": "x"}, {"client_secret": Secret("wrong-secret")}])
async def test_a_client_that_the_shop_refuses_is_the_channels_matter(wrong: dict[str, object]) -> None:
    stage = a_client_stage(**wrong)

    outcomes = [await one(stage, quantity) for quantity in (3, 4)]
    await stage.adapter.aclose()

    assert [(type(each), each.reason) for each in outcomes if isinstance(each, Unauthorized)] == [
        (Unauthorized, "client-refused")
    ] * 2
    assert stage.transport.paths() == [TOKEN_PATH]  # asked once, and not again at once
