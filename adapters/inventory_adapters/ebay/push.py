"""Writes quantities: up to 25 SKUs in a call, each with its offer, and every row of the answer judged by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from inventory_adapters.bodies import encoded, mapping, rows, text
from inventory_adapters.ebay import auth
from inventory_adapters.ebay.failures import BELOW_AUCTION, RULES, row_facts
from inventory_adapters.ebay.settings import INVENTORY_API, EbaySettings
from inventory_adapters.exchange import Answered, Exchange
from inventory_adapters.failures import Failure, judge, of_group
from inventory_adapters.http import Json, Request
from inventory_adapters.secrets import Secret
from inventory_domain.identifiers import ListingId
from inventory_domain.outcomes import Accepted, PushOutcome, Rejected, Transient, Unauthorized
from inventory_domain.ports import Push

BULK_UPDATE = "bulkUpdatePriceQuantity"
NEEDED_IDS = ("sku", "offer_id")
ROW_MISSING = "row-missing"


async def push_group(
    pushes: Sequence[Push],
    settings: EbaySettings,
    exchange: Exchange,
    deadline_s: float,
    offers: Mapping[str, Mapping[str, int]],
) -> Mapping[ListingId, PushOutcome]:
    """Set these quantities with one call; one outcome for each.

    `offers`: by SKU, what was sent for each of its offers.
    """

    def build(token: Secret) -> Request:
        headers = auth.headers(token) | {"content-type": "application/json"}
        url = f"{settings.calls.base_url}/sell/inventory/v1/bulk_update_price_quantity"
        return Request("POST", url, headers, encoded(request_body(pushes, offers)))

    answer = await exchange.call(INVENTORY_API, build, deadline_s, writes=True)
    if not isinstance(answer, Answered):
        failure = of_group(answer, len(pushes))
        return {push.listing_id: failure.outcome(push.listing_id, BULK_UPDATE) for push in pushes}
    judged = rows(mapping(answer.body).get("responses"))
    return {push.listing_id: _outcome(push, judged, answer) for push in pushes}


def request_body(pushes: Sequence[Push], offers: Mapping[str, Mapping[str, int]]) -> dict[str, object]:
    """The body of the call.

    What buyers see is the smaller of the SKU's and the offer's quantity, so both are set together. A SKU that stands on
    two sites is one row with two offers, and its own quantity the larger of theirs.
    """
    by_sku: dict[str, list[Push]] = {}
    for push in pushes:
        by_sku.setdefault(push.marketplace_ids["sku"], []).append(push)
    return {
        "requests": [
            {
                "sku": sku,
                "shipToLocationAvailability": {
                    "quantity": max(*offers.get(sku, {}).values(), *(each.quantity for each in group), 0)
                },
                "offers": [
                    {"offerId": each.marketplace_ids["offer_id"], "availableQuantity": each.quantity} for each in group
                ],
            }
            for sku, group in by_sku.items()
        ]
    }


def _outcome(push: Push, judged: Sequence[dict[str, Json]], answer: Answered) -> PushOutcome:
    own = [row for row in judged if _is_about(row, push)]
    if any(_is_of_offer(row) and row_facts(row, answer.status).is_success() for row in own):
        # The SKU keeps more than its auction needs, so the offer's number, which was taken, is the smaller: it shows.
        own = [row for row in own if _is_of_offer(row) or row_facts(row, answer.status).codes != (BELOW_AUCTION,)]
    failures = [
        judge(RULES, facts, writes=True) for row in own if not (facts := row_facts(row, answer.status)).is_success()
    ]
    if not failures and not any(_is_of_offer(row) for row in own):
        # "For each offer/inventory item being updated": without its own row nothing is said of the offer.
        failures = [Failure(then=Transient, reason=ROW_MISSING, status=answer.status, effect_unknown=True)]
    if not failures:
        return Accepted(
            listing_id=push.listing_id,
            api=BULK_UPDATE,
            reason="accepted",
            request_id=answer.request_id,
            status=200,
            seen=answer.seen,
        )
    worst = min(failures, key=_severity)
    # Where the SKU's row was applied and the offer's was not, the listing may show either number.
    unknown = worst.effect_unknown or len(failures) < len(own)
    failure = replace(worst, effect_unknown=unknown, request_id=answer.request_id, seen=answer.seen)
    return failure.outcome(push.listing_id, BULK_UPDATE)


def _is_about(row: dict[str, Json], push: Push) -> bool:
    """Whether a row is the listing's: by its offer, or by its SKU when it names no offer."""
    offer = text(row.get("offerId"))
    if offer:
        return offer == push.marketplace_ids["offer_id"]
    return text(row.get("sku")) == push.marketplace_ids["sku"]


def _is_of_offer(row: dict[str, Json]) -> bool:
    return bool(text(row.get("offerId")))


def _severity(failure: Failure) -> int:
    order = (Unauthorized, Rejected)
    return order.index(failure.then) if failure.then in order else len(order)
