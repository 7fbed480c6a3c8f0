"""Amazon as the pipeline sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from inventory_adapters.accounts import AccountSettings
from inventory_adapters.amazon import auth, failures, limits, observe, push
from inventory_adapters.amazon.settings import AMAZON, GET_LISTING, PATCH_LISTING, AmazonSettings
from inventory_adapters.exchange import Dialect, Exchange
from inventory_adapters.guards import check_group, read_refusal, refusals
from inventory_adapters.http import HttpClient
from inventory_domain.clock import Clock
from inventory_domain.errors import InvariantBroken
from inventory_domain.outcomes import PushOutcome
from inventory_domain.ports import AdapterTraits, ListingRef, Push, ReadAnswer

if TYPE_CHECKING:
    import httpx


DIALECT: Final = Dialect(
    rules=failures.RULES,
    facts=failures.facts,
    seen=limits.seen,
    request_id=lambda answer: answer.header("x-amzn-RequestId"),
)


class AmazonAdapter:
    """One selling partner in one region, with its countries as channels."""

    def __init__(self, settings: AmazonSettings, clock: Clock, transport: httpx.AsyncBaseTransport | None) -> None:
        self._settings = settings
        self._clock = clock
        http = HttpClient(settings.calls, transport)
        tokens = auth.tokens(settings, http, clock)
        self._exchange = Exchange(http, tokens, DIALECT, clock, settings.calls.timeout_s)
        self._traits = AdapterTraits(
            marketplace=AMAZON,
            limits=settings.limits,
            push_operation=PATCH_LISTING,
            read_operation=GET_LISTING,
            settling_s_max=settings.settling_s_max,
        )

    @property
    def traits(self) -> AdapterTraits:
        """See `ports.MarketplaceAdapter`."""
        return self._traits

    async def push(self, pushes: Sequence[Push]) -> Sequence[PushOutcome]:
        """See `ports.MarketplaceAdapter`."""
        check_group(pushes, self._traits)
        outcomes = refusals(pushes, self._settings.channel_ids, push.NEEDED_IDS, PATCH_LISTING)
        deadline_s = self._exchange.deadline_s()
        for each in pushes:
            if each.listing_id not in outcomes:
                outcomes[each.listing_id] = await push.push_one(
                    each, self._settings, self._exchange, self._clock, deadline_s
                )
        return [outcomes[each.listing_id] for each in pushes]

    async def read(self, listing: ListingRef) -> ReadAnswer:
        """See `ports.MarketplaceAdapter`."""
        refused = read_refusal(listing, self._settings.channel_ids, push.NEEDED_IDS)
        if refused is not None:
            return refused.read_answer(listing.listing_id, GET_LISTING)
        deadline_s = self._exchange.deadline_s()
        return await observe.read_one(listing, self._settings, self._exchange, self._clock, deadline_s)

    async def aclose(self) -> None:
        """See `ports.MarketplaceAdapter`."""
        await self._exchange.aclose()


def build(settings: AccountSettings, clock: Clock, transport: httpx.AsyncBaseTransport | None = None) -> AmazonAdapter:
    """The adapter of this account; `transport` replaces the network."""
    if not isinstance(settings, AmazonSettings):
        raise InvariantBroken(f"settings of {settings.marketplace} given to amazon")
    return AmazonAdapter(settings, clock, transport)
