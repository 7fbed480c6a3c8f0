"""What Walmart's refusals mean, of a whole call and of one ship node of it alike."""

from __future__ import annotations

from typing import Final

from inventory_adapters.bodies import mapping, rows, text
from inventory_adapters.failures import NOT_FOUND, UNREADABLE, Facts, FailureRule, shortened
from inventory_adapters.http import Answer, Json
from inventory_domain.outcomes import Outage, Rejected, Throttled, Transient, Unauthorized

RULES: Final = (
    FailureRule(codes=("REQUEST_THRESHOLD_VIOLATED*",), then=Throttled, reason="too-many-requests"),
    FailureRule(status=429, then=Throttled, reason="too-many-requests"),
    FailureRule(status=503, then=Outage, reason="service-unavailable"),
    FailureRule(status=range(500, 600), then=Transient, reason="server-error"),  # 500 and 520 with SYSTEM_ERROR
    FailureRule(readable=False, then=Transient, reason=UNREADABLE),
    FailureRule(status=401, then=Unauthorized, reason="token-refused", new_token=True),
    FailureRule(status=400, codes=("INVALID_TOKEN*",), then=Unauthorized, reason="token-refused", new_token=True),
    FailureRule(status=403, then=Unauthorized, reason="forbidden"),
    FailureRule(codes=("SYSTEM_ERROR*",), then=Transient, reason="server-error"),
    FailureRule(codes=("CONTENT_NOT_FOUND*",), then=Rejected, reason=NOT_FOUND),
    FailureRule(status=404, then=Rejected, reason=NOT_FOUND),
    FailureRule(status=400, codes=("INVALID_REQUEST*",), then=Rejected, reason="invalid-request"),
    FailureRule(status=413, then=Rejected, reason="request-too-large"),
    FailureRule(status=415, then=Rejected, reason="content-type-refused"),
    FailureRule(status=422, then=Rejected, reason="invalid-request"),
)


def facts(answer: Answer) -> Facts:
    """What an answer says of a failure of the whole call, in whichever of the four shapes it says so."""
    if not answer.is_json():
        return Facts(status=answer.status, readable=False)
    body = mapping(answer.json())
    readable = bool(body) or 200 <= answer.status < 300
    return _facts(answer.status, errors_in(body), readable=readable)


def errors_in(body: dict[str, Json]) -> list[dict[str, Json]]:
    """The errors of a body: a list under `error` or `errors`, or a list or one object under `errors.error`."""
    found: list[dict[str, Json]] = []
    for key in ("error", "errors"):
        value = body.get(key)
        if isinstance(value, dict):
            inner = value.get("error", value)
            found += [inner] if isinstance(inner, dict) and inner else rows(inner)
        else:
            found += rows(value)
    return [each for each in found if each.get("severity") not in ("INFO", "WARN")]


def node_facts(node: dict[str, Json], status: int) -> Facts:
    """What the answer says of one ship node; a status word other than Success is a failure though no error is named."""
    found = _facts(status, errors_in(node), readable=True)
    word = text(node.get("status")) or ""
    if found.codes or word.casefold() == "success":
        return found
    return Facts(status=status, codes=(f"status:{word}",), error=shortened((f"node status {word!r}",)))


def _facts(status: int, errors: list[dict[str, Json]], *, readable: bool) -> Facts:
    codes = tuple(code for row in errors if (code := text(row.get("code"))))
    words = (
        " ".join(part for key in ("code", "field", "description", "message", "info") if (part := text(row.get(key))))
        for row in errors
    )
    return Facts(status=status, codes=codes, error=shortened(words), readable=readable)
