"""The newest target and exposure of each listing of a channel, read from their topics for a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inventory_cli.settings import Settings
    from inventory_domain.exposure import Exposure
    from inventory_domain.identifiers import ChannelId, ListingId, Marketplace
    from inventory_domain.targets import Target


def stored_listings(
    settings: Settings, marketplace: Marketplace, channel: ChannelId
) -> tuple[dict[ListingId, Target], dict[ListingId, Exposure]]:
    """What the topics hold of the channel's listings now. Blocks.

    Raises:
        LettersNotRead: a topic is not there, or Kafka does not answer.
        ReadStalled: a topic cannot be read to its end.
    """
    from inventory_cli.reaching import told_of_silence
    from inventory_schemas.codec import Serde
    from inventory_schemas.records import LISTING_EXPOSURE, LISTING_TARGET
    from inventory_schemas.registry import ConfluentRegistry
    from inventory_streams.letters import partitions_of, read_values

    connection = settings.connection
    topics = connection.topics
    registry = ConfluentRegistry(connection.schema_registry_url, connection.registry_security)
    try:
        target_topic, exposure_topic = topics.targets(marketplace), topics.exposure(marketplace)
        with told_of_silence(connection.kafka.bootstrap_servers):
            partitions = partitions_of(connection.kafka, target_topic)
        prefix = f"{channel}/".encode()
        target_codec = Serde(LISTING_TARGET, f"{target_topic}-value", registry)
        exposure_codec = Serde(LISTING_EXPOSURE, f"{exposure_topic}-value", registry)
        targets = read_values(connection.kafka, target_topic, partitions, target_codec, prefix)
        exposures = read_values(connection.kafka, exposure_topic, partitions, exposure_codec, prefix)
    finally:
        registry.close()
    return (
        {target.listing_id: target for target in targets.values()},
        {exposure.listing_id: exposure for exposure in exposures.values()},
    )
