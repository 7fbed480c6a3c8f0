"""What of the settings file says how stock becomes a number: `policy`, and each channel's share and buffer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from inventory_cli.fields import FileFields
from inventory_cli.profiles import PROFILE_DEFAULT, PROFILES, RISK_PROFILE, oversell_chance
from inventory_domain.buffers import BufferPolicy
from inventory_domain.errors import ConfigFault
from inventory_domain.identifiers import AccountId, ChannelId, LocationId, Marketplace
from inventory_domain.policies import LARGEST_PERCENT, AllocationPolicy, ChannelPolicy, Strategy
from inventory_domain.policies import faults as policy_faults
from inventory_domain.risk import DISPERSION_PERCENT_MAX, MILLION, WINDOW_MS_MAX, RiskPolicy
from inventory_domain.surges import WIDENED_PERCENT_MAX, HighVelocity, Peak

POLICY_KEYS: Final = frozenset(
    {"account", "locations", "buffer", "buffer_by_category", "buffer_by_sku", "percent", "largest_share", "allow_full"}
)
_STRATEGIES: Final = tuple(strategy.value for strategy in Strategy)
_ANY: Final = 10**9
_DEFAULTS: Final = AllocationPolicy({})
_HIGH_VELOCITY: Final = HighVelocity()
_RATE_MAX: Final = 1e9


@dataclass(frozen=True, slots=True)
class Serving:
    """What a channel's policy needs of its account; `settling_s_max` is until an accepted number is seen by buyers."""

    marketplace: Marketplace
    settling_s_max: float


def read_policy(
    root: FileFields,
    raw_channels: Mapping[str, Mapping[str, object]],
    accounts: Mapping[AccountId, Serving],
    faults: list[ConfigFault],
) -> tuple[str, AllocationPolicy]:
    """The profile's name and the policy, every default filled in; faults are noted with their paths."""
    fields = root.within("policy")
    profile = fields.choice("profile", list(PROFILES), PROFILE_DEFAULT)
    strategy = Strategy(fields.choice("strategy", _STRATEGIES, Strategy.SHARED_POOL.value))
    by_category = _strategies(fields, "by_category")
    by_sku = _strategies(fields, "by_sku")
    largest = _largest(fields.within("largest_share"))
    smallest = fields.whole("smallest_share", _DEFAULTS.smallest_percent, least=-_ANY, most=_ANY)
    horizon = fields.whole("margin_horizon_days", _DEFAULTS.margin_horizon_days, least=-_ANY, most=_ANY)
    high_velocity = _high_velocity(fields.within("high_velocity"))
    closed = frozenset([LocationId(name) for name in fields.texts("closed_locations", ())])
    zone = _zone(fields)
    peaks = tuple([_peak(one, zone) for one in fields.items("peaks")])
    fields.end()
    channels_below = root.of("channels", raw_channels)
    channels: dict[ChannelId, ChannelPolicy] = {}
    for name, raw in raw_channels.items():
        channel = _channel(ChannelId(name), channels_below.of(name, raw), profile, accounts)
        if channel is not None:
            channels[channel.channel] = channel
    policy = AllocationPolicy(
        channels, strategy, by_category, by_sku, largest, smallest, horizon, high_velocity, peaks, closed
    )
    faults.extend(policy_faults(policy))
    return profile, policy


def _strategies(fields: FileFields, name: str) -> dict[str, Strategy]:
    inner = fields.within(name)
    return {key: Strategy(inner.choice(key, _STRATEGIES, Strategy.SHARED_POOL.value)) for key in fields.mapping(name)}


def _largest(fields: FileFields) -> dict[Strategy, int]:
    found = {
        strategy: fields.whole(strategy.value, percent, least=-_ANY, most=_ANY)
        for strategy, percent in LARGEST_PERCENT.items()
    }
    fields.end()
    return found


def _high_velocity(fields: FileFields) -> HighVelocity | None:
    """The rule for high-velocity periods; None where it widens nothing."""
    rule = HighVelocity(
        _percent(fields.number("begins", _HIGH_VELOCITY.begins_percent / 100, least=0, most=1000)),
        _percent(fields.number("ends", _HIGH_VELOCITY.ends_percent / 100, least=0, most=1000)),
        round(
            fields.number("least_per_day", _HIGH_VELOCITY.least_milli_per_day / 1000, least=0, most=_RATE_MAX) * 1000
        ),
        _percent(fields.number("widen", _HIGH_VELOCITY.widened_percent / 100, least=0, most=1000)),
    )
    fields.end()
    return rule if rule.widened_percent != 100 else None


