"""Leaves the machine as the demo found it."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from inventory_cli.addresses import stack_folder
from inventory_cli.connecting import Connection

DELETE_LIMIT_S: Final = 15.0
REQUESTS_AT_ONCE: Final = 8

log = logging.getLogger(__name__)


def clean_up(connection: Connection | None, *, keep: bool, stop_stack: bool) -> None:
    """Delete this run's topics and schemas, and stop the stack when the demo started it. With `keep` do neither."""
    if keep:
        return
    if connection is not None:
        _delete_topics(connection)
        _delete_subjects(connection)
    if stop_stack:
        from inventory_sandbox.stack import LocalStack

        LocalStack(stack_folder()).down()


def _delete_topics(connection: Connection) -> None:
    admin = AdminClient(connection.kafka.admin() | {"log_level": 0})
    names = [topic.name for topic in connection.topics.declarations()]
    try:
        for name, future in admin.delete_topics(names, request_timeout=DELETE_LIMIT_S).items():
            try:
                future.result(DELETE_LIMIT_S)
            except KafkaException as error:
                log.info("topic not deleted", extra={"topic": name, "error": str(error)})
    except (KafkaException, TimeoutError) as error:
        log.info("topics not deleted", extra={"error": str(error)})


def _delete_subjects(connection: Connection) -> None:
    from confluent_kafka.schema_registry.error import SchemaRegistryError

    from inventory_cli.schemas import subjects_of
    from inventory_schemas.registry import client

    registry = client(connection.schema_registry_url)

    def delete(subject: str) -> None:
        try:
            registry.delete_subject(subject)
            registry.delete_subject(subject, permanent=True)  # refused for what was not deleted before
        except (SchemaRegistryError, OSError) as error:
            log.info("subject not deleted", extra={"subject": subject, "error": str(error)})

    try:
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            list(pool.map(delete, subjects_of(connection.topics)))
    finally:
        registry.close()
