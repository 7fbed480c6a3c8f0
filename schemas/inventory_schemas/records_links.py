"""A SKU's relations to kits and components, inside its state. The engine wrote them: nothing is checked."""

from __future__ import annotations

from inventory_domain.identifiers import OrderId, Sku
from inventory_domain.kits import KitLinks, Served
from inventory_schemas.codec import Record
from inventory_schemas.records_commands import availability_from_record, availability_to_record
from inventory_schemas.values import branch


def links_to_record(links: KitLinks) -> Record:
    """The relations as they are written."""
    return {
        "serves": {kit: _served_to_record(served) for kit, served in links.serves.items()},
        "answers": {part: availability_to_record(answer) for part, answer in links.answers.items()},
        "waiting": links.waiting,
        "told_above": links.told_above,
    }


def _served_to_record(served: Served) -> Record:
    told = None if served.told is None else branch("KitAvailability", availability_to_record(served.told))
    return {"units": served.units, "above": served.above, "told": told}


def links_from_record(record: Record) -> KitLinks:
    """The relations of these fields."""
    return KitLinks(
        serves={Sku(kit): _served_from_record(served) for kit, served in record["serves"].items()},
        answers={Sku(part): availability_from_record(answer) for part, answer in record["answers"].items()},
        waiting={OrderId(order): tuple(parts) for order, parts in record["waiting"].items()},
        told_above=tuple(record["told_above"]),
    )


def _served_from_record(record: Record) -> Served:
    told = None if record["told"] is None else availability_from_record(record["told"])
    return Served(record["units"], tuple(record["above"]), told)
