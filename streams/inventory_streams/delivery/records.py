"""Every record that delivery writes, as writes of a partition's transaction."""

from __future__ import annotations

from inventory_domain.exposure import Exposure
from inventory_domain.identifiers import ListingId
from inventory_domain.outcomes import AttemptOutcome
from inventory_domain.reconciliation import Observation
from inventory_domain.targets import Target
from inventory_streams.delivery.codecs import Codecs
from inventory_streams.delivery.retries import RetryNote
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.kafka.tracing import TraceContext
from inventory_streams.kafka.transactions import Write

ERROR_LENGTH_MAX = 500


class Records:
    """Builds the records of one marketplace. All topics have one partition count, so a listing's partition is one."""

    def __init__(self, settings: DeliverySettings, codecs: Codecs) -> None:
        topics, marketplace = settings.topics, settings.marketplace
        self._codecs = codecs
        self._group = settings.group
        self._targets = topics.targets(marketplace)
        self._exposure = topics.exposure(marketplace)
        self._retries = topics.retries(marketplace)
        self._dead_letters = topics.dead_letters(marketplace)
        self._observations = topics.observations(marketplace)
        self._outcomes = topics.listing_outcomes

    def exposure(self, partition: int, exposure: Exposure) -> Write:
        """What the listing may be showing."""
        key = exposure.listing_id.encode()
        return Write(self._exposure, partition, key, self._codecs.exposure.encode(exposure))

    def no_exposure(self, partition: int, listing_id: ListingId) -> Write:
        """The listing is forgotten."""
        return Write(self._exposure, partition, listing_id.encode(), None)

    def outcome(self, partition: int, outcome: AttemptOutcome) -> Write:
        """An attempt and what became of it."""
        return Write(self._outcomes, partition, outcome.listing_id.encode(), self._codecs.outcomes.encode(outcome))

    def retry(self, partition: int, target: Target, note: RetryNote) -> Write:
        """A target that waits for another try."""
        key = target.listing_id.encode()
        return Write(self._retries, partition, key, self._codecs.retries.encode(target), note.headers())

    def observation(self, partition: int, observation: Observation) -> Write:
        """What a read showed."""
        key = observation.listing_id.encode()
        return Write(self._observations, partition, key, self._codecs.observations.encode(observation))

    def dead_letter(
        self,
        partition: int,
        offset: int,
        key: bytes,
        raw: bytes,
        *,
        reason: str,
        error: str,
        attempts: int,
        trace: TraceContext | None = None,
    ) -> Write:
        """A target that is given up: its raw bytes, with where they came from and why."""
        text = error[:ERROR_LENGTH_MAX]
        headers = {
            "reason": reason,
            "error": text,
            "attempts": str(attempts),
            "origin-topic": self._targets,
            "origin-partition": str(partition),
            "origin-offset": str(offset),
            "__dlq.errors.topic": self._targets,  # Kafka's own conventions (4.4), for tools that know them
            "__dlq.errors.partition": str(partition),
            "__dlq.errors.offset": str(offset),
            "__dlq.errors.group": self._group,
            "__dlq.errors.delivery.count": str(attempts),
            "__dlq.errors.message": text,
        }
        encoded = tuple((name, value.encode()) for name, value in headers.items())
        carried = trace.headers() if trace is not None else ()
        return Write(self._dead_letters, partition, key, raw, (*encoded, *carried))
