"""Grants as the broker's access control entries: what is missing is added; what is there stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # these are re-exported without saying so
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from inventory_domain.errors import InventorySyncError
from inventory_streams.access import Grant, Resource
from inventory_streams.kafka.login import check_login
from inventory_streams.kafka.settings import KafkaSettings

REQUEST_LIMIT_S: Final = 30.0
ANSWER_MARGIN_S: Final = 5.0
_OPERATIONS: Final = {
    "AlterConfigs": AclOperation.ALTER_CONFIGS,
    "Create": AclOperation.CREATE,
    "Delete": AclOperation.DELETE,
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
}
_RESOURCES: Final = {
    Resource.TOPIC: ResourceType.TOPIC,
    Resource.GROUP: ResourceType.GROUP,
    Resource.TRANSACTIONAL_ID: ResourceType.TRANSACTIONAL_ID,
}


class AccessNotApplied(InventorySyncError):
    """The broker cannot be asked, has no authorizer, or refuses us the right to change access."""


def apply_grants(kafka: KafkaSettings, by_user: Mapping[str, Sequence[Grant]]) -> int:
    """Add the entries that these users lack; says how many there were. Repeating it changes nothing. Blocks.

    Entries that somebody else made are left alone, also those that grant more.

    Raises:
        AccessNotApplied: the broker does not answer, has no authorizer, or refuses us.
        NotAuthenticated: it does not let us in.
    """
    check_login(kafka)
    admin = AdminClient({**kafka.admin(), "log_level": 0})
    wanted = [binding for user, grants in by_user.items() for grant in grants for binding in _bindings(user, grant)]
    everything = AclBindingFilter(  # None is any; the stubs do not know
        ResourceType.ANY,
        None,  # type: ignore[arg-type]
        ResourcePatternType.ANY,
        None,  # type: ignore[arg-type]
        None,  # type: ignore[arg-type]
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    try:
        asked = admin.describe_acls(everything, request_timeout=REQUEST_LIMIT_S)
        present = set(asked.result(REQUEST_LIMIT_S + ANSWER_MARGIN_S))
        missing = [one for one in wanted if one not in present]
        if missing:
            for future in admin.create_acls(missing, request_timeout=REQUEST_LIMIT_S).values():
                future.result(REQUEST_LIMIT_S + ANSWER_MARGIN_S)
    except KafkaException as error:
        raise AccessNotApplied(f"Kafka at {kafka.bootstrap_servers}: {error.args[0].str()}") from error
    return len(missing)


def _bindings(user: str, grant: Grant) -> list[AclBinding]:
    pattern = ResourcePatternType.PREFIXED if grant.prefixed else ResourcePatternType.LITERAL
    return [
        AclBinding(
            _RESOURCES[grant.resource],
            grant.name,
            pattern,
            f"User:{user}",
            "*",
            _OPERATIONS[operation],
            AclPermissionType.ALLOW,
        )
        for operation in grant.operations
    ]
