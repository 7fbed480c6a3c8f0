"""What a submission may say about a listing's attributes, and what it makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MAX_QUANTITY: Final = 2_147_483_647
AVAILABILITY: Final = "fulfillment_availability"
DEFAULT_CHANNEL: Final = "DEFAULT"
_CHANNELS: Final = frozenset({DEFAULT_CHANNEL, "AMAZON_NA", "AMAZON_EU", "AMAZON_JP"})
_KNOWN_ATTRIBUTES: Final = frozenset(
    {AVAILABILITY, "purchasable_offer", "item_name", "condition_type", "list_price", "merchant_shipping_group", "brand"}
)
_OPERATIONS: Final = frozenset({"add", "replace", "merge", "delete"})
Issue = dict[str, object]
Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Change:
    """One patch as read: what is done to one attribute with which rows."""

    op: str
    attribute: str
    rows: tuple[Mapping[str, object], ...]


def issue(code: str, message: str, attribute: str = "", severity: str = "ERROR") -> Issue:
    """One issue of a submission."""
    found: Issue = {"code": code, "message": message, "severity": severity, "categories": ["INVALID_ATTRIBUTE"]}
    if attribute:
        found["attributeNames"] = [attribute]
    return found


def read_patches(raw: object) -> list[Change] | str:
    """The patches of a request; text that names the fault when the request is not one at all."""
    if not isinstance(raw, list) or not raw:
        return "'patches' must be a list with at least one entry."
    changes: list[Change] = []
    for patch in raw:
        if not isinstance(patch, dict):
            return "Each entry of 'patches' must be an object."
        op, path, value = patch.get("op"), patch.get("path"), patch.get("value", [])
        if not isinstance(op, str) or op not in _OPERATIONS:
            return f"'op' must be one of add, replace, merge, delete: {op!r}."
        if not isinstance(path, str) or not path.startswith("/attributes/"):
            return f"'path' must name an attribute as in /attributes/{AVAILABILITY}: {path!r}."
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            return "'value' must be a list of objects."
        changes.append(Change(op, path.removeprefix("/attributes/"), tuple(value)))
    return changes


def read_attributes(raw: object) -> list[Change] | str:
    """A whole set of attributes, as PUT and a feed's UPDATE send it, as replacements."""
    if not isinstance(raw, dict):
        return "'attributes' must be an object."
    changes: list[Change] = []
    for name, value in raw.items():
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            return f"'{name}' must be a list of objects."
        changes.append(Change("replace", str(name), tuple(value)))
    return changes


def issues_of(changes: Sequence[Change]) -> list[Issue]:
    """What Amazon finds wrong with the changes; each is an ERROR and makes the submission INVALID."""
    found: list[Issue] = []
    for change in changes:
        if "/" in change.attribute or change.attribute not in _KNOWN_ATTRIBUTES:
            found.append(issue("90000900", "The attributes are invalid.", change.attribute))
        elif change.attribute == AVAILABILITY:
            found.extend(_availability_issues(change))
    return found


def _availability_issues(change: Change) -> list[Issue]:
    found: list[Issue] = []
    if not change.rows and change.op != "delete":
        found.append(issue("99022", f"'{AVAILABILITY}' does not have enough values.", AVAILABILITY))
    for row in change.rows:
        channel, quantity = row.get("fulfillment_channel_code"), row.get("quantity", 0)
        if channel is None:
            found.append(issue("99022", "'fulfillment_channel_code' does not have enough values.", AVAILABILITY))
        elif not isinstance(channel, str) or channel not in _CHANNELS:
            text = f"'{channel}' is not a valid value of 'fulfillment_channel_code'."
            found.append(issue("4000001", text, AVAILABILITY))
        if isinstance(quantity, bool) or not isinstance(quantity, int) or not 0 <= quantity <= MAX_QUANTITY:
            text = f"The value '{quantity}' of 'quantity' is not a whole number from 0 to {MAX_QUANTITY}."
            found.append(issue("4000003", text, AVAILABILITY))
    return found


def changed_rows(rows: Mapping[str, Row], change: Change) -> dict[str, Row]:
    """The availability rows by channel after a change: rows of other channels stay as they are."""
    after = {channel: dict(row) for channel, row in rows.items()}
    if change.op == "delete":
        named = [str(row.get("fulfillment_channel_code")) for row in change.rows]
        for channel in named or list(after):
            after.pop(channel, None)
        return after
    for row in change.rows:
        channel = str(row["fulfillment_channel_code"])
        kept = after.get(channel, {}) if change.op == "merge" else {}
        after[channel] = {**kept, **row}
    return after
