"""Every topic, declared once: what its key and value are, how long it lives, and who alone may write it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from inventory_domain.identifiers import Marketplace

DAY_MS = 86_400_000
# Of one record that we write. A dead letter is what was sent to us, up to a broker's limit of 1 MiB by default, with
# why it is one; the state of a SKU has all its reservations, which a source may never release. Refused for its size,
# either would end the process, and the next one, at the same record.
RECORD_BYTES_MAX = 16 << 20
LARGE = {"max.message.bytes": str(RECORD_BYTES_MAX)}


class Cleanup(Enum):
    """What the broker does with old records: keep the newest of each key, drop what is past its time, or both."""

    COMPACT = "compact"
    DELETE = "delete"
    COMPACT_AND_DELETE = "compact,delete"


class Partitioning(Enum):
    """BY_SKU: the common partition count, by the murmur2 hash of the SKU. SINGLE: one partition."""

    BY_SKU = "by-sku"
    SINGLE = "single"


@dataclass(frozen=True, slots=True)
class TopicDeclaration:
    """One topic. `schema` names the value's Avro schema (None: raw bytes).

    `written_by` and `read_by` name the roles that may write and read it; nobody else may (see `access`).
    """

    name: str
    key: str
    cleanup: Cleanup
    schema: str | None
    written_by: tuple[str, ...]
    partitioning: Partitioning = Partitioning.BY_SKU
    retention_ms: int = 7 * DAY_MS
    append_time: bool = False
    extra: Mapping[str, str] = field(default_factory=dict)
    read_by: tuple[str, ...] = ()

    def config(self) -> dict[str, str]:
        """The broker's settings of this topic."""
        config = {"cleanup.policy": self.cleanup.value, **self.extra}
        if self.cleanup is not Cleanup.COMPACT:
            config["retention.ms"] = str(self.retention_ms)
            config["retention.bytes"] = "-1"  # a broker's own default may be less than what the time comes to
        if self.append_time:
            config["message.timestamp.type"] = "LogAppendTime"  # progress is told in the broker's time, not producers'
        return config

    @property
    def subject(self) -> str:
        """The schema registry's subject of the value."""
        return f"{self.name}-value"


