"""The settings files of the deployments, from the template that `inventory-sync config init` writes."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from deploy.sources.roles import MARKETPLACES, PARTITIONS
from deploy.sources.workloads import SECRETS
from inventory_cli.process_settings import HOST_DEFAULT
from inventory_cli.sandbox_template import sandbox_draft
from inventory_cli.template import settings_text, starting_draft
from inventory_sandbox.marketplaces.server import announcement
from inventory_sandbox.marketplaces.settings import SandboxSettings

SANDBOX_PORTS: Final = {**{name: 8081 + index for index, name in enumerate(MARKETPLACES)}, "control": 8080}
SANDBOX_FACTOR: Final = 0.0167  # sixty times faster than the real ones, as in the demo
SANDBOX_BURST: Final = 4.0
DEV_PASSWORD: Final = "not-a-secret-here"
_FOLDER: Final = "marketplaces"
_KAFKA_SECURITY: Final = f"""\
security:
    security.protocol: SASL_SSL
    sasl.mechanism: SCRAM-SHA-512
    sasl.username: {{env: KAFKA_USER}}
    sasl.password: {{file: {SECRETS}/kafka/password}}
    ssl.ca.location: {SECRETS}/kafka-ca/ca.crt
"""
_REGISTRY_SECURITY: Final = f"""\
security:
    basic.auth.user.info: {{file: {SECRETS}/schema-registry/login}}
    ssl.ca.location: {SECRETS}/schema-registry/ca.crt
"""


def production() -> str:
    """The real marketplaces; every secret is a mounted file."""
    draft = starting_draft(
        "kafka-kafka-bootstrap.kafka.svc:9093", "https://schema-registry.schema-registry.svc:8443/apis/ccompat/v7"
    )
    text = _served(settings_text(replace(draft, partitions=PARTITIONS, replication=3)))
    text = re.sub(r"(?m)^([^#\n]*)\{env: ([A-Z_]+)\}", rf"\1{{file: {SECRETS}/{_FOLDER}/\2}}", text)
    for security in (_KAFKA_SECURITY, _REGISTRY_SECURITY):
        text = text.replace("security: {}\n", security, 1)
    return text


def dev() -> str:
    """The sandbox, which each pod reaches on its own loopback; nothing is encrypted."""
    text, _ = _sandboxed("kafka:9092", "http://schema-registry:8080/apis/ccompat/v7")
    return text.replace(f"{{file: {_FOLDER}/", f"{{file: {SECRETS}/{_FOLDER}/")


def dev_secrets() -> Mapping[str, Mapping[str, str]]:
    """The sandbox's made-up credentials by marketplace; they open nothing else."""
    _, secrets = _sandboxed("kafka:9092", "http://schema-registry:8080/apis/ccompat/v7")
    return {one: {name: value for name, value in secrets.items() if name.startswith(one)} for one in MARKETPLACES}


def compose() -> str:
    """As `dev`, with the made-up credentials from the environment."""
    text, secrets = _sandboxed("kafka:9092", "http://schema-registry:8080/apis/ccompat/v7")
    for name in secrets:
        text = text.replace(f"{{file: {_FOLDER}/{name}}}", f"{{env: {_variable(name)}}}")
    text = text.replace(f"{{file: {SECRETS}/operators/operator}}", "{env: CONSOLE_OPERATOR}")
    return text.replace(f"{{file: {SECRETS}/database/url}}", "{env: LEDGER_URL}")


def compose_environment() -> str:
    """The made-up credentials, for the file that compose reads."""
    _, secrets = _sandboxed("kafka:9092", "http://schema-registry:8080/apis/ccompat/v7")
    lines = [f"{_variable(name)}={value}" for name, value in sorted(secrets.items())]
    lines.append(f"CONSOLE_OPERATOR={DEV_PASSWORD}")
    lines.append("LEDGER_URL=postgresql://inventory:inventory@postgres:5432/inventory")
    return "# Made-up credentials of the sandbox; they open nothing else.\n" + "".join(f"{line}\n" for line in lines)


def _variable(name: str) -> str:
    return f"SANDBOX_{name.upper().replace('-', '_')}"


def _sandboxed(kafka: str, registry: str) -> tuple[str, dict[str, str]]:
    settings = SandboxSettings(factor=SANDBOX_FACTOR, burst_factor=SANDBOX_BURST, ports=SANDBOX_PORTS)
    urls = {name: f"http://127.0.0.1:{port}" for name, port in SANDBOX_PORTS.items()}
    with tempfile.TemporaryDirectory() as folder:
        secrets = Path(folder) / _FOLDER
        draft = sandbox_draft(kafka, registry, announcement(settings, urls), secrets, burst_factor=SANDBOX_BURST)
        found = {file.name: file.read_text() for file in secrets.iterdir()}
    return _served(settings_text(draft)), found


def _served(text: str) -> str:
    """Probes are for others, the ledger is in PostgreSQL, and one operator may use the console."""
    text = text.replace(f'host: "{HOST_DEFAULT}"', 'host: "0.0.0.0"')
    text = text.replace("operators: {}", f"operators: {{operator: {{file: {SECRETS}/operators/operator}}}}")
    return re.sub(r'url: "sqlite:[^"]*"', f"url: {{file: {SECRETS}/database/url}}", text)
