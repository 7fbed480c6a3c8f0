"""Fixtures that every test may ask for: a real broker and registry, and names that belong to one test alone."""

import gc
import signal
import sys
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import HealthCheck, settings

from tests.support.broker import Broker, running_broker
from tests.support.commands import Started

# With it jsonschema builds 39 grammars as it is loaded, 2 s in each worker, for formats that no test checks.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]

settings.register_profile(
    "busy-machine",  # how long an example takes says nothing where brokers run beside it
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("busy-machine")

BROKER_FIXTURES = frozenset({"broker", "kafka", "registry_url"})


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What was loaded for the tests stays until the end, so Python's collector of cycles need not go through it.

    It would, again and again: that was a third of what the tests compute in these processes.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


COMPUTES_LONGEST = Path(__file__).parent / "simulator"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what needs a broker, so that `-m "not broker"` leaves the quick tests. The simulator goes first.

    It computes for minutes without a pause: beside tests that wait for processes nobody waits for it, and at the end
    all would.
    """
    items.sort(key=lambda item: COMPUTES_LONGEST not in item.path.parents)
    for item in items:
        if BROKER_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.broker)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Broker]:
    """Kafka and the registry, started at the first test that needs them and stopped after the last, in any process."""
    own = tmp_path_factory.getbasetemp()
    of_the_run = own if worker_id == "master" else own.parent

    def leave(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt  # so that the stack is stopped when the run is told to end

    before = signal.signal(signal.SIGTERM, leave)
    try:
        with running_broker(of_the_run / "broker") as running:
            yield running
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def kafka(broker: Broker) -> str:
    """The bootstrap servers of a real Kafka."""
    return broker.bootstrap_servers


@pytest.fixture(scope="session")
def registry_url(broker: Broker) -> str:
    """The URL of a real schema registry whose compatibility rule is BACKWARD."""
    return broker.schema_registry_url


@pytest.fixture
def topic_prefix() -> str:
    """Begins the names of topics and subjects that belong to this test alone."""
    return f"t{uuid.uuid4().hex[:10]}."


@pytest.fixture
def application_id() -> str:
    """A consumer group or transactional id that belongs to this test alone."""
    return f"app-{uuid.uuid4().hex[:10]}"


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    """Processes of this test: what is left of them at its end is killed."""
    found = Started(tmp_path)
    yield found
    found.kill()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a real PostgreSQL, started at the first test that needs it."""
    from tests.support.databases import running_postgresql

    with running_postgresql() as url:
        yield url


@pytest.fixture
def postgresql_database(postgresql: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database that belongs to this test alone."""
    from tests.support.databases import new_database

    with new_database(postgresql) as url:
        yield url
