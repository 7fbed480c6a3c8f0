"""`sku_command`: what is asked of one SKU from inside the system, on the wire."""

from __future__ import annotations

from inventory_domain.changes import QUANTITY_MAX
from inventory_domain.commands import (
    KitAvailability,
    KitRegistered,
    KitRemoved,
    KitSold,
    Override,
    OverrideKind,
    Restate,
    SaleSettled,
    SilentSource,
    SkuCommand,
)
from inventory_domain.errors import InvalidRecord
from inventory_domain.identifiers import checked
from inventory_schemas.avsc import NAMESPACE
from inventory_schemas.codec import Record, RecordKind
from inventory_schemas.values import branch, check_range, check_time, check_units, flat, symbol

Kind = Restate | KitRegistered | KitRemoved | KitAvailability | KitSold | Override | SaleSettled
FlatKind = Restate | KitRemoved | KitSold | SaleSettled

_FLAT: tuple[type[FlatKind], ...] = (Restate, KitRemoved, KitSold, SaleSettled)
_FLAT_TO_RECORD = {kind: flat(kind) for kind in _FLAT}
_FLAT_FROM_RECORD: dict[str, type[FlatKind]] = {f"{NAMESPACE}.{kind.__name__}": kind for kind in _FLAT}


def _to_record(command: SkuCommand) -> Record:
    return {
        "command_id": command.command_id,
        "sku": command.sku,
        "issued_at_ms": command.issued_at_ms,
        "issued_by": command.issued_by,
        "kind": branch(type(command.kind).__name__, _kind_to_record(command.kind)),
    }


def _kind_to_record(kind: Kind) -> Record:
    if isinstance(kind, KitAvailability):
        return availability_to_record(kind)
    if isinstance(kind, KitRegistered):
        return {"kit": kind.kit, "units": kind.units, "above": kind.above}
    if isinstance(kind, Override):
        return override_to_record(kind)
    return _FLAT_TO_RECORD[type(kind)](kind)


def availability_to_record(answer: KitAvailability) -> Record:
    """A component's answer as it is written, in a command or inside a SKU's state."""
    return {
        "component": answer.component,
        "kits_by_location": [{"location": place, "kits": number} for place, number in answer.kits_by_location],
        "units": answer.units,
        "uncounted": answer.uncounted,
        "unplaced": answer.unplaced,
        "is_kit": answer.is_kit,
        "shared": answer.shared,
        "refused": answer.refused,
        "heard": answer.heard,
        "settled": answer.settled,
        "version": answer.version,
        "cause": answer.cause,
        "silent": [{"source": one.source, "sku": one.sku, "locations": one.locations} for one in answer.silent],
    }


def availability_from_record(record: Record) -> KitAvailability:
    """The answer of these fields, unchecked: the engine wrote it itself."""
    return KitAvailability(
        component=record["component"],
        kits_by_location=tuple((one["location"], one["kits"]) for one in record["kits_by_location"]),
        units=record["units"],
        uncounted=tuple(record["uncounted"]),
        unplaced=record["unplaced"],
        is_kit=record["is_kit"],
        shared=tuple(record["shared"]),
        refused=record["refused"],
        heard=tuple(record["heard"]),
        settled=tuple(record["settled"]),
        version=record["version"],
        cause=record["cause"],
        silent=tuple(SilentSource(one["source"], one["sku"], tuple(one["locations"])) for one in record["silent"]),
    )


def override_to_record(override: Override) -> Record:
    """The override's fields as they are written, in a command or inside a SKU's state."""
    return {
        "kind": override.kind.name,
        "units": override.units,
        "until_ms": override.until_ms,
        "by": override.by,
        "why": override.why,
    }


def override_from_record(record: Record) -> Override:
    """The override of these fields. Raises InvalidRecord for a kind that this version does not know."""
    kind = symbol(OverrideKind, record["kind"], "kind of the override")
    return Override(kind, record["units"], record["until_ms"], record["by"], record["why"])


def _from_record(record: Record) -> SkuCommand:
    command = SkuCommand(
        command_id=record["command_id"],
        sku=record["sku"],
        issued_at_ms=record["issued_at_ms"],
        issued_by=record["issued_by"],
        kind=_kind_from_record(*record["kind"]),
    )
    check_command(command)
    return command


def _kind_from_record(name: str, record: Record) -> Kind:
    if name == f"{NAMESPACE}.KitAvailability":
        return availability_from_record(record)
    if name == f"{NAMESPACE}.KitRegistered":
        return KitRegistered(record["kit"], record["units"], tuple(record["above"]))
    if name == f"{NAMESPACE}.Override":
        return override_from_record(record)
    return _FLAT_FROM_RECORD[name](**record)


def check_command(command: SkuCommand) -> None:
    """Raise InvalidRecord, naming field and value, when nobody can mean this."""
    checked(command.command_id, "command_id")
    checked(command.sku, "sku")
    kind = command.kind
    if isinstance(kind, Restate):
        checked(kind.listing_id, "listing_id")
    elif isinstance(kind, KitRegistered):
        checked(kind.kit, "kit")
        check_units(kind.units)
    elif isinstance(kind, KitSold):
        checked(kind.kit, "kit")
        checked(kind.order_id, "order_id")
        check_range(kind.units, 0, QUANTITY_MAX, "units")
    elif isinstance(kind, KitAvailability):
        checked(kind.component, "component")
        check_units(kind.units)
        for place, number in kind.kits_by_location:
            check_range(number, 0, QUANTITY_MAX, f"kits of location {place!r}")
    elif isinstance(kind, SaleSettled):
        checked(kind.order_id, "order_id")
        checked(kind.by, "by")
        checked(kind.why, "why")
    elif isinstance(kind, Override):
        check_time(kind.until_ms, "until_ms")
        checked(kind.by, "by")
        checked(kind.why, "why")
        if kind.kind is OverrideKind.CAP and kind.units is None:
            raise InvalidRecord("bad-quantity", "units is missing in an override that caps")
        if kind.units is not None:
            check_range(kind.units, 0, QUANTITY_MAX, "units")


SKU_COMMAND: RecordKind[SkuCommand] = RecordKind("sku_command", _to_record, _from_record)
