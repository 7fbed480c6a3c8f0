"""What containers are promised and held to is what was measured, by the rule that docs/operations.md states."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from deploy.sources.resources import RESULT, SKUS_SIZED, SKUS_TYPICAL, Resources, measured, resources
from deploy.sources.roles import ROLES
from deploy.sources.workloads import JOB
from tests.support.sources import ROOT

MEASURED = json.loads(RESULT.read_text())
BASE = ROOT / "deploy" / "k8s" / "base"


def a_result(*sizes: tuple[int, float], mean: float = 0.2, most: float = 0.4) -> str:
    used = [
        {"skus": skus, "roles": {"r": {"memory_mib_max": memory, "cores_mean": mean, "cores_max": most}}}
        for skus, memory in sizes
    ]
    return json.dumps({"sizes": used})


@pytest.mark.parametrize(
    ("result", "wanted"),
    [
        # 100 MiB by itself and 2 for each thousand SKUs: 120 at 10,000; 200 at 50,000, half of it again, and 256.
        (a_result((1_000, 102), (5_000, 110)), Resources("200m", "128Mi", "2", "576Mi")),
        # What shrinks does not grow: the larger of both holds at every size.
        (a_result((1_000, 120), (5_000, 110)), Resources("200m", "128Mi", "2", "448Mi")),
        (a_result((1_000, 100), (5_000, 100), mean=0.201, most=1.1), Resources("250m", "128Mi", "3", "416Mi")),
        (a_result((1_000, 100), (5_000, 100), mean=0.0, most=0.0), Resources("50m", "128Mi", "2", "416Mi")),
    ],
)
def test_the_rule(result: str, wanted: Resources) -> None:
    assert resources(measured(result)["r"]) == wanted


def containers() -> dict[str, list[dict[str, Any]]]:
    """Of each process, from the manifests as they are on disk."""
    found = {}
    for name in (*(role.process for role in ROLES), JOB):
        for one in yaml.safe_load_all((BASE / f"{name}.yaml").read_text()):
            if one["kind"] in ("Deployment", "StatefulSet", "Job"):
                pod = one["spec"]["template"]["spec"]
                found[name] = [*pod.get("initContainers", ()), *pod["containers"]]
    return found


def test_manifests_promise_what_a_typical_size_needs_and_hold_nobody_below_the_sized_one() -> None:
    fewer, more = MEASURED["sizes"]
    for name, all_of in containers().items():
        least, most = (one["roles"][name]["memory_mib_max"] for one in (fewer, more))
        slope = max(0.0, (most - least) / (more["skus"] - fewer["skus"]))
        top, used = max(least, most), more["roles"][name]
        for container in all_of:
            promised, held_to = container["resources"]["requests"], container["resources"]["limits"]
            assert mib(promised["memory"]) >= top + slope * (SKUS_TYPICAL - more["skus"]), name
            assert mib(held_to["memory"]) >= 256 + 1.5 * (top + slope * (SKUS_SIZED - more["skus"])), name
            assert 0 <= int(promised["cpu"].removesuffix("m")) - 1_000 * used["cores_mean"] <= 50, name
            assert int(held_to["cpu"]) >= 2 * used["cores_max"], name


def test_the_result_can_be_true() -> None:
    """Every role was measured, and no mean is above the most."""
    for size in MEASURED["sizes"]:
        assert size["roles"].keys() == {*(role.process for role in ROLES), JOB}
        for name, used in size["roles"].items():
            assert 0 < used["cores_mean"] <= used["cores_max"], (size["skus"], name)


def mib(written: str) -> int:
    return int(written.removesuffix("Mi"))
