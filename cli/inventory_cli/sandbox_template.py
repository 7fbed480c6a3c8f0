"""Settings whose accounts are a running sandbox's, from what the sandbox says of itself."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from inventory_cli.account_template import published_limits
from inventory_cli.template import AccountDraft, ChannelDraft, Draft
from inventory_domain.errors import ConfigError, ConfigFault
from inventory_domain.identifiers import Marketplace

LOCATIONS: Final = ("dallas", "newark", "reno")
AMAZON_CHANNELS: Final = {"US": "amazon-us", "CA": "amazon-ca", "MX": "amazon-mx"}
EBAY_CHANNEL: Final = "ebay-us"
WALMART_CHANNEL: Final = "walmart-us"
SHOPIFY_CHANNEL: Final = "shop"
EBAY_CALLS_PER_DAY: Final = 2_000_000  # eBay's published default, which the sandbox has
SETTLING_S: Final = {"amazon": 900.0, "ebay": 180.0, "walmart": 600.0, "shopify": 10.0}  # at factor 1
SETTLING_S_LEAST: Final = 0.5  # an answer takes a moment on a busy machine, whatever the factor


# How long feeds take, and the least that makes sense where time goes faster.
_FEEDS: Final[Mapping[str, Mapping[str, tuple[float, float]]]] = {
    "amazon": {"feed_poll_s": (60.0, 0.5), "feed_takes_s": (600.0, 1.0), "feed_takes_s_max": (7_200.0, 60.0)},
    "walmart": {"feed_poll_s": (30.0, 0.5), "feed_takes_s": (120.0, 1.0), "feed_takes_s_max": (3_600.0, 60.0)},
}


@dataclass(frozen=True, slots=True)
class Differences:
    """How a sandbox differs from the real marketplaces: its time, what its limits allow at once, and whom to trust."""

    time: float
    burst: float
    ca_file: str


def sandbox_draft(
    bootstrap_servers: str,
    schema_registry: str,
    facts: Mapping[str, object],
    secrets: Path,
    *,
    burst_factor: float = 1.0,
) -> Draft:
    """Settings for the sandbox that announced these facts; its credentials are written as files into `secrets`.

    `burst_factor` is what the sandbox was started with.

    Raises:
        ConfigError: the facts are not a sandbox's.
    """
    of = {name: _facts(facts, name) for name in ("amazon", "ebay", "walmart", "shopify")}
    factor = facts.get("factor", 1.0)
    if not isinstance(factor, int | float):
        raise ConfigError([ConfigFault("factor", f"is {factor!r} in what the sandbox printed")])
    _write_secrets(secrets, of)
    sandbox = Differences(factor, burst_factor, _ca_file(facts))
    accounts = (
        _account("amazon", of["amazon"], secrets, sandbox, _amazon_channels(of["amazon"])),
        _account("ebay", of["ebay"], secrets, sandbox, (ChannelDraft(EBAY_CHANNEL, LOCATIONS),)),
        _account("walmart", of["walmart"], secrets, sandbox, (ChannelDraft(WALMART_CHANNEL, LOCATIONS),)),
        _account("shopify", of["shopify"], secrets, sandbox, (ChannelDraft(SHOPIFY_CHANNEL, LOCATIONS),)),
    )
    return Draft(bootstrap_servers, schema_registry, accounts)


_SECRETS: Final = {
    "amazon": ("client_secret", "refresh_token"),
    "ebay": ("client_secret", "refresh_token"),
    "walmart": ("client_secret",),
    "shopify": ("access_token",),
}
_PLAIN: Final = {
    "amazon": ("seller_id", "client_id", "base_url", "token_url"),
    "ebay": ("client_id", "base_url", "token_url"),
    "walmart": ("client_id", "base_url", "token_url"),
    "shopify": ("base_url",),
}


def _facts(facts: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = facts.get(name)
    if not isinstance(found, Mapping):
        raise ConfigError([ConfigFault(name, "is missing in what the sandbox printed; it must be the line of --json")])
    wanted = (*_SECRETS[name], *_PLAIN[name])
    missing = [one for one in wanted if not isinstance(found.get(one), str)]
    if missing:
        raise ConfigError([ConfigFault(f"{name}.{one}", "is missing in what the sandbox printed") for one in missing])
    return found


def _ca_file(facts: Mapping[str, object]) -> str:
    """The authority that a sandbox served by https is trusted by; empty for one that is not."""
    found = facts.get("ca_file", "")
    if not isinstance(found, str):
        raise ConfigError([ConfigFault("ca_file", f"is {found!r} in what the sandbox printed")])
    return found


def _write_secrets(folder: Path, of: Mapping[str, Mapping[str, object]]) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for marketplace, names in _SECRETS.items():
        for name in names:
            file = folder / f"{marketplace}-{name}"
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
                opened.write(str(of[marketplace][name]))


def _amazon_channels(facts: Mapping[str, object]) -> tuple[ChannelDraft, ...]:
    ids = facts.get("marketplace_ids")
    known = ids if isinstance(ids, Mapping) else {}
    return tuple(
        ChannelDraft(channel, LOCATIONS, options={"marketplace_id": str(known[country])})
        for country, channel in AMAZON_CHANNELS.items()
        if country in known
    )


def _account(
    name: str, facts: Mapping[str, object], secrets: Path, sandbox: Differences, channels: Sequence[ChannelDraft]
) -> AccountDraft:
    marketplace = Marketplace(name)
    values: dict[str, object] = {key: facts[key] for key in _PLAIN[name]}
    values |= {key: {"file": f"{secrets.name}/{name}-{key}"} for key in _SECRETS[name]}
    if sandbox.ca_file:
        values["ca_file"] = sandbox.ca_file
    values["settling_s_max"] = max(SETTLING_S_LEAST, SETTLING_S[name] * sandbox.time)
    values |= {key: max(least, value * sandbox.time) for key, (value, least) in _FEEDS.get(name, {}).items()}
    if name == "shopify":
        values["shop"] = str(facts.get("shop", "sandbox")).partition(".")[0]
    limits = [
        replace(
            one,
            rate_per_s=one.rate_per_s / sandbox.time,
            burst=one.burst * sandbox.burst,
            per_day=EBAY_CALLS_PER_DAY if one.per_day else None,
        )
        for one in published_limits(marketplace)
    ]
    values["limits"] = {
        one.operation: {"rate_per_s": one.rate_per_s, "burst": one.burst, "per_day": one.per_day} for one in limits
    }
    return AccountDraft(name, marketplace, channels, values)
