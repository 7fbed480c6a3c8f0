"""Which id stands for which schema: a registry asked over HTTP, and one in memory for tests and tools."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from confluent_kafka.schema_registry import Schema as RegistrySchema
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError
from fastavro.types import Schema

from inventory_domain.errors import ConfigError, ConfigFault, InventorySyncError, UndecodableRecord
from inventory_schemas.address import shown
from inventory_schemas.avsc import parse

REQUEST_LIMIT_S = 10.0
RETRIES = {"max.retries": 2, "retries.wait.ms": 200, "retries.max.wait.ms": 1_000}  # of one request
UNKNOWN_KEPT_S = 5.0  # how long an id stays unknown, so that garbage does not cost a request for each record
UNKNOWN_KEPT_MAX = 1_000

HTTP_NOT_FOUND = 404

T = TypeVar("T")


class RegistryUnavailable(InventorySyncError):
    """The registry could not be asked, or failed. That says nothing of any record: none may be given up for it."""


class Registry(Protocol):
    """Ids of schemas. Both calls are cached, may block at their first time, and may come from several threads."""

    def id_of(self, subject: str, schema_text: str) -> int:
        """The id under which this schema is registered for the subject.

        Raises:
            ConfigError: it is not registered.
            RegistryUnavailable: the registry cannot be asked now.
        """
        ...

    def schema_of(self, schema_id: int) -> Schema:
        """The parsed schema that records with this id were written with.

        Raises:
            UndecodableRecord: no schema has the id (`unknown-schema-id`), or it is not Avro (`wrong-schema`).
            RegistryUnavailable: the registry cannot be asked now.
        """
        ...


class LocalRegistry:
    """A registry in memory that gives an id to every schema it is asked for. Share one between writer and reader."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: dict[str, int] = {}
        self._schemas: dict[int, Schema] = {}

    def id_of(self, subject: str, schema_text: str) -> int:
        """The schema's id; the same text has one id under all subjects, as in a real registry."""
        text = json.dumps(json.loads(schema_text), separators=(",", ":"))
        with self._lock:
            schema_id = self._ids.get(text)
            if schema_id is None:
                schema_id = self._ids[text] = len(self._ids) + 1
                self._schemas[schema_id] = parse(text)
            return schema_id

    def schema_of(self, schema_id: int) -> Schema:
        """The schema with this id, as `Registry` says."""
        schema = self._schemas.get(schema_id)
        if schema is None:
            raise UndecodableRecord("unknown-schema-id", f"no schema has the id {schema_id}")
        return schema


class OtherSubjects:
    """A registry in which subjects that begin with `prefix` have the schemas of those that begin with `stands_for`."""

    def __init__(self, registry: Registry, prefix: str, stands_for: str) -> None:
        self._registry = registry
        self._prefix = prefix
        self._stands_for = stands_for

    def id_of(self, subject: str, schema_text: str) -> int:
        """The id, as `Registry` says, under the subject that this one stands for."""
        return self._registry.id_of(self._stands_for + subject.removeprefix(self._prefix), schema_text)

    def schema_of(self, schema_id: int) -> Schema:
        """The schema, as `Registry` says."""
        return self._registry.schema_of(schema_id)


class ConfluentRegistry:
    """A registry with the Confluent API. It looks schemas up and never registers one.

    `auth` are settings of the client, such as `basic.auth.user.info` or `ssl.ca.location`; they may be secrets.
    """

    def __init__(
        self, url: str, auth: Mapping[str, str] | None = None, *, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = url
        self._client = client(url, auth)
        self._monotonic_s = monotonic_s
        self._ids: dict[tuple[str, str], int] = {}
        self._schemas: dict[int, Schema] = {}
        self._unknown: dict[int, float] = {}

    def id_of(self, subject: str, schema_text: str) -> int:
        """The id, as `Registry` says; the error for a schema that is not registered names the subject."""
        known = self._ids.get((subject, schema_text))
        if known is not None:
            return known
        found = asked(self._url, lambda: self._client.lookup_schema(subject, RegistrySchema(schema_text, "AVRO")))
        if found is None or found.schema_id is None:
            message = f"this schema is not registered at {shown(self._url)}; run `inventory-sync schemas register`"
            raise ConfigError([ConfigFault(subject, message)])
        self._ids[subject, schema_text] = found.schema_id
        return found.schema_id

    def schema_of(self, schema_id: int) -> Schema:
        """The schema with this id, as `Registry` says. An unknown id is asked for again after some seconds."""
        schema = self._schemas.get(schema_id)
        if schema is None:
            schema = self._schemas[schema_id] = self._fetched(schema_id)
        return schema

    def close(self) -> None:
        """Give the connections back; what is known stays known."""
        self._client.close()

    def _fetched(self, schema_id: int) -> Schema:
        unknown = UndecodableRecord("unknown-schema-id", f"no schema has the id {schema_id} at {shown(self._url)}")
        if self._monotonic_s() < self._unknown.get(schema_id, float("-inf")):
            raise unknown
        found = asked(self._url, lambda: self._client.get_schema(schema_id))
        if found is None:
            if len(self._unknown) >= UNKNOWN_KEPT_MAX:
                self._unknown.clear()
            self._unknown[schema_id] = self._monotonic_s() + UNKNOWN_KEPT_S
            raise unknown
        try:
            return parse(found.schema_str or "")
        except ValueError as error:
            raise UndecodableRecord("wrong-schema", f"schema {schema_id} at {shown(self._url)}: {error}") from error


def client(url: str, auth: Mapping[str, str] | None = None) -> SchemaRegistryClient:
    """A client of the registry at this URL whose requests have a limit. Nothing is asked yet.

    Raises:
        ConfigError: the URL, or a setting in `auth`, is not one that the client takes.
    """
    try:
        return SchemaRegistryClient({"url": url, "timeout": REQUEST_LIMIT_S, **RETRIES, **(auth or {})})
    except (ValueError, OSError) as error:  # an address, a login, a file of certificates
        text = f"{shown(url)}: {str(error).replace(url, shown(url))}"
        raise ConfigError([ConfigFault("schema_registry", text)]) from error


def asked(url: str, request: Callable[[], T]) -> T | None:
    """The registry's answer; None when it does not know what was asked for.

    Raises:
        RegistryUnavailable: there was no answer, or one that is the registry's own failure or refusal.
    """
    try:
        return request()
    except SchemaRegistryError as error:
        if error.http_status_code == HTTP_NOT_FOUND:
            return None
        raise RegistryUnavailable(f"schema registry at {shown(url)}: {error}") from error
    except Exception as error:  # the client lets its HTTP library's errors through, which is not ours to import
        raise RegistryUnavailable(f"schema registry at {shown(url)}: {type(error).__name__} {error}") from error
