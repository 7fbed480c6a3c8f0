"""Bringing the schemas of this version into a registry, and refusing a change that older records do not survive."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from inventory_domain.errors import InventorySyncError
from inventory_schemas.avsc import schema_text
from inventory_schemas.compatibility import faults
from inventory_schemas.registry import asked

COMPATIBILITY = "BACKWARD"  # set by us for each subject: a registry's own default may be NONE
REQUESTS_AT_ONCE = 8

T = TypeVar("T")


class SchemaChange(Enum):
    """What registering does to a subject: NEW, EVOLVED (a further version), KEPT, or INCOMPATIBLE (refused)."""

    NEW = "new"
    EVOLVED = "evolved"
    KEPT = "kept"
    INCOMPATIBLE = "incompatible"


@dataclass(frozen=True, slots=True)
class SchemaFinding:
    """One subject, compared with the registry. `faults` name the fields for which a change is refused."""

    subject: str
    schema: str
    change: SchemaChange
    faults: tuple[str, ...] = ()
    schema_id: int | None = None


class IncompatibleSchemas(InventorySyncError):
    """Schemas that cannot read what was written with registered versions. Nothing was registered."""

    def __init__(self, findings: Sequence[SchemaFinding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(f"{one.subject}: {fault}" for one in findings for fault in one.faults))


def check(registry: SchemaRegistryClient, url: str, subjects: Mapping[str, str]) -> list[SchemaFinding]:
    """What `register` would do to each subject. `subjects` has the schema's name by subject. Changes nothing.

    Raises:
        RegistryUnavailable: the registry cannot be asked.
    """
    return _for_each(subjects, lambda subject, schema: _checked(registry, url, subject, schema))


def register(registry: SchemaRegistryClient, url: str, subjects: Mapping[str, str]) -> list[SchemaFinding]:
    """Register this version's schemas, with backward compatibility as each subject's rule. Repeating it is harmless.

    Raises:
        IncompatibleSchemas: a schema cannot read what an earlier version wrote; none was registered.
        RegistryUnavailable: the registry cannot be asked, or refuses.
    """
    findings = check(registry, url, subjects)
    refused = [one for one in findings if one.change is SchemaChange.INCOMPATIBLE]
    if refused:
        raise IncompatibleSchemas(refused)
    changes = {one.subject: one.change for one in findings}
    return _for_each(subjects, lambda subject, schema: _registered(registry, url, subject, schema, changes[subject]))


def _for_each(subjects: Mapping[str, str], act: Callable[[str, str], T]) -> list[T]:
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        return list(pool.map(act, subjects.keys(), subjects.values()))


def _checked(registry: SchemaRegistryClient, url: str, subject: str, name: str) -> SchemaFinding:
    ours = Schema(schema_text(name), "AVRO")
    found = asked(url, lambda: registry.lookup_schema(subject, ours))
    if found is not None:
        return SchemaFinding(subject, name, SchemaChange.KEPT, schema_id=found.schema_id)
    versions = asked(url, lambda: registry.get_versions(subject)) or []
    if not versions:
        return SchemaFinding(subject, name, SchemaChange.NEW)
    wrong = _faults_since(registry, url, subject, name, versions)
    if not wrong and not asked(url, lambda: registry.test_compatibility(subject, ours)):
        wrong = ["the registry says that it is not compatible with the newest version"]
    change = SchemaChange.INCOMPATIBLE if wrong else SchemaChange.EVOLVED
    return SchemaFinding(subject, name, change, tuple(wrong))


def _faults_since(
    registry: SchemaRegistryClient, url: str, subject: str, name: str, versions: Sequence[int]
) -> list[str]:
    """Faults against every registered version: topics may still hold records of all of them."""
    wrong: list[str] = []
    for version in versions:
        older = asked(url, lambda version=version: registry.get_version(subject, version))  # type: ignore[misc]
        if older is None or older.schema is None:
            continue  # deleted in between: nobody can have written with it since
        if older.schema.schema_type not in (None, "AVRO"):
            wrong.append(f"version {version} of the subject is {older.schema.schema_type}, not Avro")
            continue
        found = faults(schema_text(name), older.schema.schema_str or "")
        wrong += [f"{fault} (version {version})" for fault in found]
    return wrong


def _registered(
    registry: SchemaRegistryClient, url: str, subject: str, name: str, change: SchemaChange
) -> SchemaFinding:
    # 1. The rule, so that nobody else's incompatible version can come between.
    rule = asked(url, lambda: registry.get_compatibility(subject))
    if rule != COMPATIBILITY:
        asked(url, lambda: registry.set_compatibility(subject, COMPATIBILITY))
    # 2. The schema itself.
    schema_id = asked(url, lambda: registry.register_schema(subject, Schema(schema_text(name), "AVRO")))
    return SchemaFinding(subject, name, change, schema_id=schema_id)
