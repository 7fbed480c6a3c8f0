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
    }
)
PROFILE_DEFAULT: Final = "guide"
