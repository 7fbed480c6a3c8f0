"""Roles as Kubernetes objects: a workload, its account, its disruption budget and its network policy."""

from __future__ import annotations

from typing import Any, Final

from deploy.sources.resources import RESOURCES, Resources
from deploy.sources.roles import APPLICATION, SETTINGS_FILE, Role

Manifest = dict[str, Any]

IMAGE: Final = "inventory-sync"
CONTAINER: Final = "inventory-sync"
CONFIG: Final = "inventory-sync-config"
SECRETS: Final = "/run/secrets"
PROBES: Final = "probes"
JOB: Final = "prepare"
_CONFIG_VOLUMES: Final = (
    {"name": "config", "configMap": {"name": CONFIG}},
    {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
)
PRIVATE: Final = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8")


def labels(process: str) -> dict[str, str]:
    """What selects the pods of a process."""
    return {"app.kubernetes.io/name": APPLICATION, "app.kubernetes.io/component": process}


def manifests_of(role: Role) -> list[Manifest]:
    """All objects of one role."""
    found = [_account(role.process), _workload(role), _budget(role), network_policy(role)]
    if role.stateful:
        found.append(_service(role, headless=True))
    elif role.served:
        found.append(_service(role, headless=False))
    return found


def job() -> list[Manifest]:
    """What runs before a rollout: topics, then schemas, both safe to repeat."""
    steps = [("topics", ("topics", "apply")), ("schemas", ("schemas", "register"))]
    containers = [
        _container(name, (*arguments, "--config", SETTINGS_FILE), RESOURCES[JOB]) for name, arguments in steps
    ]
    pod = _pod(JOB, containers[-1:], grace_s=30)
    pod["initContainers"] = containers[:-1]
    pod["restartPolicy"] = "OnFailure"
    return [
        _account(JOB),
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": JOB,
                "labels": labels(JOB),
                # Argo CD makes it anew at each sync, since nobody may change a job's template. Not in the phase before
                # the others: its account and its settings, whose name changes with them, are made in this one.
                "annotations": {
                    "argocd.argoproj.io/hook": "Sync",
                    "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation",
                },
            },
            "spec": {
                "backoffLimit": 10,
                "activeDeadlineSeconds": 900,
                "ttlSecondsAfterFinished": 300,
                "template": {"metadata": {"labels": labels(JOB)}, "spec": pod},
            },
        },
        _policy(JOB, ingress=[], egress=[_registry(), _kafka()]),
    ]


def network_policy(role: Role) -> Manifest:
    """Prometheus comes in; out go Kafka and the registry, and what this role alone needs."""
    ingress: list[Manifest] = [
        {
            "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
            "ports": [{"protocol": "TCP", "port": PROBES}],
        }
    ]
    if role.served:
        port, namespace = role.served
        ingress.append(
            {
                "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}],
                "ports": [{"protocol": "TCP", "port": port}],
            }
        )
    egress = [_registry(), _kafka()]
    if role.marketplaces:
        everywhere = {"cidr": "0.0.0.0/0", "except": list(PRIVATE)}
        egress.append({"to": [{"ipBlock": everywhere}], "ports": [{"protocol": "TCP", "port": 443}]})
    if role.database:
        egress.append({"ports": [{"protocol": "TCP", "port": 5432}]})
    return _policy(role.process, ingress, egress)


def _kafka() -> Manifest:
    namespace = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kafka"}}}
    here = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "kafka"}}}
    ports = [{"protocol": "TCP", "port": 9092}, {"protocol": "TCP", "port": 9093}]
    return {"to": [namespace, here], "ports": ports}


def _registry() -> Manifest:
    namespace = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "schema-registry"}}}
    here = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "schema-registry"}}}
    return {
        "to": [namespace, here],
        "ports": [{"protocol": "TCP", "port": 8080}, {"protocol": "TCP", "port": 8443}],
    }


def _policy(process: str, ingress: list[Manifest], egress: list[Manifest]) -> Manifest:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": process, "labels": labels(process)},
        "spec": {
            "podSelector": {"matchLabels": labels(process)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": ingress,
            "egress": egress,
        },
    }


def _account(process: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": process, "labels": labels(process)},
        "automountServiceAccountToken": False,
    }


def _workload(role: Role) -> Manifest:
    pod = _pod(role.process, [_process(role)], role.grace_s)
    pod["volumes"] = [*_CONFIG_VOLUMES, *_secret_volumes(role)]
    template = {"metadata": {"labels": {**labels(role.process), **role.labels}}, "spec": pod}
    spec: Manifest = {
        "replicas": role.replicas,
        "selector": {"matchLabels": labels(role.process)},
        "template": template,
    }
    if role.stateful:
        spec |= {"serviceName": role.process, "podManagementPolicy": "Parallel", "minReadySeconds": 5}
        spec["updateStrategy"] = {"type": "RollingUpdate"}
    else:
        spec |= {"minReadySeconds": 5, "revisionHistoryLimit": 5}
        # One after the other: a new one that is not ready stops the rollout before the old ones are gone.
        spec["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet" if role.stateful else "Deployment",
        "metadata": {"name": role.process, "labels": {**labels(role.process), **role.labels}},
        "spec": spec,
    }


