"""What the engine is started with, and the limits that hold whatever it is started with."""

from __future__ import annotations

from dataclasses import dataclass, field

from inventory_domain.mass_change import MassChangePolicy
from inventory_domain.positions import EVENT_IDS_MAX
from inventory_domain.silence import SilencePolicy
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Topics

HEARTBEAT_S = 3.0
REBALANCE_TIMEOUT_S = 60.0
FETCH_BYTES_MAX = 8 << 20  # of one partition at a time: some 75,000 changes, about a second of computing
BATCHES_WAITING_MAX = 2  # counts batches, not records: some 25 MB each under a backlog, and a second that others wait
OFFSET_COMMIT_INTERVAL_S = 1.0

DECODED_STATES_MAX = 5_000  # SKUs of one partition kept decoded; all others are the bytes of their changelog record
BATCH_SKUS_MAX = 4_000  # different SKUs of one batch, some 10 KB each until the commit; fewer than stay decoded
WAKE_CHUNK = 200  # SKUs that timers, owed rises and sweeps recompute in one transaction
TURN_IDLE_S = 0.5  # how long the loop waits for input before it looks at timers and progress
TURN_BUSY_S = 0.05  # how often it looks at them while there is always input
JUDGE_INTERVAL_S = 1.0  # how often the silence of sources is judged
SWEEP_LOG_S = 10.0  # how often the progress of a sweep is logged
PROGRESS_INTERVAL_S = 2.0  # `engine.progress`; promised is 5 s, so one slow transaction may come between
GAP_REFETCHES_MAX = 3  # the same gap in an input again after this many refetches ends the process
INPUT_STILL_S = 15.0  # an input of which there is more has not moved for this long: it is fetched again

STALL_LIMIT_S = 30.0  # records are processed and no offset was committed for this long (rule 11)
TURN_LIMIT_S = 30.0  # the loop has not turned for this long: not live
RECOVERY_STALL_LIMIT_S = 60.0
RECOVERY_LOG_S = 2.0
STOP_LIMIT_S = 20.0  # a clean stop that takes longer ends without being clean
VELOCITY_PENDING_MAX = 200_000  # windows of one partition that wait to be written; the sales of further ones are lost
VELOCITY_LOOKS_MAX = 100  # SKUs of one partition whose demand is computed anew in one turn
VELOCITY_STEADY_MS = 60_000  # a SKU's demand stays for this long, so that not each sale moves its numbers
VELOCITY_STALL_LIMIT_S = 10.0  # without progress for this long the windows begin with what was read of them
VELOCITY_RECOVERY_S_MAX = 30.0  # likewise when they are not read after this long
PARTITION_HELD_MAX = 250_000  # changes of one partition that wait for products; further ones are dead letters
HELD_FREELY_MAX = 10_000  # likewise, and beyond it they wait in their topic while the catalog is behind
SOURCES_MAX = 256  # sources whose last word one partition remembers; the one silent longest is forgotten first


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How one engine process runs.

    `application` is the consumer group and the beginning of each `transactional.id`: one per system, the same in all
    its workers. `micro_batches` False hands the engine one record at a time, for finding out whether batching is at
    fault. `instance_id` is this worker's stable name for static membership: it is back at once after a crash. The
    partitions of a dead worker move to others after `session_timeout_s`. A change for an unknown SKU waits
    `unknown_sku_grace_s` for its product before it becomes a dead letter. An order that a channel reported and the
    source has not after `unreported_sale_limit_s` is counted and logged, and netted all the same.
    `velocity_writes_per_s` is what this worker may write into windows of sales; beyond it they are counted later, in
    their own windows. `sweep_skus_per_s` is how many SKUs it decides anew when the policy changed or a source fell
    silent. `batch_records_max` are the records of one transaction at most; only a backlog fills it, and then each SKU
    that comes twice in a batch is decided once. `event_ids_max` event ids are remembered of each SKU (rule 3); another
    number holds for a SKU from its next change on that is known by its id alone. Probe port 0 takes a free one.
    """

    kafka: KafkaSettings
    topics: Topics
    partitions: int = 6
    application: str = "inventory-engine"
    micro_batches: bool = True
    batch_records_max: int = 80_000
    event_ids_max: int = EVENT_IDS_MAX
    unknown_sku_grace_s: float = 3_600.0
    unreported_sale_limit_s: float = 86_400.0
    velocity_writes_per_s: int = 500
    sweep_skus_per_s: int = 5_000
    silence: SilencePolicy = field(default_factory=SilencePolicy)
    mass_change: MassChangePolicy = field(default_factory=MassChangePolicy)
    instance_id: str | None = None
    session_timeout_s: float = 10.0  # rule 17
    probe_host: str = "127.0.0.1"
    probe_port: int = 0

    @property
    def unknown_sku_grace_ms(self) -> int:
        """`unknown_sku_grace_s` in milliseconds."""
        return int(self.unknown_sku_grace_s * 1000)
