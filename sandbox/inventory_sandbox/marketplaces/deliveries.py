"""What the marketplaces tell of their own accord: webhooks and notifications, waiting to be sent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx

MAX_DELIVERIES: Final = 10_000
"""Deliveries remembered; the oldest are forgotten first."""
ATTEMPTS: Final = 3
TIMEOUT_S: Final = 5.0
_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_PAUSE_S: Final = 0.05


@dataclass(slots=True)
class Delivery:
    """One message: to a URL as an HTTP POST, or to a queue (an ARN), which the sandbox does not reach itself."""

    number: int
    marketplace: str
    topic: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    at: float
    status: str = "waiting"


class Outbox:
    """Deliveries in the order in which they arose."""

    def __init__(self) -> None:
        self._numbers = 0
        self._waiting: deque[Delivery] = deque(maxlen=MAX_DELIVERIES)
        self.kept: deque[Delivery] = deque(maxlen=MAX_DELIVERIES)

    def add(
        self, marketplace: str, topic: str, target: str, headers: Mapping[str, str], body: bytes, at: float
    ) -> Delivery:
        """Adds a message that arose at that time."""
        self._numbers += 1
        delivery = Delivery(self._numbers, marketplace, topic, target, headers, body, at)
        self.kept.append(delivery)
        self._waiting.append(delivery)
        return delivery

    def take(self) -> Delivery | None:
        """The next message to be sent; None when there is none."""
        return self._waiting.popleft() if self._waiting else None


async def deliver_forever(outbox: Outbox, settle: Callable[[], None]) -> None:
    """Posts what is in the outbox until cancelled, a few tries each; only to this machine.

    `settle` is called before each look, so that what comes due by the clock is told although nobody asks.
    """
    async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
        while True:
            settle()
            while (delivery := outbox.take()) is not None:
                delivery.status = await _deliver(client, delivery)
            await asyncio.sleep(_PAUSE_S)


async def _deliver(client: httpx.AsyncClient, delivery: Delivery) -> str:
    if urlsplit(delivery.target).hostname not in _LOCAL:
        return "not sent: the target is not on this machine"
    outcome = "not sent"
    for _ in range(ATTEMPTS):
        try:
            answer = await client.post(delivery.target, content=delivery.body, headers=dict(delivery.headers))
        except httpx.HTTPError as error:
            outcome = f"failed: {type(error).__name__}"
            continue
        outcome = f"answered {answer.status_code}"
        if answer.is_success:
            break
    return outcome