def _pod(process: str, containers: list[Manifest], grace_s: int) -> Manifest:
    return {
        "serviceAccountName": process,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": grace_s,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": labels(process)},
            }
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ],
        "affinity": {
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "weight": 100,
                        "podAffinityTerm": {
                            "topologyKey": "kubernetes.io/hostname",
                            "labelSelector": {"matchLabels": labels(process)},
                        },
                    }
                ]
            }
        },
        "containers": containers,
        "volumes": list(_CONFIG_VOLUMES),
    }


def _secret_volumes(role: Role) -> list[Manifest]:
    found: list[Manifest] = []
    if role.marketplaces:
        sources = [{"secret": {"name": f"marketplace-{one}"}} for one in role.marketplaces]
        found.append({"name": "marketplaces", "projected": {"sources": sources}})
    if role.database:
        found.append({"name": "database", "secret": {"secretName": "ledger-database"}})
    if role.operators:
        found.append({"name": "operators", "secret": {"secretName": "console-operators"}})
    return found


def _process(role: Role) -> Manifest:
    container = _container(CONTAINER, role.arguments, role.resources)
    container["ports"] = [{"name": PROBES, "containerPort": role.port}]
    if role.served:
        container["ports"].append({"name": "http", "containerPort": role.served[0]})
    for volume in _secret_volumes(role):
        container["volumeMounts"].append(_mounted(volume["name"]))

    def asked(path: str, period_s: int, failures: int) -> Manifest:
        return {
            "httpGet": {"path": path, "port": PROBES},
            "periodSeconds": period_s,
            "timeoutSeconds": 3,
            "failureThreshold": failures,
        }

    # Ready only after the tables are recovered, which may take minutes after a disaster; live while the loop turns.
    container["startupProbe"] = asked("/livez", 2, 150)
    container["readinessProbe"] = asked("/readyz", 5, 2)
    container["livenessProbe"] = asked("/livez", 10, 6)
    if role.stateful:
        container["env"] = [
            {"name": "INVENTORY_SYNC_INSTANCE_ID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
        ]
    return container


def _container(name: str, arguments: tuple[str, ...], resources: Resources) -> Manifest:
    return {
        "name": name,
        "image": IMAGE,
        "imagePullPolicy": "Always",
        "args": list(arguments),
        "resources": {
            "requests": {"cpu": resources.cpu, "memory": resources.memory, "ephemeral-storage": "32Mi"},
            "limits": {"cpu": resources.cpu_max, "memory": resources.memory_max, "ephemeral-storage": "128Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/inventory-sync", "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }


def _budget(role: Role) -> Manifest:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": role.process, "labels": labels(role.process)},
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": labels(role.process)},
        },
    }


def _service(role: Role, *, headless: bool) -> Manifest:
    spec: Manifest = {"selector": labels(role.process), "ports": [{"name": PROBES, "port": role.port}]}
    if headless:
        spec |= {"clusterIP": "None", "publishNotReadyAddresses": True}
    elif role.served:
        spec["ports"] = [{"name": "http", "port": role.served[0]}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": role.process, "labels": labels(role.process)},
        "spec": spec,
    }


def login_patch(role: Role) -> Manifest:
    """What production adds to a role: its own user of Kafka, and whom to trust."""
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet" if role.stateful else "Deployment",
        "metadata": {"name": role.process},
        "spec": {"template": {"spec": _login(role.process, {"containers": [CONTAINER]})}},
    }


def login_patch_of_job() -> Manifest:
    """The same for the job, which administers topics."""
    steps = {"initContainers": ["topics"], "containers": ["schemas"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": JOB},
        "spec": {"template": {"spec": _login(JOB, steps)}},
    }


def _login(process: str, containers: dict[str, list[str]]) -> Manifest:
    env = [{"name": "KAFKA_USER", "value": user_of(process)}]
    mounts = [_mounted("kafka"), _mounted("kafka-ca"), _mounted("schema-registry")]
    password = [{"key": "password", "path": "password"}]
    certificate = [{"key": "ca.crt", "path": "ca.crt"}]
    of_kind = {
        kind: [{"name": name, "env": env, "volumeMounts": mounts} for name in names]
        for kind, names in containers.items()
    }
    return {
        **of_kind,
        "volumes": [
            {"name": "kafka", "secret": {"secretName": user_of(process), "items": password}},
            {"name": "kafka-ca", "secret": {"secretName": "kafka-ca", "items": certificate}},
            {"name": "schema-registry", "secret": {"secretName": "schema-registry"}},
        ],
    }


def user_of(process: str) -> str:
    """The user of Kafka that a process logs in as; the job is the administrator of topics."""
    return f"{APPLICATION}-{'topics' if process == JOB else process}"


def _mounted(name: str) -> Manifest:
    return {"name": name, "mountPath": f"{SECRETS}/{name}", "readOnly": True}
