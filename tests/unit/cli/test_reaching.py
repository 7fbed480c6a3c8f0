"""A command that waits for Kafka says so, and one that does not says nothing."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import threading
import time

import pytest

from inventory_cli import operating
from inventory_cli.addresses import NoAddress
from inventory_cli.operating import channel_operator
from inventory_cli.reaching import _address, answers, told_of_silence

LIMIT_S = 60.0


def closed_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def looked_to_the_end() -> None:
    for one in threading.enumerate():
        if one.name == "reaching-kafka":
            one.join(LIMIT_S)
            assert not one.is_alive()


def test_what_is_waited_for_is_told_once_where_nothing_answers() -> None:
    server, said, told = f"127.0.0.1:{closed_port()}", list[str](), threading.Event()

    def say(text: str) -> None:
        said.append(text)
        told.set()

    with told_of_silence(server, say=say, after_s=0.0):
        assert told.wait(LIMIT_S)

    assert said == [f"waiting for Kafka at {server}: nothing answers there"]


def test_nothing_is_told_where_a_broker_takes_the_connection() -> None:
    """One of several addresses is enough, as it is for a client."""
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as broker:
        servers = f"127.0.0.1:{closed_port()},PLAINTEXT://127.0.0.1:{broker.getsockname()[1]}"
        with told_of_silence(servers, say=said.append, after_s=0.0):
            broker.accept()[0].close()
            looked_to_the_end()
        assert answers(servers)

    assert said == []


def test_nothing_is_told_of_a_command_that_has_ended() -> None:
    said: list[str] = []

    with told_of_silence(f"127.0.0.1:{closed_port()}", say=said.append, after_s=LIMIT_S):
        pass
    looked_to_the_end()

    assert said == []


@pytest.mark.parametrize(
    ("server", "address"),
    [
        ("kafka-1:9093", ("kafka-1", 9093)),
        (" SASL_SSL://kafka-1:9093", ("kafka-1", 9093)),
        ("kafka-1", ("kafka-1", 9092)),
        ("[::1]:9094", ("::1", 9094)),
    ],
)
def test_addresses_are_read_as_clients_read_them(server: str, address: tuple[str, int]) -> None:
    assert _address(server) == address


def test_a_command_without_kafka_says_what_it_waits_for_before_it_gives_up() -> None:
    server = f"127.0.0.1:{closed_port()}"
    command = [sys.executable, "-m", "inventory_cli", "topics", "list", "--bootstrap-servers", server]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        said, until_s = b"", time.monotonic() + LIMIT_S
        while b"nothing answers there" not in said and time.monotonic() < until_s:
            if select.select([process.stderr], [], [], 1.0)[0]:
                read = os.read(process.stderr.fileno(), 4_096)
                if not read:
                    break
                said += read
        waits = process.poll() is None
        process.kill()

    assert f"waiting for Kafka at {server}".encode() in said
    assert waits


def test_a_command_for_a_channel_ends_where_no_kafka_answers_and_says_how_to_name_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It waited for a minute, and said that reading made no progress."""
    monkeypatch.setattr(operating, "ANSWER_S_MAX", 0.1)
    server = f"127.0.0.1:{closed_port()}"

    with (
        pytest.raises(NoAddress, match=f"Kafka at {server} does not answer.*--bootstrap-servers"),
        channel_operator("channel", None, server, f"http://{server}"),
    ):
        pass
