"""KEDA: the engine follows its lag, up to one worker per partition. Delivery is never scaled: its pace is a quota."""

from __future__ import annotations

from typing import Final

from deploy.sources.roles import APPLICATION, PARTITIONS, ROLES
from deploy.sources.strimzi import TOPICS
from deploy.sources.workloads import Manifest, labels

KAFKA: Final = "kafka-kafka-bootstrap.kafka.svc:9093"
LAG_PER_WORKER: Final = 50_000  # a worker computes that in a second or two, so a short wave starts nobody
ENGINES_MAX: Final = 8  # at most PARTITIONS: a worker beyond it would own nothing


def scaling() -> list[Manifest]:
    """The scaler of the engine, and how it logs in to ask for the lag."""
    assert ENGINES_MAX <= PARTITIONS
    (engine,) = [role for role in ROLES if role.process == "engine"]
    meta = {"name": engine.process, "labels": labels(engine.process)}
    trigger = {
        "type": "kafka",
        "metadata": {
            "bootstrapServers": KAFKA,
            "consumerGroup": f"{APPLICATION}-engine",
            "topic": TOPICS.inventory_changes,
            "lagThreshold": str(LAG_PER_WORKER),
            "offsetResetPolicy": "earliest",
            "allowIdleConsumers": "false",
            "sasl": "scram_sha512",
            "tls": "enable",
        },
        "authenticationRef": {"name": engine.process},
    }
    login = [
        {"parameter": "username", "name": "keda-kafka", "key": "username"},
        {"parameter": "password", "name": "keda-kafka", "key": "password"},
        {"parameter": "ca", "name": "kafka-ca", "key": "ca.crt"},
    ]
    return [
        {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "TriggerAuthentication",
            "metadata": meta,
            "spec": {"secretTargetRef": login},
        },
        {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject",
            "metadata": meta,
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": engine.process},
                "minReplicaCount": engine.replicas,
                "maxReplicaCount": ENGINES_MAX,
                "pollingInterval": 15,
                "cooldownPeriod": 300,
                "advanced": {
                    "horizontalPodAutoscalerConfig": {
                        "behavior": {
                            # Each change of the number is a rebalance: grow at once, shrink late and one by one.
                            "scaleUp": {"policies": [{"type": "Pods", "value": 2, "periodSeconds": 60}]},
                            "scaleDown": {
                                "stabilizationWindowSeconds": 900,
                                "policies": [{"type": "Pods", "value": 1, "periodSeconds": 300}],
                            },
                        }
                    }
                },
                "triggers": [trigger],
            },
        },
    ]
