"""What an eBay account needs to be told. Every number is the published default."""

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
from inventory_domain.account_calls import OutOfStockPolicy, WhenOff
from inventory_domain.identifiers import ChannelId, Marketplace
from inventory_domain.ports import OperationLimit

EBAY: Final = Marketplace("ebay")

# The quota is one for all calls of the Inventory API, so it is one operation: reads and writes share it.
INVENTORY_API: Final = "sell.inventory"
TRADING_API: Final = "tradingapi"
ANALYTICS_API: Final = "developer.analytics"
NOTIFICATION_API: Final = "commerce.notification"

BASE_URL = "https://api.ebay.com"
TOKEN_PATH = "/identity/v1/oauth2/token"  # on the API's own host
HOSTS = ("api.ebay.com", "api.sandbox.ebay.com")
TRADING_PATH = "/ws/api.dll"  # on the API's own host
APPLICATION_SCOPE: Final = "https://api.ebay.com/oauth/api_scope"
SCOPES = ("https://api.ebay.com/oauth/api_scope/sell.inventory",)
LIMITS = (
    # 5,000 a day where eBay's rate-limit API was not asked; its published default for this API is 2,000,000 a day.
    # No limit per second is published: 10/s is our own, so that a backlog does not go out as one burst.
    OperationLimit(INVENTORY_API, 10.0, 10.0, per_day=5_000),
    OperationLimit(TRADING_API, 1.0, 5.0, per_day=5_000),  # the quotas are published, the rates our own
    OperationLimit(ANALYTICS_API, 1.0, 5.0, per_day=5_000),
    OperationLimit(NOTIFICATION_API, 1.0, 5.0, per_day=10_000),
)
GROUP_MAX = 25  # "one or more inventory items (up to 25)", field text of bulkUpdatePriceQuantity
REFRESH_AHEAD_S = 600.0  # of the 7200 s that a token lives
SETTLING_S_MAX = 180.0  # live after 1 to 3 min
FRESHNESS_OBJECTIVE_S = 300.0  # our own: 99 % of all changes are to be taken within it
REVISIONS_PER_DAY = 250  # "each listing can be revised up to 250 times in one calendar day", Inventory API
REVISIONS_RESERVE = 0.2  # our own: this share is kept from rises and half of it from falls, so that zeros always go
TURN_ON: Final = "turn-on"
CONTROLS: Final = (TURN_ON, "check")
LEAVE: Final = WhenOff.LEAVE.value


TOPICS = ("LISTING", "ORDER_CONFIRMATION")  # there is none for a quantity
VERIFICATION_TOKEN_LENGTH = range(32, 81)


@dataclass(frozen=True, slots=True, kw_only=True)
class EbaySignals:
    """Where eBay sends notifications to, of what, and the word that proves the place to be ours."""

    endpoint: str
    verification_token: Secret
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EbayChannel:
    """One eBay site of the account."""

    marketplace_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EbaySettings(AccountSettings):
    """One seller who has given consent to one application. `group_max`: SKUs per write.

    `out_of_stock_control`: "turn-on", or "check" where only the seller may change it. `zero_without_control`: what
    becomes of a listing that should fall to zero while it is off, "leave" or "end".
    """

    token: TokenSettings
    trading_url: str
    client_id: str
    client_secret: Secret
    refresh_token: Secret
    scopes: tuple[str, ...]
    group_max: int
    revisions_per_day: int
    out_of_stock_control: str
    zero_without_control: str
    signals: EbaySignals | None
    channels: Mapping[ChannelId, EbayChannel]

    @property
    def markets(self) -> Mapping[ChannelId, str]:
        """See `accounts.AccountSettings`."""
        return {name: channel.marketplace_id for name, channel in self.channels.items()}

    @property
    def out_of_stock_policy(self) -> OutOfStockPolicy:
        """See `account_calls.ControlsOutOfStock`."""
        return OutOfStockPolicy(self.out_of_stock_control == TURN_ON, WhenOff(self.zero_without_control))

    @property
    def signals_endpoint(self) -> str | None:
        """See `accounts.AccountSettings`."""
        return None if self.signals is None else self.signals.endpoint


def parse(raw: Mapping[str, object], path: str) -> EbaySettings:
    """The settings of an account, with every default filled in.

    Raises:
        ConfigError: with every fault that was found, each with its place below `path`.
    """
    with all_faults() as faults:
        fields = Fields(raw, path, faults)
        read_marketplace(fields, EBAY)
        calls = read_calls(fields, BASE_URL, HOSTS)
        channels = read_channels(fields, _channel)
        settings = EbaySettings(
            **read_shared(fields, EBAY, calls, channels, LIMITS, SETTLING_S_MAX, FRESHNESS_OBJECTIVE_S),
            token=read_token(fields, calls.base_url + TOKEN_PATH, calls.allowed_hosts, REFRESH_AHEAD_S),
            trading_url=fields.url("trading_url", calls.base_url + TRADING_PATH, calls.allowed_hosts),
            client_id=fields.text("client_id"),
            client_secret=fields.secret("client_secret"),
            refresh_token=fields.secret("refresh_token"),
            scopes=fields.texts("scopes", SCOPES),
            group_max=fields.whole("group_max", GROUP_MAX, least=1, most=GROUP_MAX),
            revisions_per_day=fields.whole("revisions_per_day", REVISIONS_PER_DAY, least=1, most=REVISIONS_PER_DAY),
            out_of_stock_control=fields.choice("out_of_stock_control", CONTROLS, TURN_ON),
            zero_without_control=fields.choice("zero_without_control", [one.value for one in WhenOff], LEAVE),
            signals=_signals(fields),
            channels=channels,
        )
        fields.end()
    return settings


def _signals(fields: Fields) -> EbaySignals | None:
    own = read_signals(fields)
    if own is None:
        return None
    signals = EbaySignals(
        endpoint=read_endpoint(own),
        verification_token=own.secret("verification_token"),
        topics=read_topics(own, TOPICS, TOPICS),
    )
    if len(signals.verification_token.reveal()) not in VERIFICATION_TOKEN_LENGTH:
        own.fault("verification_token", "must be 32 to 80 characters")
    own.end()
    return signals


def _channel(fields: Fields) -> EbayChannel:
    return EbayChannel(marketplace_id=fields.text("marketplace_id", "EBAY_US"))
