"""What a Walmart account needs to be told. Every number is the published default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from inventory_adapters.accounts import (
    AccountSettings,
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

WALMART: Final = Marketplace("walmart")

# Writes of one number and writes per ship node have a limit of 200 a minute each; an account counts both as one
# operation here, which never exceeds either.
PUT_INVENTORY: Final = "putInventory"
GET_INVENTORY: Final = "getInventory"
GET_INVENTORIES: Final = "getInventories"
POST_INVENTORY_FEED: Final = "postFeed.inventory"
POST_MP_INVENTORY_FEED: Final = "postFeed.MP_INVENTORY"
GET_FEEDS: Final = "getFeeds"
API_STATUS: Final = "apiStatus"
WEBHOOKS: Final = "webhooks"
GET_WFS_INVENTORY: Final = "getWfsInventory"
GET_SHIP_NODES: Final = "getShipNodes"

BASE_URL = "https://marketplace.walmartapis.com"
TOKEN_PATH = "/v3/token"  # on the API's own host
HOSTS = ("marketplace.walmartapis.com", "sandbox.walmartapis.com")
PER_MINUTE_200 = 200 / 60
LIMITS = (  # Walmart's rate-limiting page; buckets refill gradually
    OperationLimit(PUT_INVENTORY, PER_MINUTE_200, 200.0),
    OperationLimit(GET_INVENTORY, PER_MINUTE_200, 200.0),
    OperationLimit(GET_INVENTORIES, PER_MINUTE_200, 200.0),
    OperationLimit(POST_INVENTORY_FEED, 10 / 3_600, 10.0),
    OperationLimit(POST_MP_INVENTORY_FEED, 50 / 3_600, 50.0),
    OperationLimit(GET_FEEDS, 5_000 / 60, 5_000.0),
    OperationLimit(GET_WFS_INVENTORY, 100 / 60, 100.0),
    OperationLimit(GET_SHIP_NODES, 50 / 60, 50.0),
    OperationLimit(API_STATUS, 1.0, 10.0),  # not published: a number of our own, and so is the next
    OperationLimit(WEBHOOKS, 1.0, 10.0),
)
FEED_POLL_S = 30.0  # our own; inventory feeds took 0.1 to 75 s in Walmart's published list
FEED_TAKES_S = (
    120.0  # to its report, as a rule: 0.1 to 75 s in Walmart's published list; the guide says 3 to 10 min to live
)
FEED_TAKES_S_MAX = 3_600.0  # our own: one that is not done by then is stuck, and single calls take over
REFRESH_AHEAD_S = 120.0  # of the 900 s that a token lives
SETTLING_S_MAX = 600.0  # live after 3 to 10 min
FRESHNESS_OBJECTIVE_S = 600.0  # our own: 99 % of all changes are to be taken within it


RESOURCES: Final[Mapping[str, str]] = {  # what each event is filed under
    "INVENTORY_OOS": "INVENTORY",
    "OFFER_UNPUBLISHED": "ITEM",
    "OFFER_PUBLISHED": "ITEM",
    "PO_CREATED": "ORDER",
    "PO_LINE_AUTOCANCELLED": "ORDER",
}
TOPICS_ASKED = ("INVENTORY_OOS", "OFFER_UNPUBLISHED", "PO_CREATED", "PO_LINE_AUTOCANCELLED")


@dataclass(frozen=True, slots=True, kw_only=True)
class WalmartSignals:
    """Where Walmart sends events to, of what, and the secret whose signature stands in this header."""

    endpoint: str
    secret: Secret
    header: str
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WalmartChannel:
    """One Walmart market of the account."""

    market: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WalmartSettings(AccountSettings):
    """One seller at Walmart. `service_name` goes into WM_SVC.NAME."""

    token: TokenSettings
    client_id: str
    client_secret: Secret
    service_name: str
    feed_poll_s: float
    feed_takes_s: float
    feed_takes_s_max: float
    signals: WalmartSignals | None
    channels: Mapping[ChannelId, WalmartChannel]

    @property
    def markets(self) -> Mapping[ChannelId, str]:
        """See `accounts.AccountSettings`."""
        return {name: channel.market for name, channel in self.channels.items()}

    @property
    def signals_endpoint(self) -> str | None:
        """See `accounts.AccountSettings`."""
        return None if self.signals is None else self.signals.endpoint


def parse(raw: Mapping[str, object], path: str) -> WalmartSettings:
    """The settings of an account, with every default filled in.

    Raises:
        ConfigError: with every fault that was found, each with its place below `path`.
    """
    with all_faults() as faults:
        fields = Fields(raw, path, faults)
        read_marketplace(fields, WALMART)
        calls = read_calls(fields, BASE_URL, HOSTS)
        channels = read_channels(fields, _channel)
        settings = WalmartSettings(
            **read_shared(fields, WALMART, calls, channels, LIMITS, SETTLING_S_MAX, FRESHNESS_OBJECTIVE_S),
            token=read_token(fields, calls.base_url + TOKEN_PATH, calls.allowed_hosts, REFRESH_AHEAD_S),
            client_id=fields.text("client_id"),
            client_secret=fields.secret("client_secret"),
            service_name=fields.text("service_name", "Walmart Marketplace"),
            feed_poll_s=fields.number("feed_poll_s", FEED_POLL_S, least=0.01, most=3_600.0),
            feed_takes_s=fields.number("feed_takes_s", FEED_TAKES_S, least=0.01, most=86_400.0),
            feed_takes_s_max=fields.number("feed_takes_s_max", FEED_TAKES_S_MAX, least=0.1, most=86_400.0),
            signals=_signals(fields),
            channels=channels,
        )
        fields.end()
    return settings


def _signals(fields: Fields) -> WalmartSignals | None:
    own = read_signals(fields)
    if own is None:
        return None
    signals = WalmartSignals(
        endpoint=read_endpoint(own),
        secret=own.secret("secret"),
        header=own.text("header", "X-Inventory-Sync-Signature"),
        topics=read_topics(own, tuple(RESOURCES), TOPICS_ASKED),
    )
    own.end()
    return signals


def _channel(fields: Fields) -> WalmartChannel:
    return WalmartChannel(market=fields.text("market", "us"))
