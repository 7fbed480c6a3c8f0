"""Follows the announcements of pulls, so that delivery uses their part of a rate while there are none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Protocol

from confluent_kafka import KafkaException, Message

from inventory_domain.clock import Clock
from inventory_domain.errors import BadRecord
from inventory_domain.identifiers import ChannelId
from inventory_domain.pull_leases import KNOWN_S
from inventory_domain.reconciliation import ReconciliationCycle
from inventory_schemas.codec import Serde
from inventory_streams.delivery.account import Account, Accounts
from inventory_streams.kafka.reading import Place, ReadStalled, read_to_end
from inventory_streams.kafka.settings import KafkaSettings

EVERY_S = KNOWN_S * 0.4  # one look may fail, and the next is still in time
STALL_LIMIT_S = KNOWN_S

log = logging.getLogger(__name__)


class Announcements(Protocol):
    """Where pulls are announced."""

    def read_on(self) -> Sequence[ChannelId | None]:
        """The channels that were announced since the last call, by everything that was durable when this one began.
        None: one that could not be read, which may be any. Blocks.

        Raises:
            ReadStalled: it could not be read to the end.
        """
        ...


class KafkaAnnouncements:
    """Those on `channel.reconciliations`. Calls must come one after the other."""

    def __init__(self, kafka: KafkaSettings, topic: str, cycles: Serde[ReconciliationCycle]) -> None:
        self._kafka = kafka
        self._place: Place = (topic, 0)
        self._cycles = cycles
        self._position = 0

    def read_on(self) -> Sequence[ChannelId | None]:
        """As `Announcements` says."""
        found: set[ChannelId | None] = set()

        def take(messages: Sequence[Message]) -> None:
            for message in messages:
                try:
                    cycle = self._cycles.decode(message.value())
                except BadRecord:
                    found.add(None)
                else:
                    if cycle.announces:
                        found.add(cycle.channel)

        starts = {self._place: self._position}
        # What is not committed yet counts too: behind a transaction that hangs there may be one that is committed.
        read = read_to_end(
            self._kafka, [self._place], take, starts=starts, stall_limit_s=STALL_LIMIT_S, uncommitted=True
        )
        assert read is not None
        self._position = read[0].position
        return list(found)


class PullsWatch:
    """Tells the accounts that lend a rate what was announced. While it cannot be read, they keep to their own part."""

    def __init__(self, accounts: Accounts, announcements: Announcements, clock: Clock, threads: Executor) -> None:
        self._accounts = accounts
        self._announcements = announcements
        self._clock = clock
        self._threads = threads
        self._well = True

    async def run(self) -> None:
        """Read on, every few seconds."""
        lending = [account for account in self._accounts.all if account.pulls is not None]
        while lending:
            await self._look(lending)
            await self._clock.sleep(EVERY_S)

    async def _look(self, lending: Sequence[Account]) -> None:
        began_s = self._clock.monotonic_s()
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, self._announcements.read_on)
        except (ReadStalled, KafkaException) as error:
            if self._well:
                log.warning("announced pulls not read", extra={"why": str(error)})
            self._well = False
            return
        self._well = True
        now_s = self._clock.monotonic_s()
        announced = {None if channel is None else self._accounts.of(channel) for channel in found}
        for account in lending:
            assert account.pulls is not None
            if account in announced or None in announced:  # None: unreadable, or of a channel that is not known here
                account.pulls.heard(now_s)
            account.pulls.read_to_end(began_s)
