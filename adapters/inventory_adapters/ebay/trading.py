"""How eBay's Trading API is spoken to: XML both ways, the operation in a header, and failures inside answers of 200."""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree

from inventory_adapters.ebay.settings import EbaySettings
from inventory_adapters.exchange import Dialect
from inventory_adapters.failures import UNREADABLE, Facts, FailureRule, shortened
from inventory_adapters.http import Answer, Json, Request
from inventory_adapters.secrets import Secret
from inventory_domain.outcomes import LimitSeen, Outage, Rejected, Throttled, Transient, Unauthorized

NAMESPACE: Final = "urn:ebay:apis:eBLBaseComponents"
VERSION: Final = "1349"
SITE: Final = "0"  # the preference is one for the account, whatever its sites

RULES: Final = (
    FailureRule(codes=("518",), then=Throttled, reason="too-many-requests"),
    FailureRule(status=429, then=Throttled, reason="too-many-requests"),
    FailureRule(status=503, then=Outage, reason="service-unavailable"),
    FailureRule(status=range(500, 600), then=Transient, reason="server-error"),
    FailureRule(readable=False, then=Transient, reason=UNREADABLE),
    FailureRule(
        codes=("21916984", "21917053", "931", "932"), then=Unauthorized, reason="token-refused", new_token=True
    ),
    FailureRule(status=401, then=Unauthorized, reason="token-refused", new_token=True),
    FailureRule(status=403, then=Unauthorized, reason="forbidden"),
    FailureRule(codes=("10007",), then=Transient, reason="server-error"),
    FailureRule(codes=("2", "5", "37"), then=Rejected, reason="invalid-request"),
)


def request(name: str, fields: str, settings: EbaySettings, token: Secret) -> Request:
    """A call of this name. `fields` is XML that we wrote ourselves."""
    headers = {
        "X-EBAY-API-CALL-NAME": name,
        "X-EBAY-API-SITEID": SITE,
        "X-EBAY-API-COMPATIBILITY-LEVEL": VERSION,
        "X-EBAY-API-IAF-TOKEN": token.reveal(),
        "content-type": "text/xml",
    }
    body = f'<?xml version="1.0" encoding="utf-8"?><{name}Request xmlns="{NAMESPACE}">{fields}</{name}Request>'
    return Request("POST", settings.trading_url, headers, body.encode())


def facts(answer: Answer) -> Facts:
    """What an answer says of a failure: an Ack of Failure comes with a status of 200. Warnings are no failure."""
    root = _root(answer)
    if root is None:
        return Facts(status=answer.status, readable=False)
    errors = [each for each in root.iterfind(_tag("Errors")) if _text(each, "SeverityCode") != "Warning"]
    if _text(root, "Ack") in ("Success", "Warning"):
        return Facts(status=answer.status)
    codes = tuple(code for each in errors if (code := _text(each, "ErrorCode"))) or ("no-code",)
    words = (" ".join(_text(each, name) for name in ("ErrorCode", "LongMessage")) for each in errors)
    return Facts(status=answer.status, codes=codes, error=shortened(words))


def body(answer: Answer) -> Json:
    """The answer's own fields, without those that have fields in them."""
    root = _root(answer)
    return {} if root is None else {each.tag.rpartition("}")[2]: (each.text or "").strip() for each in root}


def _root(answer: Answer) -> ElementTree.Element | None:
    if b"<!DOCTYPE" in answer.content:  # eBay sends none, and a document type may define what expands without end
        return None
    try:
        root = ElementTree.fromstring(answer.content)
    except (ElementTree.ParseError, ValueError, LookupError):  # not XML, or in an encoding that nobody knows
        return None
    return root if root.tag.startswith(f"{{{NAMESPACE}}}") else None


def _text(element: ElementTree.Element, name: str) -> str:
    return (element.findtext(_tag(name)) or "").strip()


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _seen(answer: Answer, operation: str) -> LimitSeen | None:
    used_up = answer.status == 429 or "518" in facts(answer).codes
    return LimitSeen(operation=operation, remaining=0.0) if used_up else None


DIALECT: Final = Dialect(
    rules=RULES,
    facts=facts,
    seen=_seen,
    request_id=lambda answer: answer.header("x-ebay-c-request-id"),
    body=body,
)
