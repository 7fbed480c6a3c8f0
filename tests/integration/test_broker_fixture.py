"""Where the tests' broker comes from, and that the given one is a usable one."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from inventory_sandbox.stack.processes import ProcessFile
from tests.support.broker import (
    Broker,
    kafka_environment,
    kafka_image,
    registry_image,
    running_broker,
    wait_for_kafka,
    wait_for_registry,
)
from tests.support.commands import wait_until
from tests.support.shared_stack import ROOT

USES_THE_STACK = """
import sys
from pathlib import Path
from inventory_sandbox.stack import StackInfo
from inventory_sandbox.stack.processes import ProcessFile
from tests.support.shared_stack import shared_stack

folder = Path(sys.argv[1])
kafka = ProcessFile("kafka", folder / "stack")

def up(stack):
    running = kafka.find()
    sleeping = [sys.executable, "-c", "import time; time.sleep(600)", kafka.marker]
    pid = running or kafka.start(sleeping)
    return StackInfo("", "", pid, pid, folder, running is not None)

with shared_stack(folder, up) as info:
    print(info.kafka_pid, flush=True)
    sys.stdin.read()
"""
"""A process of a test run, with something that costs less to start in the place of Kafka."""


def test_given_addresses_are_used_and_nothing_is_started(tmp_path: Path) -> None:
    given = {
        "INVENTORY_SYNC_TEST_BOOTSTRAP_SERVERS": "kafka.example:9092",
        "INVENTORY_SYNC_TEST_SCHEMA_REGISTRY": "http://registry.example",
        "INVENTORY_SYNC_TEST_BROKER": "docker",
    }

    with running_broker(tmp_path, given) as broker:
        assert broker == Broker("kafka.example:9092", "http://registry.example")


def test_half_an_address_is_refused(tmp_path: Path) -> None:
    half = {"INVENTORY_SYNC_TEST_BOOTSTRAP_SERVERS": "kafka.example:9092"}

    with pytest.raises(ValueError, match="give both"), running_broker(tmp_path, half):
        pytest.fail("started")


def test_an_unknown_kind_of_broker_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="'podman'; it may be"),
        running_broker(tmp_path, {"INVENTORY_SYNC_TEST_BROKER": "podman"}),
    ):
        pytest.fail("started")


def test_containers_get_the_local_stacks_settings_and_versions() -> None:
    """One suite, two ways to start: a difference between them would be found on the other host only."""
    environment = kafka_environment("localhost", 40123)

    assert environment["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert environment["KAFKA_TRANSACTION_STATE_LOG_MIN_ISR"] == "1"
    assert environment["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://localhost:40123"
    assert re.fullmatch(r"apache/kafka:4\.\d+\.\d+", kafka_image())
    assert re.fullmatch(r"apicurio/apicurio-registry:3\.\d+\.\d+", registry_image())


def test_the_broker_of_this_session_answers(kafka: str, registry_url: str) -> None:
    registry = urlsplit(registry_url)
    assert registry.hostname is not None
    assert registry.port is not None

    wait_for_kafka(kafka)
    wait_for_registry(registry.hostname, registry.port)


def test_processes_of_a_run_share_a_stack_until_the_last_is_gone(tmp_path: Path) -> None:
    """One that is killed cannot stop it; a guard does."""
    first, second = _user(tmp_path), _user(tmp_path)
    first_pid, second_pid = _pid_of_its_kafka(first), _pid_of_its_kafka(second)

    first.communicate()
    ran_on = _kafka_of(tmp_path)
    second.kill()
    second.communicate()

    assert first_pid == second_pid
    assert ran_on == first_pid
    wait_until(lambda: not (tmp_path / "stack").exists(), "the guard has stopped it")
    assert _kafka_of(tmp_path) is None


def test_the_last_to_leave_has_stopped_the_stack_and_it_may_be_started_again(tmp_path: Path) -> None:
    for _ in range(2):
        only = _user(tmp_path)
        assert _pid_of_its_kafka(only) == _kafka_of(tmp_path)

        only.communicate()

        assert _kafka_of(tmp_path) is None
        assert not (tmp_path / "stack").exists()


def _user(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", USES_THE_STACK, str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def _pid_of_its_kafka(user: subprocess.Popen[str]) -> int:
    assert user.stdout is not None
    return int(user.stdout.readline())


def _kafka_of(folder: Path) -> int | None:
    return ProcessFile("kafka", folder / "stack").find()
