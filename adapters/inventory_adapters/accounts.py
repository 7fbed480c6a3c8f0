"""What the settings of an account have in common, whatever its marketplace."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypedDict, TypeVar
from urllib.parse import urlsplit

from inventory_adapters.fields import Fields, is_loopback
from inventory_domain.identifiers import ChannelId, Marketplace
from inventory_domain.ports import OperationLimit

CALL_S_MAX = 15.0  # a request may not outlive this: a successor waits 20 s before it writes to the same listing
CONNECTIONS_MAX = 64  # more than calls of delivery under way: one that waits for a connection in vain is a failed call
DAY_S = 86_400.0
RATE_PER_S_MAX = 100_000.0
CALLS_PER_DAY_MAX = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettings:
    """How calls are made. `timeout_s` is for a whole push or read, a token and a repeat included.

    `ca_file`: authorities to trust in place of the public ones; empty where the public ones are.
    """

    base_url: str
    allowed_hosts: tuple[str, ...]
    timeout_s: float
    connect_timeout_s: float
    connections_max: int
    response_bytes_max: int
    ca_file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSettings:
    """Where tokens come from, and how long before its end one is replaced."""

    token_url: str
    refresh_ahead_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """One account at one marketplace. `channel_ids` are the channels that it serves; no other listing is written."""

    marketplace: Marketplace
    calls: CallSettings
    channel_ids: tuple[ChannelId, ...]
    limits: tuple[OperationLimit, ...]
    settling_s_max: float
    freshness_objective_s: float

    def limit(self, operation: str) -> OperationLimit:
        """The limit of this operation. Raises KeyError for one that the account does not have."""
        for each in self.limits:
            if each.operation == operation:
                return each
        raise KeyError(operation)

    @property
    def markets(self) -> Mapping[ChannelId, str]:
        """What the marketplace calls each channel's country or site; empty where it has none."""
        return {}

    @property
    def signals_endpoint(self) -> str | None:
        """Where the marketplace is told to send messages to; None where it sends none over HTTP."""
        return None


ChannelT = TypeVar("ChannelT", covariant=True)


class ReadChannel(Protocol[ChannelT]):
    """Reads what a channel's settings hold."""

    def __call__(self, fields: Fields) -> ChannelT: ...


def read_marketplace(fields: Fields, marketplace: Marketplace) -> None:
    """The account may name its marketplace; then it must be this one."""
    fields.choice("marketplace", [marketplace], marketplace)


class Shared(TypedDict):
    """What the settings of every account have, as arguments of the marketplace's own."""

    marketplace: Marketplace
    calls: CallSettings
    channel_ids: tuple[ChannelId, ...]
    limits: tuple[OperationLimit, ...]
    settling_s_max: float
    freshness_objective_s: float


def read_shared(
    fields: Fields,
    marketplace: Marketplace,
    calls: CallSettings,
    channel_ids: Iterable[ChannelId],
    published: Sequence[OperationLimit],
    settling_s_max: float,
    freshness_objective_s: float,
) -> Shared:
    """The fields that every account has, with the marketplace's published numbers as the defaults."""
    return Shared(
        marketplace=marketplace,
        calls=calls,
        channel_ids=tuple(channel_ids),
        limits=read_limits(fields, published),
        settling_s_max=fields.number("settling_s_max", settling_s_max, least=0.0, most=86_400.0),
        # Within which time the marketplace is to have taken a change; alerts go by it.
        freshness_objective_s=fields.number("freshness_objective_s", freshness_objective_s, least=1.0, most=86_400.0),
    )


def read_calls(fields: Fields, base_url: str, hosts: Sequence[str]) -> CallSettings:
    """The fields about calls, with this published address as the default."""
    allowed = fields.texts("allowed_hosts", hosts)
    return CallSettings(
        base_url=fields.url("base_url", base_url, allowed),
        allowed_hosts=allowed,
        timeout_s=fields.number("timeout_s", 14.0, least=0.1, most=CALL_S_MAX),
        connect_timeout_s=fields.number("connect_timeout_s", 5.0, least=0.1, most=CALL_S_MAX),
        connections_max=fields.whole("connections_max", CONNECTIONS_MAX, least=1, most=1_000),
        response_bytes_max=fields.whole("response_bytes_max", 4 * 2**20, least=1_024, most=256 * 2**20),
        ca_file=_authorities(fields),
    )


def _authorities(fields: Fields) -> str:
    """The file with the authorities to trust. Looked at now, because a call that trusts nobody only seems an outage."""
    file = fields.text("ca_file", "")
    if file:
        try:
            ssl.create_default_context(cafile=file)
        except OSError as error:  # what is no certificate too
            fields.fault("ca_file", f"{file!r} holds no certificates that can be read: {error.strerror or error}")
    return file


def read_token(fields: Fields, token_url: str, hosts: Sequence[str], refresh_ahead_s: float) -> TokenSettings:
    """The fields about tokens; the token server must be an allowed host like the API's own."""
    return TokenSettings(
        token_url=fields.url("token_url", token_url, hosts),
        refresh_ahead_s=fields.number("refresh_ahead_s", refresh_ahead_s, least=0.0, most=3_600.0),
    )


def read_limits(fields: Fields, published: Sequence[OperationLimit]) -> tuple[OperationLimit, ...]:
    """The limits of each operation: what `limits` says of it, else what is published."""
    given = fields.mapping("limits")
    inner = fields.section("limits", given)
    limits = [_limit(inner.section(each.operation, inner.mapping(each.operation)), each) for each in published]
    inner.end()
    return tuple(limits)


def read_channels(fields: Fields, read: ReadChannel[ChannelT]) -> Mapping[ChannelId, ChannelT]:
    """The channels of the account, at least one."""
    given = fields.mapping("channels", required=True)
    if not given:
        fields.fault("channels", "must name at least one channel")
    inner = fields.section("channels", given)
    channels: dict[ChannelId, ChannelT] = {}
    for name, raw in given.items():
        if not name or "/" in name or not name.isprintable() or name != name.strip():
            inner.fault(name, "is not a channel id: printable, without slash, no spaces around it")
        section = inner.section(name, raw)
        channels[ChannelId(name)] = read(section)
        section.end()
    return channels


def _limit(fields: Fields, published: OperationLimit) -> OperationLimit:
    limit = OperationLimit(
        operation=published.operation,
        rate_per_s=fields.number("rate_per_s", published.rate_per_s, least=1 / DAY_S, most=RATE_PER_S_MAX),
        burst=fields.number("burst", published.burst, least=1.0, most=RATE_PER_S_MAX),
        per_day=fields.whole_or_none("per_day", published.per_day, least=1, most=CALLS_PER_DAY_MAX),
    )
    fields.end()
    return limit


def read_signals(fields: Fields) -> Fields | None:
    """The fields of `signals`, nothing where the account is not to be told anything."""
    given = fields.mapping("signals")
    return fields.section("signals", given) if given else None


def read_endpoint(fields: Fields) -> str:
    """Where the marketplace is to send messages to; it is called by the marketplace and never by us."""
    value = fields.text("endpoint")
    parts = urlsplit(value)
    if value and (not parts.hostname or (parts.scheme != "https" and not is_loopback(parts.hostname))):
        fields.fault("endpoint", f"must be an address like https://host/path, not {value!r}")
    return value


def read_topics(fields: Fields, known: Sequence[str], default: Sequence[str]) -> tuple[str, ...]:
    """What the account is to be told of."""
    topics = fields.texts("topics", default)
    for each in topics:
        if each not in known:
            fields.fault("topics", f"{each!r} is not one of {', '.join(known)}")
    return topics
