"""Tells whoever gave a command what it waits for, when no broker of Kafka takes a connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import typer

TOLD_AFTER_S: Final = 2.0  # a command that works has mostly ended by then
CONNECT_S_MAX: Final = 1.0
PORT_DEFAULT: Final = 9092


def _say(text: str) -> None:
    typer.secho(text, err=True, fg=typer.colors.YELLOW)


@contextmanager
def told_of_silence(
    bootstrap_servers: str, *, say: Callable[[str], None] = _say, after_s: float = TOLD_AFTER_S
) -> Iterator[None]:
    """While the block runs longer than `after_s` and nothing answers at these addresses, say once what it waits for.

    Only connections are tried, nothing is sent. It changes nothing of how long the block waits, or how it ends.
    """
    over = threading.Event()

    def look() -> None:
        if over.wait(after_s) or answers(bootstrap_servers) or over.is_set():
            return
        say(f"waiting for Kafka at {bootstrap_servers}: nothing answers there")

    threading.Thread(target=look, name="reaching-kafka", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def answers(bootstrap_servers: str) -> bool:
    """Whether one of these addresses takes a connection. Blocks, at most a second for each."""
    for server in bootstrap_servers.split(","):
        try:
            with socket.create_connection(_address(server), CONNECT_S_MAX):
                return True
        except OSError:
            continue
    return False


def _address(server: str) -> tuple[str, int]:
    """Host and port of an address as librdkafka takes it: a protocol before it, and the port, may be left out."""
    place = server.strip().rpartition("://")[2]
    host, found, port = place.rpartition(":")
    if not found or not port.isdigit():
        return place.strip("[]"), PORT_DEFAULT
    return host.strip("[]"), int(port)
