"""The inventory mutations, with the rules of each API version."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from graphql import GraphQLError, GraphQLResolveInfo, get_directive_values

from inventory_sandbox.marketplaces.clock import iso_time
from inventory_sandbox.marketplaces.http import Call
from inventory_sandbox.marketplaces.shopify.idempotency import IdempotencyStore
from inventory_sandbox.marketplaces.shopify.schemas import VersionSchema
from inventory_sandbox.marketplaces.shopify.shop import MAX_QUANTITY, Item, Shop
from inventory_sandbox.marketplaces.shopify.values import Values
from inventory_sandbox.marketplaces.stock import Part

MAX_ROWS: Final = 250
REASONS: Final = frozenset(
    {
        "correction",
        "cycle_count_available",
        "damaged",
        "movement_created",
        "movement_updated",
        "movement_received",
        "movement_canceled",
        "other",
        "promotion",
        "quality_control",
        "received",
        "reservation_created",
        "reservation_deleted",
        "reservation_updated",
        "restock",
        "safety_stock",
        "shrinkage",
    }
)
Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Context:
    """What a resolver is told about the call it works for."""

    call: Call
    version: VersionSchema


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity to be set, found and checked: an item, its part at a location, and the available units after."""

    item: Item
    part: Part
    available: int


class Mutations:
    """The mutations that change quantities, and where they are stocked."""

    def __init__(self, shop: Shop, values: Values) -> None:
        self._shop = shop
        self._values = values
        self._keys = IdempotencyStore()

    def root(self) -> Mapping[str, Callable[..., Json]]:
        """The resolvers by name."""
        return {
            "inventorySetQuantities": self._set_quantities,
            "inventorySetOnHandQuantities": self._set_on_hand,
            "inventoryAdjustQuantities": self._adjust_quantities,
            "inventoryActivate": self._activate,
            "inventoryDeactivate": self._deactivate,
            "inventoryItemUpdate": self._item_update,
        }

    def _set_quantities(self, info: GraphQLResolveInfo[Context], input: Json) -> Json:
        return self._once(info, input, self._set_quantities_now)

    def _set_on_hand(self, info: GraphQLResolveInfo[Context], input: Json) -> Json:
        renamed = {**input, "name": "on_hand", "quantities": input["setQuantities"], "ignoreCompareQuantity": True}
        return self._once(info, renamed, self._set_quantities_now)

    def _adjust_quantities(self, info: GraphQLResolveInfo[Context], input: Json) -> Json:
        return self._once(info, input, self._adjust_quantities_now)

    def _once(
        self, info: GraphQLResolveInfo[Context], inputs: Json, run: Callable[[GraphQLResolveInfo[Context], Json], Json]
    ) -> Json:
        """Runs a mutation under its idempotency key: required from 2026-04 on, optional before."""
        context = info.context
        key = _idempotency_key(info, context.version)
        if key is None:
            return run(info, inputs)
        known, code = self._keys.begin(key, info.field_name, inputs, context.call)
        if known is not None:
            return known
        if code:
            return _refused([_error(code, [], code.replace("_", " ").capitalize() + ".")])
        result = run(info, inputs)
        self._keys.end(key, result)
        return result

    def _set_quantities_now(self, info: GraphQLResolveInfo[Context], inputs: Json) -> Json:
        context = info.context
        raw_rows = _rows(inputs["quantities"])
        name = str(inputs["name"])
        errors = _input_errors(inputs, name)
        rows: list[Row] = []
        if not errors:
            _check_compare_fields(raw_rows, inputs, context.version)
            errors = _duplicates(raw_rows)
        for index, raw in enumerate(raw_rows if not errors else ()):
            row = self._row(raw, index, len(raw_rows), name, context.call, "quantities", info.field_name)
            if isinstance(row, Row):
                wrong = _stale(raw, row, name, self._shop, inputs, context.version, index)
                row = wrong if wrong is not None else row
            (rows if isinstance(row, Row) else errors).append(row)  # type: ignore[arg-type]
        return _refused(errors) if errors else self._write(rows, inputs, name, context.call, info.field_name)

    def _adjust_quantities_now(self, info: GraphQLResolveInfo[Context], inputs: Json) -> Json:
        context = info.context
        raw_rows = _rows(inputs["changes"])
        name = str(inputs["name"])
        errors = _input_errors(inputs, name, "INVALID_QUANTITY_NAME", ("available",))
        rows: list[Row] = []
        for index, raw in enumerate(raw_rows if not errors else ()):
            if context.version.wants_change_from and "changeFromQuantity" not in raw:
                raise GraphQLError("changeFromQuantity must be given.", extensions={"code": "BAD_REQUEST"})
            part = self._part(raw)
            after = (part.submitted if part is not None else 0) + _int(raw["delta"])
            row = self._row(
                {**raw, "quantity": after}, index, len(raw_rows), name, context.call, "changes", info.field_name
            )
            if isinstance(row, Row):
                wrong = _stale(raw, row, name, self._shop, {"ignoreCompareQuantity": True}, context.version, index)
                row = wrong if wrong is not None else row
            (rows if isinstance(row, Row) else errors).append(row)  # type: ignore[arg-type]
        return _refused(errors) if errors else self._write(rows, inputs, name, context.call, info.field_name)

    def _part(self, raw: Json) -> Part | None:
        item = self._shop.items.get(str(raw["inventoryItemId"]))
        return item.listing.parts.get(str(raw["locationId"])) if item is not None else None

    def _row(self, raw: Json, index: int, count: int, name: str, call: Call, where: str, api: str) -> Row | Json:
        path = ["input", where, str(index)]
        quantity = _int(raw["quantity"])
        item = self._shop.items.get(str(raw["inventoryItemId"]))
        if item is None:
            text = "The specified inventory item could not be found."
            return _error("INVALID_INVENTORY_ITEM", [*path, "inventoryItemId"], text)
        location = self._shop.locations.get(str(raw["locationId"]))
        if location is None or not location.active:
            return _error("INVALID_LOCATION", [*path, "locationId"], "The specified location could not be found.")
        if location.fulfillment_service:
            self._shop.violated(item, quantity, call, api)
            text = "The inventory item cannot be changed at a fulfillment service's location."
            return _error("NON_MUTABLE_INVENTORY_ITEM", [*path, "inventoryItemId"], text)
        part = item.listing.parts.get(location.gid)
        if part is None or call.row_fails(index, count, f"{item.sku} {item.gid} {location.gid}"):
            text = "The specified inventory item is not stocked at the location."
            return _error("ITEM_NOT_STOCKED_AT_LOCATION", [*path, "locationId"], text)
        if quantity < 0 and where == "quantities":
            return _error("INVALID_QUANTITY_NEGATIVE", [*path, "quantity"], "The quantity can't be negative.")
        if quantity > MAX_QUANTITY:
            text = "The quantity can't be higher than 1,000,000,000."
            return _error("INVALID_QUANTITY_TOO_HIGH", [*path, "quantity"], text)
        return Row(item, part, quantity - (part.reserved if name == "on_hand" else 0))

    def _write(self, rows: Sequence[Row], inputs: Json, name: str, call: Call, api: str) -> Json:
        changes: list[Json] = []
        for row in rows:
            delta = row.available - row.part.submitted
            self._shop.set(row.item, row.part, row.available, call, api)
            for changed in ("available", "on_hand") if delta else ():
                changes.append(
                    {
                        "name": changed,
                        "delta": delta,
                        "quantityAfterChange": self._shop.quantity(row.part, changed),
                        "ledgerDocumentUri": None,
                        "item": self._values.item(row.item),
                        "location": self._values.location(self._shop.locations[row.part.name]),
                    }
                )
        if not changes:  # nothing was changed, so there is no group of changes
            return {"inventoryAdjustmentGroup": None, "userErrors": []}
        group: Json = {
            "__typename": "InventoryAdjustmentGroup",
            "id": f"gid://shopify/InventoryAdjustmentGroup/{int(call.request_id.replace('-', '')[:12], 16)}",
            "createdAt": iso_time(call.at),
            "reason": inputs["reason"],
            "referenceDocumentUri": inputs.get("referenceDocumentUri"),
            "changes": changes,
        }
        return {"inventoryAdjustmentGroup": group, "userErrors": []}

    def _activate(self, info: GraphQLResolveInfo[Context], **arguments: object) -> Json:
        return self._once(info, arguments, self._activate_now)

    def _activate_now(self, info: GraphQLResolveInfo[Context], inputs: Json) -> Json:
        call = info.context.call
        location_id = str(inputs["locationId"])
        item, location = self._shop.items.get(str(inputs["inventoryItemId"])), self._shop.locations.get(location_id)
        if item is None or location is None or not location.active:
            field = "inventoryItemId" if item is None else "locationId"
            return _not_activated(field, f"The {field} could not be found.")
        named = next((name for name in ("available", "onHand") if inputs.get(name) is not None), None)
        units = _int(inputs[named]) if named is not None else None
        if named is not None and units is not None:
            if not 0 <= units <= MAX_QUANTITY:
                return _not_activated(named, f"The quantity must be from 0 to {MAX_QUANTITY:,}.")
            if location.fulfillment_service:
                self._shop.violated(item, units, call, info.field_name)
                return _not_activated(named, "The quantity cannot be set at a fulfillment service's location.")
        part = self._shop.stock_at(item, location_id, call)
        if units is not None:
            self._shop.set(item, part, units, call, info.field_name)
        return {"inventoryLevel": self._values.level(item, part), "userErrors": []}

    def _deactivate(self, info: GraphQLResolveInfo[Context], inventoryLevelId: str) -> Json:  # noqa: N803
        numbers = inventoryLevelId.rpartition("/")[2]
        location, _, item_number = numbers.partition("?inventory_item_id=")
        item = self._shop.items.get(f"gid://shopify/InventoryItem/{item_number}")
        gid = f"gid://shopify/Location/{location}"
        if item is None or gid not in item.listing.parts:
            return {"userErrors": [{"field": None, "message": "The product couldn't be unstocked."}]}
        if len(item.listing.parts) == 1:
            text = "The product couldn't be unstocked because products need to be stocked at a minimum of 1 location."
            return {"userErrors": [{"field": None, "message": text}]}
        del item.listing.parts[gid]
        return {"userErrors": []}

    def _item_update(self, info: GraphQLResolveInfo[Context], id: str, input: Json) -> Json:
        item = self._shop.items.get(id)
        if item is None:
            error = {"field": ["id"], "message": "The product couldn't be updated because it does not exist."}
            return {"inventoryItem": None, "userErrors": [error]}
        if isinstance(input.get("tracked"), bool):
            item.tracked = bool(input["tracked"])
        if isinstance(input.get("sku"), str):
            item.sku = str(input["sku"])
        return {"inventoryItem": self._values.item(item), "userErrors": []}