def _zone(fields: FileFields) -> tzinfo:
    name = fields.text("time_zone", "UTC")
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        fields.fault("time_zone", f"{name!r} is not a time zone such as America/New_York")
        return UTC


def _peak(fields: FileFields, zone: tzinfo) -> Peak:
    most = WIDENED_PERCENT_MAX / 100
    peak = Peak(
        fields.text("name"),
        fields.moment_ms("from", zone, 0),
        fields.moment_ms("until", zone, 1),  # a day without a time is meant whole
        _percent(fields.number("widen", _HIGH_VELOCITY.widened_percent / 100, least=1, most=most)),
        frozenset([ChannelId(name) for name in fields.texts("channels", ())]),
    )
    fields.end()
    return peak


def _channel(
    name: ChannelId, fields: FileFields, profile: str, accounts: Mapping[AccountId, Serving]
) -> ChannelPolicy | None:
    """One channel's policy; what is its marketplace's own matter is read with its account."""
    account = AccountId(fields.text("account"))
    locations = fields.texts("locations", ())
    percent = fields.whole("percent", 0, least=-_ANY, most=_ANY)  # its bounds are the policy's to judge
    largest = fields.whole_or_none("largest_share", None, least=-_ANY, most=_ANY)
    allow_full = fields.flag("allow_full", False)
    if account and account not in accounts:
        fields.fault("account", f"{account!r} is not below `accounts`, or has a fault there")
    known = accounts.get(account, Serving(Marketplace(""), 1.0))
    usual = RiskPolicy(round(oversell_chance(known.marketplace) * MILLION), max(1, round(known.settling_s_max * 1000)))
    preset = PROFILES[profile].get(known.marketplace, BufferPolicy(units=1))
    if profile == RISK_PROFILE:
        preset = BufferPolicy(preset.units, preset.percent, usual)
    buffer = _buffer(fields.within("buffer"), usual) if fields.mapping("buffer") else preset
    by_category = _buffers(fields, "buffer_by_category", usual)
    by_sku = _buffers(fields, "buffer_by_sku", usual)
    if account not in accounts:
        return None
    return ChannelPolicy(
        channel=name,
        marketplace=known.marketplace,
        account=account,
        locations=frozenset(LocationId(location) for location in locations),
        buffer=buffer,
        percent=percent,
        allow_full=allow_full,
        largest_percent=largest,
        buffer_by_category=by_category,
        buffer_by_sku=by_sku,
    )


def _buffers(fields: FileFields, name: str, usual: RiskPolicy) -> dict[str, BufferPolicy]:
    inner = fields.within(name)
    return {key: _buffer(inner.within(key), usual) for key in fields.mapping(name)}


def _buffer(fields: FileFields, usual: RiskPolicy) -> BufferPolicy:
    """A buffer that names one of the numbers means that one alone."""
    units = fields.whole("units", 0, least=-_ANY, most=_ANY)
    percent = fields.whole("percent", 0, least=-_ANY, most=_ANY)
    if fields.has("show"):
        if fields.has("percent"):
            fields.fault("show", "says the same as percent in another way: name one of them")
        percent = 100 - fields.whole("show", 100, least=0, most=100)
    risk = _risk(fields.within("risk"), usual) if fields.has("risk") else None
    fields.end()
    return BufferPolicy(units, percent, risk)


def _risk(fields: FileFields, usual: RiskPolicy) -> RiskPolicy:
    rule = RiskPolicy(
        round(fields.number("chance", usual.chance_ppm / MILLION, least=1 / MILLION, most=0.5) * MILLION),
        round(fields.number("time_to_live_s", usual.window_ms / 1000, least=0.001, most=WINDOW_MS_MAX / 1000) * 1000),
        _percent(fields.number("dispersion", 1.0, least=1.0, most=DISPERSION_PERCENT_MAX / 100)),
    )
    fields.end()
    return rule


def _percent(number: float) -> int:
    return round(number * 100)
