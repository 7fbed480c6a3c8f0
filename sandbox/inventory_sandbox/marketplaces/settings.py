"""What one sandbox is set to, and the credentials it hands out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from inventory_sandbox.marketplaces.assortment import ListingSeed

MARKETPLACES: Final = ("amazon", "ebay", "walmart", "shopify")
SHOPIFY_VERSIONS: Final = ("2025-10", "2026-01", "2026-04", "2026-07", "2026-10")
TOKEN_LIFE_S: Final[Mapping[str, float]] = {
    "amazon": 3600.0,
    "ebay": 7200.0,
    "walmart": 900.0,
    "shopify": 86_400.0,  # of a token had by client credentials; a custom app's own does not end
}
DELAY_S: Final[Mapping[str, tuple[float, float]]] = {
    # From accepted to live. Amazon's is the sum of 2-5 min in the queue and 3-10 min until it is applied.
    "amazon": (300.0, 900.0),
    "ebay": (60.0, 180.0),
    "walmart": (180.0, 600.0),
    "shopify": (1.0, 5.0),  # ours: the seller's guide gives none
}
ANSWER_S: Final[Mapping[str, tuple[float, float]]] = {
    # From call to answer. Amazon's is from the seller's guide, the others are ours.
    "amazon": (1.0, 3.0),
    "ebay": (0.2, 0.6),
    "walmart": (0.2, 0.6),
    "shopify": (0.1, 0.3),
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """The account that the sandbox knows at each marketplace; made-up values that open nothing else."""

    amazon_client_id: str = "amzn1.application-oa2-client.sandbox"
    amazon_client_secret: str = "amzn1.oa2-cs.v1.sandbox-secret"
    amazon_refresh_token: str = "Atzr|sandbox-refresh-token"
    ebay_client_id: str = "Sandbox-Inventor-SBX-0000000000-00000000"
    ebay_client_secret: str = "SBX-sandbox-cert-id"
    ebay_refresh_token: str = "v^1.1#i^1#sandbox-refresh-token"
    walmart_client_id: str = "sandbox-walmart-client-id"
    walmart_client_secret: str = "sandbox-walmart-client-secret"
    shopify_client_id: str = "sandbox-shopify-client-id"
    shopify_access_token: str = "shpat_sandboxaccesstoken"
    shopify_api_secret: str = "shpss_sandboxapisecret"


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """One sandbox; every number has the published value as its default, with its source in specs or beside it.

    - `factor` scales time: delays are multiplied by it, rates divided (1/60: a 5 min delay takes 5 s and 5 calls/s
      become 300). Token lives are not scaled. A day of eBay's quotas is 24 h times the factor.
    - `burst_factor` multiplies bursts, for clients on a machine too slow to keep 300 calls/s even.
    - `ports` by name ("amazon", "ebay", "walmart", "shopify", "control"); absent or 0 means a free one.
    - `skus`: how many SKUs of the demo's assortment to start with; 0 starts empty. `listings` come on top.
    - `ebay_group_size`: SKUs that one bulk call takes. eBay's documents say 25 in one place and 1 in another.
    - `ebay_out_of_stock_control`: the account preference at the start; off, a listing at 0 ends.
    - `hold_s`: how long a call whose answer is withheld stays open, in real seconds.
    - `authority_file`: where to write the authority that clients are to trust; given, the marketplaces (not the
      control endpoint) are served by https only.
    """

    factor: float = 1.0
    burst_factor: float = 1.0
    seed: int = 7
    host: str = "127.0.0.1"
    ports: Mapping[str, int] = field(default_factory=dict)
    skus: int = 500
    listings: tuple[ListingSeed, ...] = ()
    credentials: Credentials = field(default_factory=Credentials)
    token_life_s: Mapping[str, float] = field(default_factory=dict)
    delay_s: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    answer_s: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    shopify_versions: tuple[str, ...] = SHOPIFY_VERSIONS
    shopify_bucket: float = 2000.0
    shopify_points_per_second: float = 100.0
    ebay_group_size: int = 25
    ebay_daily_limit: int = 2_000_000
    ebay_revisions_per_day: int = 250
    ebay_out_of_stock_control: bool = True
    hold_s: float = 75.0
    authority_file: Path | None = None

    def __post_init__(self) -> None:
        if self.factor <= 0 or self.burst_factor <= 0:
            raise ValueError(f"factor and burst_factor must be above 0: {self.factor}, {self.burst_factor}")
        if self.ebay_group_size < 1:
            raise ValueError(f"ebay_group_size must be 1 or more: {self.ebay_group_size}")
        unknown = [version for version in self.shopify_versions if version not in SHOPIFY_VERSIONS]
        if unknown:
            raise ValueError(f"unknown Shopify API version: {', '.join(unknown)}")

    def life_s(self, marketplace: str) -> float:
        """Seconds an access token of this marketplace lives."""
        return self.token_life_s.get(marketplace, TOKEN_LIFE_S[marketplace])

    def delay_range_s(self, marketplace: str) -> tuple[float, float]:
        """The least and the most seconds from accepted to live, scaled."""
        low, high = self.delay_s.get(marketplace, DELAY_S[marketplace])
        return low * self.factor, high * self.factor

    def answer_range_s(self, marketplace: str) -> tuple[float, float]:
        """The least and the most seconds from call to answer, scaled."""
        low, high = self.answer_s.get(marketplace, ANSWER_S[marketplace])
        return low * self.factor, high * self.factor
