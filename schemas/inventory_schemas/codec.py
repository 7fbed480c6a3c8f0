"""Values to bytes and back: Confluent wire format (a zero byte, the schema's id in four, then Avro)."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Generic, TypeAlias, TypeVar

from fastavro import schemaless_reader, schemaless_writer
from fastavro.read import SchemaResolutionError
from fastavro.schema import to_parsing_canonical_form
from fastavro.types import Schema

from inventory_domain.errors import UndecodableRecord
from inventory_schemas.avsc import parse, schema_text
from inventory_schemas.compatibility import faults
from inventory_schemas.registry import Registry
from inventory_schemas.wire import NotPlain

T = TypeVar("T")

Record: TypeAlias = dict[str, Any]
"""A record as fastavro takes and gives it: fields by name. A record in a union of several is (full name, fields)."""

MAGIC = 0
HEADER = struct.Struct(">bI")

EMPTY = "empty"
NOT_FRAMED = "not-confluent-framed"
UNKNOWN_SCHEMA_ID = "unknown-schema-id"
WRONG_SCHEMA = "wrong-schema"
BAD_AVRO = "bad-avro"

NOT_READ = (IndexError, UnicodeDecodeError, NotPlain)

# What fastavro raises on bytes that do not fit the schema: short data, indexes out of range, sizes beyond memory,
# text that is not UTF-8, logical values out of range.
_BAD_BYTES = (EOFError, IndexError, ValueError, OverflowError, MemoryError, TypeError, KeyError, struct.error)


@dataclass(frozen=True, slots=True)
class RecordKind(Generic[T]):
    """What a topic carries: the schema file by name, and how a value becomes a record of it and a record the value.

    `from_record` raises InvalidRecord for a well-formed record that says what cannot be. `write` and `read` are quicker
    ways to the same, where there are: the body of a value (None: it is left to the general way), and the value that
    begins at a place in bytes of this very schema and ends with them. `read` raises `NOT_READ` for whatever it does not
    read; then the general way does, or says what is wrong.
    """

    name: str
    to_record: Callable[[T], Record]
    from_record: Callable[[Record], T]
    write: Callable[[T], bytes | None] | None = None
    read: Callable[[bytes, int], T] | None = None


@dataclass(frozen=True, slots=True)
class _Reading:
    """How records of one schema id are read. `reader` is None where nothing has to be resolved."""

    schema_id: int
    writer: Schema
    reader: Schema | None


class Serde(Generic[T]):
    """Encodes and decodes the values of one topic. Safe for several threads.

    The first `encode`, and the first `decode` of each schema id, ask the registry and may block; all else does not.
    """

    def __init__(self, kind: RecordKind[T], subject: str, registry: Registry) -> None:
        self._kind = kind
        self._subject = subject
        self._registry = registry
        self._text = schema_text(kind.name)
        self._schema = parse(self._text)
        self._canonical = to_parsing_canonical_form(self._schema)
        self._header: bytes | None = None
        self._readings: dict[bytes, _Reading] = {}  # by the header that records begin with

    def prepare(self) -> None:
        """Ask the registry for the schema's id now, so that a schema not registered stops the start.

        Raises:
            ConfigError: the schema is not registered under the subject.
            RegistryUnavailable: the registry cannot be asked.
        """
        self._header = HEADER.pack(MAGIC, self._registry.id_of(self._subject, self._text))

    def encode(self, value: T) -> bytes:
        """The value on the wire. Raises as `prepare` does, before the first one only."""
        if self._header is None:
            self.prepare()
        header = self._header or b""
        if self._kind.write is not None and (body := self._kind.write(value)) is not None:
            return header + body
        stream = BytesIO()
        stream.write(header)
        schemaless_writer(stream, self._schema, self._kind.to_record(value))
        return stream.getvalue()

    def decode(self, data: bytes | None) -> T:
        """The value of these bytes, whichever version of the schema they were written with.

        Raises:
            UndecodableRecord: the bytes are not a record of this kind; `reason` is one of this module's constants.
            InvalidRecord: they are, and a field has a value that cannot be.
            RegistryUnavailable: the schema's id is new, and the registry cannot be asked.
        """
        if not data:
            raise UndecodableRecord(EMPTY, f"{self._subject}: there is no value")
        reading = self._readings.get(data[: HEADER.size]) or self._format_of(data)
        if reading.reader is None and self._kind.read is not None:
            try:
                return self._kind.read(data, HEADER.size)
            except NOT_READ:
                pass
        schema_id = reading.schema_id
        stream = BytesIO(data)  # shares the bytes; nothing is copied
        stream.seek(HEADER.size)
        try:
            record: Any = schemaless_reader(stream, reading.writer, reading.reader, True, True)
        except SchemaResolutionError as error:
            raise UndecodableRecord(WRONG_SCHEMA, f"{self._subject}: schema {schema_id}: {_short(error)}") from error
        except _BAD_BYTES as error:
            raise UndecodableRecord(BAD_AVRO, f"{self._subject}: schema {schema_id}: {_short(error)}") from error
        if stream.tell() != len(data):
            rest = len(data) - stream.tell()
            raise UndecodableRecord(BAD_AVRO, f"{self._subject}: schema {schema_id}: {rest} bytes after the record")
        return self._kind.from_record(record)

    def is_of_our_schema(self, data: bytes) -> bool:
        """Whether these bytes are in the very format that is written here. Asks and raises as `faults_of` does."""
        return self._format_of(data).reader is None

    def faults_of(self, data: bytes) -> list[str]:
        """Why records of the format that these bytes are in may be unreadable here; empty when all of them can be read.

        Asks the registry for a format that is new here, as `decode` does, and raises as it does for bytes of none.
        """
        reading = self._format_of(data)
        if reading.reader is None:
            return []
        return [str(one) for one in faults(self._text, json.dumps(reading.writer))]

    def _format_of(self, data: bytes) -> _Reading:
        """How these bytes are read, by the id of the schema that they were written with."""
        if len(data) < HEADER.size or data[0] != MAGIC:
            raise UndecodableRecord(
                NOT_FRAMED, f"{self._subject}: begins with {data[:5].hex()}, not 00 and a schema id"
            )
        header = data[: HEADER.size]
        reading = self._readings.get(header)
        if reading is None:
            reading = self._readings[header] = self._reading(int.from_bytes(header[1:], "big"))
        return reading

    def _reading(self, schema_id: int) -> _Reading:
        writer = self._registry.schema_of(schema_id)
        if to_parsing_canonical_form(writer) == self._canonical:
            return _Reading(schema_id, writer, None)
        ours, theirs = _name(self._schema), _name(writer)
        if theirs != ours:
            raise UndecodableRecord(WRONG_SCHEMA, f"{self._subject}: schema {schema_id} is {theirs}, not {ours}")
        return _Reading(schema_id, writer, self._schema)


def _name(schema: Schema) -> str:
    return str(schema.get("name", schema.get("type"))) if isinstance(schema, dict) else str(schema)


def _short(error: Exception) -> str:
    text = f"{type(error).__name__} {error}".strip()
    return text if len(text) <= 200 else text[:200] + "..."
