"""What an engine apart has of its own: application id, topics, schemas' subjects; made for a replay, removed after it.

It is told other topics than the running system for everything that it reads and writes, so nothing that it says
reaches a marketplace, and nothing that it does touches the running state.
"""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from inventory_domain.errors import InventorySyncError
from inventory_domain.silence import SilencePolicy
from inventory_streams.engine.inputs import admin_client
from inventory_streams.engine.settings import EngineSettings
from inventory_streams.kafka.admin import apply
from inventory_streams.topics import Cleanup, TopicDeclaration

FOREVER_MS: Final = -1
NOT_JUDGED_MS: Final = 10 * 365 * 86_400_000  # every source was last heard when its records were written, long ago
REQUEST_LIMIT_S: Final = 30.0
GONE_LIMIT_S: Final = 30.0
GONE_POLL_S: Final = 0.2
_LATER: Final = (
    KafkaError.NON_EMPTY_GROUP,
    KafkaError.NOT_COORDINATOR,  # a broker that has just started, or had no group yet
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)


class ReplayRefused(InventorySyncError):
    """The name of the replay is in use on the broker, or is none."""


def apart(settings: EngineSettings, name: str) -> EngineSettings:
    """The settings of the engine that rebuilds the state of the engine with these.

    Raises:
        ReplayRefused: the name has other characters than small letters and digits.
    """
    if re.fullmatch(r"[a-z0-9]{1,40}", name) is None:
        raise ReplayRefused(f"a replay's name is 1 to 40 small letters and digits, not {name!r}")
    return replace(
        settings,
        topics=replace(settings.topics, prefix=f"{_prefix(settings)}{name}."),
        application=f"{settings.application.removesuffix('-engine')}-replay-{name}",  # no id of the engine's own
        instance_id=None,
        probe_port=0,
        silence=SilencePolicy(limit_ms=NOT_JUDGED_MS),
        unknown_sku_grace_s=NOT_JUDGED_MS / 1000,
    )


def _prefix(settings: EngineSettings) -> str:
    return f"{settings.topics.prefix}replay-"


def check_free(own: EngineSettings) -> None:
    """Make sure that nobody has the application id or the topics of this replay. Blocks.

    Raises:
        ReplayRefused: there are such topics or such a consumer group.
    """
    admin = admin_client(own.kafka)
    if _topics(admin, own.topics.prefix) or own.application in _groups(admin):
        raise ReplayRefused(f"the application id {own.application} or topics of it are on the broker already")


def make(own: EngineSettings) -> None:
    """Create the topics of a replay. Blocks. Raises TopicsNotApplied when the broker refuses."""
    apply(own.kafka, [_kept(one, own) for one in own.topics.declarations() if _is_used(one, own)], own.partitions)


def _is_used(one: TopicDeclaration, own: EngineSettings) -> bool:
    return one.name in own.topics.engine_inputs() or "engine" in one.written_by


def _kept(one: TopicDeclaration, own: EngineSettings) -> TopicDeclaration:
    """A copy keeps the times of the original, which may be older than what any topic keeps."""
    if one.name not in own.topics.engine_inputs():
        return one
    return replace(one, cleanup=Cleanup.DELETE, retention_ms=FOREVER_MS, append_time=False)


def remove(own: EngineSettings) -> None:
    """Delete the topics and the consumer group of a replay whose engine has ended. Blocks.

    Raises:
        ReplayRefused: an engine of it still runs.
        InventorySyncError: the broker refuses.
    """
    admin = admin_client(own.kafka)
    _delete_group(admin, own.application)
    names = _topics(admin, own.topics.prefix)
    if not names:
        return
    for name, future in admin.delete_topics(names, operation_timeout=REQUEST_LIMIT_S).items():
        try:
            future.result(REQUEST_LIMIT_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise InventorySyncError(f"topic {name} was not deleted: {error.args[0].str()}") from error
    _wait_until_gone(admin, own.topics.prefix)


def _wait_until_gone(admin: AdminClient, prefix: str) -> None:
    """A broker may tell of a topic for a moment after it has said that it is deleted."""
    deadline = time.monotonic() + GONE_LIMIT_S
    while left := _topics(admin, prefix):
        if time.monotonic() > deadline:
            raise InventorySyncError(f"still there {GONE_LIMIT_S:.0f} s after they were deleted: {', '.join(left)}")
        time.sleep(GONE_POLL_S)


def _delete_group(admin: AdminClient, group: str) -> None:
    """Once its last member has left, which a broker may notice a moment after the process has ended."""
    deadline = time.monotonic() + GONE_LIMIT_S
    while True:
        future = admin.delete_consumer_groups([group], request_timeout=REQUEST_LIMIT_S)[group]
        try:
            future.result(REQUEST_LIMIT_S)
        except KafkaException as error:
            cause = error.args[0]
            if cause.code() == KafkaError.GROUP_ID_NOT_FOUND:
                return
            if cause.code() not in _LATER:
                raise InventorySyncError(f"consumer group {group} was not deleted: {cause.str()}") from error
            if time.monotonic() > deadline:
                raise ReplayRefused(f"an engine of {group} still runs: {cause.str()}") from error
            time.sleep(GONE_POLL_S)
            continue
        return


def left_behind(settings: EngineSettings) -> list[str]:
    """The names of replays of which topics are on the broker: under way, or ended before they could clean up."""
    topics = _topics(admin_client(settings.kafka), _prefix(settings))
    names = {one.removeprefix(_prefix(settings)).partition(".")[0] for one in topics}
    return sorted(name for name in names if re.fullmatch(r"[a-z0-9]{1,40}", name))


def _topics(admin: AdminClient, prefix: str) -> list[str]:
    return sorted(name for name in admin.list_topics(timeout=REQUEST_LIMIT_S).topics if name.startswith(prefix))


def _groups(admin: AdminClient) -> set[str]:
    found = admin.list_consumer_groups(request_timeout=REQUEST_LIMIT_S).result(REQUEST_LIMIT_S)
    return {one.group_id for one in found.valid}
