"""What a policy amounts to, in sentences for the person who wrote the settings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from inventory_domain.buffers import BufferPolicy
from inventory_domain.policies import AllocationPolicy, ChannelPolicy, Strategy
from inventory_domain.risk import MILLION


def withheld_words(channel: ChannelPolicy) -> str:
    """What a channel withholds, and how many exceptions it has by category and SKU."""
    text = f"withholds {_buffer(channel.buffer)}"
    exceptions = len(channel.buffer_by_category or {}) + len(channel.buffer_by_sku or {})
    if exceptions:
        text += f" ({exceptions} {'exception' if exceptions == 1 else 'exceptions'})"
    return text


def policy_words(policy: AllocationPolicy) -> Iterator[str]:
    """How stock is shared, and when buffers are wider than usual."""
    text = f"strategy {policy.strategy.value}"
    others = [*(policy.by_category or {}).values(), *(policy.by_sku or {}).values()]
    if others:
        text += f", and by category or SKU {', '.join(sorted({other.value for other in others}))}"
    yield text
    if Strategy.MARGIN_FIRST in (policy.strategy, *others):
        yield (
            f"margin-first while stock is below the sales expected in {policy.margin_horizon_days} days, "
            f"else {policy.otherwise.value}"
        )
    rule = policy.high_velocity
    if rule is not None:
        yield (
            f"buffers x {rule.widened_percent / 100:g} from {rule.begins_percent / 100:g} times a SKU's usual rate "
            f"and {rule.least_milli_per_day / 1000:g} units a day, until below {rule.ends_percent / 100:g} times"
        )
    for peak in policy.peaks:
        where = f" on {', '.join(sorted(peak.channels))}" if peak.channels else ""
        yield (
            f"buffers x {peak.widened_percent / 100:g}{where} for {peak.name}, "
            f"{_moment(peak.from_ms)} up to {_moment(peak.until_ms)}"
        )


def _buffer(buffer: BufferPolicy) -> str:
    units = f"{buffer.units} {'unit' if buffer.units == 1 else 'units'}"
    text = f"{units} or {buffer.percent} %"
    if buffer.risk is None:
        return text
    risk = buffer.risk
    return (
        f"{text} while sales are not known, else {units} or what keeps the chance of an oversell within "
        f"{risk.window_ms / 1000:g} s at {risk.chance_ppm / MILLION:g}"
    )


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(sep=" ", timespec="minutes").replace("+00:00", " UTC")
