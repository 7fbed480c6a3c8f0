"""Writes quantities: rows of item and location in one mutation, in the words of each version of the API."""

from __future__ import annotations

import json
import uuid
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from inventory_adapters.bodies import encoded, mapping, rows, text
from inventory_adapters.exchange import Answered, Exchange
from inventory_adapters.failures import Failure, judge, of_group, refused_here
from inventory_adapters.guards import NEVER_WRITTEN, NO_NODES
from inventory_adapters.http import Json, Request
from inventory_adapters.secrets import Secret
from inventory_adapters.shopify import auth
from inventory_adapters.shopify.failures import RULES, SAME_KEY_RUNNING, user_error_facts
from inventory_adapters.shopify.settings import GRAPHQL, ShopifySettings
from inventory_domain.identifiers import ListingId, NodeId
from inventory_domain.outcomes import GROUP_REFUSED, UNRECOGNIZED, Applied, PushOutcome, Rejected, Transient
from inventory_domain.ports import Push

SET_QUANTITIES: Final = "inventorySetQuantities"
NEEDED_IDS: Final = ("inventory_item_id",)
TOO_MANY_LOCATIONS: Final = "too-many-locations"
SAME_ROW_TWICE: Final = "same-row-twice"

# 2025-10 wants the comparison waived for the whole input; from 2026-01 each row may say null; from 2026-04 it must.
WAIVES_FOR_ALL: Final = frozenset({"2025-10"})
# The directive came with 2026-01 and is required from 2026-04 on; where it exists it is always sent.
NO_IDEMPOTENCY: Final = frozenset({"2025-10"})

