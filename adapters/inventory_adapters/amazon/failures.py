"""What Amazon's refusals mean."""

from __future__ import annotations

from typing import Final

from inventory_adapters.bodies import mapping, rows, text
from inventory_adapters.failures import NOT_FOUND, UNREADABLE, Facts, FailureRule, shortened
from inventory_adapters.http import Answer, Json
from inventory_domain.outcomes import Outage, Rejected, Throttled, Transient, Unauthorized

# The status word of a submission that was refused inside an answer of 200; it stands among the codes of its issues.
INVALID: Final = "INVALID"

RULES: Final = (
    FailureRule(codes=("QuotaExceeded",), then=Throttled, reason="too-many-requests"),
    FailureRule(status=429, then=Throttled, reason="too-many-requests"),
    FailureRule(status=503, then=Outage, reason="service-unavailable"),
    FailureRule(status=range(500, 600), then=Transient, reason="server-error"),
    FailureRule(readable=False, then=Transient, reason=UNREADABLE),
    # An expired token is 403 here, not 401.
    FailureRule(status=403, codes=("Unauthorized",), then=Unauthorized, reason="token-refused", new_token=True),
    FailureRule(status=403, then=Unauthorized, reason="forbidden"),
    FailureRule(status=401, then=Unauthorized, reason="token-refused", new_token=True),
    FailureRule(status=404, then=Rejected, reason=NOT_FOUND),
    FailureRule(status=409, then=Rejected, reason="already-exists"),
    FailureRule(status=413, then=Rejected, reason="request-too-large"),
    FailureRule(status=415, then=Rejected, reason="content-type-refused"),
    FailureRule(status=400, codes=("InvalidInput",), then=Rejected, reason="invalid-input"),
    # Refused inside an answer of 200, for good: a repeat gets the same answer.
    FailureRule(status=200, codes=("90000900",), then=Rejected, reason="unknown-attribute"),
    FailureRule(status=200, codes=("99022",), then=Rejected, reason="attribute-incomplete"),
    FailureRule(status=200, codes=("4000001", "4000003"), then=Rejected, reason="invalid-value"),
    FailureRule(status=200, codes=(INVALID,), then=Rejected, reason="listing-invalid"),
)


def facts(answer: Answer) -> Facts:
    """What an answer says of a failure: its `errors`, or the issues of a submission that is INVALID."""
    if not answer.is_json():
        return Facts(status=answer.status, readable=False)
    body = mapping(answer.json())
    if answer.status == 200 and body.get("status") == INVALID:
        issues = [row for row in rows(body.get("issues")) if row.get("severity") in ("ERROR", None)]
        codes = tuple(code for row in issues if (code := text(row.get("code"))))
        return Facts(status=200, codes=(*codes, INVALID), error=_words(issues))
    errors = rows(body.get("errors"))
    codes = tuple(code for row in errors if (code := text(row.get("code"))))
    return Facts(
        status=answer.status,
        codes=codes,
        error=_words(errors),
        readable=bool(body) or 200 <= answer.status < 300,
    )


def _words(errors: list[dict[str, Json]]) -> str | None:
    return shortened(
        " ".join(part for key in ("code", "message", "details") if (part := text(row.get(key)))) for row in errors
    )
