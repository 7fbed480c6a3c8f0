"""Topics as they are declared, brought to a broker: created, altered where they differ, never repartitioned."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # these are re-exported without saying so
    AdminClient,
    AlterConfigOpType,
    ClusterMetadata,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from inventory_domain.errors import ConfigError, ConfigFault, InventorySyncError
from inventory_streams.kafka.login import check_login
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Partitioning, TopicDeclaration

CONTACT_LIMIT_S = 10.0
LOGIN_LIMIT_S = 2.0
REQUEST_LIMIT_S = 30.0
VISIBLE_LIMIT_S = 60.0
VISIBLE_POLL_S = 0.05
REPLICATION_DEFAULT = 3

T = TypeVar("T")


class TopicsNotApplied(InventorySyncError):
    """The broker could not be asked, or refused; what was done before stays, and applying again goes on from there."""


class TopicChange(Enum):
    """What applying a declaration does to its topic: NEW, ALTERED (settings only), KEPT."""

    NEW = "new"
    ALTERED = "altered"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class TopicFinding:
    """One declared topic, compared with the broker. `altered` has a sentence for each setting that differs."""

    name: str
    change: TopicChange
    partitions: int
    replication: int
    altered: tuple[str, ...] = ()


def apply(
    kafka: KafkaSettings,
    declarations: Sequence[TopicDeclaration],
    partitions: int,
    replication: int | None = None,
    *,
    contact_limit_s: float = CONTACT_LIMIT_S,
) -> list[TopicFinding]:
    """Create the topics that are missing and alter declared settings that differ. Repeating it changes nothing. Blocks.

    `partitions` is the common count of all topics partitioned by SKU. `replication` None: three, or as many brokers
    as there are when fewer. A broker that says nothing is waited for up to `contact_limit_s`. Returns what was done,
    once every topic is seen by the broker with a leader.

    Raises:
        ConfigError: topics exist with another partition count; nothing was changed.
        TopicsNotApplied: the broker cannot be asked, or refuses.
    """
    admin, found = _contacted(kafka, contact_limit_s)
    findings = _plan(admin, found, declarations, partitions, replication)
    by_name = {one.name: one for one in declarations}
    others = _create(admin, [(by_name[one.name], one) for one in findings if one.change is TopicChange.NEW])
    if others:
        theirs = _plan(admin, _told_of(admin, others), [by_name[name] for name in others], partitions, replication)
        of_others = {one.name: one for one in theirs}
        findings = [of_others.get(one.name, one) for one in findings]
    _alter(admin, [(by_name[one.name], one) for one in findings if one.change is TopicChange.ALTERED])
    _wait_until_visible(admin, by_name, findings)
    return findings


def plan(
    kafka: KafkaSettings,
    declarations: Sequence[TopicDeclaration],
    partitions: int,
    replication: int | None = None,
    *,
    contact_limit_s: float = CONTACT_LIMIT_S,
) -> list[TopicFinding]:
    """What `apply` would do; changes nothing, and raises as it does."""
    admin, found = _contacted(kafka, contact_limit_s)
    return _plan(admin, found, declarations, partitions, replication)


def _contacted(kafka: KafkaSettings, limit_s: float) -> tuple[AdminClient, ClusterMetadata]:
    check_login(kafka, min(limit_s, LOGIN_LIMIT_S))  # what waits for a broker comes after it
    settings = kafka.admin()
    admin = AdminClient({**settings, "log_level": 0})  # what goes wrong is raised; librdkafka would print it as well
    try:
        return admin, admin.list_topics(timeout=limit_s)
    except KafkaException as error:
        text = f"Kafka at {kafka.bootstrap_servers} does not answer: {error.args[0].str()}"
        raise TopicsNotApplied(text) from error


def _plan(
    admin: AdminClient,
    found: ClusterMetadata,
    declarations: Sequence[TopicDeclaration],
    partitions: int,
    replication: int | None,
) -> list[TopicFinding]:
    copies = replication or min(REPLICATION_DEFAULT, max(1, len(found.brokers)))
    there = {name: topic for name, topic in found.topics.items() if topic.error is None}
    differing = [
        ConfigFault(
            one.name,
            f"has {len(there[one.name].partitions)} partitions and is declared with {_count(one, partitions)}; "
            "records of a SKU would change their partition, so this is never altered: "
            "declare the number it has, or use another topic prefix",
        )
        for one in declarations
        if one.name in there and len(there[one.name].partitions) != _count(one, partitions)
    ]
    if differing:
        raise ConfigError(differing)
    present = {name: _replicas(there[name].partitions) for name in (one.name for one in declarations) if name in there}
    settings = _settings(admin, list(present))
    findings = []
    for one in declarations:
        count = _count(one, partitions)
        if one.name not in present:
            findings.append(TopicFinding(one.name, TopicChange.NEW, count, copies))
            continue
        altered = _differences(settings_for(one, present[one.name]), settings[one.name])
        change = TopicChange.ALTERED if altered else TopicChange.KEPT
        findings.append(TopicFinding(one.name, change, count, present[one.name], altered))
    return findings


def _count(declaration: TopicDeclaration, partitions: int) -> int:
    return 1 if declaration.partitioning is Partitioning.SINGLE else partitions


def _replicas(partitions: Mapping[int, object]) -> int:
    return min(len(getattr(partition, "replicas", ())) for partition in partitions.values())


def settings_for(declaration: TopicDeclaration, replication: int) -> dict[str, str]:
    """The broker's settings of the topic when there are so many copies of it."""
    settings = declaration.config()
    if replication >= REPLICATION_DEFAULT:
        # One broker may be away; with two away writes wait instead of being acknowledged by one copy alone.
        settings |= {"min.insync.replicas": "2", "unclean.leader.election.enable": "false"}
    return settings


