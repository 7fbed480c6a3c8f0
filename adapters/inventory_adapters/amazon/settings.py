"""What an Amazon account needs to be told. Every number is the published default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from inventory_adapters.accounts import (
    AccountSettings,
    TokenSettings,
    read_calls,
    read_channels,
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

AMAZON: Final = Marketplace("amazon")

PATCH_LISTING: Final = "patchListingsItem"
GET_LISTING: Final = "getListingsItem"
SEARCH_LISTINGS: Final = "searchListingsItems"
CREATE_FEED_DOCUMENT: Final = "createFeedDocument"
CREATE_FEED: Final = "createFeed"
GET_FEED: Final = "getFeed"
GET_FEED_DOCUMENT: Final = "getFeedDocument"
CREATE_REPORT: Final = "createReport"
GET_REPORT: Final = "getReport"
GET_REPORT_DOCUMENT: Final = "getReportDocument"
GET_FBA_SUMMARIES: Final = "getInventorySummaries"
NOTIFICATIONS: Final = "notifications"

BASE_URL = "https://sellingpartnerapi-na.amazon.com"  # SP-API endpoints, North America
TOKEN_URL = "https://api.amazon.com/auth/o2/token"  # Login with Amazon
HOSTS = (  # SP-API endpoints page: three regions, each with its sandbox
    "sellingpartnerapi-na.amazon.com",
    "sellingpartnerapi-eu.amazon.com",
    "sellingpartnerapi-fe.amazon.com",
    "sandbox.sellingpartnerapi-na.amazon.com",
    "sandbox.sellingpartnerapi-eu.amazon.com",
    "sandbox.sellingpartnerapi-fe.amazon.com",
    "api.amazon.com",
)
LIMITS = (  # usage plans in the published models; an account may have more
    OperationLimit(PATCH_LISTING, 5.0, 5.0),
    OperationLimit(GET_LISTING, 5.0, 10.0),
    OperationLimit(SEARCH_LISTINGS, 5.0, 5.0),
    OperationLimit(CREATE_FEED_DOCUMENT, 0.5, 15.0),
    OperationLimit(CREATE_FEED, 0.0083, 15.0),
    OperationLimit(GET_FEED, 2.0, 15.0),
    OperationLimit(GET_FEED_DOCUMENT, 0.0222, 10.0),
    OperationLimit(CREATE_REPORT, 0.0167, 15.0),
    OperationLimit(GET_REPORT, 2.0, 15.0),
    OperationLimit(GET_REPORT_DOCUMENT, 0.0167, 15.0),
    OperationLimit(GET_FBA_SUMMARIES, 2.0, 2.0),
    OperationLimit(NOTIFICATIONS, 1.0, 5.0),  # of each of its operations; counted as one here, which exceeds none
)
REFRESH_AHEAD_S = 300.0  # of the 3600 s that a token lives
SETTLING_S_MAX = 900.0  # live after 5 to 15 min
FRESHNESS_OBJECTIVE_S = 600.0  # our own: 99 % of all changes are to be taken within it
FEED_POLL_S = 60.0  # our own; getFeed allows 2 a second, and a feed takes minutes
FEED_TAKES_S = 600.0  # to its report, as a rule: Amazon says minutes, and hours have been reported
FEED_TAKES_S_MAX = 7_200.0  # our own: one that is not done by then is stuck, and single calls take over
FEED_ALWAYS_ABOVE = 1_000  # the guide: with more SKUs pending the feed is used, whatever single calls could do
REPORT_POLL_S = 60.0  # our own; getReport allows 2 a second, and a report takes minutes
REPORT_AGE_S_MAX = 3_600.0  # our own: Amazon gives none, and another listing report is said to be over an hour behind
DOCUMENT_HOSTS = (".amazonaws.com",)  # where presigned addresses of feeds and reports point to
TOPICS: Final[Mapping[str, str]] = {  # with the version of the payload that is asked for
    "LISTINGS_ITEM_MFN_QUANTITY_CHANGE": "1.0",
    "LISTINGS_ITEM_STATUS_CHANGE": "1.0",
    "ORDER_CHANGE": "1.0",
    "FEED_PROCESSING_FINISHED": "2020-09-04",
    "REPORT_PROCESSING_FINISHED": "2020-09-04",
}
TOPICS_ASKED = ("LISTINGS_ITEM_MFN_QUANTITY_CHANGE", "LISTINGS_ITEM_STATUS_CHANGE", "ORDER_CHANGE")
PATCH_OPS = ("merge", "replace")
QUEUE_WAIT_S = 20  # long polling, the most that SQS allows: an empty queue then costs three calls a minute


@dataclass(frozen=True, slots=True, kw_only=True)
class AmazonSignals:
    """The queue that Amazon sends notifications to, under which name it is known there, and of what.

    Credentials for the queue are found where AWS's own library looks for them. `endpoint_url` is where the queue is
    served: AWS itself in the region of its name, or another server that speaks like it.
    """

    queue_arn: str
    destination_name: str
    topics: tuple[str, ...]
    endpoint_url: str
    wait_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AmazonChannel:
    """One country of the account."""

    marketplace_id: str
    issue_locale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AmazonSettings(AccountSettings):
    """One selling partner in one region. `patch_op` `merge` keeps a row's other fields, `replace` is the older way."""

    token: TokenSettings
    seller_id: str
    client_id: str
    client_secret: Secret
    refresh_token: Secret
    user_agent: str
    patch_op: str
    feed_poll_s: float
    feed_takes_s: float
    feed_takes_s_max: float
    feed_always_above: int
    report_poll_s: float
    report_age_s_max: float
    document_hosts: tuple[str, ...]
    signals: AmazonSignals | None
    channels: Mapping[ChannelId, AmazonChannel]

    @property
    def markets(self) -> Mapping[ChannelId, str]:
        """See `accounts.AccountSettings`."""
        return {name: channel.marketplace_id for name, channel in self.channels.items()}


