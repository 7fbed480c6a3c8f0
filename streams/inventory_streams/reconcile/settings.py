"""What a reconciling process may be told, with the reason of each number beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from inventory_domain.corrections import CorrectionPolicy
from inventory_domain.errors import ConfigFault
from inventory_domain.identifiers import ChannelId, LocationId, Marketplace
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Topics

INTERVAL_S_MAX = 4 * 3_600.0  # design.md section 5: `config check` warns above it
_DAY_S = 86_400.0
PULL_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True)
class ReconcileSettings:
    """Reconciliation of all channels. Every `_s` is in seconds, every `_max` is a bound that holds.

    `pull_share`: the part of an account's limits that pulls may use where pushes and single reads need the same
    operation; a pull uses the whole limit of an operation that only it needs. `reserve`: where the marketplace reports
    how much is left, pulls stop below this part of it. `background_from`: catalogs of a channel from this size on are
    pulled in the background where the marketplace offers it. `sales_memory_s`: how far back sales are read and kept.
    `rechecks_max`: fresh single reads that one reconciliation may ask delivery for, and as many that may wait for the
    order delay. `pools`: for channels whose marketplace holds stock for us, the location of ours that its counts go to.
    `listings_expected`: how many listings a channel is expected to have, so that a schedule that cannot work is refused
    before anything is read.
    """

    app: str
    kafka: KafkaSettings
    topics: Topics
    partitions: int
    interval_s: float = INTERVAL_S_MAX
    retry_s: float = 300.0
    pull_share: float = PULL_SHARE
    reserve: float = 0.5
    background_from: int = 1_000
    pull_s_max: float = 3 * 3_600.0
    sales_memory_s: float = 2 * _DAY_S
    case_memory_s: float = 7 * _DAY_S
    rechecks_max: int = 200
    held_interval_s: float = 3_600.0
    counts_interval_s: float = _DAY_S
    counts_file: str | None = None
    pools: Mapping[ChannelId, LocationId] = field(default_factory=dict)
    listings_expected: Mapping[ChannelId, int] = field(default_factory=dict)
    policy: CorrectionPolicy = field(default_factory=CorrectionPolicy)
    session_timeout_s: float = 10.0
    probe_host: str = "127.0.0.1"
    probe_port: int = 0

    @property
    def group(self) -> str:
        """The consumer group whose members share the marketplaces: each is one member's at a time."""
        return f"{self.app}-reconcile"

    def transactional_id(self, marketplace: Marketplace) -> str:
        """The id whose owner alone writes what comes of this marketplace's reconciliations."""
        return f"{self.group}-{marketplace}"

    def faults(self, path: str) -> list[ConfigFault]:
        """Everything in these settings that cannot be, each with its path in the configuration file."""
        found = self.policy.faults(path)
        bounds = {
            "interval_s": (1.0, 7 * _DAY_S),
            "retry_s": (0.1, _DAY_S),
            "pull_s_max": (1.0, _DAY_S),
            "sales_memory_s": (60.0, 30 * _DAY_S),
            "case_memory_s": (60.0, 90 * _DAY_S),
            "held_interval_s": (1.0, 7 * _DAY_S),
            "counts_interval_s": (1.0, 7 * _DAY_S),
            "session_timeout_s": (1.0, 600.0),
        }
        for name, (least, most) in bounds.items():
            value = getattr(self, name)
            if not least <= value <= most:
                found.append(ConfigFault(f"{path}.{name}", f"is {value}; {least:g} to {most:g} s"))
        if not 0 < self.pull_share <= 0.9:
            found.append(ConfigFault(f"{path}.pull_share", f"is {self.pull_share}; above 0 and at most 0.9"))
        if not 0 <= self.reserve <= 0.95:
            found.append(ConfigFault(f"{path}.reserve", f"is {self.reserve}; 0 to 0.95"))
        for name in ("background_from", "rechecks_max"):
            if getattr(self, name) < 0:
                found.append(ConfigFault(f"{path}.{name}", f"is {getattr(self, name)}; 0 or more"))
        for channel, count in self.listings_expected.items():
            if count < 0:
                found.append(ConfigFault(f"{path}.listings_expected.{channel}", f"is {count}; 0 or more"))
        if len(set(self.pools.values())) < len(self.pools):
            found.append(ConfigFault(f"{path}.pools", "names one location for two channels: each pool is its own"))
        if self.sales_memory_s < self.policy.order_delay_s:
            text = f"is {self.sales_memory_s:g}, less than order_delay_s: sales would be forgotten before they count"
            found.append(ConfigFault(f"{path}.sales_memory_s", text))
        return found
