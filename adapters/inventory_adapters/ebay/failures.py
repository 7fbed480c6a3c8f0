"""What eBay's refusals mean, of a whole call and of one row of it alike."""

from __future__ import annotations

from typing import Final

from inventory_adapters.bodies import mapping, rows, text
from inventory_adapters.failures import NOT_FOUND, UNREADABLE, Facts, FailureRule, shortened
from inventory_adapters.http import Answer, Json
from inventory_domain.outcomes import NOT_KNOWN_YET, Outage, Rejected, Throttled, Transient, Unauthorized

BELOW_AUCTION: Final = "25759"  # fewer than the SKU's auction has set aside

RULES: Final = (
    FailureRule(codes=("2001",), then=Throttled, reason="too-many-requests"),
    FailureRule(status=429, then=Throttled, reason="too-many-requests"),
    # Two calls at once on one SKU or group: the later of them may go again at once.
    FailureRule(codes=("25025",), then=Transient, reason="concurrent-access"),
    FailureRule(status=503, then=Outage, reason="service-unavailable"),
    FailureRule(status=range(500, 600), then=Transient, reason="server-error"),  # 25001, and 25002 with 500
    FailureRule(readable=False, then=Transient, reason=UNREADABLE),
    FailureRule(status=401, then=Unauthorized, reason="token-refused", new_token=True),  # 1001
    FailureRule(status=403, codes=("1100",), then=Unauthorized, reason="permission-missing"),
    FailureRule(status=403, then=Unauthorized, reason="forbidden"),
    FailureRule(codes=("25096", "25097", "25098"), then=Rejected, reason="listing-on-hold"),
    FailureRule(codes=("25026",), then=Rejected, reason="selling-limit"),
    # May be the index that is behind, for a new offer; who retries bounds it.
    FailureRule(codes=("25751",), then=Transient, reason=NOT_KNOWN_YET),
    FailureRule(codes=("25702", "25710", "25713"), then=Rejected, reason=NOT_FOUND),
    FailureRule(codes=(BELOW_AUCTION,), then=Rejected, reason="below-auction-allocation"),
    FailureRule(codes=("25004",), then=Rejected, reason="invalid-quantity"),
    FailureRule(codes=("25707", "25708"), then=Rejected, reason="invalid-sku"),
    FailureRule(codes=("25709",), then=Rejected, reason="invalid-field"),
    FailureRule(status=400, codes=("25002",), then=Rejected, reason="user-error"),
    FailureRule(status=409, then=Rejected, reason="already-exists"),
    FailureRule(status=404, then=Rejected, reason=NOT_FOUND),
)


def facts(answer: Answer) -> Facts:
    """What an answer says of a failure of the whole call; its rows are judged one by one."""
    if not answer.is_json():
        return Facts(status=answer.status, readable=False)
    body = mapping(answer.json())
    readable = bool(body) or 200 <= answer.status < 300
    return _facts(answer.status, rows(body.get("errors")), readable=readable)


def row_facts(row: dict[str, Json], status: int) -> Facts:
    """What one row of an answer says; `status` where it does not say its own. Warnings are no failure."""
    own = row.get("statusCode")
    return _facts(own if isinstance(own, int) else status, rows(row.get("errors")), readable=True)


def _facts(status: int, errors: list[dict[str, Json]], *, readable: bool) -> Facts:
    codes = tuple(code for row in errors if (code := text(row.get("errorId"))))
    words = (
        " ".join(part for part in (text(row.get("errorId")), _message(row), _parameters(row)) if part) for row in errors
    )
    return Facts(status=status, codes=codes, error=shortened(words), readable=readable)


def _message(row: dict[str, Json]) -> str | None:
    return text(row.get("longMessage")) or text(row.get("message"))


def _parameters(row: dict[str, Json]) -> str:
    said = ((text(each.get("name")), text(each.get("value"))) for each in rows(row.get("parameters")))
    return ", ".join(f"{name}={value}" for name, value in said)
