"""Writes one quantity: a patch of the listing's seller-fulfilled row, in one country."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from inventory_adapters.amazon import auth
from inventory_adapters.amazon.settings import PATCH_LISTING, AmazonSettings
from inventory_adapters.bodies import encoded, mapping, text
from inventory_adapters.exchange import Answered, Exchange
from inventory_adapters.failures import Failure
from inventory_adapters.http import Request
from inventory_adapters.secrets import Secret
from inventory_domain.bulk import CheckAnswer, CheckPassed
from inventory_domain.clock import Clock
from inventory_domain.outcomes import UNRECOGNIZED, Accepted, PushOutcome, Transient
from inventory_domain.ports import Push

# The row of stock that the seller holds. Any other row (AMAZON_NA, ...) is FBA's, and would be added, not changed.
SELLER_FULFILLED = "DEFAULT"
NEEDED_IDS = ("seller_sku",)
ANY_PRODUCT_TYPE = "PRODUCT"  # accepted where the real type is not known


async def push_one(
    push: Push, settings: AmazonSettings, exchange: Exchange, clock: Clock, deadline_s: float
) -> PushOutcome:
    """Set the quantity of one listing. An answer of ACCEPTED means queued: only a read tells that it is live."""

    def build(token: Secret) -> Request:
        headers = auth.headers(settings, token, clock) | {"content-type": "application/json"}
        return Request("PATCH", address(push, settings), headers, encoded(patch(push, settings.patch_op)))

    answer = await exchange.call(PATCH_LISTING, build, deadline_s, writes=True)
    if not isinstance(answer, Answered):
        return answer.outcome(push.listing_id, PATCH_LISTING)
    body = mapping(answer.body)
    if body.get("status") != "ACCEPTED":
        return Transient(
            listing_id=push.listing_id,
            api=PATCH_LISTING,
            reason=UNRECOGNIZED,
            request_id=answer.request_id,
            status=answer.status,
            error=f"status {body.get('status')!r}"[:100],
            effect_unknown=True,
            seen=answer.seen,
        )
    return Accepted(
        listing_id=push.listing_id,
        api=PATCH_LISTING,
        reason="accepted",
        request_id=text(body.get("submissionId")) or answer.request_id,
        status=answer.status,
        seen=answer.seen,
    )


async def check_one(
    push: Push, settings: AmazonSettings, exchange: Exchange, clock: Clock, deadline_s: float
) -> CheckAnswer:
    """What Amazon says to the very call that `push_one` would make, made as a preview that writes nothing."""

    def build(token: Secret) -> Request:
        headers = auth.headers(settings, token, clock) | {"content-type": "application/json"}
        url = f"{address(push, settings)}&mode=VALIDATION_PREVIEW"
        return Request("PATCH", url, headers, encoded(patch(push, settings.patch_op)))

    answer = await exchange.call(PATCH_LISTING, build, deadline_s, writes=False)
    if not isinstance(answer, Answered):
        return answer.check_answer(push.listing_id, PATCH_LISTING)
    status = mapping(answer.body).get("status")
    if status != "VALID":  # ACCEPTED would mean that it was written
        error = f"status {status!r}"[:100]
        failure = Failure(then=Transient, reason=UNRECOGNIZED, status=answer.status, error=error, seen=answer.seen)
        return failure.check_answer(push.listing_id, PATCH_LISTING)
    return CheckPassed(listing_id=push.listing_id, api=PATCH_LISTING, request_id=answer.request_id, seen=answer.seen)


def address(push: Push, settings: AmazonSettings) -> str:
    """Where the listing is patched, in its channel's country alone: so results stay apart."""
    channel = settings.channels[push.channel]
    sku = quote(push.marketplace_ids["seller_sku"], safe="")
    query = urlencode({"marketplaceIds": channel.marketplace_id, "issueLocale": channel.issue_locale})
    return f"{settings.calls.base_url}/listings/2021-08-01/items/{quote(settings.seller_id, safe='')}/{sku}?{query}"


def patch(push: Push, op: str) -> dict[str, object]:
    """The body of the call."""
    return {
        "productType": push.marketplace_ids.get("product_type") or ANY_PRODUCT_TYPE,
        "patches": [
            {
                "op": op,
                "path": "/attributes/fulfillment_availability",
                "value": [{"fulfillment_channel_code": SELLER_FULFILLED, "quantity": push.quantity}],
            }
        ],
    }
