"""The local stack for real: what is asked of it survives restarts, crashes and repeated commands."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from inventory_sandbox.stack import LocalStack, PortTaken, StackInfo

pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    stack = LocalStack(tmp_path_factory.mktemp("stack"))
    yield stack
    stack.down()


def test_data_addresses_and_schemas_survive_a_restart(stack: LocalStack) -> None:
    first = stack.up()
    _write_one_record(first)
    _register(first, {"type": "record", "name": "A", "fields": []})

    stopped = stack.down()
    second = stack.up()

    assert stopped
    assert (second.bootstrap_servers, second.schema_registry_url) == (
        first.bootstrap_servers,
        first.schema_registry_url,
    )
    assert _read_one_record(second) == b"kept"
    assert _ask(second, "GET", "/subjects", None) == ["a-value"]


def test_up_on_a_running_stack_leaves_its_processes_alone(stack: LocalStack) -> None:
    first = stack.up()

    second = stack.up()

    assert second.was_running
    assert (second.kafka_pid, second.registry_pid) == (first.kafka_pid, first.registry_pid)


def test_a_killed_broker_is_seen_and_started_again_with_its_data(stack: LocalStack) -> None:
    """Killed while `up` is looking: at first the process is still there, though it answers no more."""
    before = stack.up()
    os.kill(before.kafka_pid, signal.SIGSTOP)
    death = threading.Timer(0.5, os.kill, (before.kafka_pid, signal.SIGKILL))
    death.start()

    after = stack.up()

    death.join()
    assert not after.was_running
    assert after.kafka_pid != before.kafka_pid
    assert after.registry_pid == before.registry_pid
    assert stack.status().running


def test_processes_are_found_when_their_pid_files_are_lost(stack: LocalStack) -> None:
    running = stack.up()
    (running.data_dir / "kafka.pid").unlink()

    found = stack.status()

    assert found.kafka_pid == running.kafka_pid
    assert found.running


def test_an_incompatible_schema_is_refused(stack: LocalStack) -> None:
    """The registry's own default would accept it."""
    running = stack.up()
    name = "compatibility"
    _register(running, {"type": "record", "name": "A", "fields": []}, name)
    added_without_default = {"type": "record", "name": "A", "fields": [{"name": "n", "type": "int"}]}

    with pytest.raises(urllib.error.HTTPError) as refused:
        _register(running, added_without_default, name)

    with refused.value as answer:
        assert answer.code == 409


def test_a_port_of_somebody_else_is_named(stack: LocalStack, tmp_path: Path) -> None:
    taken = int(stack.up().bootstrap_servers.rsplit(":", 1)[1])

    with pytest.raises(PortTaken, match=f"port {taken} for kafka is already in use"):
        LocalStack(tmp_path, kafka_port=taken).up()


def test_ctrl_c_while_starting_leaves_nothing_running(tmp_path: Path) -> None:
    """A user who gives up must not find a broker running afterwards, nor wait for it to come up first."""
    program = (
        "import pathlib, signal, sys; from inventory_sandbox.stack import LocalStack;"
        # a shell starts what runs in its background with SIGINT ignored, and Python leaves it so
        " signal.signal(signal.SIGINT, signal.default_int_handler);"
        " LocalStack(pathlib.Path(sys.argv[1])).up()"
    )
    starting = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stderr=subprocess.PIPE, text=True)
    pid_file = tmp_path / "kafka.pid"
    end = time.monotonic() + 60
    while not (pid_file.exists() and pid_file.read_text().strip()):
        assert time.monotonic() < end
        time.sleep(0.01)
    pid = int(pid_file.read_text())

    starting.send_signal(signal.SIGINT)
    _, errors = starting.communicate(timeout=20)

    assert "KeyboardInterrupt" in errors
    assert not _lives(pid)
    assert LocalStack(tmp_path).status().registry_pid is None


def test_down_leaves_nothing_running_and_says_so(stack: LocalStack) -> None:
    running = stack.up()

    first, second = stack.down(), stack.down()

    assert (first, second) == (True, False)
    assert not _lives(running.kafka_pid)
    assert not _lives(running.registry_pid)
    assert not stack.status().running


def _lives(pid: int) -> bool:
    """An ended process may stay in the table for a moment, until the system's first process takes note of it."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _write_one_record(info: StackInfo) -> None:
    admin = AdminClient({"bootstrap.servers": info.bootstrap_servers})
    admin.create_topics([NewTopic("kept", num_partitions=1, replication_factor=1)])["kept"].result(timeout=20)
    producer = Producer({"bootstrap.servers": info.bootstrap_servers})
    producer.produce("kept", b"kept")
    assert producer.flush(20) == 0


def _read_one_record(info: StackInfo) -> bytes | None:
    consumer = Consumer(
        {"bootstrap.servers": info.bootstrap_servers, "group.id": "reader", "auto.offset.reset": "earliest"}
    )
    try:
        consumer.subscribe(["kept"])
        record = consumer.poll(30)
        assert record is not None
        assert record.error() is None
        return record.value()
    finally:
        consumer.close()


def _register(info: StackInfo, schema: dict[str, object], name: str = "a") -> object:
    return _ask(info, "POST", f"/subjects/{name}-value/versions", {"schema": json.dumps(schema)})


def _ask(info: StackInfo, method: str, path: str, body: object) -> object:
    request = urllib.request.Request(
        info.schema_registry_url + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
        return json.load(answer)
