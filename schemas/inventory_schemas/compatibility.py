"""Whether records written with one schema can be read with another, and if not, which field is why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias, cast

from fastavro.types import Schema

from inventory_schemas.avsc import parse

Node: TypeAlias = "str | Mapping[str, object] | Sequence[object]"
"""Part of a parsed schema: a name, a definition, or the branches of a union."""

_PROMOTED = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}


def faults(reader: str, writer: str) -> list[str]:
    """What keeps a reader of the one schema text from reading records of the other: one sentence per field, or nothing.

    This is backward compatibility with the reader as the newer version. Each fault begins with the field's path, such
    as `InventoryChange.kind.StockCounted.on_hand`.

    Raises:
        ValueError: one of the texts is not an Avro schema.
    """
    return _Comparison(parse(reader), parse(writer)).run()


class _Comparison:
    """One walk over both schemas together."""

    def __init__(self, reader: Schema, writer: Schema) -> None:
        self._reader = cast(Node, reader)
        self._writer = cast(Node, writer)
        self._readers = dict(_definitions(self._reader))
        self._writers = dict(_definitions(self._writer))
        self._compared: set[tuple[str, str]] = set()  # a record may contain itself

    def run(self) -> list[str]:
        root = _name(self._reader).rpartition(".")[2]
        return list(dict.fromkeys(self._compare(self._reader, self._writer, root)))

    def _compare(self, reader: Node, writer: Node, path: str) -> list[str]:
        reader, writer = self._readers.get(_text(reader), reader), self._writers.get(_text(writer), writer)
        if _is_union(writer):
            return [fault for one in _branches(writer) for fault in self._compare(reader, one, path)]
        if _is_union(reader):
            return self._compare_with_branches(_branches(reader), writer, path)
        ours, theirs = _kind(reader), _kind(writer)
        if ours != theirs:
            if ours in _PROMOTED.get(theirs, ()):
                return []
            return [f"{path}: is {_name(reader)} now and {_name(writer)} in older records"]
        if isinstance(reader, Mapping) and isinstance(writer, Mapping):
            return self._compare_complex(ours, reader, writer, path)
        return []

    def _compare_complex(
        self, kind: str, reader: Mapping[str, object], writer: Mapping[str, object], path: str
    ) -> list[str]:
        if kind == "array":
            return self._compare(_node(reader["items"]), _node(writer["items"]), f"{path}[]")
        if kind == "map":
            return self._compare(_node(reader["values"]), _node(writer["values"]), f"{path}{{}}")
        if kind not in ("record", "error", "enum", "fixed"):
            return []
        if not _same_name(reader, writer):
            return [f"{path}: is {_name(reader)} now and {_name(writer)} in older records"]
        pair = _name(reader), _name(writer)
        if pair in self._compared:
            return []
        self._compared.add(pair)
        if kind == "enum":
            return _enum_faults(reader, writer, path)
        if kind == "fixed":
            sizes = reader["size"], writer["size"]
            return [] if sizes[0] == sizes[1] else [f"{path}: has {sizes[0]} bytes now and {sizes[1]} in older records"]
        return self._compare_fields(reader, writer, path)

    def _compare_with_branches(self, branches: Sequence[Node], writer: Node, path: str) -> list[str]:
        """A record goes to the branch of its name; anything else to the first branch that can take it."""
        if _kind(writer) in ("record", "error", "enum", "fixed") and isinstance(writer, Mapping):
            for one in branches:
                definition = self._readers.get(_text(one), one)
                if isinstance(definition, Mapping) and _same_name(definition, writer):
                    return self._compare(one, writer, f"{path}.{_short(writer)}")
        elif any(not self._compare(one, writer, path) for one in branches):
            return []
        return [f"{path}: cannot be {_short(writer)} any more, and may be that in older records"]

    def _compare_fields(self, reader: Mapping[str, object], writer: Mapping[str, object], path: str) -> list[str]:
        theirs = {str(field["name"]): field for field in _fields(writer)}
        found: list[str] = []
        for field in _fields(reader):
            name = str(field["name"])
            aliases = cast("Sequence[str]", field.get("aliases", ()))
            other = next((theirs[one] for one in (name, *aliases) if one in theirs), None)
            if other is not None:
                found += self._compare(_node(field["type"]), _node(other["type"]), f"{path}.{name}")
            elif "default" not in field:
                found.append(f"{path}.{name}: has no default, and older records do not have it")
        return found


def _enum_faults(reader: Mapping[str, object], writer: Mapping[str, object], path: str) -> list[str]:
    known = cast("Sequence[str]", reader["symbols"])
    gone = [one for one in cast("Sequence[str]", writer["symbols"]) if one not in known]
    if not gone or "default" in reader:
        return []
    return [f"{path}: does not have {', '.join(gone)} any more, no default symbol, and older records may have it"]


def _definitions(node: Node) -> Iterator[tuple[str, Mapping[str, object]]]:
    if isinstance(node, Mapping):
        if "name" in node:
            yield _name(node), node
            for field in _fields(node):
                yield from _definitions(_node(field["type"]))
        for part in ("items", "values"):
            if part in node:
                yield from _definitions(_node(node[part]))
    elif _is_union(node):
        for one in _branches(node):
            yield from _definitions(one)


def _node(part: object) -> Node:
    return cast(Node, part)


def _fields(record: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    return cast("Sequence[Mapping[str, object]]", record.get("fields", ()))


def _is_union(node: Node) -> bool:
    return not isinstance(node, str | Mapping)


def _branches(union: Node) -> Sequence[Node]:
    return cast("Sequence[Node]", union)


def _text(node: Node) -> str:
    return node if isinstance(node, str) else ""


def _kind(node: Node) -> str:
    return node if isinstance(node, str) else str(cast("Mapping[str, object]", node)["type"])


def _name(node: Node) -> str:
    if isinstance(node, str):
        return node
    return str(node.get("name", node["type"])) if isinstance(node, Mapping) else "union"


def _short(node: Node) -> str:
    return _name(node).rpartition(".")[2]


def _same_name(reader: Mapping[str, object], writer: Mapping[str, object]) -> bool:
    """Whether it is the same type, by its last name or an alias, as the Avro specification compares them."""
    aliases = cast("Sequence[str]", reader.get("aliases", ()))
    return _short(reader) == _short(writer) or _name(writer) in aliases or _short(writer) in aliases
