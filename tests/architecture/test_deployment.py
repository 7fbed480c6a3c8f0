"""What is below deploy/ fits the code: the same commands, topics, users, ports and times."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer
import yaml

from deploy.sources.generating import files
from deploy.sources.roles import PARTITIONS, ROLES
from deploy.sources.strimzi import TOPICS
from deploy.sources.versions import KAFKA_IMAGE, REGISTRY_IMAGE
from inventory_cli.main import build
from inventory_cli.process_settings import default_ports
from inventory_cli.settings import load
from inventory_streams.access import Resource, grants, principals
from tests.support.sources import ROOT

ONCE = frozenset({"topics", "schemas", "events", "sandbox", "traffic"})
"""What only compose has."""


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return {name: one for name, one in found.items() if one.get("image") == "inventory-sync:local"}


@pytest.fixture(scope="module", params=["dev", "production"])
def overlay(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return built(f"overlays/{request.param}")


def built(path: str) -> list[dict[str, Any]]:
    """The manifests that kustomize makes of a folder below deploy/k8s."""
    kubectl = shutil.which("kubectl")
    command = [kubectl, "kustomize"] if kubectl else [shutil.which("kustomize") or "", "build"]
    if not command[0]:
        pytest.skip("needs kubectl or kustomize: run `make tools`")
    folder = ROOT / "deploy" / "k8s" / path
    text = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=True).stdout
    return list(yaml.safe_load_all(text))


def pods(manifests: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in manifests:
        if one["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]


def test_generated_files_are_what_their_sources_say() -> None:
    """Settings files follow the template; `make check` compares them, too."""
    made = {name: text for name, text in files().items() if not name.endswith("sync.yaml")}
    differing = [name for name, text in made.items() if (ROOT / name).read_text() != text]

    assert differing == [], "run `make generate`"


def test_compose_runs_commands_that_there_are(compose: dict[str, Any]) -> None:
    for name, service in compose.items():
        parsed(service["command"], name)


def test_manifests_run_commands_that_there_are(overlay: list[dict[str, Any]]) -> None:
    found = 0
    for name, pod in pods(overlay):
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            if "inventory-sync" in container["image"] and "command" not in container:
                parsed(container["args"], name)
                found += 1

    assert found >= len(ROLES) + 2


def test_compose_and_manifests_run_the_same_processes(compose: dict[str, Any], overlay: list[dict[str, Any]]) -> None:
    in_pods = {name: pod["containers"][0]["args"] for name, pod in pods(overlay) if name in default_ports()}

    assert in_pods == {name: one["command"] for name, one in compose.items() if name not in ONCE}
    assert set(in_pods) == {role.process for role in ROLES}


def parsed(arguments: list[str], name: str) -> None:
    """The command line takes these arguments; nothing is run."""
    command: click.Command = typer.main.get_command(build(arguments[0]))
    rest, parent = list(arguments), None
    while True:
        context = command.make_context(name, rest, parent=parent)
        if not isinstance(command, click.Group):
            return
        rest = [*context._protected_args, *context.args]
        if not rest:
            assert command.invoke_without_command, f"{name}: {arguments} lacks a command"
            return
        _, inner, rest = command.resolve_command(context, rest)
        assert inner is not None, f"{name}: {arguments}"
        command, parent = inner, context


def test_pods_are_given_longer_than_their_drain() -> None:
    for role in ROLES:
        assert role.grace_s > role.drain_s


def test_pods_are_locked_down(overlay: list[dict[str, Any]]) -> None:
    """Rule 39: non-root, read-only, no capabilities, no token."""
    for name, pod in pods(overlay):
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True, name
            assert security["allowPrivilegeEscalation"] is False, name
            assert security["capabilities"] == {"drop": ["ALL"]}, name
            assert {"requests", "limits"} <= container["resources"].keys(), name


def test_nothing_may_talk_that_has_no_policy(overlay: list[dict[str, Any]]) -> None:
    """Rule 39: deny by default, both ways."""
    policies = {one["metadata"]["name"]: one["spec"] for one in overlay if one["kind"] == "NetworkPolicy"}

    assert policies["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert {name for name, _ in pods(overlay)} <= policies.keys()
    reaching = {
        name
        for name, spec in policies.items()
        if any("ipBlock" in to for rule in spec.get("egress", ()) for to in rule.get("to", ()))
    }
    assert reaching == {role.process for role in ROLES if role.marketplaces}


def test_no_delivery_is_given_the_secrets_of_another_marketplace(overlay: list[dict[str, Any]]) -> None:
    for name, pod in pods(overlay):
        if name.startswith("deliver-"):
            text = yaml.safe_dump(pod["volumes"])
            given = {one for one in ("amazon", "ebay", "walmart", "shopify") if f"marketplace-{one}" in text}
            assert given == {name.removeprefix("deliver-")}


@pytest.mark.parametrize("path", ["k8s/overlays/production", "k8s/overlays/dev", "compose"])
def test_settings_of_deployments_have_no_fault(path: str) -> None:
    settings = load(ROOT / "deploy" / path / "sync.yaml", {}, look_up_secrets=False)

    assert settings.processes.probes.host == "0.0.0.0"
    if "production" in path:
        assert settings.connection.partitions == PARTITIONS
        assert settings.connection.replication == 3


def test_an_overlay_with_tracing_adds_it_to_the_processes_that_trace_and_to_no_other() -> None:
    traced = {
        name
        for name, pod in pods(built("examples/tracing"))
        if any(one["name"] == "OTEL_TRACES_EXPORTER" for one in pod["containers"][0].get("env", ()))
    }

    assert traced == {"engine", "signals", *(role.process for role in ROLES if role.process.startswith("deliver-"))}
    for name, pod in pods(built("overlays/production")):
        assert "OTEL" not in yaml.safe_dump(pod), name


def test_topics_of_strimzi_are_those_that_topics_apply_makes() -> None:
    found = {one["metadata"]["name"]: one["spec"] for one in documents("k8s/strimzi/topics.yaml")}

    assert found.keys() == {one.name for one in TOPICS.declarations()}
    for declaration in TOPICS.declarations():
        config = found[declaration.name]["config"]
        assert found[declaration.name]["replicas"] == 3
        assert config["min.insync.replicas"] == "2"
        assert config["unclean.leader.election.enable"] == "false"
        assert declaration.config().items() <= config.items()


def test_users_of_strimzi_may_do_what_the_declaration_grants() -> None:
    found = {one["metadata"]["name"]: one["spec"] for one in documents("k8s/strimzi/users.yaml")}
    users = {one.user("inventory-sync"): one for one in principals(TOPICS)}

    assert found.keys() == users.keys()
    for name, principal in users.items():
        assert found[name]["authentication"] == {"type": "scram-sha-512"}
        allowed = {
            (acl["resource"]["type"], acl["resource"]["name"], acl["resource"]["patternType"] == "prefix"): acl[
                "operations"
            ]
            for acl in found[name]["authorization"]["acls"]
        }
        wanted = grants(TOPICS, "inventory-sync", principal)
        assert allowed == {(one.resource.value, one.name, one.prefixed): list(one.operations) for one in wanted}
    engine = found["inventory-sync-engine"]["authorization"]["acls"]
    assert {
        "resource": {
            "type": Resource.TRANSACTIONAL_ID.value,
            "name": "inventory-sync-engine-",
            "patternType": "prefix",
        },
        "operations": ["Describe", "Write"],
        "host": "*",
    } in engine


def test_the_engine_is_never_scaled_beyond_its_partitions_and_delivery_not_at_all() -> None:
    scaled = [one for one in documents("k8s/keda/engine.yaml") if one["kind"] == "ScaledObject"]
    (login,) = [one for one in documents("k8s/keda/engine.yaml") if one["kind"] == "TriggerAuthentication"]
    given = {one["metadata"]["name"] for one in documents("k8s/examples/external-secrets/kafka.yaml")}
    assert {one["name"] for one in login["spec"]["secretTargetRef"]} <= given

    assert [one["spec"]["scaleTargetRef"]["name"] for one in scaled] == ["engine"]
    assert scaled[0]["spec"]["maxReplicaCount"] <= PARTITIONS


def test_compose_has_the_versions_that_the_tests_run() -> None:
    text = (ROOT / "docker-compose.yml").read_text()

    assert f"image: {KAFKA_IMAGE}\n" in text
    assert f"image: {REGISTRY_IMAGE}\n" in text


def documents(path: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((Path(ROOT) / "deploy" / path).read_text()))


def test_the_job_before_a_rollout_is_not_made_before_what_it_needs() -> None:
    """In Argo CD's phase before all others there is no account yet, and no settings under their new name."""
    made = list(yaml.safe_load_all((ROOT / "deploy" / "k8s" / "base" / "prepare.yaml").read_text()))
    (job,) = [one for one in made if one["kind"] == "Job"]

    assert job["metadata"]["annotations"]["argocd.argoproj.io/hook"] == "Sync"
    assert {one["kind"] for one in made} >= {"ServiceAccount", "NetworkPolicy"}
