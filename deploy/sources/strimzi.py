"""Topics and users for Strimzi, from the declaration that `inventory-sync topics apply` works from."""

from __future__ import annotations

from typing import Final

from deploy.sources.roles import APPLICATION, MARKETPLACES, PARTITIONS
from deploy.sources.workloads import Manifest
from inventory_domain.identifiers import Marketplace
from inventory_streams.access import Grant, Principal, grants, principals
from inventory_streams.kafka.admin import REPLICATION_DEFAULT, settings_for
from inventory_streams.topics import Partitioning, TopicDeclaration, Topics

API: Final = "kafka.strimzi.io/v1"
CLUSTER: Final = {"strimzi.io/cluster": "kafka"}
TOPICS: Final = Topics(tuple(Marketplace(name) for name in MARKETPLACES))


def topics() -> list[Manifest]:
    """Every topic, with three copies of which two must have a record before it is acknowledged."""
    return [_topic(one) for one in TOPICS.declarations()]


def users() -> list[Manifest]:
    """One user for each role, who may do what its topics say and nothing else."""
    return [_user(one) for one in principals(TOPICS)]


def _topic(declaration: TopicDeclaration) -> Manifest:
    single = declaration.partitioning is Partitioning.SINGLE
    return {
        "apiVersion": API,
        "kind": "KafkaTopic",
        "metadata": {"name": declaration.name, "labels": CLUSTER},
        "spec": {
            "topicName": declaration.name,
            "partitions": 1 if single else PARTITIONS,
            "replicas": REPLICATION_DEFAULT,
            "config": dict(sorted(settings_for(declaration, REPLICATION_DEFAULT).items())),
        },
    }


def _user(principal: Principal) -> Manifest:
    return {
        "apiVersion": API,
        "kind": "KafkaUser",
        "metadata": {"name": principal.user(APPLICATION), "labels": CLUSTER},
        "spec": {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {
                "type": "simple",
                "acls": [_acl(grant) for grant in grants(TOPICS, APPLICATION, principal)],
            },
        },
    }


def _acl(grant: Grant) -> Manifest:
    resource = {
        "type": grant.resource.value,
        "name": grant.name,
        "patternType": "prefix" if grant.prefixed else "literal",
    }
    return {"resource": resource, "operations": list(grant.operations), "host": "*"}
