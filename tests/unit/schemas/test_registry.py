"""What a registry's answers mean: unknown is the record's fault, no answer never is."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from inventory_domain.errors import ConfigError, UndecodableRecord
from inventory_schemas.avsc import schema_text
from inventory_schemas.codec import Serde
from inventory_schemas.records import PRODUCT
from inventory_schemas.registry import UNKNOWN_KEPT_MAX, ConfluentRegistry, LocalRegistry, RegistryUnavailable
from tests.support.stock import a_product

PATH = "/schemas/ids/"


class ARegistry:
    """An HTTP server that answers for schema ids as it is told, and counts how often it is asked."""

    def __init__(self) -> None:
        self.answers: dict[int, tuple[int, dict[str, object]]] = {}
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def has(self, schema_id: int, schema: str, kind: str = "AVRO") -> None:
        """From now on it knows this schema."""
        self.answers[schema_id] = (200, {"schema": schema, "schemaType": kind})

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                registry.asked.append(self.path)
                schema_id = int(self.path.removeprefix(PATH).partition("?")[0])
                missing = (404, {"error_code": 40403, "message": f"Schema {schema_id} not found"})
                self._answer(*registry.answers.get(schema_id, missing))

            def do_POST(self) -> None:
                registry.asked.append(self.path)
                self.rfile.read(int(self.headers["Content-Length"]))
                self._answer(404, {"error_code": 40401, "message": "Subject not found"})

            def _answer(self, status: int, body: dict[str, object]) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                return

        return Handler


@pytest.fixture
def server() -> Iterator[ARegistry]:
    server = ARegistry()
    yield server
    server.close()


class AClock:
    """Monotonic time that moves when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> AClock:
    return AClock()


@pytest.fixture
def registry(server: ARegistry, clock: AClock) -> Iterator[ConfluentRegistry]:
    registry = ConfluentRegistry(server.url, monotonic_s=clock)
    yield registry
    registry.close()


def test_a_schema_is_fetched_once(server: ARegistry, registry: ConfluentRegistry) -> None:
    server.has(7, schema_text("product"))

    first, second = registry.schema_of(7), registry.schema_of(7)

    assert first is second
    assert len(server.asked) == 1


def test_an_unknown_id_is_the_records_fault_and_is_not_asked_for_with_every_record(
    server: ARegistry, registry: ConfluentRegistry
) -> None:
    for _ in range(3):
        with pytest.raises(UndecodableRecord, match="no schema has the id 9") as caught:
            registry.schema_of(9)
        assert caught.value.reason == "unknown-schema-id"

    assert len(server.asked) == 1


def test_an_id_that_was_unknown_is_known_some_seconds_after_it_is_registered(
    server: ARegistry, registry: ConfluentRegistry, clock: AClock
) -> None:
    with pytest.raises(UndecodableRecord):
        registry.schema_of(9)
    server.has(9, schema_text("product"))
    clock.now_s += 6

    assert registry.schema_of(9)


def test_what_is_remembered_of_unknown_ids_is_bounded(registry: ConfluentRegistry) -> None:
    registry._unknown.update(dict.fromkeys(range(UNKNOWN_KEPT_MAX), 2000.0))

    with pytest.raises(UndecodableRecord):
        registry.schema_of(5_000)

    assert len(registry._unknown) == 1


def test_a_schema_that_is_not_avro_is_the_records_fault(server: ARegistry, registry: ConfluentRegistry) -> None:
    server.has(3, "syntax = 'proto3';", "PROTOBUF")

    with pytest.raises(UndecodableRecord) as caught:
        registry.schema_of(3)

    assert caught.value.reason == "wrong-schema"


def test_a_registry_that_fails_is_never_the_records_fault(server: ARegistry, registry: ConfluentRegistry) -> None:
    """A record given up because the registry was restarting would be a change of stock lost."""
    server.answers[3] = (403, {"error_code": 403, "message": "not for you"})

    with pytest.raises(RegistryUnavailable, match="not for you"):
        registry.schema_of(3)


def test_a_registry_that_is_away_is_never_the_records_fault(server: ARegistry, registry: ConfluentRegistry) -> None:
    server.close()

    with pytest.raises(RegistryUnavailable, match=r"schema registry at http://127\.0\.0\.1"):
        Serde(PRODUCT, "catalog.products-value", registry).decode(b"\x00\x00\x00\x00\x07x")


def test_a_schema_that_is_not_registered_is_told_with_its_subject_and_the_remedy(
    server: ARegistry, registry: ConfluentRegistry
) -> None:
    with pytest.raises(ConfigError, match=r"catalog\.products-value: .*inventory-sync schemas register"):
        Serde(PRODUCT, "catalog.products-value", registry).encode(a_product())


def test_credentials_of_the_registry_are_in_no_message(server: ARegistry) -> None:
    registry = ConfluentRegistry(server.url, {"basic.auth.user.info": "ann:hunter2"})
    server.answers[3] = (401, {"error_code": 401, "message": "who are you"})

    with pytest.raises(RegistryUnavailable) as caught:
        registry.schema_of(3)
    registry.close()

    assert "hunter2" not in f"{caught.value!r} {registry!r}"


def test_in_memory_the_same_schema_has_one_id_under_all_subjects() -> None:
    registry = LocalRegistry()
    first = registry.id_of("a-value", schema_text("product"))

    assert registry.id_of("b-value", schema_text("product")) == first
    assert registry.id_of("a-value", schema_text("discrepancy")) != first


def test_a_login_in_the_address_is_in_no_message(server: ARegistry) -> None:
    """What is wrong with a record goes into a header of its dead letter, for everybody to read."""
    registry = ConfluentRegistry(server.url.replace("://", "://me:canary-login@"))

    with pytest.raises(UndecodableRecord, match=r"http://\*\*\*@127\.0\.0\.1") as unknown:
        registry.schema_of(7)
    with pytest.raises(ConfigError, match=r"http://\*\*\*@127\.0\.0\.1") as unregistered:
        registry.id_of("subject", '"string"')

    registry.close()
    assert "canary" not in f"{unknown.value} {unregistered.value}"


@pytest.mark.parametrize(
    ("url", "auth", "words"),
    [
        ("me:canary-login@registry:8081", {}, r"\*\*\*@registry:8081"),
        ("http://registry:8081", {"basic.auth.user.info": "canary-login"}, "basic.auth.user.info"),
        ("http://registry:8081", {"ssl.ca.location": "/nowhere/ca.crt"}, "No such file"),
    ],
)
def test_what_the_client_does_not_take_is_a_fault_of_the_settings(url: str, auth: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as told:
        ConfluentRegistry(url, auth)

    assert "canary" not in str(told.value)