def _idempotency_key(info: GraphQLResolveInfo[Context], version: VersionSchema) -> str | None:
    directive = version.schema.get_directive("idempotent")
    found = None
    if directive is not None:
        found = get_directive_values(directive, info.field_nodes[0], info.variable_values)
    if not found:
        if version.wants_change_from:
            text = "The @idempotent directive is required for this mutation but was not provided."
            raise GraphQLError(text, extensions={"code": "BAD_REQUEST"})
        return None
    key = str(found["key"])
    if not key.strip():
        raise GraphQLError("The idempotency key cannot be empty.", extensions={"code": "BAD_REQUEST"})
    return key


def _rows(raw: object) -> list[Json]:
    rows = raw if isinstance(raw, list) else []
    if len(rows) > MAX_ROWS:
        text = f"The input array size of {len(rows)} is greater than the maximum allowed of {MAX_ROWS}."
        raise GraphQLError(text, extensions={"code": "MAX_INPUT_SIZE_EXCEEDED"})
    return rows


def _input_errors(
    inputs: Json, name: str, name_code: str = "INVALID_NAME", names: Sequence[str] = ("available", "on_hand")
) -> list[Json]:
    errors: list[Json] = []
    if name not in names:
        errors.append(_error(name_code, ["input", "name"], f"The quantity name must be {' or '.join(names)}."))
    if inputs.get("reason") not in REASONS:
        errors.append(_error("INVALID_REASON", ["input", "reason"], "The specified reason is invalid."))
    uri = inputs.get("referenceDocumentUri")
    if uri is not None and "://" not in str(uri):
        text = "The specified reference document is invalid."
        errors.append(_error("INVALID_REFERENCE_DOCUMENT", ["input", "referenceDocumentUri"], text))
    return errors


