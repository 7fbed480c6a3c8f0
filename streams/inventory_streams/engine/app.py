"""The Faust application: one agent, one stream over all inputs, our transport, nothing served."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, cast

import faust
from faust.tables.manager import TableManager
from faust.types import TP

from inventory_streams.engine.agent import EngineAgent
from inventory_streams.engine.catching_up import FetchState
from inventory_streams.engine.credentials import broker_credentials
from inventory_streams.engine.ownership import Ownership
from inventory_streams.engine.records import FetchedBatch
from inventory_streams.engine.settings import (
    BATCHES_WAITING_MAX,
    FETCH_BYTES_MAX,
    HEARTBEAT_S,
    OFFSET_COMMIT_INTERVAL_S,
    REBALANCE_TIMEOUT_S,
    EngineSettings,
)
from inventory_streams.engine.transport import BatchConsumer, BatchTransport


class NoTables(TableManager):
    """Faust's manager of tables without its wait of a second for tables to be made: there are none."""

    mundane_level = "debug"

    async def on_start(self) -> None:
        """Go on at once."""
        await self._update_channels()
        await self.recovery.start()


class EngineApp(faust.App):
    """Faust's app without its folders on disk: the state is in Kafka and in memory (rule 16)."""

    logger = logging.getLogger("faust.app")  # Faust's, so that its level holds for what it says through this class
    mundane_level = "debug"  # each service's start and stop is no change of state that an operator cares for

    async def on_first_start(self) -> None:
        """Nothing: Faust would make folders in the working directory."""


def create_app(settings: EngineSettings) -> EngineApp:
    """The app, without its agent. Connects to nothing; call it inside the event loop that will run it."""
    servers = settings.kafka.bootstrap_servers.split(",")
    app = EngineApp(
        settings.application,
        TableManager=NoTables,
        broker=";".join(f"kafka://{server}" for server in servers),
        broker_credentials=broker_credentials(settings.kafka.security),
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=min(HEARTBEAT_S, settings.session_timeout_s / 3),
        broker_rebalance_timeout=REBALANCE_TIMEOUT_S,
        broker_commit_interval=OFFSET_COMMIT_INTERVAL_S,
        broker_max_poll_records=settings.batch_records_max,
        broker_max_poll_interval=3600.0,  # our own watch ends a loop that does not turn, and sooner
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.instance_id,
        consumer_max_fetch_size=FETCH_BYTES_MAX,
        processing_guarantee="at_least_once",  # rule 9: transactions are ours
        store="memory://",
        stream_buffer_maxsize=BATCHES_WAITING_MAX,
        table_standby_replicas=0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=settings.partitions,
        web_enabled=False,  # rule 18
        worker_redirect_stdouts=False,
    )
    app._transport = BatchTransport(app.conf.broker, app=app, loop=app.loop)
    return app


class FaustInputs:
    """The consumer behind the app, as the agent needs it."""

    def __init__(self, app: EngineApp) -> None:
        self._app = app

    @property
    def consumer(self) -> BatchConsumer:
        """Faust's consumer, which is ours."""
        return cast(BatchConsumer, self._app.consumer)

    def generation(self) -> int:
        """The consumer group's generation, as this member knows it."""
        return int(self._app.consumer_generation_id)

    def flows(self, generation: int | None) -> bool:
        """Whether input flows, and in that generation."""
        app = self._app
        return app.flow_control.is_active() and not app.rebalancing and app.consumer_generation_id == generation

    def refetch(self, topic: str, partition: int, position: int) -> None:
        """Fetch again from there."""
        self.consumer.refetch(TP(topic, partition), position)

    def hold_back(self, topic: str, partitions: frozenset[int]) -> None:
        """Hand over nothing of these partitions of the topic until another call."""
        self.consumer.held_back = frozenset(TP(topic, number) for number in partitions)

    def fetch_states(self, topics: Iterable[str], partition: int) -> Mapping[str, FetchState]:
        """Per topic what the last answer to a fetch said."""
        states = self.consumer.fetch_states([TP(one, partition) for one in topics])
        return {tp.topic: state for tp, state in states.items()}

    def durable(self, topic: str, partition: int, position: int) -> None:
        """The group's offset may follow to there."""
        self.consumer.mark_durable(TP(topic, partition), position)


def attach(
    app: EngineApp,
    settings: EngineSettings,
    inputs: FaustInputs,
    ownership: Ownership,
    agent: EngineAgent,
    failed: Callable[[str, BaseException], None],
) -> None:
    """Give the app its agent and its recovery. `failed` is told which of them raised what; it does not return."""
    consumer = inputs.consumer
    consumer.one_by_one = not settings.micro_batches
    consumer.drain = ownership.drain
    consumer.starts = lambda: {
        TP(topic, one.number): position
        for one in ownership.partitions.values()
        for topic, position in one.positions().items()
    }
    source = app.topic(
        *settings.topics.engine_inputs(),
        key_serializer="raw",
        value_serializer="raw",
        partitions=settings.partitions,
        acks=False,  # Faust also acknowledges what it skips as stale, so nothing of it is used (rule 13)
    )

    async def engine(stream: faust.types.StreamT[FetchedBatch]) -> None:
        await _guarded(agent.run(aiter(stream)), "agent", failed)

    async def recover(*_: Any, **__: Any) -> None:
        # Rule 10. Awaited by Faust before it resumes, seeks and opens the flow: records fetched in between would
        # be dropped with the committed offset behind them, so nothing flows before the seek.
        app.flow_control.suspend()
        consumer.stop_flow()
        assigned = [(tp.topic, tp.partition) for tp in consumer.assignment()]
        await _guarded(ownership.take(assigned, inputs.generation(), inputs.generation), "recovery", failed)

    app.agent(source, concurrency=1, name="engine")(engine)
    app.on_rebalance_complete.connect(recover, weak=False)


async def _guarded(work: Awaitable[object], what: str, failed: Callable[[str, BaseException], None]) -> None:
    """Rule 14: Faust would skip the event and start the agent again, so nothing may leave as an exception."""
    try:
        await work
    except Exception as error:
        failed(what, error)
        raise
