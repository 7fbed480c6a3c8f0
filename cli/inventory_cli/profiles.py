"""Buffers that a channel starts from when its settings name none: values of two profiles, one line per marketplace."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from inventory_domain.buffers import BufferPolicy

PROFILES: Final[Mapping[str, Mapping[str, BufferPolicy]]] = MappingProxyType(
    {
        # The larger of a number of units and a share: the slower a marketplace shows a fall, the more is withheld.
        "guide": {
            "amazon": BufferPolicy(units=5, percent=15),
            "ebay": BufferPolicy(units=3, percent=10),
            "walmart": BufferPolicy(units=5, percent=12),
            "shopify": BufferPolicy(units=0, percent=5),
        },
        # 85, 90, 95 % of stock on Amazon, eBay, Walmart.
        "simple": {
            "amazon": BufferPolicy(percent=15),
            "ebay": BufferPolicy(percent=10),
            "walmart": BufferPolicy(percent=5),
            "shopify": BufferPolicy(percent=5),
        },
        # One unit, and what the risk rule asks for; the shares hold until a SKU's sales are known.
        "risk": {
            "amazon": BufferPolicy(units=1, percent=15),
            "ebay": BufferPolicy(units=1, percent=10),
            "walmart": BufferPolicy(units=1, percent=12),
            "shopify": BufferPolicy(units=1, percent=5),
        },
    }
)
PROFILE_DEFAULT: Final = "guide"
RISK_PROFILE: Final = "risk"
_OVERSELL_CHANCE: Final = 0.01
_OVERSELL_CHANCES: Final[Mapping[str, float]] = MappingProxyType({"walmart": 0.001})  # it suspends for cancellations


def oversell_chance(marketplace: str) -> float:
    """The chance of an oversell that a channel may take under the risk rule where its settings name none."""
    return _OVERSELL_CHANCES.get(marketplace, _OVERSELL_CHANCE)
