"""Which listings of a channel are written: all, none, or a stable part of its SKUs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum

from inventory_domain.errors import ConfigFault
from inventory_domain.identifiers import Sku

PERCENT_MAX = 100.0


class Mode(Enum):
    """LIVE: everything is written. SHADOW: nothing is, all is computed. CANARY: a part of the SKUs is written."""

    LIVE = "live"
    SHADOW = "shadow"
    CANARY = "canary"


@dataclass(frozen=True, slots=True)
class ChannelMode:
    """How a channel is written. `canary_percent`: the part of its SKUs that a canary writes."""

    mode: Mode = Mode.LIVE
    canary_percent: float = 5.0

    def writes(self, sku: Sku) -> bool:
        """Whether listings of this SKU are written. The same for every worker, always; a larger part includes a
        smaller one, so that raising it takes no SKU out."""
        if self.mode is Mode.CANARY:
            return place_of(sku) < self.canary_percent / PERCENT_MAX
        return self.mode is Mode.LIVE

    def faults(self, path: str) -> list[ConfigFault]:
        """What cannot be, with its path in the configuration file."""
        if 0 < self.canary_percent <= PERCENT_MAX:
            return []
        return [ConfigFault(f"{path}.canary_percent", f"is {self.canary_percent}; above 0 and at most 100")]


LIVE = ChannelMode()


def place_of(sku: Sku) -> float:
    """Where a SKU stands among all, from 0 to below 1, by its name alone."""
    return int.from_bytes(hashlib.sha256(sku.encode()).digest()[:8], "big") / 2**64
