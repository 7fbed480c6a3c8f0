"""The image that was built: every role in a container as locked down as in deploy/, until it is asked to end.

Runs where INVENTORY_SYNC_TEST_IMAGE names an image (`docker build -t inventory-sync .`, or `podman build`). Containers
are run by docker or podman, whichever there is, or by the program that INVENTORY_SYNC_TEST_CONTAINERS names.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

import httpx
import pytest
import yaml
from sqlalchemy.engine import make_url

from deploy.sources.roles import ROLES, SETTINGS_FILE
from deploy.sources.workloads import job
from inventory_sandbox.stack.ports import pick_free
from tests.support.asking import local
from tests.support.commands import Started, first_line, run_command, wait_until
from tests.support.serving import forwarded

IMAGE = os.environ.get("INVENTORY_SYNC_TEST_IMAGE", "")
EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDER = str(Path(SETTINGS_FILE).parent)
LOCKED_DOWN = (
    "--network=host",
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--user=10001:10001",
)
SHOWN = {"walmart/SKU-00002": 35, "shopify/50000000002": 38}
BUILD_TOOLS = ("pip", "pip3", "hatchling", "uv", "gcc", "cc", "g++", "make", "ld", "git", "java")
BUILD_MODULES = ("pip", "setuptools", "hatchling", "ensurepip")

pytestmark = pytest.mark.skipif(not IMAGE, reason="needs INVENTORY_SYNC_TEST_IMAGE, the name of an image")


class Containers(Started):
    """Containers of one test, each by the client process that passes signals on to it and ends with its status."""

    def __init__(self, folder: Path, mounts: Mapping[str, str]) -> None:
        super().__init__(folder)
        self._mounts = [f"--volume={here}:{there}" for here, there in mounts.items()]
        self._mark = uuid.uuid4().hex[:8]

    def start_role(self, name: str, arguments: Sequence[str], env: Sequence[str]) -> None:
        """The command of a role, as it is in deploy/."""
        given = [f"--name={self._mark}-{name}", *(f"--env={one}" for one in env)]
        self.start_command(name, self._command(given, arguments))

    def done(self, *arguments: str, entrypoint: str | None = None) -> str:
        """What a command printed that ended well."""
        given = [] if entrypoint is None else [f"--entrypoint={entrypoint}"]
        command = self._command(given, arguments)
        ended = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def remove(self, *names: str) -> None:
        """Leave none of these behind, whatever became of the test."""
        subprocess.run(
            [_program(), "rm", "--force", *(f"{self._mark}-{one}" for one in names)], capture_output=True, check=False
        )

    def _command(self, given: Sequence[str], arguments: Sequence[str]) -> list[str]:
        return [_program(), "run", "--rm", *LOCKED_DOWN, *self._mounts, *given, IMAGE, *arguments]


def _program() -> str:
    named = os.environ.get("INVENTORY_SYNC_TEST_CONTAINERS")
    found = named or next((one for one in ("docker", "podman") if shutil.which(one)), None)
    assert found is not None, "an image is named, and there is neither docker nor podman"
    return found


@pytest.fixture
def database(postgresql_database: str) -> Iterator[str]:
    """Its URL by a port of this machine: a container's user may not open somebody else's socket."""
    url = make_url(postgresql_database)
    folder = url.query.get("host")
    if not isinstance(folder, str):
        yield postgresql_database
        return
    with forwarded(Path(folder) / f".s.PGSQL.{url.port or 5432}") as port:
        by_port = url.set(host="127.0.0.1", port=port, query={})
        yield by_port.render_as_string(hide_password=False)


@pytest.mark.timeout(600)
def test_every_role_works_in_a_container_that_may_write_nothing_and_ends_well(
    kafka: str,
    registry_url: str,
    topic_prefix: str,
    application_id: str,
    database: str,
    tmp_path: Path,
    started: Started,
) -> None:
    announced = started.start("sandbox", "sandbox", "--json", "--skus", "5", "--factor", "0.001")
    facts = json.loads(first_line(announced))
    settings = tmp_path / "settings"
    ports = _settings(settings, announced, kafka, registry_url, topic_prefix, application_id)
    containers = Containers(tmp_path, {str(settings): f"{FOLDER}:ro", str(EXAMPLES): "/examples:ro"})
    try:
        steps = job()[1]["spec"]["template"]["spec"]
        for step in (*steps["initContainers"], *steps["containers"]):
            containers.done(*step["args"])
        for role in ROLES:
            env = (f"LEDGER_URL={database}", "CONSOLE_OPERATOR=not-a-secret-here")
            containers.start_role(role.process, role.arguments, env)
        for role in ROLES:
            wait_until(lambda port=ports[role.process]: _ready(port), f"{role.process} is ready")  # type: ignore[misc]
        containers.done("produce", "/examples/03_events.jsonl", "--config", SETTINGS_FILE)

        wait_until(lambda: _shown(facts["control_url"]) == SHOWN, f"both marketplaces show {SHOWN}")
        pages = {role.process: _page(ports[role.process]) for role in ROLES}
        statuses = containers.end()
    finally:
        containers.kill()
        containers.remove(*(role.process for role in ROLES))

    assert statuses == {role.process: 0 for role in ROLES}
    assert [name for name, page in pages.items() if "inventory_sync_" not in page] == []


def test_nothing_that_builds_or_installs_is_in_the_image(tmp_path: Path) -> None:
    containers = Containers(tmp_path, {})
    tools = " ".join(BUILD_TOOLS)
    script = f"for tool in {tools}; do command -v $tool; done; id -u; touch /etc/inventory-sync/x 2>&1 || true"

    said = containers.done("-c", script, entrypoint="sh").splitlines()
    find = f"import importlib.util as u; print([one for one in {BUILD_MODULES} if u.find_spec(one)])"
    modules = containers.done("-c", find, entrypoint="python")

    assert said[0] == "10001", f"these are there: {said}"
    assert "Read-only file system" in said[1]
    assert modules.strip() == "[]"


def test_no_file_of_the_image_gives_more_rights_than_its_user_has(tmp_path: Path) -> None:
    found = Containers(tmp_path, {}).done("-c", "find / -xdev -perm /6000 -type f 2>/dev/null || true", entrypoint="sh")

    assert found == ""


def _settings(
    folder: Path, announced: Path, kafka: str, registry_url: str, prefix: str, application: str
) -> dict[str, int]:
    """As deploy/compose has them: probes on ports of their own, the ledger in PostgreSQL."""
    folder.mkdir()
    addresses = ("--bootstrap-servers", kafka, "--schema-registry", registry_url)
    done = run_command("config", "init", "sync.yaml", "--sandbox", str(announced), *addresses, folder=folder)
    assert done.returncode == 0, done.stderr
    settings = yaml.safe_load((folder / "sync.yaml").read_text())
    settings["application_id"], settings["topics"]["prefix"] = application, prefix
    ports: dict[str, int] = {}
    for name in (*settings["probes"]["ports"], "page", "webhooks"):
        ports[name] = pick_free(set(ports.values()), Random())
    settings["probes"]["ports"] = {name: ports[name] for name in settings["probes"]["ports"]}
    settings["console"]["port"], settings["signals"]["port"] = ports["page"], ports["webhooks"]
    settings["console"]["operators"] = {"operator": {"env": "CONSOLE_OPERATOR"}}
    settings["ledger"]["url"] = {"env": "LEDGER_URL"}
    (folder / "sync.yaml").write_text(yaml.safe_dump(settings))
    for path in (folder, *folder.rglob("*")):  # a container's user reads them
        path.chmod(0o755 if path.is_dir() else 0o644)
    return ports


def _ready(port: int) -> bool:
    try:
        return local().get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _page(port: int) -> str:
    return local().get(f"http://127.0.0.1:{port}/metrics", timeout=5).text


def _shown(control_url: str) -> dict[str, int]:
    return {key: local().get(f"{control_url}/listings/{key}").json()["live_quantity"] for key in SHOWN}
