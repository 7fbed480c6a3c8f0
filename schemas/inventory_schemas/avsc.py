"""The schema files of this package: one `.avsc` per kind of record, complete in itself."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

import fastavro
from fastavro.types import Schema

NAMESPACE = "inventory_sync"


def schema_names() -> tuple[str, ...]:
    """The stems of all schema files, sorted."""
    folder = files("inventory_schemas") / "avro"
    return tuple(sorted(entry.name.removesuffix(".avsc") for entry in folder.iterdir() if entry.name.endswith(".avsc")))


@cache
def schema_text(name: str) -> str:
    """The schema as it is registered: the file's content without the layout.

    Raises:
        FileNotFoundError: there is no such schema file.
    """
    text = (files("inventory_schemas") / "avro" / f"{name}.avsc").read_text(encoding="utf-8")
    return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))


def parse(text: str) -> Schema:
    """A schema that fastavro can use at once; every name in it is complete.

    Raises:
        ValueError: it is no Avro schema.
    """
    try:
        return fastavro.parse_schema(json.loads(text))
    except (fastavro.schema.SchemaParseException, fastavro.schema.UnknownType, KeyError, TypeError) as error:
        raise ValueError(f"not an Avro schema: {error}") from error
