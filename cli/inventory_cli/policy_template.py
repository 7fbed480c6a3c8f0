"""The lines of a settings file that say how stock becomes a number, for `config init`."""

from __future__ import annotations

from collections.abc import Mapping

from inventory_cli.profiles import PROFILE_DEFAULT, PROFILES, RISK_PROFILE, oversell_chance
from inventory_cli.template_lines import Line
from inventory_domain.identifiers import Marketplace
from inventory_domain.policies import LARGEST_PERCENT, AllocationPolicy
from inventory_domain.surges import HighVelocity

_DEFAULTS = AllocationPolicy({})
_HIGH_VELOCITY = HighVelocity()


def policy_lines(by_category: Mapping[str, str]) -> tuple[Line, ...]:
    """The section `policy`."""
    return (
        Line("profile", PROFILE_DEFAULT, f"Buffers of channels that name none. {_profiles()}"),
        Line(
            "strategy",
            "shared-pool",
            "shared-pool: every channel is given all there is, and buffers protect; "
            "fixed-percentage: each is given its `percent`; velocity-weighted: by what each is expected to sell; "
            "margin-first: while there is less than will be sold within the horizon, the channel that earns most per "
            "unit first; else the strategy here (or shared-pool). docs/quantities.md says which suits which catalog.",
        ),
        Line("by_category", by_category, "another strategy for a category: {shoes: fixed-percentage}"),
        Line("by_sku", {}, "another strategy for one SKU"),
        Line(
            "largest_share",
            {strategy.value: percent for strategy, percent in LARGEST_PERCENT.items()},
            "percent of its stock that one channel may be given at most; 100 needs allow_full on the channel",
        ),
        Line("smallest_share", _DEFAULTS.smallest_percent, "what a channel without sales weighs, velocity-weighted: %"),
        Line("margin_horizon_days", _DEFAULTS.margin_horizon_days, "how far ahead margin-first looks"),
        Line("high_velocity", _high_velocity(), "Wider buffers while a SKU sells far more than usual."),
        Line(
            "peaks",
            [],
            "Days with wider buffers, both days included: "
            "[{name: black-friday, from: 2026-11-27, until: 2026-11-30, widen: 2, channels: [amazon-us]}]; "
            "without channels: on all. A time may follow the day: 2026-11-27T09:00:00.",
        ),
        Line(
            "closed_locations",
            [],
            "nothing is promised from these, whatever stands there, and no count of theirs is waited for",
        ),
        Line("time_zone", "UTC", "of the days and times in `peaks`, such as America/New_York"),
    )


def _high_velocity() -> tuple[Line, ...]:
    rule = _HIGH_VELOCITY
    return (
        Line("begins", rule.begins_percent / 100, "times the usual rate; a period begins there ..."),
        Line("ends", rule.ends_percent / 100, "... and ends below this, well apart, so that targets do not flap"),
        Line("least_per_day", rule.least_milli_per_day / 1000, "units a day below which no period begins"),
        Line("widen", rule.widened_percent / 100, "times the usual buffer; 1 switches the rule off"),
    )


def buffer_lines(marketplace: Marketplace, percent: int) -> tuple[Line, ...]:
    """What a channel's policy says beside where it sells from: buffers and shares."""
    preset = PROFILES[PROFILE_DEFAULT][marketplace]
    return (
        Line(
            "buffer",
            {},
            f"Empty: the profile's ({PROFILE_DEFAULT}: {_buffer(preset.units, preset.percent)}). Of its own: "
            f"{{units: {max(1, preset.units)}, percent: {preset.percent}}}, the larger of the two is withheld; "
            "{show: 85} says percent: 15. With risk: {chance: "
            f"{oversell_chance(marketplace):g}}} as a third, percent holds only until sales are known; then the units "
            "that sales elsewhere exceed with that chance, until a new number is seen here.",
        ),
        Line("buffer_by_category", {}, "another buffer for a category: {shoes: {units: 2}}"),
        Line("buffer_by_sku", {}, "another buffer for one SKU"),
        Line("percent", percent, "its share under the strategy fixed-percentage"),
        Line("largest_share", None, "percent of its stock that it may be given at most; null: as in `policy`"),
        Line("allow_full", False, "true permits a channel to show all there is"),
    )


def _profiles() -> str:
    texts = []
    for profile, buffers in PROFILES.items():
        each = ", ".join([f"{name} {_buffer(one.units, one.percent)}" for name, one in buffers.items()])
        rest = ", and by the risk rule once sales are known" if profile == RISK_PROFILE else ""
        texts.append(f"{profile}: {each}{rest}")
    return "; ".join(texts) + "."


def _buffer(units: int, percent: int) -> str:
    unit = "unit" if units == 1 else "units"
    return f"{units} {unit} or {percent} %" if units else f"{percent} %"
