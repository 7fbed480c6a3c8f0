"""`python deploy/validate.py`: everything below deploy/ is what it should be, without a cluster and without Docker.

A program that is not here is named with the command that installs it, and what it would check is not checked.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
OVERLAYS = ("overlays/dev", "overlays/production", "examples/tracing")
OTHERS = ("PodMonitor", "PrometheusRule", "ScaledObject", "TriggerAuthentication", "KafkaTopic", "KafkaUser")


def main() -> int:
    """Runs every check; the exit status."""
    missing: list[str] = []
    failed = [name for name, command in _checks(missing) if not _passes(name, command)]
    if missing:
        print(f"deploy: not checked here for want of {', '.join(missing)}: run `make tools`", file=sys.stderr)
    return 1 if failed else 0


def _checks(missing: list[str]) -> Iterator[tuple[str, Sequence[str]]]:
    yield "generated files", [sys.executable, "-m", "deploy.sources", "check"]
    yield "Dockerfile", [str(BIN / "hadolint"), "Dockerfile"]
    compose = _found("docker-compose") or _compose_plugin()
    if compose:
        yield "docker-compose.yml", [*compose, "-f", "docker-compose.yml", "config", "-q"]
        traced = ["-f", "docker-compose.yml", "-f", "deploy/compose/tracing.yml"]
        yield "docker-compose.yml with tracing", [*compose, *traced, "config", "-q"]
    else:
        missing.append("docker-compose")
    promtool = _found("promtool")
    if promtool:
        yield "alert rules", [*promtool, "check", "rules", "deploy/monitoring/rules.yaml"]
        yield "tests of alerts", [*promtool, "test", "rules", "deploy/monitoring/rules_test.yaml"]
        yield "Prometheus of compose", [*promtool, "check", "config", "--syntax-only", "deploy/compose/prometheus.yml"]
    else:
        missing.append("promtool")
    yield from _kubernetes(missing)


def _kubernetes(missing: list[str]) -> Iterator[tuple[str, Sequence[str]]]:
    kustomize = _found("kustomize", "build") or _found("kubectl", "kustomize")
    if not kustomize:
        missing.append("kubectl or kustomize")
        return
    score = _found("kube-score")
    if not score:
        missing.append("kube-score")
    with tempfile.TemporaryDirectory() as folder:
        for overlay in OVERLAYS:
            built = Path(folder) / f"{overlay.replace('/', '-')}.yaml"
            yield overlay, [*kustomize, f"deploy/k8s/{overlay}", "-o", str(built)]
            if not built.exists():
                continue
            yield (
                f"{overlay} against the API",
                [str(BIN / "kubernetes-validate"), "--strict", "--quiet", str(_known(built))],
            )
            if score:
                yield f"{overlay} by kube-score", [*score, "score", "--output-format", "ci", str(built)]


def _known(built: Path) -> Path:
    """The objects whose kinds Kubernetes itself has; the operators' kinds are checked by tests/architecture."""
    import yaml

    known = [one for one in yaml.safe_load_all(built.read_text()) if one["kind"] not in OTHERS]
    path = built.with_suffix(".known.yaml")
    path.write_text(yaml.safe_dump_all(known))
    return path


def _passes(name: str, command: Sequence[str]) -> bool:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if Path(command[0]).name == "kube-score":  # its exit status counts warnings
        lines = [line for line in said.splitlines() if line.startswith("[CRITICAL]")]
        good, said = not lines and "[OK]" in said, "\n".join(lines) or said[-2000:]
    else:
        good = done.returncode == 0
    if not good:
        print(f"deploy: {name}: {said.strip()}", file=sys.stderr)
    return good


def _found(program: str, *arguments: str) -> list[str]:
    path = shutil.which(program, path=f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}")
    return [path, *arguments] if path else []


def _compose_plugin() -> list[str]:
    docker = shutil.which("docker")
    if not docker:
        return []
    done = subprocess.run([docker, "compose", "version"], capture_output=True, check=False)
    return [docker, "compose"] if done.returncode == 0 else []


if __name__ == "__main__":
    raise SystemExit(main())
