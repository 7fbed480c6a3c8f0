"""One reconciling process: the real reconciler, around modelled clients of Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from confluent_kafka import Message

from inventory_domain.commands import Restate
from inventory_domain.corrections import CorrectionPolicy
from inventory_domain.identifiers import ChannelId, ListingId
from inventory_domain.reconciliation import Action
from inventory_streams.kafka.following import Apply
from inventory_streams.kafka.transactions import Write
from inventory_streams.reconcile.budget import PullBudget
from inventory_streams.reconcile.cycle import ReconciledAccount
from inventory_streams.reconcile.reconciler import Reconciler
from inventory_streams.reconcile.run import cause_of
from inventory_streams.reconcile.settings import ReconcileSettings
from tests.support.engine_work import TOPICS, Wire
from tests.support.simulator.adapter import ModeledAdapter
from tests.support.simulator.clients import Threads
from tests.support.simulator.delivery import ACCOUNT
from tests.support.simulator.kafka import Place
from tests.support.simulator.marketplace import ModeledMarketplace
from tests.support.simulator.process import ModeledProcess, ModeledSettings
from tests.support.simulator.sharing import MARKETPLACE, NO_RECONCILE_METRICS, reconcile_codecs
from tests.support.simulator.traffic import PARTITIONS

FOLLOW_S = 0.5
FOLLOWED_MAX = 500
INTERVAL_S = 12.0
ORDER_DELAY_S = 10.0  # what is sold is reported within three seconds
POLICY = CorrectionPolicy(
    units=0,  # in the end every listing must show its number, so no difference is too small
    percent=0.0,
    page_units=3,
    order_delay_s=ORDER_DELAY_S,
    late_s=30.0,
    answer_s_max=20.0,
    corrections_max=50,  # here it is the weather that undoes corrections, and nobody who would have to be found
)


@dataclass(eq=False)
class ReconcileProcess(ModeledProcess):
    """The owner of the marketplace's reconciliation.

    `corrected` is told of each listing that it has sent again, `reported` of each that only a person can mend.
    """

    market: ModeledMarketplace = field(kw_only=True)
    channels: Sequence[ChannelId] = field(kw_only=True)
    wire: Wire = field(kw_only=True)
    corrected: Callable[[ListingId, str], None] = field(kw_only=True)
    reported: Callable[[ListingId], None] = field(kw_only=True)

    def start(self) -> None:
        """Take the marketplace over and reconcile it."""
        self._codecs = reconcile_codecs(self.wire)
        self.loop.spawn(self, self._run())

    async def _run(self) -> None:
        adapter = ModeledAdapter(self.market, self.clock, self.loop, self, self.dice, self.step)
        settings = ReconcileSettings(
            app="app",
            kafka=ModeledSettings("modelled", process=self),
            topics=TOPICS,
            partitions=PARTITIONS,
            interval_s=INTERVAL_S,
            retry_s=2.0,
            pull_s_max=20.0,
            policy=POLICY,
        )
        budget = PullBudget(adapter.traits, settings.pull_share, settings.reserve, self.clock)
        account = ReconciledAccount(ACCOUNT, adapter, tuple(self.channels), budget)
        slots = {channel: number / len(self.channels) for number, channel in enumerate(self.channels)}
        reconciler = Reconciler(
            settings,
            MARKETPLACE,
            [account],
            slots,
            self._codecs,
            self.clock,
            NO_RECONCILE_METRICS,
            Threads(self.loop, self.dice),
            self.failed,
        )
        try:
            await reconciler.run()
        except Exception as error:  # noqa: BLE001 - it ends the process, whatever it is
            self.failed(cause_of(error))

    def wrote(self, writes: Sequence[Write]) -> None:
        """As `ModeledProcess` says: corrections and reports are told of."""
        known = self._codecs
        for write in writes:
            if write.topic == TOPICS.sku_commands:
                command = known.sku_commands.decode(write.value)
                assert isinstance(command.kind, Restate)  # it asks for nothing else
                self.corrected(command.kind.listing_id, command.kind.cause)
            elif write.topic == TOPICS.inventory_discrepancies:
                found = known.discrepancies.decode(write.value)
                if found.action == Action.REPORT.value:
                    self.reported(found.listing_id)


class ModeledFollower:
    """In the place of `following.Follower`: what it reads is applied by the process itself, a moment later."""

    def __init__(
        self,
        kafka: ModeledSettings,
        positions: Mapping[Place, int],
        decode: Callable[[Sequence[Message]], Sequence[Apply]],
        take: Callable[[Sequence[Apply]], None],
        loop: asyncio.AbstractEventLoop,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._process: ModeledProcess = kafka.process
        self._positions = dict(positions)
        self._decode = decode
        self._take = take
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _follow(self) -> None:
        process = self._process
        while True:
            await process.clock.sleep(FOLLOW_S)
            for place in list(self._positions):
                if found := self._decode(process.read_on(self._positions, place, FOLLOWED_MAX)):
                    self._take(found)
