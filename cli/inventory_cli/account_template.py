"""What an account and a channel may be told, marketplace by marketplace, for the commented settings file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from inventory_adapters.amazon import settings as amazon
from inventory_adapters.ebay import settings as ebay
from inventory_adapters.shopify import settings as shopify
from inventory_adapters.walmart import settings as walmart
from inventory_cli.template_lines import Line
from inventory_domain.identifiers import Marketplace
from inventory_domain.ports import OperationLimit


def account_lines(name: str, marketplace: Marketplace, given: Mapping[str, object]) -> tuple[Line, ...]:
    """Every setting of an account: the given values, and the defaults of all others."""
    own, limits = _ACCOUNTS[marketplace]
    lines = (*own(name.upper().replace("-", "_")), *_CALLS, *_limits(limits, given))
    return tuple(
        Line(line.key, given[line.key], line.comment) if line.key in given and line.key != "limits" else line
        for line in lines
    )


def published_limits(marketplace: Marketplace) -> Sequence[OperationLimit]:
    """What the marketplace allows an account by default."""
    return _ACCOUNTS[marketplace][1]


def channel_lines(marketplace: Marketplace, given: Mapping[str, object]) -> tuple[Line, ...]:
    """Every setting of a channel that only its marketplace has."""
    return tuple(Line(line.key, given.get(line.key, line.value), line.comment) for line in _CHANNELS[marketplace])


def _limits(limits: Sequence[OperationLimit], given: Mapping[str, object]) -> tuple[Line, ...]:
    over = given.get("limits")
    known = over if isinstance(over, Mapping) else {}
    lines = tuple(
        Line(
            one.operation,
            known.get(one.operation, {"rate_per_s": one.rate_per_s, "burst": one.burst, "per_day": one.per_day}),
        )
        for one in limits
    )
    return (Line("limits", lines, "What the marketplace allows this account: calls (or points) a second and at once."),)


def _env(account: str, name: str) -> dict[str, str]:
    return {"env": f"{account}_{name}"}


_CALLS: Final = (
    Line("timeout_s", 14.0, "a whole call, a fresh token and a repeat included; at most 15"),
    Line("connect_timeout_s", 5.0),
    Line("connections_max", 64, "more than delivery has requests and reads under way"),
    Line("response_bytes_max", 4 * 2**20, "an answer larger than this is not read"),
    Line("ca_file", "", "PEM file of the authorities to trust in place of the public ones: a sandbox's, a gateway's"),
)


def _amazon(account: str) -> tuple[Line, ...]:
    return (
        Line("marketplace", "amazon"),
        Line("seller_id", "YOUR-SELLER-ID"),
        Line("client_id", "YOUR-LWA-CLIENT-ID"),
        Line("client_secret", _env(account, "CLIENT_SECRET"), "secrets come from {env: NAME} or {file: PATH} only"),
        Line("refresh_token", _env(account, "REFRESH_TOKEN")),
        Line("base_url", amazon.BASE_URL, "the region's endpoint, or a sandbox on this machine"),
        Line("token_url", amazon.TOKEN_URL),
        Line("allowed_hosts", list(amazon.HOSTS), "No other host is ever called."),
        Line("refresh_ahead_s", amazon.REFRESH_AHEAD_S, "a token is replaced this long before its end"),
        Line("settling_s_max", amazon.SETTLING_S_MAX, "an accepted number is live after this at the latest"),
        Line("freshness_objective_s", amazon.FRESHNESS_OBJECTIVE_S, "99 % of all changes are to be taken within this"),
        Line("user_agent", "inventory-sync/0.1 (Language=Python)"),
        Line("patch_op", "merge", "merge keeps a listing's other availability fields, replace drops them"),
        Line("signals", {}, "{queue_arn: arn:aws:sqs:REGION:ACCOUNT:NAME}: Amazon tells of changes by that queue."),
    )


def _ebay(account: str) -> tuple[Line, ...]:
    return (
        Line("marketplace", "ebay"),
        Line("client_id", "YOUR-APP-ID"),
        Line("client_secret", _env(account, "CLIENT_SECRET"), "the application's Cert ID"),
        Line("refresh_token", _env(account, "REFRESH_TOKEN"), "the seller's consent"),
        Line("base_url", ebay.BASE_URL),
        Line("token_url", ebay.BASE_URL + ebay.TOKEN_PATH),
        Line("allowed_hosts", list(ebay.HOSTS), "No other host is ever called."),
        Line("refresh_ahead_s", ebay.REFRESH_AHEAD_S, "a token is replaced this long before its end"),
        Line("settling_s_max", ebay.SETTLING_S_MAX, "an accepted number is live after this at the latest"),
        Line("freshness_objective_s", ebay.FRESHNESS_OBJECTIVE_S, "99 % of all changes are to be taken within this"),
        Line("scopes", list(ebay.SCOPES)),
        Line("group_max", ebay.GROUP_MAX, "SKUs in one call"),
        Line("revisions_per_day", ebay.REVISIONS_PER_DAY, "of one listing, all its variations together"),
        Line("out_of_stock_control", ebay.TURN_ON, "check: never turned on by us; nothing is written while it is off"),
        Line("zero_without_control", ebay.LEAVE, "found off later: leave the listing shown, or end it by its zero"),
        Line("signals", {}, "{endpoint: https://HOST/ebay, verification_token: {env: NAME}}: eBay tells of changes."),
    )


def _walmart(account: str) -> tuple[Line, ...]:
    return (
        Line("marketplace", "walmart"),
        Line("client_id", "YOUR-CLIENT-ID"),
        Line("client_secret", _env(account, "CLIENT_SECRET")),
        Line("base_url", walmart.BASE_URL),
        Line("token_url", walmart.BASE_URL + walmart.TOKEN_PATH),
        Line("allowed_hosts", list(walmart.HOSTS), "No other host is ever called."),
        Line("refresh_ahead_s", walmart.REFRESH_AHEAD_S, "a token is replaced this long before its end"),
        Line("settling_s_max", walmart.SETTLING_S_MAX, "an accepted number is live after this at the latest"),
        Line("freshness_objective_s", walmart.FRESHNESS_OBJECTIVE_S, "99 % of all changes are to be taken within this"),
        Line("service_name", "Walmart Marketplace"),
        Line("signals", {}, "{endpoint: https://HOST/walmart, secret: {env: NAME}}: Walmart tells of changes."),
    )


def _shopify(account: str) -> tuple[Line, ...]:
    return (
        Line("marketplace", "shopify"),
        Line("shop", "your-shop", "the name before .myshopify.com"),
        Line("access_token", _env(account, "ACCESS_TOKEN")),
        Line(
            "client",
            {},
            "{client_id: ID, client_secret: {env: NAME}}: an app of the Dev Dashboard, with no access_token.",
        ),
        Line("base_url", "https://your-shop.myshopify.com"),
        Line("allowed_hosts", list(shopify.HOSTS), "No other host is ever called."),
        Line("version", shopify.VERSION, f"one of {', '.join(shopify.VERSIONS)}"),
        Line("settling_s_max", shopify.SETTLING_S_MAX, "an accepted number is live after this at the latest"),
        Line("freshness_objective_s", shopify.FRESHNESS_OBJECTIVE_S, "99 % of all changes are to be taken within this"),
        Line("reason", "correction", "stands in the shop's inventory history"),
        Line("locations_max", shopify.LOCATIONS_MAX, "shop locations that one listing is stocked at, at most"),
        Line("rows_max", shopify.ROWS_MAX, "rows in one call"),
        Line("write_cost", shopify.WRITE_COST, "points of one write"),
        Line("read_cost", shopify.READ_COST, "points of one read"),
        Line("signals", {}, "{endpoint: https://HOST/shopify, api_secret: {env: NAME}}: the shop tells of changes."),
    )


_ACCOUNTS: Final = MappingProxyType(
    {
        amazon.AMAZON: (_amazon, amazon.LIMITS),
        ebay.EBAY: (_ebay, ebay.LIMITS),
        walmart.WALMART: (_walmart, walmart.LIMITS),
        shopify.SHOPIFY: (_shopify, shopify.LIMITS),
    }
)
_CHANNELS: Final[Mapping[Marketplace, tuple[Line, ...]]] = MappingProxyType(
    {
        amazon.AMAZON: (
            Line("marketplace_id", "ATVPDKIKX0DER", "the country: ATVPDKIKX0DER is the US"),
            Line("issue_locale", "en_US", "the language of Amazon's messages"),
        ),
        ebay.EBAY: (Line("marketplace_id", "EBAY_US", "the eBay site"),),
        walmart.WALMART: (Line("market", "us"),),
        shopify.SHOPIFY: (),
    }
)
