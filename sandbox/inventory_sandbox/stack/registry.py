"""The schema registry as one process: Apicurio, its data in a file, spoken to through its Confluent-compatible API."""

import http.client
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from inventory_sandbox.stack.errors import ComponentFailed
from inventory_sandbox.stack.ports import LOOPBACK
from inventory_sandbox.stack.processes import ProcessFile

API_PATH: Final = "/apis/ccompat/v7"
START_LIMIT_S: Final = 90.0
COMPATIBILITY: Final = "BACKWARD"
_ANSWER_LIMIT_S: Final = 10.0
_POLL_S: Final = 0.05
JVM_OPTIONS: Final = ("-Xms96m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")


def url(port: int) -> str:
    """What clients use as the schema registry's URL."""
    return f"http://{LOOPBACK}:{port}{API_PATH}"


def command(java: Path, home: Path, process: ProcessFile, port: int, management_port: int) -> list[str]:
    """The command line of the registry."""
    data = (process.folder / "registry").resolve()
    return [
        str(java),
        process.marker,
        *JVM_OPTIONS,
        f"-XX:ErrorFile={process.folder.resolve()}/logs/registry-crash.log",
        f"-Dquarkus.http.host={LOOPBACK}",
        f"-Dquarkus.http.port={port}",
        f"-Dquarkus.management.host={LOOPBACK}",
        f"-Dquarkus.management.port={management_port}",
        "-Dapicurio.storage.kind=sql",
        "-Dapicurio.storage.sql.kind=h2",
        f"-Dapicurio.datasource.url=jdbc:h2:file:{data}/registry",
        "-jar",
        str(home / "quarkus-run.jar"),
    ]


def wait_until_ready(process: ProcessFile, port: int, pause: Callable[[float], None]) -> None:
    """Returns when the API answers and refuses incompatible schemas; raises ComponentFailed when it never does.

    The registry's own default accepts any change, so the rule is set here, before anybody can register.
    """
    end = time.monotonic() + START_LIMIT_S
    last = "no answer"
    while time.monotonic() < end:
        if process.find() is None:
            raise ComponentFailed("registry", "ended while it was starting", process.log_path)
        last = _set_compatibility(port)
        if last == "":
            return
        pause(_POLL_S)
    raise ComponentFailed("registry", f"was not ready within {START_LIMIT_S:.0f} s ({last})", process.log_path)


def is_ready(port: int) -> bool:
    """Whether the API answers now."""
    try:
        status, _ = _ask(port, "GET", "/config", None)
    except OSError:
        return False
    return status == http.client.OK


def _set_compatibility(port: int) -> str:
    """Empty when the rule holds, else what stood in the way."""
    try:
        status, answer = _ask(port, "PUT", "/config", json.dumps({"compatibility": COMPATIBILITY}))
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    if status == http.client.OK and COMPATIBILITY in answer:
        return ""
    return f"HTTP {status}: {answer[:200]}"


def _ask(port: int, method: str, path: str, body: str | None) -> tuple[int, str]:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=_ANSWER_LIMIT_S)
    try:
        connection.request(method, API_PATH + path, body=body, headers={"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    finally:
        connection.close()
