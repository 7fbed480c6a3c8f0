"""ElasticMQ: a queue that speaks as Amazon's SQS does, run from its own jars."""

from __future__ import annotations

import http.client
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jgo
import pytest

from inventory_sandbox.stack.errors import JavaMissing
from inventory_sandbox.stack.java import find_java

ARTIFACT = "org.elasticmq:elasticmq-server_2.13:1.7.1"
START_LIMIT_S = 180.0  # a Java on a busy machine
CONFIG = """
include classpath("application.conf")
node-address {{ host = "127.0.0.1", port = {port} }}
rest-sqs {{ enabled = true, bind-hostname = "127.0.0.1", bind-port = {port} }}
rest-stats {{ enabled = false }}
aws {{ region = us-east-1, accountId = 000000000000 }}
queues {{
  notifications {{ defaultVisibilityTimeout = 1 second }}
}}
"""


@contextmanager
def a_queue_server(folder: Path) -> Iterator[str]:
    """The server's address for as long as the block runs; the queue `notifications` is there.

    Skips the test where neither the jars nor a Java can be had.
    """
    try:
        found = jgo.build(ARTIFACT)
        java = find_java(17)
    except (JavaMissing, OSError, RuntimeError, ValueError) as error:
        pytest.skip(f"ElasticMQ cannot be had here: {error}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    config = folder / "queue.conf"
    config.write_text(CONFIG.format(port=port))
    jars = ":".join(str(path) for path in sorted(Path(found.path).rglob("*.jar")))
    command = [str(java), "-XX:+UseSerialGC", "-Xmx128m", f"-Dconfig.file={config}", "-cp", jars]
    with (folder / "queue.log").open("wb") as log:
        server = subprocess.Popen([*command, "org.elasticmq.server.Main"], stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait_for(port, server, folder / "queue.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_LIMIT_S
    while True:
        assert server.poll() is None, log.read_text()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/?Action=ListQueues")
            if connection.getresponse().status < 500:
                return
        except OSError:
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        finally:
            connection.close()
