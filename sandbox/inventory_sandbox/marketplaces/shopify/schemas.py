"""The published GraphQL schemas by version, and the documents parsed and validated against them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from graphql import DocumentNode, GraphQLError, GraphQLSchema, build_schema, parse, validate

MAX_DOCUMENTS: Final = 500
"""Documents kept parsed per version; the oldest go first."""
MAX_QUERY_CHARACTERS: Final = 250_000


@dataclass(frozen=True, slots=True)
class Document:
    """A query text as read: either a document that fits the schema, or what is wrong with it."""

    node: DocumentNode | None
    errors: tuple[GraphQLError, ...]


class VersionSchema:
    """The schema of one API version. Reading it takes long, so it is done when first asked for."""

    def __init__(self, version: str) -> None:
        self.version = version
        folder = resources.files(__package__).joinpath("schema")
        texts = [folder.joinpath(name).read_text("utf-8") for name in (f"admin_{version}.graphql", "products.graphql")]
        self.schema: GraphQLSchema = build_schema("\n".join(texts), assume_valid_sdl=True)
        self._documents: dict[str, Document] = {}

    @property
    def wants_change_from(self) -> bool:
        """Whether a write must give `changeFromQuantity`, and an idempotency key."""
        return self.version >= "2026-04"

    @property
    def has_idempotency(self) -> bool:
        """Whether the schema has the `@idempotent` directive."""
        return self.schema.get_directive("idempotent") is not None

    def document(self, text: str) -> Document:
        """The text as a document of this schema; texts seen before are not read again."""
        found = self._documents.get(text)
        if found is None:
            found = self._documents[text] = self._read(text)
            if len(self._documents) > MAX_DOCUMENTS:
                del self._documents[next(iter(self._documents))]
        return found

    def _read(self, text: str) -> Document:
        if len(text) > MAX_QUERY_CHARACTERS:
            return Document(None, (GraphQLError("Query is too large."),))
        try:
            node = parse(text)
        except GraphQLError as error:
            return Document(None, (error,))
        errors = tuple(validate(self.schema, node))
        return Document(None if errors else node, errors)


@cache
def _schema_of(version: str) -> VersionSchema:
    """Read once in a process, by all its stand-ins: it takes a quarter of a second, and nothing changes it."""
    return VersionSchema(version)


class Schemas:
    """The schemas of the versions that are served, oldest first."""

    def __init__(self, versions: tuple[str, ...]) -> None:
        self._versions = tuple(sorted(versions))

    def get(self, version: str) -> VersionSchema | None:
        """The schema for a version that is asked for, None where there is none; see `served_version`."""
        found = served_version(version, self._versions)
        return None if found is None else _schema_of(found)


def served_version(asked: str, versions: tuple[str, ...]) -> str | None:
    """The version that answers: the oldest one for a version no longer served, or where none is named; else None."""
    oldest = min(versions)
    if not asked or asked in versions:
        return asked or oldest
    shape = len(asked) == 7 and asked[4] == "-" and asked.replace("-", "").isdigit()
    return oldest if shape and asked < oldest else None
