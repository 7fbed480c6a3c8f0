"""What every adapter does alike: it names its traits, keeps its subscriptions and closes its connections."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from inventory_adapters.exchange import Exchange
from inventory_adapters.messages import NOWHERE, unknown_topic
from inventory_domain.bulk import CallFailed
from inventory_domain.ports import AdapterTraits
from inventory_domain.signals import Subscription, Subscriptions


class KeptSubscriptions(Protocol):
    """The subscriptions of one account, as its marketplace has them. Every call ends by its deadline."""

    async def all(self, deadline_s: float) -> Subscriptions | CallFailed:
        """What there is and what is missing."""
        ...

    async def subscribe(self, topic: str, deadline_s: float) -> Subscription | CallFailed:
        """Make the topic's subscription, or mend it."""
        ...

    async def unsubscribe(self, topic: str, deadline_s: float) -> Subscription | CallFailed:
        """Take the topic's subscription back."""
        ...


class AccountAdapter:
    """The base of an adapter. `others`: what it calls by beside `exchange`, closed with it.

    `kept`: None where the account is not to be told anything.
    """

    def __init__(
        self,
        traits: AdapterTraits,
        exchange: Exchange,
        *,
        topics: Collection[str],
        kept: KeptSubscriptions | None,
        others: Collection[Exchange] = (),
    ) -> None:
        self._traits = traits
        self._exchange = exchange
        self._topics = topics
        self._kept = kept
        self._others = others

    @property
    def traits(self) -> AdapterTraits:
        """See `ports.MarketplaceAdapter`."""
        return self._traits

    async def subscriptions(self) -> Subscriptions | CallFailed:
        """See `signals.KeepsSubscriptions`."""
        if self._kept is None:
            return NOWHERE.call_failed("subscriptions")
        return await self._kept.all(self._exchange.deadline_s())

    async def subscribe(self, topic: str) -> Subscription | CallFailed:
        """See `signals.KeepsSubscriptions`."""
        kept = self._keeper_of(topic, "subscribe")
        return kept if isinstance(kept, CallFailed) else await kept.subscribe(topic, self._exchange.deadline_s())

    async def unsubscribe(self, topic: str) -> Subscription | CallFailed:
        """See `signals.KeepsSubscriptions`."""
        kept = self._keeper_of(topic, "unsubscribe")
        return kept if isinstance(kept, CallFailed) else await kept.unsubscribe(topic, self._exchange.deadline_s())

    async def aclose(self) -> None:
        """See `ports.MarketplaceAdapter`."""
        for exchange in (*self._others, self._exchange):
            await exchange.aclose()

    def _keeper_of(self, topic: str, call: str) -> KeptSubscriptions | CallFailed:
        if self._kept is None:
            return NOWHERE.call_failed(call)
        return self._kept if topic in self._topics else unknown_topic(topic).call_failed(call)