_KEYS: Final = uuid.UUID("6a1e9d0e-3a55-5e57-9f6b-1f0f4c2b7d10")  # our namespace for keys of groups of pushes
_ANSWER: Final = "{ inventoryAdjustmentGroup { id } userErrors { code field message } }"


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity at one location, and the push that it is of."""

    listing_id: ListingId
    item: str
    location: NodeId
    quantity: int


async def push_group(
    pushes: Sequence[Push], settings: ShopifySettings, exchange: Exchange, deadline_s: float
) -> Mapping[ListingId, PushOutcome]:
    """Set these quantities with one call; one outcome for each."""
    table = [row for push in pushes for row in rows_of(push)]
    body = encoded({"query": mutation(settings.version), "variables": variables(table, pushes, settings)})

    def build(token: Secret) -> Request:
        return auth.request(settings, token, body)

    answer = await exchange.call(GRAPHQL, build, deadline_s, writes=True)
    if not isinstance(answer, Answered):
        failure = of_group(answer, len(pushes))
        return {push.listing_id: failure.outcome(push.listing_id, SET_QUANTITIES) for push in pushes}
    failures = _failures(table, pushes, answer)
    outcomes: dict[ListingId, PushOutcome] = {}
    for push in pushes:
        failed = failures.get(push.listing_id)
        if failed is not None:
            failed = replace(failed, request_id=answer.request_id, seen=answer.seen)
            outcomes[push.listing_id] = failed.outcome(push.listing_id, SET_QUANTITIES)
        else:
            outcomes[push.listing_id] = Applied(
                listing_id=push.listing_id,
                api=SET_QUANTITIES,
                reason="applied",
                request_id=answer.request_id,
                status=answer.status,
                seen=answer.seen,
            )
    return outcomes


def refusals(
    pushes: Sequence[Push], locations_max: int, never_written: Container[NodeId]
) -> dict[ListingId, PushOutcome]:
    """The outcomes of pushes that have no locations, or too many, or one that is never written, or a row that another
    push of the group has too."""
    refused: dict[ListingId, PushOutcome] = {}
    taken: set[tuple[str, NodeId]] = set()
    for push in pushes:
        pairs = {(row.item, row.location) for row in rows_of(push)}
        failure: Failure | None = None
        if not push.nodes:
            failure = refused_here(NO_NODES, "a quantity at Shopify is per location, and the listing has none")
        elif len(push.nodes) > locations_max:
            failure = refused_here(TOO_MANY_LOCATIONS, f"{len(push.nodes)} locations, at most {locations_max}")
        elif any(node in never_written for node in push.nodes):
            failure = refused_here(NEVER_WRITTEN, "a fulfillment service keeps the stock of one of the locations")
        elif pairs & taken:
            failure = refused_here(SAME_ROW_TWICE, "another listing of the call has the same item and location")
        if failure is not None:
            refused[push.listing_id] = failure.outcome(push.listing_id, SET_QUANTITIES)
        else:
            taken |= pairs
    return refused


def rows_of(push: Push) -> list[Row]:
    """The rows of one push, in an order that does not change."""
    item = push.marketplace_ids["inventory_item_id"]
    return [Row(push.listing_id, item, node, units) for node, units in sorted(push.nodes.items())]


def mutation(version: str) -> str:
    """The mutation in the words of this version."""
    if version in NO_IDEMPOTENCY:
        return f"mutation Set($input: InventorySetQuantitiesInput!) {{ {SET_QUANTITIES}(input: $input) {_ANSWER} }}"
    return (
        f"mutation Set($input: InventorySetQuantitiesInput!, $key: String!) "
        f"{{ {SET_QUANTITIES}(input: $input) @idempotent(key: $key) {_ANSWER} }}"
    )


def variables(table: Sequence[Row], pushes: Sequence[Push], settings: ShopifySettings) -> dict[str, object]:
    """The input of the mutation. The key is the same for a repeat of the same attempts, and for nothing else."""
    key = str(uuid.uuid5(_KEYS, json.dumps([[push.key, push.quantity, push.version] for push in pushes])))
    waives_for_all = settings.version in WAIVES_FOR_ALL
    quantities: list[dict[str, object]] = [
        {"inventoryItemId": row.item, "locationId": row.location, "quantity": row.quantity}
        | ({} if waives_for_all else {"changeFromQuantity": None})
        for row in table
    ]
    given: dict[str, object] = {
        "name": "available",
        "reason": settings.reason,
        "referenceDocumentUri": f"gid://inventory-sync/Push/{key}",
        "quantities": quantities,
    }
    if waives_for_all:
        given["ignoreCompareQuantity"] = True
    return {"input": given} if settings.version in NO_IDEMPOTENCY else {"input": given, "key": key}


def _failures(table: Sequence[Row], pushes: Sequence[Push], answer: Answered) -> Mapping[ListingId, Failure]:
    """What failed, by listing: the rows that user errors name, and with them the rest of the call."""
    payload = mapping(mapping(mapping(answer.body).get("data")).get(SET_QUANTITIES))
    if not isinstance(payload.get("userErrors"), list):
        lost = Failure(then=Transient, reason=UNRECOGNIZED, status=answer.status, effect_unknown=True)
        return dict.fromkeys((push.listing_id for push in pushes), of_group(lost, len(pushes)))
    errors = rows(payload.get("userErrors"))
    if not errors:
        return {}
    named: dict[ListingId, Failure] = {}
    named_rows: set[int] = set()
    unnamed: Failure | None = None
    for error in errors:
        # The call was understood and refused, so nothing of it was written, unless the same call is under way already.
        failure = judge(RULES, user_error_facts(error), writes=True)
        failure = replace(failure, effect_unknown=failure.reason == SAME_KEY_RUNNING)
        index = row_index(error)
        if index is not None and index < len(table):
            named_rows.add(index)
            listing = table[index].listing_id
            if listing not in named or failure.then is Rejected:
                named[listing] = failure
        elif unnamed is None or failure.then is Rejected:
            unnamed = failure
    if unnamed is not None:
        rest = of_group(unnamed, len(pushes))
    else:
        # That all rows are refused with one is not documented: the others may have been written, also those of a
        # listing of which one location was refused.
        rest = Failure(then=Transient, reason=GROUP_REFUSED, status=answer.status, effect_unknown=True)
        for index, row in enumerate(table):
            if index not in named_rows and row.listing_id in named:
                named[row.listing_id] = replace(named[row.listing_id], effect_unknown=True)
    return {push.listing_id: named.get(push.listing_id, rest) for push in pushes}


def row_index(error: dict[str, Json]) -> int | None:
    """Which row of `quantities` a user error is about: its field is a path like input, quantities, 3, quantity."""
    field = error.get("field")
    path = [text(part) for part in field] if isinstance(field, list) else []
    if "quantities" in path:
        after = path[path.index("quantities") + 1 :]
        if after and after[0] is not None and after[0].isdecimal():
            return int(after[0])
    return None
