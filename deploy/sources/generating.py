"""Every generated file with its text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.sources import dashboards, metrics_page, resources, rules, scaling, settings, strimzi
from deploy.sources.roles import ROLES
from deploy.sources.workloads import JOB, Manifest, job, login_patch, login_patch_of_job, manifests_of

ROOT: Final = Path(__file__).resolve().parents[2]
TABLE_BEGINS: Final = "<!-- made by `make generate` from benchmarks/results/resources.json -->"
TABLE_ENDS: Final = "<!-- until here -->"
HEAD: Final = "# Made by `make generate` from deploy/sources/; change it there.\n"


class _Plain(yaml.SafeDumper):
    """Repeats what is the same instead of referring to it."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def files() -> dict[str, str]:
    """Path below the repository's root to its text."""
    base, login = "deploy/k8s/base", "deploy/k8s/components/kafka-login"
    found = {f"{base}/{role.process}.yaml": _yaml(manifests_of(role)) for role in ROLES}
    found[f"{base}/{JOB}.yaml"] = _yaml(job())
    found[f"{base}/kustomization.yaml"] = _kustomization(
        "Kustomization",
        labels=[{"pairs": {"app.kubernetes.io/part-of": "inventory-sync"}}],
        namespace="inventory-sync",
        resources=["namespace.yaml", "network-policies.yaml", f"{JOB}.yaml", *(f"{one.process}.yaml" for one in ROLES)],
    )
    found[f"{login}/{JOB}.yaml"] = _yaml([login_patch_of_job()])
    found |= {f"{login}/{role.process}.yaml": _yaml([login_patch(role)]) for role in ROLES}
    found[f"{login}/kustomization.yaml"] = _kustomization(
        "Component", patches=[{"path": f"{name}.yaml"} for name in (JOB, *(one.process for one in ROLES))]
    )
    found["deploy/k8s/strimzi/topics.yaml"] = _yaml(strimzi.topics())
    found["deploy/k8s/strimzi/users.yaml"] = _yaml(strimzi.users())
    found["deploy/k8s/keda/engine.yaml"] = _yaml(scaling.scaling())
    found["docs/metrics.md"] = metrics_page.page()
    found["docs/operations.md"] = _with_table((ROOT / "docs" / "operations.md").read_text())
    for board in dashboards.boards_of():
        name = board.uid.removeprefix("inventory-sync-")
        found[f"deploy/monitoring/dashboards/{name}.json"] = dashboards.json_of(board)
    found["deploy/monitoring/rules.yaml"] = HEAD + _dumped(rules.groups())
    found["deploy/monitoring/rules_test.yaml"] = HEAD + _dumped(rules.tests())
    found["deploy/k8s/monitoring/rules.yaml"] = _yaml([rules.operator_rule()])
    found["deploy/k8s/overlays/production/sync.yaml"] = settings.production()
    found["deploy/k8s/overlays/dev/sync.yaml"] = settings.dev()
    found["deploy/k8s/overlays/dev/secrets.yaml"] = _yaml(_dev_secrets())
    found["deploy/compose/sync.yaml"] = settings.compose()
    found["deploy/compose/sandbox.env"] = settings.compose_environment()
    return found


def _with_table(page: str) -> str:
    """The page with the figures of resources between its two marks; all else of it is written by hand."""
    before, rest = page.split(f"{TABLE_BEGINS}\n")
    return f"{before}{TABLE_BEGINS}\n{resources.table()}{TABLE_ENDS}{rest.split(TABLE_ENDS)[1]}"


def _dev_secrets() -> list[Manifest]:
    secrets = {f"marketplace-{one}": dict(values) for one, values in settings.dev_secrets().items()}
    secrets["ledger-database"] = {"url": "postgresql://inventory:inventory@postgres:5432/inventory"}
    secrets["console-operators"] = {"operator": settings.DEV_PASSWORD}
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}
        for name, values in secrets.items()
    ]


def _kustomization(kind: str, **content: object) -> str:
    version = "v1alpha1" if kind == "Component" else "v1beta1"
    return HEAD + _dumped({"apiVersion": f"kustomize.config.k8s.io/{version}", "kind": kind, **content})


def _yaml(manifests: Sequence[Manifest]) -> str:
    return HEAD + "---\n".join(_dumped(one) for one in manifests)


def _dumped(value: object) -> str:
    return yaml.dump(value, Dumper=_Plain, sort_keys=False, width=120)
