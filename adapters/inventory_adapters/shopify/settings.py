"""What a Shopify shop needs to be told. Every number is the published default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from inventory_adapters.accounts import (
    AccountSettings,
    CallSettings,
    TokenSettings,
    read_calls,
    read_channels,
    read_endpoint,
    read_marketplace,
    read_shared,
    read_signals,
    read_token,
    read_topics,
)
from inventory_adapters.fields import Fields, all_faults
from inventory_adapters.secrets import Secret
from inventory_domain.identifiers import ChannelId, Marketplace
from inventory_domain.ports import OperationLimit

SHOPIFY: Final = Marketplace("shopify")

GRAPHQL: Final = "graphql"  # one bucket of cost points for everything

HOSTS = (".myshopify.com",)
VERSIONS = ("2025-10", "2026-01", "2026-04", "2026-07", "2026-10")  # served now; 2026-10 is the release candidate
VERSION = "2026-07"
TOKEN_PATH = "/admin/oauth/access_token"
REFRESH_AHEAD_S = 600.0  # seconds; a token had by client credentials lives a day
LIMITS = (OperationLimit(GRAPHQL, 100.0, 2_000.0),)  # standard plan; each answer says the shop's own numbers
ROWS_MAX = 250  # rows of one array in an input
LOCATIONS_MAX = 5
SETTLING_S_MAX = 10.0  # seconds, by our own estimate: the answer itself proves the number live
FRESHNESS_OBJECTIVE_S = 60.0  # our own: 99 % of all changes are to be taken within it
WRITE_COST = 10.0  # a mutation costs 10 points
READ_COST = 10.0  # our own upper estimate: one point per object that the query names, and the answer says the rest
PULL_PAGE_SIZE = 25  # so that a page with five locations each costs less than the 1,000 points of a single query
PULL_COST = 500.0  # our own upper estimate of such a page; the answer says the rest
BULK_POLL_S = 10.0  # our own; a bulk operation on 100,000 items takes minutes
BULK_BYTES_MAX = 256 * 2**20  # 100,000 items at five locations each are about 130 MB
DOCUMENT_HOSTS = ("storage.googleapis.com",)  # where the files of bulk operations are


TOPICS = (  # as the API names them; on the wire they are inventory_levels/update and so on
    "INVENTORY_LEVELS_UPDATE",
    "INVENTORY_LEVELS_CONNECT",
    "INVENTORY_LEVELS_DISCONNECT",
    "INVENTORY_ITEMS_UPDATE",
    "INVENTORY_ITEMS_DELETE",
    "BULK_OPERATIONS_FINISH",
    "ORDERS_CREATE",  # these two need the scope read_orders
    "ORDERS_CANCELLED",
)
TOPICS_ASKED = ("INVENTORY_LEVELS_UPDATE", "BULK_OPERATIONS_FINISH", "ORDERS_CREATE", "ORDERS_CANCELLED")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopifySignals:
    """Where the shop sends webhooks to, of what, and the app's secret that they are signed with."""

    endpoint: str
    api_secret: Secret
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopifyClient:
    """An app that gets its own tokens by client credentials, as those do that were made since 2026."""

    client_id: str
    client_secret: Secret
    token: TokenSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopifyChannel:
    """The shop as a channel; it has nothing to set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopifySettings(AccountSettings):
    """One shop. A listing is written at `locations_max` locations at most, so a call holds `group_max` listings.

    `access_token` is empty where a `client` gets the tokens.
    """

    version: str
    access_token: Secret
    client: ShopifyClient | None
    locations_max: int
    group_max: int
    reason: str
    write_cost: float
    read_cost: float
    pull_page_size: int
    pull_cost: float
    bulk_poll_s: float
    bulk_bytes_max: int
    document_hosts: tuple[str, ...]
    signals: ShopifySignals | None
    channels: Mapping[ChannelId, ShopifyChannel]

    @property
    def signals_endpoint(self) -> str | None:
        """See `accounts.AccountSettings`."""
        return None if self.signals is None else self.signals.endpoint


def parse(raw: Mapping[str, object], path: str) -> ShopifySettings:
    """The settings of a shop, with every default filled in.

    Raises:
        ConfigError: with every fault that was found, each with its place below `path`.
    """
    with all_faults() as faults:
        fields = Fields(raw, path, faults)
        read_marketplace(fields, SHOPIFY)
        shop = fields.text("shop", "")
        default_url = f"https://{shop}.myshopify.com" if shop else ""
        if not shop and "base_url" not in raw:
            fields.fault("shop", "is missing: the name before .myshopify.com")
        calls = read_calls(fields, default_url, HOSTS)
        channels = read_channels(fields, _channel)
        locations_max = fields.whole("locations_max", LOCATIONS_MAX, least=1, most=ROWS_MAX)
        rows_max = fields.whole("rows_max", ROWS_MAX, least=1, most=ROWS_MAX)
        if rows_max < locations_max:
            fields.fault("rows_max", f"must be at least locations_max ({locations_max}), not {rows_max}")
        client = _client(fields, calls)
        needs_token = client is None or "access_token" in raw
        if client is not None and needs_token:
            fields.fault("client", "is given beside access_token: a shop has one or the other")
        settings = ShopifySettings(
            **read_shared(fields, SHOPIFY, calls, channels, LIMITS, SETTLING_S_MAX, FRESHNESS_OBJECTIVE_S),
            version=fields.choice("version", VERSIONS, VERSION),
            access_token=fields.secret("access_token") if needs_token else Secret(""),
            client=client,
            locations_max=locations_max,
            group_max=max(1, rows_max // locations_max),
            reason=fields.text("reason", "correction"),
            write_cost=fields.number("write_cost", WRITE_COST, least=1.0, most=1_000.0),
            read_cost=fields.number("read_cost", READ_COST, least=1.0, most=1_000.0),
            pull_page_size=fields.whole("pull_page_size", PULL_PAGE_SIZE, least=1, most=250),
            pull_cost=fields.number("pull_cost", PULL_COST, least=1.0, most=1_000.0),
            bulk_poll_s=fields.number("bulk_poll_s", BULK_POLL_S, least=0.01, most=3_600.0),
            bulk_bytes_max=fields.whole("bulk_bytes_max", BULK_BYTES_MAX, least=1_024, most=2**31),
            document_hosts=fields.texts("document_hosts", DOCUMENT_HOSTS),
            signals=_signals(fields),
            channels=channels,
        )
        fields.end()
    return settings


def _client(fields: Fields, calls: CallSettings) -> ShopifyClient | None:
    given = fields.mapping("client")
    if not given:
        return None
    own = fields.section("client", given)
    client = ShopifyClient(
        client_id=own.text("client_id"),
        client_secret=own.secret("client_secret"),
        token=read_token(own, calls.base_url + TOKEN_PATH, calls.allowed_hosts, REFRESH_AHEAD_S),
    )
    own.end()
    return client


def _signals(fields: Fields) -> ShopifySignals | None:
    own = read_signals(fields)
    if own is None:
        return None
    signals = ShopifySignals(
        endpoint=read_endpoint(own),
        api_secret=own.secret("api_secret"),
        topics=read_topics(own, TOPICS, TOPICS_ASKED),
    )
    own.end()
    return signals


def _channel(fields: Fields) -> ShopifyChannel:
    return ShopifyChannel()