def parse(raw: Mapping[str, object], path: str) -> AmazonSettings:
    """The settings of an account, with every default filled in.

    Raises:
        ConfigError: with every fault that was found, each with its place below `path`.
    """
    with all_faults() as faults:
        fields = Fields(raw, path, faults)
        read_marketplace(fields, AMAZON)
        calls = read_calls(fields, BASE_URL, HOSTS)
        channels = read_channels(fields, _channel)
        settings = AmazonSettings(
            **read_shared(fields, AMAZON, calls, channels, LIMITS, SETTLING_S_MAX, FRESHNESS_OBJECTIVE_S),
            token=read_token(fields, TOKEN_URL, calls.allowed_hosts, REFRESH_AHEAD_S),
            seller_id=fields.text("seller_id"),
            client_id=fields.text("client_id"),
            client_secret=fields.secret("client_secret"),
            refresh_token=fields.secret("refresh_token"),
            user_agent=fields.text("user_agent", "inventory-sync/0.1 (Language=Python)"),
            patch_op=fields.choice("patch_op", PATCH_OPS, "merge"),
            feed_poll_s=fields.number("feed_poll_s", FEED_POLL_S, least=0.01, most=3_600.0),
            feed_takes_s=fields.number("feed_takes_s", FEED_TAKES_S, least=0.01, most=86_400.0),
            feed_takes_s_max=fields.number("feed_takes_s_max", FEED_TAKES_S_MAX, least=0.1, most=86_400.0),
            feed_always_above=fields.whole("feed_always_above", FEED_ALWAYS_ABOVE, least=0, most=100_000_000),
            report_poll_s=fields.number("report_poll_s", REPORT_POLL_S, least=0.01, most=3_600.0),
            report_age_s_max=fields.number("report_age_s_max", REPORT_AGE_S_MAX, least=0.0, most=86_400.0),
            document_hosts=fields.texts("document_hosts", DOCUMENT_HOSTS),
            signals=_signals(fields),
            channels=channels,
        )
        fields.end()
    return settings


def _signals(fields: Fields) -> AmazonSignals | None:
    own = read_signals(fields)
    if own is None:
        return None
    queue_arn = own.text("queue_arn")
    region = (*queue_arn.split(":"), "", "", "")[3] or "us-east-1"
    signals = AmazonSignals(
        queue_arn=queue_arn,
        destination_name=own.text("destination_name", "inventory-sync"),
        topics=read_topics(own, tuple(TOPICS), TOPICS_ASKED),
        endpoint_url=own.text("endpoint_url", f"https://sqs.{region}.amazonaws.com"),
        wait_s=own.whole("wait_s", QUEUE_WAIT_S, least=0, most=20),
    )
    if signals.queue_arn and not signals.queue_arn.startswith("arn:aws:sqs:"):
        own.fault("queue_arn", "must begin with arn:aws:sqs:")
    if signals.queue_arn.endswith(".fifo"):
        own.fault("queue_arn", "must be a standard queue: Amazon sends to no FIFO queue")
    own.end()
    return signals


def _channel(fields: Fields) -> AmazonChannel:
    return AmazonChannel(
        marketplace_id=fields.text("marketplace_id"),
        issue_locale=fields.text("issue_locale", "en_US"),
    )
