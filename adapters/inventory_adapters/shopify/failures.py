"""What Shopify's refusals mean: of the call by status or GraphQL error, of a row by the code of a user error."""

from __future__ import annotations

from typing import Final

from inventory_adapters.bodies import mapping, rows, text
from inventory_adapters.failures import NOT_FOUND, UNREADABLE, Facts, FailureRule, shortened
from inventory_adapters.http import Answer, Json
from inventory_domain.outcomes import Outage, Rejected, Throttled, Transient, Unauthorized

NO_CODE: Final = "no-code"  # stands for the code of an error that has none
SAME_KEY_RUNNING: Final = "same-key-running"  # "This request is currently in progress"
WEBHOOK_REFUSED: Final = "WEBHOOK_REFUSED"  # stands for that of an error of a subscription, none of which has one

RULES: Final = (
    FailureRule(codes=("THROTTLED",), then=Throttled, reason="too-many-requests"),  # inside an answer of 200
    FailureRule(status=429, then=Throttled, reason="too-many-requests"),
    FailureRule(status=503, then=Outage, reason="service-unavailable"),
    FailureRule(status=range(500, 600), then=Transient, reason="server-error"),
    FailureRule(readable=False, then=Transient, reason=UNREADABLE),
    FailureRule(status=401, then=Unauthorized, reason="token-refused", new_token=True),
    FailureRule(status=403, then=Unauthorized, reason="forbidden"),
    FailureRule(codes=("ACCESS_DENIED",), then=Unauthorized, reason="scope-missing"),
    FailureRule(status=402, then=Outage, reason="shop-frozen"),
    FailureRule(status=423, then=Outage, reason="shop-locked"),
    FailureRule(codes=("SHOP_INACTIVE",), then=Outage, reason="shop-inactive"),
    FailureRule(status=404, then=Outage, reason="shop-not-found"),  # the address is the shop's, never a listing's
    FailureRule(codes=("INTERNAL_SERVER_ERROR", "TIMEOUT"), then=Transient, reason="server-error"),
    FailureRule(codes=("MAX_COST_EXCEEDED",), then=Rejected, reason="call-too-costly"),
    # User errors of inventorySetQuantities.
    FailureRule(
        codes=("CHANGE_FROM_QUANTITY_STALE", "COMPARE_QUANTITY_STALE"), then=Transient, reason="quantity-changed"
    ),
    FailureRule(codes=("IDEMPOTENCY_CONCURRENT_REQUEST",), then=Transient, reason=SAME_KEY_RUNNING),
    FailureRule(codes=("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED",), then=Transient, reason="same-key-failed"),
    FailureRule(codes=("IDEMPOTENCY_KEY_PARAMETER_MISMATCH",), then=Rejected, reason="same-key-other-input"),
    FailureRule(codes=("INVALID_INVENTORY_ITEM",), then=Rejected, reason=NOT_FOUND),
    FailureRule(codes=("INVALID_LOCATION",), then=Rejected, reason="location-not-found"),
    FailureRule(codes=("ITEM_NOT_STOCKED_AT_LOCATION",), then=Rejected, reason="not-stocked-at-location"),
    FailureRule(codes=("NON_MUTABLE_INVENTORY_ITEM",), then=Rejected, reason="not-ours-to-write"),
    FailureRule(codes=("INVALID_QUANTITY*",), then=Rejected, reason="invalid-quantity"),
    FailureRule(codes=("NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR",), then=Rejected, reason="same-row-twice"),
    FailureRule(
        codes=("INVALID_NAME", "INVALID_REASON", "INVALID_REFERENCE_DOCUMENT", "COMPARE_QUANTITY_REQUIRED"),
        then=Rejected,
        reason="invalid-field",
    ),
)

# User errors of the calls that are about the shop as a whole: bulkOperationRunQuery, and those of webhooks.
SHOP_RULES: Final = (
    FailureRule(codes=("OPERATION_IN_PROGRESS", "LIMIT_REACHED"), then=Transient, reason="bulk-running"),
    FailureRule(codes=("INVALID",), then=Rejected, reason="bulk-refused"),
    FailureRule(codes=(WEBHOOK_REFUSED,), then=Rejected, reason="subscription-refused"),
)


def facts(answer: Answer) -> Facts:
    """What an answer says of a failure of the whole call: GraphQL `errors` come with a status of 200."""
    if not answer.is_json():
        return Facts(status=answer.status, readable=False)
    body = mapping(answer.json())
    errors = body.get("errors")
    if isinstance(errors, str | dict):  # as the gateway says it: a sentence, or a mapping of fields
        return Facts(status=answer.status, codes=(NO_CODE,), error=shortened((errors,)))
    found = rows(errors)
    codes = tuple(text(mapping(row.get("extensions")).get("code")) or NO_CODE for row in found)
    readable = bool(body)
    return Facts(
        status=answer.status,
        codes=codes,
        error=shortened(text(row.get("message")) for row in found),
        readable=readable,
    )


def user_error_facts(row: dict[str, Json]) -> Facts:
    """What one user error of a mutation says."""
    code = text(row.get("code")) or NO_CODE
    return Facts(status=200, codes=(code,), error=shortened((f"{code} {text(row.get('message')) or ''}",)))
