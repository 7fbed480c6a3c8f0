"""A real Kafka and a real schema registry for tests: given ones, else containers, else the local stack.

Addresses come from INVENTORY_SYNC_TEST_BOOTSTRAP_SERVERS and INVENTORY_SYNC_TEST_SCHEMA_REGISTRY. Without them
INVENTORY_SYNC_TEST_BROKER chooses: ``docker`` or ``local``; unset takes Docker where an engine answers.
"""

import gc
import http.client
import json
import os
import socket
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import docker
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer

from inventory_sandbox.stack.artifacts import locked_artifacts
from inventory_sandbox.stack.kafka import FIXED_PROPERTIES
from tests.support.shared_stack import shared_stack

START_LIMIT_S: Final = 120.0
API_PATH: Final = "/apis/ccompat/v7"


@dataclass(frozen=True, slots=True)
class Broker:
    """Where Kafka and the schema registry of this test session are."""

    bootstrap_servers: str
    schema_registry_url: str


@contextmanager
def running_broker(shared: Path, env: Mapping[str, str] = os.environ) -> Iterator[Broker]:
    """A broker for as long as the block runs; what was started for it is stopped and removed afterwards.

    The local stack is one for all processes of the run, in a folder that they share; containers are each one's own.
    """
    kafka = env.get("INVENTORY_SYNC_TEST_BOOTSTRAP_SERVERS")
    registry = env.get("INVENTORY_SYNC_TEST_SCHEMA_REGISTRY")
    if kafka and registry:
        yield Broker(kafka, registry)
        return
    if kafka or registry:
        raise ValueError("give both INVENTORY_SYNC_TEST_BOOTSTRAP_SERVERS and INVENTORY_SYNC_TEST_SCHEMA_REGISTRY")
    wanted = env.get("INVENTORY_SYNC_TEST_BROKER", "")
    if wanted not in ("", "docker", "local"):
        raise ValueError(f"INVENTORY_SYNC_TEST_BROKER is {wanted!r}; it may be 'docker' or 'local'")
    if wanted == "docker" or (wanted == "" and docker_answers()):
        with _containers() as broker:
            yield broker
    else:
        with shared_stack(shared) as info:
            yield Broker(info.bootstrap_servers, info.schema_registry_url)


def docker_answers() -> bool:
    """Whether a Docker engine can be used here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the client drops its socket when nobody answers
        try:
            return _ping_docker()
        finally:
            gc.collect()


def _ping_docker() -> bool:
    try:
        client = docker.from_env(timeout=5)
    except DockerException:
        return False
    try:
        return bool(client.ping())
    except DockerException:
        return False
    finally:
        client.close()


def _version_of(component: str, name: str) -> str:
    """Containers run the same versions as the local stack."""
    return next(artifact.version for artifact in locked_artifacts(component) if artifact.name == name)


def kafka_image() -> str:
    """Kafka's own image, in the local stack's version unless the environment names another."""
    return os.environ.get("INVENTORY_SYNC_TEST_KAFKA_IMAGE", f"apache/kafka:{_version_of('kafka', 'kafka_2.13')}")


def registry_image() -> str:
    """The registry's own image, likewise."""
    version = _version_of("registry", "apicurio-registry-app")
    return os.environ.get("INVENTORY_SYNC_TEST_REGISTRY_IMAGE", f"apicurio/apicurio-registry:{version}")


def kafka_environment(host: str, port: int) -> dict[str, str]:
    """The local stack's settings as Kafka's image takes them; `host` and `port` are what clients are told to use."""
    properties = {
        **FIXED_PROPERTIES,
        "controller.quorum.voters": "1@localhost:9093",
        "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "advertised.listeners": f"PLAINTEXT://{host}:{port}",
    }
    return {"KAFKA_" + name.upper().replace(".", "_"): value for name, value in properties.items()}


@contextmanager
def _containers() -> Iterator[Broker]:
    registry = DockerContainer(registry_image()).with_exposed_ports(8080)
    registry.with_envs(APICURIO_STORAGE_KIND="sql", APICURIO_STORAGE_SQL_KIND="h2")
    with registry:
        host = registry.get_container_host_ip()
        registry_port = int(registry.get_exposed_port(8080))
        port = _free_port()  # fixed before the start, because Kafka must tell it to its clients
        kafka = DockerContainer(kafka_image()).with_bind_ports(9092, port)
        with kafka.with_envs(**kafka_environment(host, port)):
            wait_for_kafka(f"{host}:{port}")
            wait_for_registry(host, registry_port)
            yield Broker(f"{host}:{port}", f"http://{host}:{registry_port}{API_PATH}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_kafka(bootstrap_servers: str) -> None:
    """Returns when a broker answers a metadata request; raises TimeoutError."""
    end = time.monotonic() + START_LIMIT_S
    admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    while True:
        try:
            if admin.list_topics(timeout=2).brokers:
                return
        except KafkaException as error:
            if time.monotonic() > end:
                raise TimeoutError(f"Kafka at {bootstrap_servers} did not answer in {START_LIMIT_S:.0f} s") from error


def wait_for_registry(host: str, port: int) -> None:
    """Returns when the registry answers and refuses incompatible schemas; raises TimeoutError."""
    end = time.monotonic() + START_LIMIT_S
    body = json.dumps({"compatibility": "BACKWARD"})
    while True:
        connection = http.client.HTTPConnection(host, port, timeout=5)
        try:
            connection.request("PUT", f"{API_PATH}/config", body, {"Content-Type": "application/json"})
            if connection.getresponse().status == http.client.OK:
                return
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
        finally:
            connection.close()
        if time.monotonic() > end:
            raise TimeoutError(f"the registry at {host}:{port} was not ready in {START_LIMIT_S:.0f} s")
