"""An account's settings: every default is the published one, and every fault is named with its place."""

from __future__ import annotations

import pickle

import pytest

from inventory_adapters.accounts import AccountSettings
from inventory_adapters.catalog import MARKETPLACES
from inventory_adapters.secrets import Secret
from inventory_domain.errors import ConfigError
from inventory_domain.identifiers import Marketplace
from tests.support.adapters import CLIENT_SECRET, raw_settings

ALL = sorted(MARKETPLACES)


def parsed(marketplace: str, **changes: object) -> AccountSettings:
    return MARKETPLACES[Marketplace(marketplace)].parse(raw_settings(marketplace, **changes), "accounts.a")


def faults(marketplace: str, **changes: object) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        parsed(marketplace, **changes)
    return {fault.path: fault.message for fault in caught.value.faults}


@pytest.mark.parametrize("marketplace", ALL)
def test_the_least_settings_are_enough(marketplace: str) -> None:
    settings = parsed(marketplace)

    assert settings.marketplace == marketplace
    assert settings.calls.base_url.startswith("https://")
    assert settings.limits


@pytest.mark.parametrize("marketplace", ALL)
def test_every_missing_field_is_named_at_once(marketplace: str) -> None:
    with pytest.raises(ConfigError) as caught:
        MARKETPLACES[Marketplace(marketplace)].parse({}, "accounts.a")

    missing = {fault.path.removeprefix("accounts.a.") for fault in caught.value.faults}
    assert set(raw_settings(marketplace)) <= missing


@pytest.mark.parametrize("marketplace", ALL)
def test_an_unknown_field_is_a_fault(marketplace: str) -> None:
    """A misspelled setting must not be a silent default."""
    found = faults(marketplace, tiemout_s=3, limits={"nothing": {}})

    assert set(found) == {"accounts.a.tiemout_s", "accounts.a.limits.nothing"}


@pytest.mark.parametrize("marketplace", ALL)
def test_a_credential_written_into_the_file_is_a_fault_that_does_not_repeat_it(marketplace: str) -> None:
    name = next(key for key, value in raw_settings(marketplace).items() if isinstance(value, Secret))

    found = faults(marketplace, **{name: "plain-text-canary"})

    assert "environment or a file only" in found[f"accounts.a.{name}"]
    assert "plain-text-canary" not in str(found)


@pytest.mark.parametrize("marketplace", ALL)
def test_a_base_url_off_the_allow_list_is_a_fault(marketplace: str) -> None:
    found = faults(marketplace, base_url="https://evil.example")

    assert "not in allowed_hosts" in found["accounts.a.base_url"]


@pytest.mark.parametrize("marketplace", ALL)
def test_plain_http_is_for_this_machine_only(marketplace: str) -> None:
    found = faults(marketplace, base_url="http://api.ebay.com", allowed_hosts=["api.ebay.com"])

    assert "must begin with https" in found["accounts.a.base_url"]


@pytest.mark.parametrize("marketplace", ALL)
def test_a_sandbox_on_this_machine_may_be_named(marketplace: str) -> None:
    settings = parsed(marketplace, base_url="http://127.0.0.1:8080/x/")

    assert settings.calls.base_url == "http://127.0.0.1:8080/x"


@pytest.mark.parametrize("marketplace", ALL)
def test_no_call_may_take_longer_than_a_successor_waits(marketplace: str) -> None:
    assert "from 0.1 to 15" in faults(marketplace, timeout_s=16)["accounts.a.timeout_s"]


@pytest.mark.parametrize("marketplace", ALL)
def test_a_limit_may_be_changed_in_part(marketplace: str) -> None:
    published = parsed(marketplace).limits[0]

    limit = parsed(marketplace, limits={published.operation: {"rate_per_s": 2, "per_day": 77}}).limits[0]

    assert (limit.rate_per_s, limit.burst, limit.per_day) == (2.0, published.burst, 77)


@pytest.mark.parametrize("marketplace", ALL)
def test_wrong_kinds_are_named_where_they_are(marketplace: str) -> None:
    found = faults(marketplace, timeout_s="5", connections_max=1.5, limits=[], channels={"a/b": 3})

    assert {"timeout_s", "connections_max", "limits", "channels.a/b"} <= {
        path.removeprefix("accounts.a.") for path in found
    }


def test_settings_print_no_credential() -> None:
    settings = parsed("ebay")

    assert CLIENT_SECRET not in f"{settings} {settings!r}"


def test_a_secret_prints_as_stars_in_every_way() -> None:
    secret = Secret(CLIENT_SECRET)

    assert {f"{secret}", str(secret), f"{secret:s}", "%s" % secret} == {"***"}  # noqa: UP031
    assert repr(secret) == "Secret('***')"
    assert secret.reveal() == CLIENT_SECRET
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_a_shop_is_addressed_by_its_name() -> None:
    assert parsed("shopify").calls.base_url == "https://demo-shop.myshopify.com"


def test_ebay_and_walmart_take_tokens_from_the_host_that_they_call() -> None:
    ebay = parsed("ebay", base_url="https://api.sandbox.ebay.com")
    walmart = parsed("walmart", base_url="https://sandbox.walmartapis.com")

    assert getattr(ebay, "token").token_url == "https://api.sandbox.ebay.com/identity/v1/oauth2/token"  # noqa: B009
    assert getattr(walmart, "token").token_url == "https://sandbox.walmartapis.com/v3/token"  # noqa: B009


def test_a_shop_has_an_access_token_or_a_client_that_gets_tokens_from_the_shop_itself() -> None:
    client = {"client_id": "id", "client_secret": Secret(CLIENT_SECRET)}
    raw = {"shop": "demo-shop", "channels": {"shopify-dtc": {}}}
    parse = MARKETPLACES[Marketplace("shopify")].parse

    settings = parse({**raw, "client": client}, "accounts.a")
    with pytest.raises(ConfigError) as both:
        parse({**raw, "client": client, "access_token": Secret(CLIENT_SECRET)}, "accounts.a")
    with pytest.raises(ConfigError) as neither:
        parse(raw, "accounts.a")

    found = getattr(settings, "client").token.token_url  # noqa: B009
    assert found == "https://demo-shop.myshopify.com/admin/oauth/access_token"
    assert [each.path for each in both.value.faults] == ["accounts.a.client"]
    assert [each.path for each in neither.value.faults] == ["accounts.a.access_token"]