def _check_compare_fields(rows: Sequence[Json], inputs: Json, version: VersionSchema) -> None:
    """From 2026-04 on every row says what it changes from, even if that is null."""
    if version.wants_change_from and any("changeFromQuantity" not in row for row in rows):
        text = "changeFromQuantity must be given for every quantity; null skips the comparison."
        raise GraphQLError(text, extensions={"code": "BAD_REQUEST"})


def _stale(raw: Json, row: Row, name: str, shop: Shop, inputs: Json, version: VersionSchema, index: int) -> Json | None:
    current = shop.quantity(row.part, name)
    path = ["input", "quantities", str(index)]
    if raw.get("changeFromQuantity") is not None and raw["changeFromQuantity"] != current:
        text = "The changeFromQuantity argument no longer matches the persisted quantity."
        return _error("CHANGE_FROM_QUANTITY_STALE", [*path, "changeFromQuantity"], text)
    if version.wants_change_from or "changeFromQuantity" in raw or inputs.get("ignoreCompareQuantity"):
        return None
    if raw.get("compareQuantity") is None:
        text = "The compareQuantity argument must be given to each quantity or ignored using ignoreCompareQuantity."
        return _error("COMPARE_QUANTITY_REQUIRED", ["input", "ignoreCompareQuantity"], text)
    if raw["compareQuantity"] != current:
        text = "The compareQuantity value does not match persisted value."
        return _error("COMPARE_QUANTITY_STALE", [*path, "compareQuantity"], text)
    return None


def _duplicates(rows: Sequence[Json]) -> list[Json]:
    seen: set[tuple[object, object]] = set()
    for index, row in enumerate(rows):
        pair = (row["inventoryItemId"], row["locationId"])
        if pair in seen:
            text = "The combination of inventoryItemId and locationId must be unique."
            path = ["input", "quantities", str(index), "locationId"]
            return [_error("NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR", path, text)]
        seen.add(pair)
    return []


def _error(code: str, field: Sequence[str], message: str) -> Json:
    return {"code": code, "field": list(field), "message": message}


def _refused(errors: list[Json]) -> Json:
    return {"inventoryAdjustmentGroup": None, "userErrors": errors}


def _not_activated(field: str, message: str) -> Json:
    return {"inventoryLevel": None, "userErrors": [{"field": [field], "message": message}]}


def _int(value: object) -> int:
    assert isinstance(value, int)  # the schema says Int!
    return value
