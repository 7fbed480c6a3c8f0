"""The Listings Items API: one listing's attributes submitted, and what is live read back."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from inventory_sandbox.marketplaces.amazon.attributes import (
    AVAILABILITY,
    DEFAULT_CHANNEL,
    Change,
    Issue,
    Row,
    changed_rows,
    issue,
    issues_of,
    read_attributes,
    read_patches,
)
from inventory_sandbox.marketplaces.amazon.rules import error_answer, invalid_input, not_found
from inventory_sandbox.marketplaces.assortment import ListingKind, ListingSeed
from inventory_sandbox.marketplaces.clock import iso_time
from inventory_sandbox.marketplaces.faults import SHAPE_MODES, WRITE_MODES
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.stock import Listing, Part
from inventory_sandbox.marketplaces.world import World

BASE: Final = "/listings/2021-08-01/items"
MAX_PAGED_SKUS: Final = 1_000
MAX_IDENTIFIERS: Final = 20
_FBA_CHANNEL: Final = {"A1F83G8C2ARO7P": "AMAZON_EU", "A1PA6795UKMFR9": "AMAZON_EU", "A1VC38T7YXB528": "AMAZON_JP"}
MARKETPLACE_IDS: Final = frozenset(
    {
        "ATVPDKIKX0DER",
        "A2EUQ1WTGCTBG2",
        "A1AM78C64UM0Y8",
        "A1F83G8C2ARO7P",
        "A1PA6795UKMFR9",
        "A13V1IB3VIYZZH",
        "APJ6JRA9NG5V4",
        "A1RKKUPIHCS9HS",
        "A1VC38T7YXB528",
        "A39IBJ37TRP1C6",
        "A2Q3Y263D00KWC",
    }
)


@dataclass(frozen=True, slots=True)
class Submission:
    """What one submission says about one SKU, read but not judged."""

    sku: str
    product_type: str
    changes: Sequence[Change]
    whole: bool = False
    """Attributes that are not named are gone (PUT)."""


class Listings:
    """The listings of the one seller account, over its marketplaces."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rows: dict[str, dict[str, Row]] = {}
        self._created_at: dict[str, float] = {}
        self._updated_at: dict[str, float] = {}
        self._skus: dict[str, dict[str, None]] = {}
        self.sellers: set[str] = set()

    def operations(self) -> Sequence[Operation]:
        """What is served of this API."""
        item = f"{BASE}/{{sellerId}}/{{sku:path}}"
        return (
            Operation("searchListingsItems", "GET", f"{BASE}/{{sellerId}}", self._search),
            Operation("getListingsItem", "GET", item, self._get, takes=SHAPE_MODES),
            Operation("patchListingsItem", "PATCH", item, self._patch, takes=WRITE_MODES),
            Operation("putListingsItem", "PUT", item, self._put, takes=WRITE_MODES),
            Operation("deleteListingsItem", "DELETE", item, self._delete),
        )

    def add(self, seed: ListingSeed) -> None:
        """Takes a listing of the assortment."""
        channel = DEFAULT_CHANNEL
        if seed.kind is ListingKind.FBA:
            channel = _FBA_CHANNEL.get(seed.marketplace_id, "AMAZON_NA")
        part = Part(channel, seed.quantity, seed.quantity)
        self._world.stock.add(Listing(seed, {channel: part}))
        self.sellers.add(seed.account)
        self._skus.setdefault(seed.marketplace_id, {})[seed.sku] = None
        self._created_at[seed.key] = self._updated_at[seed.key] = self._world.clock.now()

    def find(self, marketplace_id: str, sku: str) -> Listing | None:
        """The listing of that SKU in that marketplace."""
        return self._world.stock.get("amazon", f"{marketplace_id}:{sku}")

    def submit(
        self, submission: Submission, marketplaces: Sequence[str], call: Call, api: str, at: float | None = None
    ) -> list[Issue]:
        """Judges a submission and, without an ERROR in it, accepts it; a SKU that is unknown is accepted too.

        `at` is when that happens, for a feed; else now.
        """
        found = issues_of(submission.changes)
        if found:
            self._note_refused(submission, marketplaces, call, api)
            return found
        for marketplace_id in marketplaces:
            listing = self._world.stock.settled("amazon", f"{marketplace_id}:{submission.sku}")
            if listing is not None:
                self._accept(listing, submission, call, api, call.at if at is None else at)
        return []

    def _accept(self, listing: Listing, submission: Submission, call: Call, api: str, at: float) -> None:
        key = listing.seed.key
        self._updated_at[key] = at
        rows = self._submitted_rows(listing)
        after: dict[str, Row] = {} if submission.whole else rows
        for change in submission.changes:
            if change.attribute == AVAILABILITY:
                after = changed_rows(after, change)
        self._rows[key] = after
        touched = {
            str(row["fulfillment_channel_code"])
            for change in submission.changes
            if change.attribute == AVAILABILITY
            for row in change.rows
        }
        if touched and (not listing.writable or touched != {DEFAULT_CHANNEL}):
            quantity = next((_quantity(after[one]) for one in sorted(touched) if one in after), None)
            self._world.violated(listing, api, call.request_id, quantity, accepted=True)
        for channel in touched & {DEFAULT_CHANNEL}:
            part = listing.parts.get(channel)
            if part is None:
                part = listing.parts[channel] = Part(channel, 0, 0, listings=[listing])
            self._world.stock.accept(
                part,
                _quantity(after.get(channel, {})) or 0,
                request_id=call.request_id,
                api=api,
                delay_s=self._world.delay_s("amazon"),
                out_of_order=call.out_of_order,
                at=at,
            )

    def _note_refused(self, submission: Submission, marketplaces: Sequence[str], call: Call, api: str) -> None:
        if not any(change.attribute == AVAILABILITY for change in submission.changes):
            return
        for marketplace_id in marketplaces:
            listing = self._world.stock.settled("amazon", f"{marketplace_id}:{submission.sku}")
            if listing is not None and not listing.writable:
                self._world.violated(listing, api, call.request_id, None, accepted=False)

    def _submitted_rows(self, listing: Listing) -> dict[str, Row]:
        rows = self._rows.get(listing.seed.key)
        if rows is not None:
            return rows
        return {
            channel: {"fulfillment_channel_code": channel}
            | ({"quantity": part.submitted} if channel == DEFAULT_CHANNEL else {})
            for channel, part in listing.parts.items()
        }

    def _patch(self, call: Call) -> Answer:
        return self._write(call, "patches")

    def _put(self, call: Call) -> Answer:
        return self._write(call, "attributes")

    def _write(self, call: Call, form: str) -> Answer:
        marketplaces = self._marketplaces(call)
        if isinstance(marketplaces, Answer):
            return marketplaces
        if form == "attributes" and len(marketplaces) != 1:
            return invalid_input("'marketplaceIds' takes one marketplace here.")
        body = call.json_object()
        if body is None:
            return invalid_input("The request body is not a valid JSON object.")
        product_type = body.get("productType")
        if not isinstance(product_type, str) or not product_type:
            return invalid_input("'productType' is required.")
        mode = call.query.get("mode", "")
        if mode not in ("", "VALIDATION_PREVIEW"):
            return invalid_input(f"'mode' must be VALIDATION_PREVIEW: {mode!r}.")
        whole = form == "attributes"
        changes = read_attributes(body.get(form)) if whole else read_patches(body.get(form))
        if isinstance(changes, str):
            return invalid_input(changes)
        submission = Submission(call.parameters["sku"], product_type, changes, whole)
        if call.row_fails(0, 1, submission.sku):
            issues = [issue("8541", "The SKU data provided conflicts with the catalog.")]
        elif mode:
            issues = issues_of(changes)
        else:
            issues = self.submit(submission, marketplaces, call, "putListingsItem" if whole else "patchListingsItem")
        return self._submission_answer(submission.sku, issues, bool(mode), marketplaces, call)

    def _submission_answer(
        self, sku: str, issues: list[Issue], preview: bool, marketplaces: Sequence[str], call: Call
    ) -> Answer:
        status = "INVALID" if issues else "VALID" if preview else "ACCEPTED"
        answer: dict[str, object] = {
            "sku": sku,
            "status": status,
            "submissionId": call.request_id.replace("-", ""),
            "issues": issues,
        }
        if "identifiers" in call.query.get("includedData", "").split(","):
            found = [self.find(one, sku) for one in marketplaces]
            answer["identifiers"] = [
                {"marketplaceId": one.seed.marketplace_id, "asin": one.seed.asin} for one in found if one is not None
            ]
        return json_answer(200, answer)

    def _delete(self, call: Call) -> Answer:
        marketplaces = self._marketplaces(call)
        if isinstance(marketplaces, Answer):
            return marketplaces
        sku = call.parameters["sku"]
        for marketplace_id in marketplaces:
            listing = self.find(marketplace_id, sku)
            if listing is not None:
                self._world.stock.remove(listing)
                self._skus[marketplace_id].pop(sku, None)
        return self._submission_answer(sku, [], False, marketplaces, call)

    def _get(self, call: Call) -> Answer:
        marketplaces = self._marketplaces(call)
        if isinstance(marketplaces, Answer):
            return marketplaces
        sku = call.parameters["sku"]
        found = self._found(sku, marketplaces)
        if not found:
            return not_found(f"SKU '{sku}' not found in marketplace {', '.join(marketplaces)}")
        item = self._item(sku, found, _included(call))
        rows = item.get("fulfillmentAvailability")
        for row in rows if call.odd and isinstance(rows, list) else ():
            if row["fulfillmentChannelCode"] != DEFAULT_CHANNEL:
                del row["quantity"]
        return json_answer(200, item)

    def _item(self, sku: str, found: Sequence[Listing], included: frozenset[str]) -> dict[str, object]:
        item: dict[str, object] = {"sku": sku}
        if "summaries" in included:
            item["summaries"] = [self._summary(one) for one in found]
        if "attributes" in included:
            item["attributes"] = self._attributes(found[0])
        if "issues" in included:
            item["issues"] = []
        if "offers" in included:
            item["offers"] = []
        if "fulfillmentAvailability" in included:
            item["fulfillmentAvailability"] = [
                {"fulfillmentChannelCode": name, "quantity": part.live} for name, part in found[0].parts.items()
            ]
        if "productTypes" in included:
            item["productTypes"] = [
                {"marketplaceId": one.seed.marketplace_id, "productType": one.seed.product_type} for one in found
            ]
        return item

    def _summary(self, listing: Listing) -> dict[str, object]:
        seed = listing.seed
        return {
            "marketplaceId": seed.marketplace_id,
            "asin": seed.asin,
            "productType": seed.product_type,
            "conditionType": "new_new",
            "status": ["BUYABLE", "DISCOVERABLE"] if listing.live > 0 else ["DISCOVERABLE"],
            "itemName": seed.title,
            "createdDate": iso_time(self._created_at[seed.key]),
            "lastUpdatedDate": iso_time(self._updated_at[seed.key]),
        }

    def _attributes(self, listing: Listing) -> dict[str, object]:
        marketplace = {"marketplace_id": listing.seed.marketplace_id}
        rows = self._submitted_rows(listing).values()
        return {
            "item_name": [{"value": listing.seed.title, "language_tag": "en_US", **marketplace}],
            "condition_type": [{"value": "new_new", **marketplace}],
            AVAILABILITY: [{**row, **marketplace} for row in rows],
        }

    def _search(self, call: Call) -> Answer:
        marketplaces = self._marketplaces(call)
        if isinstance(marketplaces, Answer):
            return marketplaces
        page_size, start = call.whole("pageSize", 10), position_of(call.query.get("pageToken", ""))
        if page_size is None or not 1 <= page_size <= 20:
            return invalid_input("'pageSize' must be from 1 to 20.")
        if start is None:
            return invalid_input("'pageToken' is not one that was given.")
        matches = self._matches(call, marketplaces)
        if isinstance(matches, Answer):
            return matches
        reachable = min(len(matches), MAX_PAGED_SKUS)
        page = matches[start : min(start + page_size, reachable)]
        included = _included(call)
        answer: dict[str, object] = {
            "numberOfResults": len(matches),
            "items": [self._item(sku, self._found(sku, marketplaces), included) for sku in page],
        }
        pagination: dict[str, str] = {}
        if start + page_size < reachable:
            pagination["nextToken"] = page_token(start + page_size)
        if start > 0:
            pagination["previousToken"] = page_token(max(0, start - page_size))
        if pagination:
            answer["pagination"] = pagination
        return json_answer(200, answer)

    def _matches(self, call: Call, marketplaces: Sequence[str]) -> list[str] | Answer:
        """The SKUs that a search finds."""
        listed = dict.fromkeys(sku for one in marketplaces for sku in self._skus.get(one, ()))
        identifiers = [one for one in call.query.get("identifiers", "").split(",") if one]
        if not identifiers:
            return list(listed)
        kind = call.query.get("identifiersType")
        if kind not in ("SKU", "ASIN"):
            return invalid_input("'identifiersType' must be given with 'identifiers'.")
        if len(identifiers) > MAX_IDENTIFIERS:
            return invalid_input(f"'identifiers' takes at most {MAX_IDENTIFIERS} values.")
        if kind == "SKU":
            return [sku for sku in dict.fromkeys(identifiers) if sku in listed]
        return [sku for sku in listed if any(one.seed.asin in identifiers for one in self._found(sku, marketplaces))]

    def _found(self, sku: str, marketplaces: Sequence[str]) -> list[Listing]:
        return [one for one in (self.find(marketplace_id, sku) for marketplace_id in marketplaces) if one is not None]

    def _marketplaces(self, call: Call) -> list[str] | Answer:
        if call.parameters["sellerId"] not in self.sellers:
            return error_answer(403, "Unauthorized", "Access to requested resource is denied.")
        marketplaces = [one for one in call.query.get("marketplaceIds", "").split(",") if one]
        if not marketplaces:
            return invalid_input("'marketplaceIds' is required.")
        unknown = [one for one in marketplaces if one not in MARKETPLACE_IDS]
        if unknown:
            return invalid_input(f"Invalid 'marketplaceIds': {', '.join(unknown)}.")
        return marketplaces


def _included(call: Call) -> frozenset[str]:
    return frozenset((call.query.get("includedData") or "summaries").split(","))


def page_token(start: int) -> str:
    """The token of the page that begins there."""
    return base64.urlsafe_b64encode(str(start).encode()).decode()


def position_of(token: str) -> int | None:
    """Where the page of a token begins, the first without one; None for a token that was not given."""
    try:
        start = int(base64.urlsafe_b64decode(token).decode()) if token else 0
    except ValueError:
        return None
    return start if start >= 0 else None


def _quantity(row: Row) -> int | None:
    quantity = row.get("quantity")
    return quantity if isinstance(quantity, int) else None
