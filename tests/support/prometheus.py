"""A real Prometheus that scrapes what a test runs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random

import httpx
import pytest
import yaml

from inventory_sandbox.stack.ports import pick_free
from tests.support.commands import wait_until
from tests.support.programs import installed


@contextmanager
def prometheus(folder: Path, targets: Mapping[str, int]) -> Iterator[httpx.Client]:
    """Scrapes each port under the name of its job, every second; yields a client of its interface."""
    program = installed("prometheus")
    if program is None:
        pytest.skip("needs Prometheus: run `make tools`")
    scraped = [
        {"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]} for name, port in targets.items()
    ]
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": scraped}))
    port = pick_free(set(targets.values()), Random())
    command = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            wait_until(lambda: _ready(client), "Prometheus answers")
            yield client
    finally:
        process.terminate()
        process.wait(30)


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/-/ready").status_code == 200
    except httpx.TransportError:
        return False


def has_data(client: httpx.Client, query: str) -> bool:
    """Whether the query gives at least one value now; fails when Prometheus cannot read it."""
    answer = client.get("/api/v1/query", params={"query": query})
    assert answer.status_code == 200, f"{query}: {answer.text}"
    return bool(answer.json()["data"]["result"])
