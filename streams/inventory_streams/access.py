"""Who may do what on Kafka: each role's user with the grants that its topics, groups and transactional ids need.

Everything follows from the declaration of the topics: `written_by` and `read_by`. What is not granted is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from inventory_domain.identifiers import Marketplace
from inventory_streams.kafka.reading import READING_GROUP
from inventory_streams.topics import TopicDeclaration, Topics

ENGINE: Final = "engine"
DELIVERY: Final = "delivery"
RECONCILE: Final = "reconcile"
BY_HAND: Final = "reconcile-by-hand"
"""Who runs `inventory-sync reconcile CHANNEL`: asks the process that owns the channel, or takes its place."""
ROLES: Final = (ENGINE, DELIVERY, RECONCILE, BY_HAND, "signals", "ledger", "console", "operators", "producers")
"""Every role that a topic may name. Delivery has a user per marketplace, each other role one."""
TOPICS_ADMIN: Final = "topics"
"""Who runs `topics apply` before a rollout; the only one who may create topics and alter their settings."""
SCALER: Final = "keda"
"""Who scales the engine by its lag: may ask for the group's offsets and the topic's ends, and read no record."""


class Resource(Enum):
    """What a grant is about, by Kafka's own names."""

    TOPIC = "topic"
    GROUP = "group"
    TRANSACTIONAL_ID = "transactionalId"


@dataclass(frozen=True, slots=True)
class Grant:
    """These operations on the resource of this name, or on all whose names begin with it where `prefixed`."""

    resource: Resource
    name: str
    operations: tuple[str, ...]
    prefixed: bool = False


@dataclass(frozen=True, slots=True)
class Principal:
    """A user of Kafka. `process` is what the role's processes are called; delivery has one per marketplace."""

    role: str
    process: str
    marketplace: Marketplace | None = None

    def user(self, application: str) -> str:
        """The name that the processes log in with."""
        return f"{application}-{self.process}"


DESCRIBE: Final = ("Describe",)
READ: Final = ("Describe", "Read")
WRITE: Final = ("Describe", "Write")
REPLAY: Final = ("Create", "Delete", "Describe", "DescribeConfigs", "Read", "Write")
ADMINISTER: Final = ("AlterConfigs", "Create", "Describe", "DescribeConfigs")


def principals(topics: Topics) -> tuple[Principal, ...]:
    """Every user that the system needs."""
    found = []
    for role in ROLES:
        if role == DELIVERY:
            found += [Principal(role, f"deliver-{one}", one) for one in topics.marketplaces]
        else:
            found.append(Principal(role, role))
    return (*found, Principal(TOPICS_ADMIN, TOPICS_ADMIN), Principal(SCALER, SCALER))


def grants(topics: Topics, application: str, principal: Principal) -> tuple[Grant, ...]:
    """All that this user may do; everything else is refused."""
    if principal.role == TOPICS_ADMIN:
        return tuple(Grant(Resource.TOPIC, one.name, ADMINISTER) for one in topics.declarations())
    if principal.role == SCALER:
        return (
            Grant(Resource.TOPIC, topics.inventory_changes, DESCRIBE),
            Grant(Resource.GROUP, f"{application}-engine", DESCRIBE),
        )
    found = []
    for declaration in _topics_of(topics, principal):
        operations = {"Describe"}
        if principal.role in declaration.read_by:
            operations.update(READ)
        if principal.role in declaration.written_by:
            operations.update(WRITE)
        if len(operations) > 1:
            found.append(Grant(Resource.TOPIC, declaration.name, tuple(sorted(operations))))
    if principal.role == "operators":
        found += _of_replays(topics, application)
    return (*found, *_of_processes(application, principal))


def _topics_of(topics: Topics, principal: Principal) -> Sequence[TopicDeclaration]:
    """The delivery of one marketplace has nothing to do with the topics of another."""
    if principal.marketplace is None:
        return topics.declarations()
    return Topics((principal.marketplace,), topics.prefix).declarations()


def _of_replays(topics: Topics, application: str) -> list[Grant]:
    """`inventory-sync replay` makes topics of its own, runs an engine of its own on them, and removes them again."""
    return [
        Grant(Resource.TOPIC, f"{topics.prefix}replay-", REPLAY, prefixed=True),
        Grant(Resource.GROUP, f"{application}-replay-", ("Delete", "Describe", "Read"), prefixed=True),
        Grant(Resource.TRANSACTIONAL_ID, f"{application}-replay-", WRITE, prefixed=True),
    ]


def _of_processes(application: str, principal: Principal) -> tuple[Grant, ...]:
    """Its consumer group, and the transactional ids of its partitions."""
    reading = Grant(Resource.GROUP, READING_GROUP, READ)  # asked for by clients that read without a group, too
    if principal.role == ENGINE:
        return (
            Grant(Resource.GROUP, f"{application}-engine", READ),
            reading,
            Grant(Resource.TRANSACTIONAL_ID, f"{application}-engine-", WRITE, prefixed=True),
        )
    if principal.role == DELIVERY:
        return (
            Grant(Resource.GROUP, f"{application}-delivery-{principal.marketplace}", READ),
            reading,
            Grant(Resource.TRANSACTIONAL_ID, f"{application}-delivery-{principal.marketplace}-", WRITE, prefixed=True),
            Grant(Resource.TRANSACTIONAL_ID, f"{application}-health-{principal.marketplace}", WRITE),
        )
    if principal.role == "producers":
        return ()
    if principal.role == BY_HAND:
        return (
            Grant(Resource.GROUP, f"{application}-{RECONCILE}", ("Describe",)),  # whether a process is there to ask
            reading,
            # With the owner's own ids: an owner that starts meanwhile takes over from whoever looks by hand.
            Grant(Resource.TRANSACTIONAL_ID, f"{application}-{RECONCILE}-", WRITE, prefixed=True),
        )
    return (
        Grant(Resource.GROUP, f"{application}-{principal.role}", READ, prefixed=True),
        reading,
        Grant(Resource.TRANSACTIONAL_ID, f"{application}-{principal.role}", WRITE, prefixed=True),
    )
