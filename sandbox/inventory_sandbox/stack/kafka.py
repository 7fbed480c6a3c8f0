"""Kafka as one process: broker and KRaft controller of a single node, its properties, its start."""

import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from inventory_sandbox.stack.errors import ComponentFailed
from inventory_sandbox.stack.ports import LOOPBACK, answers
from inventory_sandbox.stack.processes import ProcessFile

START_LIMIT_S: Final = 90.0
_FORMAT_LIMIT_S: Final = 60.0
_POLL_S: Final = 0.05
JVM_OPTIONS: Final = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
"""What starts a small Java program fastest: one thread of garbage collection, no optimizing compiler."""

FIXED_PROPERTIES: Final = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # A topic that nobody declared is a fault, and must be seen as one.
    "auto.create.topics.enable": "false",
    # One node: nothing can be replicated.
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # The defaults of 50 partitions each are what makes the first group and the first transaction slow.
    "offsets.topic.num.partitions": "6",
    "transaction.state.log.num.partitions": "6",
    "share.coordinator.state.topic.num.partitions": "1",
    # Small logs: compaction is to be seen at work, and the folder is to stay small.
    "log.segment.bytes": str(64 * 1024 * 1024),
    "offsets.topic.segment.bytes": str(8 * 1024 * 1024),
    "transaction.state.log.segment.bytes": str(8 * 1024 * 1024),
    "log.retention.hours": "168",
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
    # Groups: no waiting for members that will not come, and tests may ask for short sessions.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.session.timeout.ms": "10000",
    "group.consumer.min.heartbeat.interval.ms": "500",
    "group.consumer.heartbeat.interval.ms": "1000",
    # A node that was killed is let back in once its old session is over.
    "broker.session.timeout.ms": "5000",
    "broker.heartbeat.interval.ms": "500",
    "transaction.max.timeout.ms": "900000",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
}


def write_properties(folder: Path, port: int, controller_port: int) -> Path:
    """Writes the node's configuration into its folder and returns the file."""
    properties = {
        **FIXED_PROPERTIES,
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "log.dirs": str((folder / "kafka").resolve()),
    }
    path = folder / "server.properties"
    path.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    return path


def new_cluster_id(draw: Callable[[], uuid.UUID]) -> str:
    """A random id as Kafka writes it. One that begins with a dash is drawn again: the tool takes it for an option."""
    while True:
        cluster_id = urlsafe_b64encode(draw().bytes).decode().rstrip("=")
        if not cluster_id.startswith("-"):
            return cluster_id


def format_once(java: Path, jars: Sequence[Path], folder: Path, properties: Path) -> bool:
    """Prepares the log folder of a new node; does nothing to one that holds data. Says whether it was new."""
    if (folder / "kafka" / "meta.properties").exists():
        return False
    log = folder / "logs" / "kafka-format.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    cluster_id = new_cluster_id(uuid.uuid4)
    arguments = ["format", "--ignore-formatted", "-t", cluster_id, "-c", str(properties)]
    with log.open("wb") as output:
        try:
            subprocess.run(
                [str(java), *JVM_OPTIONS, "-cp", _class_path(jars), "kafka.tools.StorageTool", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=_FORMAT_LIMIT_S,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            raise ComponentFailed("kafka", f"could not format its folder (status {error.returncode})", log) from error
        except subprocess.TimeoutExpired as error:
            raise ComponentFailed("kafka", f"did not format its folder in {_FORMAT_LIMIT_S:.0f} s", log) from error
    return True


def command(java: Path, jars: Sequence[Path], process: ProcessFile, properties: Path) -> list[str]:
    """The command line of the node."""
    return [
        str(java),
        process.marker,
        *JVM_OPTIONS,
        f"-XX:ErrorFile={process.folder.resolve()}/logs/kafka-crash.log",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
        "-cp",
        _class_path(jars),
        "kafka.Kafka",
        str(properties.resolve()),
    ]


def wait_until_ready(process: ProcessFile, port: int, pause: Callable[[float], None]) -> None:
    """Returns when the broker answers a metadata request; raises ComponentFailed when it ends or takes too long."""
    end = time.monotonic() + START_LIMIT_S
    while not answers(port):
        _still_starting(process, end, pause)
    admin = AdminClient({"bootstrap.servers": f"{LOOPBACK}:{port}", "log_level": 0, "socket.timeout.ms": 5000})
    while True:
        _still_starting(process, end, pause)
        try:
            if admin.list_topics(timeout=2).brokers:
                return
        except KafkaException:
            continue


def _still_starting(process: ProcessFile, end: float, pause: Callable[[float], None]) -> None:
    if process.find() is None:
        raise ComponentFailed("kafka", "ended while it was starting", process.log_path)
    if time.monotonic() > end:
        raise ComponentFailed("kafka", f"did not answer within {START_LIMIT_S:.0f} s", process.log_path)
    pause(_POLL_S)


def _class_path(jars: Sequence[Path]) -> str:
    return ":".join(str(jar) for jar in jars)
