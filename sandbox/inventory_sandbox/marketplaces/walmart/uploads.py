"""Inventory feeds as they are uploaded: out of the multipart body, JSON or XML, into rows of SKU, node and quantity."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree

import python_multipart
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File

from inventory_sandbox.marketplaces.walmart.xml import local_name

SINGLE: Final = "inventory"
MULTI: Final = "MP_INVENTORY"
MAX_BYTES: Final = {SINGLE: 10 * 1024 * 1024, MULTI: 1024 * 1024}
MAX_ITEMS: Final = 10_000
# Header and list as each type spells them: capitals in one, none in the other.
_KEYS: Final = {SINGLE: ("InventoryHeader", "Inventory", "1.4"), MULTI: ("inventoryHeader", "inventory", "1.5")}
WRONG_FORM: Final = "ERR_EXT_DATA_0503009"


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One quantity of a feed: of an item (its place in the file), at a node ("" is the default one)."""

    index: int
    sku: str
    node: str
    quantity: object


@dataclass(frozen=True, slots=True)
class FeedFile:
    """What a file holds: rows, or why the whole feed is in error."""

    items: int
    rows: tuple[FeedRow, ...]
    error: str = ""


def uploaded_file(headers: Mapping[str, str], body: bytes) -> bytes | None:
    """The content of the field `file`; None when there is none."""
    found: list[bytes] = []

    def on_file(file: File) -> None:
        if file.field_name == b"file":
            file.file_object.seek(0)
            found.append(file.file_object.read())
        file.close()

    def on_field(field: Field) -> None:
        if field.field_name == b"file" and field.value is not None:
            found.append(field.value)

    try:
        python_multipart.parse_form(
            {"Content-Type": headers.get("content-type", "").encode()}, io.BytesIO(body), on_field, on_file
        )
    except (FormParserError, ValueError):
        return None
    return found[0] if found else None


def read_feed(kind: str, content: bytes) -> FeedFile | None:
    """The feed in a file; None when it is neither JSON nor, where that is taken, XML."""
    if content.lstrip()[:1] == b"<":
        return _read_xml(content) if kind == SINGLE else None
    try:
        feed = json.loads(content)
    except ValueError:
        return None
    header_name, list_name, version = _KEYS[kind]
    header = feed.get(header_name) if isinstance(feed, dict) else None
    items = feed.get(list_name) if isinstance(feed, dict) else None
    if not isinstance(header, dict) or not isinstance(items, list):
        return FeedFile(0, (), f"{WRONG_FORM} The feed needs {header_name} and {list_name}.")
    if header.get("version") != version:
        return FeedFile(len(items), (), f"{WRONG_FORM} The version of {kind} is {version}.")
    if not 1 <= len(items) <= MAX_ITEMS:
        return FeedFile(len(items), (), f"{WRONG_FORM} A feed has 1 to {MAX_ITEMS} items.")
    rows: list[FeedRow] = []
    for index, item in enumerate(items):
        rows.extend(_rows(index, item if isinstance(item, dict) else {}, kind))
    return FeedFile(len(items), tuple(rows))


def _rows(index: int, item: Mapping[str, object], kind: str) -> list[FeedRow]:
    sku = str(item.get("sku", ""))
    if kind == SINGLE:
        return [FeedRow(index, sku, str(item.get("shipNode", "")), _amount(item.get("quantity")))]
    nodes = item.get("shipNodes")
    if not isinstance(nodes, list) or not nodes:
        return [FeedRow(index, sku, "", None)]
    return [
        FeedRow(index, sku, str(one.get("shipNode", "")), _amount(one.get("quantity")))
        for one in nodes
        if isinstance(one, dict)
    ]


def _amount(quantity: object) -> object:
    if not isinstance(quantity, dict) or quantity.get("unit") != "EACH":
        return None
    return quantity.get("amount")


def _read_xml(content: bytes) -> FeedFile | None:
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError:
        return None
    rows: list[FeedRow] = []
    items = [one for one in root if local_name(one.tag) == "inventory"]
    for index, item in enumerate(items):
        fields = {local_name(one.tag): (one.text or "").strip() for one in item.iter()}
        amount = fields.get("amount", "")
        quantity = int(amount) if amount.isascii() and amount.isdigit() else None
        rows.append(FeedRow(index, fields.get("sku", ""), fields.get("shipNode", ""), quantity))
    if not items:
        return FeedFile(0, (), f"{WRONG_FORM} The feed has no inventory.")
    return FeedFile(len(items), tuple(rows))