def _differences(declared: Mapping[str, str], present: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        f"{name} {present.get(name, 'unset')} -> {value}"
        for name, value in declared.items()
        if present.get(name) != value
    )


def _settings(admin: AdminClient, topics: Sequence[str]) -> dict[str, dict[str, str]]:
    if not topics:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in topics]
    futures = _asked(lambda: admin.describe_configs(resources, request_timeout=REQUEST_LIMIT_S))
    found: dict[str, dict[str, str]] = {}
    for resource, future in futures.items():
        try:
            entries = future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:  # one broker may know it before another
                raise TopicsNotApplied(f"topic {resource.name}: {error.args[0].str()}") from error
            entries = {}
        found[resource.name] = {name: entry.value for name, entry in entries.items() if entry.value is not None}
    return found


def _create(admin: AdminClient, wanted: Sequence[tuple[TopicDeclaration, TopicFinding]]) -> list[str]:
    """Those that somebody else had made, though the broker that was asked did not know it yet."""
    if not wanted:
        return []
    topics = [
        NewTopic(
            found.name,
            num_partitions=found.partitions,
            replication_factor=found.replication,
            config=settings_for(declaration, found.replication),
        )
        for declaration, found in wanted
    ]
    futures = _asked(lambda: admin.create_topics(topics, request_timeout=REQUEST_LIMIT_S))
    others = []
    for name, future in futures.items():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise TopicsNotApplied(f"topic {name} was not created: {error.args[0].str()}") from error
            others.append(name)
    return others


def _listed(admin: AdminClient) -> ClusterMetadata:
    listed: ClusterMetadata = _asked(lambda: admin.list_topics(timeout=REQUEST_LIMIT_S))
    return listed


def _told_of(admin: AdminClient, names: Sequence[str]) -> ClusterMetadata:
    """What the broker lists as soon as these topics, which are there, are in it."""
    end = time.monotonic() + VISIBLE_LIMIT_S
    while True:
        found = _listed(admin)
        missing = [name for name in names if name not in found.topics or found.topics[name].error is not None]
        if not missing:
            return found
        if time.monotonic() > end:
            raise TopicsNotApplied(f"there, and not told within {VISIBLE_LIMIT_S:.0f} s: {', '.join(missing)}")
        time.sleep(VISIBLE_POLL_S)


def _alter(admin: AdminClient, wanted: Sequence[tuple[TopicDeclaration, TopicFinding]]) -> None:
    if not wanted:
        return
    resources = [
        ConfigResource(
            ResourceType.TOPIC,
            found.name,
            incremental_configs=[
                ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
                for name, value in settings_for(declaration, found.replication).items()
            ],
        )
        for declaration, found in wanted
    ]
    futures = _asked(lambda: admin.incremental_alter_configs(resources, request_timeout=REQUEST_LIMIT_S))
    for resource, future in futures.items():
        try:
            future.result()
        except KafkaException as error:
            raise TopicsNotApplied(f"topic {resource.name} was not altered: {error.args[0].str()}") from error


def _wait_until_visible(
    admin: AdminClient, declarations: Mapping[str, TopicDeclaration], findings: Sequence[TopicFinding]
) -> None:
    """A topic just created has no leader for a moment, and a setting just altered is told as it was before."""
    end = time.monotonic() + VISIBLE_LIMIT_S
    changed = [one for one in findings if one.change is not TopicChange.KEPT]
    while True:
        topics = _listed(admin).topics
        missing = [one.name for one in findings if one.name not in topics or not _is_ready(topics[one.name], one)]
        if not missing:
            settings = _settings(admin, [one.name for one in changed])
            missing = [
                one.name
                for one in changed
                if _differences(settings_for(declarations[one.name], one.replication), settings[one.name])
            ]
        if not missing:
            return
        if time.monotonic() > end:
            raise TopicsNotApplied(
                f"not to be seen as declared and with leaders within {VISIBLE_LIMIT_S:.0f} s: {', '.join(missing)}"
            )
        time.sleep(VISIBLE_POLL_S)


def _is_ready(topic: object, finding: TopicFinding) -> bool:
    partitions = getattr(topic, "partitions", {})
    return len(partitions) == finding.partitions and all(one.leader >= 0 for one in partitions.values())


def _asked(request: Callable[[], T]) -> T:
    try:
        return request()
    except KafkaException as error:
        raise TopicsNotApplied(f"Kafka refused or did not answer: {error.args[0].str()}") from error