@dataclass(frozen=True, slots=True)
class Topics:
    """The names of all topics for these marketplaces. A prefix keeps several systems apart on one broker."""

    marketplaces: tuple[Marketplace, ...]
    prefix: str = ""

    @property
    def inventory_changes(self) -> str:
        """Stock changes, as the source of truth and the marketplaces' sales tell them."""
        return f"{self.prefix}inventory.changes"

    @property
    def catalog_products(self) -> str:
        """Products with their listings."""
        return f"{self.prefix}catalog.products"

    @property
    def sku_commands(self) -> str:
        """What is asked of one SKU from inside the system."""
        return f"{self.prefix}sku.commands"

    @property
    def sku_state(self) -> str:
        """The changelog of the engine's state."""
        return f"{self.prefix}sku.state"

    @property
    def sku_velocity(self) -> str:
        """The changelog of the windows in which sales are counted."""
        return f"{self.prefix}sku.velocity"

    @property
    def engine_progress(self) -> str:
        """How far the engine has read each partition."""
        return f"{self.prefix}engine.progress"

    @property
    def inventory_dead_letters(self) -> str:
        """Input that could not be decoded or is not valid."""
        return f"{self.prefix}inventory.dead-letters"

    @property
    def listing_outcomes(self) -> str:
        """Every attempt and what became of it."""
        return f"{self.prefix}listing.outcomes"

    @property
    def inventory_discrepancies(self) -> str:
        """Listings that show something else than they should."""
        return f"{self.prefix}inventory.discrepancies"

    @property
    def channel_health(self) -> str:
        """The state of each channel."""
        return f"{self.prefix}channel.health"

    @property
    def operator_commands(self) -> str:
        """What operators ask of channels."""
        return f"{self.prefix}operator.commands"

    def targets(self, marketplace: Marketplace) -> str:
        """What each listing of the marketplace should show."""
        return f"{self.prefix}listing.targets.{marketplace}"

    def exposure(self, marketplace: Marketplace) -> str:
        """What each listing of the marketplace may be showing."""
        return f"{self.prefix}listing.exposure.{marketplace}"

    def retries(self, marketplace: Marketplace) -> str:
        """Targets that wait for another try."""
        return f"{self.prefix}listing.retries.{marketplace}"

    def dead_letters(self, marketplace: Marketplace) -> str:
        """Targets that will never work."""
        return f"{self.prefix}listing.dead-letters.{marketplace}"

    def observations(self, marketplace: Marketplace) -> str:
        """What was seen at the marketplace."""
        return f"{self.prefix}listing.observations.{marketplace}"

    def reports(self, marketplace: Marketplace) -> str:
        """What each delivery worker saw of each channel since its last report."""
        return f"{self.prefix}channel.reports.{marketplace}"

    def reconciliations(self, marketplace: Marketplace) -> str:
        """Each reconciliation of the marketplace's channels; who owns its partition makes them."""
        return f"{self.prefix}channel.reconciliations.{marketplace}"

    def engine_inputs(self) -> tuple[str, ...]:
        """All topics that feed the engine's state; they have one partition count and one owner per partition."""
        exposures = tuple(self.exposure(marketplace) for marketplace in self.marketplaces)
        return (self.inventory_changes, self.catalog_products, self.sku_commands, *exposures)

    def declarations(self) -> Sequence[TopicDeclaration]:
        """Every topic that the system needs."""
        per_marketplace = [topic for one in self.marketplaces for topic in self._of_marketplace(one)]
        return (*self._of_engine(), *self._of_channels(), *per_marketplace)

    def _of_engine(self) -> tuple[TopicDeclaration, ...]:
        compact, delete = Cleanup.COMPACT, Cleanup.DELETE
        return (
            TopicDeclaration(
                self.inventory_changes,
                "SKU",
                delete,
                "inventory_change",
                # console, operators: input of dead letters again
                ("producers", "signals", "reconcile", "operators", "console"),
                append_time=True,
                read_by=("engine", "reconcile", "reconcile-by-hand", "ledger", "operators"),
            ),
            TopicDeclaration(
                self.catalog_products,
                "SKU",
                compact,
                "product",
                ("producers",),
                append_time=True,
                read_by=("engine", "reconcile", "reconcile-by-hand", "signals", "ledger", "operators", "console"),
            ),
            TopicDeclaration(
                self.sku_commands,
                "SKU",
                delete,
                "sku_command",
                ("engine", "reconcile", "reconcile-by-hand", "operators", "console"),
                append_time=True,
                read_by=("engine", "ledger", "operators"),
            ),
            TopicDeclaration(
                self.sku_velocity,
                "window of a SKU's sales",
                Cleanup.COMPACT_AND_DELETE,
                None,
                ("engine",),
                retention_ms=35 * DAY_MS,
                read_by=("engine",),
            ),
            TopicDeclaration(
                self.sku_state,
                "SKU",
                compact,
                "sku_state",
                ("engine",),
                extra=LARGE,
                read_by=("engine", "reconcile", "ledger", "operators", "console"),
            ),
            TopicDeclaration(
                self.engine_progress,
                "partition",
                compact,
                "engine_progress",
                ("engine",),
                read_by=("engine", "delivery", "reconcile", "ledger", "operators"),
            ),
            TopicDeclaration(
                self.inventory_dead_letters,
                "original key",
                delete,
                None,
                ("engine", "operators", "console"),
                retention_ms=90 * DAY_MS,
                extra=LARGE,
                read_by=("ledger", "operators", "console"),
            ),
        )

    def _of_channels(self) -> tuple[TopicDeclaration, ...]:
        delete = Cleanup.DELETE
        return (
            TopicDeclaration(
                self.listing_outcomes,
                "listing id",
                delete,
                "listing_outcome",
                ("delivery",),
                read_by=("ledger", "operators"),
            ),
            TopicDeclaration(
                self.inventory_discrepancies,
                "listing id",
                delete,
                "discrepancy",
                ("reconcile", "reconcile-by-hand"),
                retention_ms=90 * DAY_MS,
                read_by=("reconcile", "reconcile-by-hand", "ledger", "operators"),
            ),
            TopicDeclaration(
                self.channel_health,
                "channel",
                Cleanup.COMPACT,
                "channel_health",
                ("delivery",),
                Partitioning.SINGLE,
                read_by=("delivery", "reconcile", "ledger", "operators"),
            ),
            TopicDeclaration(
                self.operator_commands,
                "channel",
                delete,
                "operator_command",
                ("operators", "console", "delivery", "reconcile-by-hand"),
                Partitioning.SINGLE,
                read_by=("delivery", "reconcile", "reconcile-by-hand", "ledger", "operators"),
            ),
        )

    def _of_marketplace(self, one: Marketplace) -> tuple[TopicDeclaration, ...]:
        compact, delete = Cleanup.COMPACT, Cleanup.DELETE
        return (
            TopicDeclaration(
                self.targets(one),
                "listing id",
                compact,
                "listing_target",
                ("engine",),
                read_by=("delivery", "reconcile", "reconcile-by-hand", "ledger", "operators", "console"),
            ),
            TopicDeclaration(
                self.exposure(one),
                "listing id",
                compact,
                "listing_exposure",
                ("delivery",),
                append_time=True,
                read_by=(
                    "engine",
                    "delivery",
                    "reconcile",
                    "reconcile-by-hand",
                    "signals",
                    "ledger",
                    "operators",
                    "console",
                ),
            ),
            TopicDeclaration(
                self.retries(one), "listing id", delete, "listing_target", ("delivery",), read_by=("delivery",)
            ),
            TopicDeclaration(
                self.dead_letters(one),
                "listing id",
                delete,
                None,
                ("delivery", "operators", "console"),
                retention_ms=90 * DAY_MS,
                extra=LARGE,
                read_by=("delivery", "ledger", "operators", "console"),
            ),
            TopicDeclaration(
                self.observations(one),
                "listing id",
                delete,
                "listing_observation",
                ("reconcile", "reconcile-by-hand", "signals", "delivery"),
                read_by=("delivery", "reconcile", "reconcile-by-hand", "ledger", "operators"),
            ),
            TopicDeclaration(
                self.reports(one),
                "channel",
                delete,
                "channel_report",
                ("delivery",),
                Partitioning.SINGLE,
                read_by=("delivery",),
            ),
            TopicDeclaration(
                self.reconciliations(one),
                "channel",
                delete,
                "reconciliation_cycle",
                ("reconcile", "reconcile-by-hand"),
                Partitioning.SINGLE,
                retention_ms=90 * DAY_MS,
                read_by=("delivery", "reconcile", "reconcile-by-hand", "ledger", "operators"),
            ),
        )
