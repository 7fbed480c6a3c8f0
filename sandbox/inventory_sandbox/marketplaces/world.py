"""What the marketplaces and the control endpoint share: clock, randomness, stock, faults and counts."""

from __future__ import annotations

import random
import uuid
from typing import Final

from inventory_sandbox.marketplaces.buckets import Rate
from inventory_sandbox.marketplaces.clock import Clock
from inventory_sandbox.marketplaces.counters import Counters, Violation
from inventory_sandbox.marketplaces.deliveries import Outbox
from inventory_sandbox.marketplaces.faults import FaultBoard
from inventory_sandbox.marketplaces.settings import SandboxSettings
from inventory_sandbox.marketplaces.stock import Listing, StockBook
from inventory_sandbox.marketplaces.tokens import TokenStore

API_GROUPS: Final = ("Inventory", "Items", "Authentication", "Authorization", "Orders", "Price", "Lagtime")
API_STATUSES: Final = ("OPERATIONAL", "SERVICE_DEGRADATION", "SERVICE_OUTAGE", "UNKNOWN")


class World:
    """One sandbox's state. All randomness comes from one seed, so a run with the same calls repeats."""

    def __init__(self, clock: Clock, settings: SandboxSettings) -> None:
        self.clock = clock
        self.settings = settings
        self.rng = random.Random(settings.seed)
        self.stock = StockBook(clock)
        self.faults = FaultBoard(self.rng)
        self.counters = Counters()
        self.outbox = Outbox()
        self.started_at = clock.now()
        self.token_stores: dict[str, TokenStore] = {}
        self.api_status = dict.fromkeys(API_GROUPS, ("OPERATIONAL", self.started_at))
        """What Walmart's status call says of each group of its APIs, and since when."""

    def new_id(self) -> str:
        """An identifier in the form of a UUID."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def draw(self, low: float, high: float) -> float:
        """A number between two."""
        return self.rng.uniform(low, high)

    def delay_s(self, marketplace: str) -> float:
        """Seconds from accepted to live for one write."""
        return self.draw(*self.settings.delay_range_s(marketplace))

    def scaled(self, rate: Rate) -> Rate:
        """A published limit at this sandbox's time factor."""
        return Rate(rate.per_second / self.settings.factor, rate.burst * self.settings.burst_factor)

    def token_store(self, marketplace: str, prefix: str) -> TokenStore:
        """The marketplace's token store; made at the first call."""
        if marketplace not in self.token_stores:
            life = self.settings.life_s(marketplace)
            self.token_stores[marketplace] = TokenStore(self.clock, self.rng, prefix, life)
        return self.token_stores[marketplace]

    def violated(self, listing: Listing, api: str, request_id: str, quantity: int | None, accepted: bool) -> None:
        """Records a write of a listing that is never written."""
        seed = listing.seed
        self.counters.violated(
            Violation(
                self.clock.now(), seed.marketplace, seed.key, seed.kind.value, api, request_id, quantity, accepted
            )
        )
