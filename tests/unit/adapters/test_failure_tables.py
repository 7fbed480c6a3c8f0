"""Every row of every table of failures, with the answer as the marketplace sends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import httpx
import pytest

from inventory_adapters.amazon import failures as amazon
from inventory_adapters.ebay import failures as ebay
from inventory_adapters.failures import Facts, FailureRule
from inventory_adapters.http import Answer
from inventory_adapters.shopify import failures as shopify
from inventory_adapters.walmart import failures as walmart
from inventory_domain.outcomes import (
    NOT_KNOWN_YET,
    Accepted,
    Applied,
    Outage,
    Rejected,
    Throttled,
    Transient,
    Unauthorized,
)
from tests.support.adapters import Case, html, pushed

JSON = httpx.Response


def amazon_error(status: int, code: str, message: str = "words", details: str = "") -> httpx.Response:
    return JSON(status, json={"errors": [{"code": code, "message": message, "details": details}]})


def amazon_invalid(*codes: str) -> httpx.Response:
    issues = [
        {
            "code": code,
            "message": "The attributes are invalid.",
            "severity": "ERROR",
            "categories": ["INVALID_ATTRIBUTE"],
        }
        for code in codes
    ]
    return JSON(
        200,
        json={
            "sku": "S1",
            "status": "INVALID",
            "submissionId": "f1dc2914-75dd-11ea-bc55-0242ac130003",
            "issues": issues,
        },
    )


AMAZON = (
    Case("conflict", amazon_error(409, "Conflict"), Rejected, "already-exists"),
    Case("quota", amazon_error(429, "QuotaExceeded", "You exceeded your quota."), Throttled, "too-many-requests"),
    Case("quota under another status", amazon_error(400, "QuotaExceeded"), Throttled, "too-many-requests"),
    Case("429 of a gateway", html(429), Throttled, "too-many-requests"),
    Case("503", amazon_error(503, "ServiceUnavailable"), Outage, "service-unavailable", unknown=True),
    Case("503 of a gateway", html(503), Outage, "service-unavailable", unknown=True),
    Case("500", amazon_error(500, "InternalFailure"), Transient, "server-error", unknown=True),
    Case("html with 200", html(200), Transient, "unreadable-answer", unknown=True),
    Case("html with 404", html(404), Transient, "unreadable-answer"),
    Case("half an answer", JSON(200, text='{"sku":"S1","sta'), Transient, "unreadable-answer", unknown=True),
    Case(
        "expired token",
        amazon_error(403, "Unauthorized", "Access denied.", "The access token you provided has expired."),
        Unauthorized,
        "token-refused",
    ),
    Case("no role", amazon_error(403, "MissingRole"), Unauthorized, "forbidden"),
    Case("401", amazon_error(401, "Unauthorized"), Unauthorized, "token-refused"),
    Case("unknown SKU", amazon_error(404, "NOT_FOUND", "SKU 'S1' not found"), Rejected, "listing-not-found"),
    Case("413", amazon_error(413, "RequestTooLarge"), Rejected, "request-too-large"),
    Case("415", amazon_error(415, "UnsupportedMediaType"), Rejected, "content-type-refused"),
    Case("400", amazon_error(400, "InvalidInput", "Invalid 'productType'."), Rejected, "invalid-input"),
    Case("wrong attribute", amazon_invalid("90000900"), Rejected, "unknown-attribute"),
    Case("no channel code", amazon_invalid("99022"), Rejected, "attribute-incomplete"),
    Case("invalid value", amazon_invalid("4000003"), Rejected, "invalid-value"),
    Case("invalid for another reason", amazon_invalid("8541"), Rejected, "listing-invalid"),
    Case("invalid without issues", amazon_invalid(), Rejected, "listing-invalid"),
    Case("unknown code", amazon_error(400, "BrandNew"), Transient, "unrecognized"),
    Case(
        "unknown status word",
        JSON(200, json={"sku": "S1", "status": "DEFERRED", "submissionId": "1", "issues": []}),
        Transient,
        "unrecognized",
        unknown=True,
    ),
    Case("a list", JSON(200, json=[1]), Transient, "unrecognized", unknown=True),
    Case("a redirect", JSON(302, headers={"location": "https://evil.example"}), Transient, "unreadable-answer", True),
    Case("nothing with 200", JSON(200), Transient, "unrecognized", unknown=True),
)


def ebay_error(status: int, error: int, domain: str = "API_INVENTORY") -> httpx.Response:
    return JSON(status, json={"errors": [_ebay_error(error, domain)]})


def _ebay_error(error: int, domain: str = "API_INVENTORY") -> dict[str, object]:
    return {
        "errorId": error,
        "domain": domain,
        "subdomain": "Selling",
        "category": "REQUEST",
        "message": "short words",
        "longMessage": "long words",
        "parameters": [{"name": "sku", "value": "S1"}],
    }


def ebay_rows(status: int, *rows: dict[str, object]) -> httpx.Response:
    return JSON(status, json={"responses": list(rows)})


OFFER = {"statusCode": 200, "sku": "S1", "offerId": "36445435465"}


def ebay_row(status: int, error: int) -> httpx.Response:
    return ebay_rows(207, {**OFFER, "statusCode": status, "errors": [_ebay_error(error)]})


EBAY = (
    Case("conflict", ebay_error(409, 195023), Rejected, "already-exists"),
    Case("quota", ebay_error(429, 2001, "ACCESS"), Throttled, "too-many-requests"),
    Case("429 of a gateway", html(429), Throttled, "too-many-requests"),
    Case("parallel writes", ebay_error(500, 25025), Transient, "concurrent-access", unknown=True),
    Case("503", html(503), Outage, "service-unavailable", unknown=True),
    Case("system error", ebay_error(500, 25001), Transient, "server-error", unknown=True),
    Case("user error with 500", ebay_error(500, 25002), Transient, "server-error", unknown=True),
    Case("html with 200", html(200), Transient, "unreadable-answer", unknown=True),
    Case("bad token", ebay_error(401, 1001, "OAuth"), Unauthorized, "token-refused"),
    Case("no permission", ebay_error(403, 1100, "ACCESS"), Unauthorized, "permission-missing"),
    Case("403", ebay_error(403, 1119), Unauthorized, "forbidden"),
    Case("on hold", ebay_row(400, 25097), Rejected, "listing-on-hold"),
    Case("selling limit", ebay_row(400, 25026), Rejected, "selling-limit"),
    Case("offer not indexed", ebay_row(400, 25751), Transient, NOT_KNOWN_YET),
    Case("unknown SKU", ebay_row(400, 25702), Rejected, "listing-not-found"),
    Case("unknown resource", ebay_row(404, 25710), Rejected, "listing-not-found"),
    Case("unknown offer", ebay_row(400, 25713), Rejected, "listing-not-found"),
    Case("auction", ebay_row(400, 25759), Rejected, "below-auction-allocation"),
    Case("bad quantity", ebay_row(400, 25004), Rejected, "invalid-quantity"),
    Case("bad SKU", ebay_row(400, 25707), Rejected, "invalid-sku"),
    Case("bad field", ebay_error(400, 25709), Rejected, "invalid-field"),
    Case("user error", ebay_row(400, 25002), Rejected, "user-error"),
    Case("404 without a code", ebay_rows(207, {**OFFER, "statusCode": 404}), Rejected, "listing-not-found"),
    Case("row failed in a 200", ebay_rows(200, {**OFFER, "statusCode": 500}), Transient, "server-error", unknown=True),
    Case("unknown code", ebay_row(400, 29999), Transient, "unrecognized"),
    Case("no row of ours", ebay_rows(200, {**OFFER, "offerId": "1"}), Transient, "row-missing", unknown=True),
    Case("no rows", JSON(200, json={}), Transient, "row-missing", unknown=True),
    Case(
        "offer refused, SKU written",
        ebay_rows(207, {"statusCode": 200, "sku": "S1"}, {**OFFER, "statusCode": 400, "errors": [_ebay_error(25709)]}),
        Rejected,
        "invalid-field",
        unknown=True,
    ),
)


def walmart_error(status: int, code: str) -> httpx.Response:
    return JSON(status, json={"error": [_walmart_error(code)]})


def _walmart_error(code: str, severity: str = "ERROR") -> dict[str, object]:
    return {
        "code": code,
        "field": "UNAUTHORIZED",
        "description": "words",
        "info": "more words",
        "severity": severity,
        "category": "DATA",
        "causes": [],
        "errorIdentifiers": {},
    }


NOT_FOUND = "CONTENT_NOT_FOUND.GMP_INVENTORY_API"
ECHO = {"sku": "97964_KFTest", "quantity": {"unit": "EACH", "amount": 10}}
WALMART = (
    Case("threshold", walmart_error(429, "REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API"), Throttled, "too-many-requests"),
    Case("429 of a gateway", html(429), Throttled, "too-many-requests"),
    Case("503", html(503), Outage, "service-unavailable", unknown=True),
    Case("520", walmart_error(520, "SYSTEM_ERROR.GMP_GATEWAY_API"), Transient, "server-error", unknown=True),
    Case("html with 200", html(200), Transient, "unreadable-answer", unknown=True),
    Case("401", walmart_error(401, "UNAUTHORIZED.GMP_GATEWAY_API"), Unauthorized, "token-refused"),
    Case("expired", walmart_error(400, "INVALID_TOKEN.GMP_GATEWAY_API"), Unauthorized, "token-refused"),
    Case("403", walmart_error(403, "FORBIDDEN.GMP_GATEWAY_API"), Unauthorized, "forbidden"),
    Case("system error with 400", walmart_error(400, "SYSTEM_ERROR.GMP_INVENTORY_API"), Transient, "server-error"),
    Case("unknown SKU", walmart_error(404, NOT_FOUND), Rejected, "listing-not-found"),
    Case("errors as a list", JSON(400, json={"errors": [_walmart_error(NOT_FOUND)]}), Rejected, "listing-not-found"),
    Case(
        "errors.error as a list",
        JSON(400, json={"errors": {"error": [_walmart_error(NOT_FOUND)]}}),
        Rejected,
        "listing-not-found",
    ),
    Case(
        "errors.error as an object",
        JSON(400, json={"errors": {"error": _walmart_error(NOT_FOUND)}}),
        Rejected,
        "listing-not-found",
    ),
    Case("404 without words", JSON(404, json={"message": "none"}), Rejected, "listing-not-found"),
    Case("bad request", walmart_error(400, "INVALID_REQUEST_PARAM.GMP_INVENTORY_API"), Rejected, "invalid-request"),
    Case("413", walmart_error(413, "TOO_LARGE"), Rejected, "request-too-large"),
    Case("415", walmart_error(415, "UNSUPPORTED_MEDIA_TYPE"), Rejected, "content-type-refused"),
    Case("422", JSON(422, json={"errors": [{"code": "INVALID_SKU", "message": "m"}]}), Rejected, "invalid-request"),
    Case("unknown code", walmart_error(400, "BRAND_NEW.GMP_INVENTORY_API"), Transient, "unrecognized"),
    Case("no echo", JSON(200, json={"message": "hello"}), Transient, "unrecognized", unknown=True),
)


def graphql_error(code: str | None) -> httpx.Response:
    extensions = {"extensions": {"code": code}} if code else {}
    return JSON(200, json={"errors": [{"message": "words", **extensions}]})


def user_error(code: str | None, *field: str) -> httpx.Response:
    error = {"code": code, "field": list(field) or None, "message": "words"}
    return JSON(
        200,
        json={"data": {"inventorySetQuantities": {"inventoryAdjustmentGroup": None, "userErrors": [error]}}},
    )


ROW = ("input", "quantities", "0", "quantity")
SHOPIFY = (
    Case("throttled in a 200", graphql_error("THROTTLED"), Throttled, "too-many-requests"),
    Case("429", JSON(429, json={"errors": "Exceeded 2 calls per second"}), Throttled, "too-many-requests"),
    Case("503", html(503), Outage, "service-unavailable", unknown=True),
    Case("502", html(502), Transient, "server-error", unknown=True),
    Case("html with 200", html(200), Transient, "unreadable-answer", unknown=True),
    Case("401", JSON(401, json={"errors": "[API] Invalid API key or access token"}), Unauthorized, "token-refused"),
    Case("403", JSON(403, json={"errors": "Forbidden"}), Unauthorized, "forbidden"),
    Case("no scope", graphql_error("ACCESS_DENIED"), Unauthorized, "scope-missing"),
    Case("402", JSON(402, json={"errors": "Payment Required"}), Outage, "shop-frozen"),
    Case("423", JSON(423, json={"errors": "Locked"}), Outage, "shop-locked"),
    Case("inactive", graphql_error("SHOP_INACTIVE"), Outage, "shop-inactive", unknown=True),
    Case("404", JSON(404, json={"errors": "Not Found"}), Outage, "shop-not-found"),
    Case("internal", graphql_error("INTERNAL_SERVER_ERROR"), Transient, "server-error", unknown=True),
    Case("cost", graphql_error("MAX_COST_EXCEEDED"), Rejected, "call-too-costly"),
    Case("schema", graphql_error("undefinedField"), Transient, "unrecognized", unknown=True),
    Case("no code", graphql_error(None), Transient, "unrecognized", unknown=True),
    Case("stale", user_error("CHANGE_FROM_QUANTITY_STALE", *ROW), Transient, "quantity-changed"),
    # "This request is currently in progress": the one with the same key, which is this very write.
    Case("same key", user_error("IDEMPOTENCY_CONCURRENT_REQUEST"), Transient, "same-key-running", unknown=True),
    Case("failed key", user_error("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"), Transient, "same-key-failed"),
    Case("other input", user_error("IDEMPOTENCY_KEY_PARAMETER_MISMATCH"), Rejected, "same-key-other-input"),
    Case("unknown item", user_error("INVALID_INVENTORY_ITEM", *ROW), Rejected, "listing-not-found"),
    Case("unknown location", user_error("INVALID_LOCATION", *ROW), Rejected, "location-not-found"),
    Case("not stocked", user_error("ITEM_NOT_STOCKED_AT_LOCATION", *ROW), Rejected, "not-stocked-at-location"),
    Case("another's", user_error("NON_MUTABLE_INVENTORY_ITEM", *ROW), Rejected, "not-ours-to-write"),
    Case("too high", user_error("INVALID_QUANTITY_TOO_HIGH", *ROW), Rejected, "invalid-quantity"),
    Case("twice", user_error("NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"), Rejected, "same-row-twice"),
    Case("bad name", user_error("INVALID_NAME", "input", "name"), Rejected, "invalid-field"),
    Case("unknown code", user_error("BRAND_NEW", *ROW), Transient, "unrecognized"),
    Case("no user errors", JSON(200, json={"data": {}}), Transient, "unrecognized", unknown=True),
    Case("nothing", JSON(200), Transient, "unreadable-answer", unknown=True),
)

TABLES = {"amazon": AMAZON, "ebay": EBAY, "walmart": WALMART, "shopify": SHOPIFY}
ALL = [(name, case) for name, cases in TABLES.items() for case in cases]


@pytest.mark.parametrize(("marketplace", "case"), ALL, ids=[f"{name}: {case}" for name, case in ALL])
async def test_an_answer_means_what_its_row_says(marketplace: str, case: Case) -> None:
    outcome = await pushed(marketplace, case.reply)

    assert (type(outcome), outcome.reason, outcome.effect_unknown) == (case.then, case.reason, case.unknown)


NO_ANSWERS = (
    Case("no connection", httpx.ConnectError("refused"), Transient, "cannot-connect"),
    Case("no connection in time", httpx.ConnectTimeout("late"), Transient, "cannot-connect"),
    Case("pool used up", httpx.PoolTimeout("full"), Transient, "no-free-connection"),
    Case("timeout", httpx.ReadTimeout("late"), Transient, "timeout", unknown=True),
    Case("timeout while sending", httpx.WriteTimeout("late"), Transient, "timeout", unknown=True),
    Case("reset", httpx.ReadError("reset"), Transient, "connection-lost", unknown=True),
    Case("broken pipe", httpx.WriteError("pipe"), Transient, "connection-lost", unknown=True),
    Case("closed early", httpx.RemoteProtocolError("closed"), Transient, "connection-lost", unknown=True),
    Case("bad encoding", httpx.DecodingError("gzip"), Transient, "unreadable-answer", unknown=True),
)


@pytest.mark.parametrize("marketplace", TABLES)
@pytest.mark.parametrize("case", NO_ANSWERS, ids=str)
async def test_no_answer_is_an_outcome_too(marketplace: str, case: Case) -> None:
    outcome = await pushed(marketplace, case.reply)

    assert (type(outcome), outcome.reason, outcome.effect_unknown) == (case.then, case.reason, case.unknown)


@dataclass(frozen=True)
class Table:
    rules: Sequence[FailureRule]
    facts: list[Facts]

    def used(self) -> set[FailureRule]:
        return {rule for facts in self.facts for rule in [first(self.rules, facts)] if rule is not None}


def first(rules: Sequence[FailureRule], facts: Facts) -> FailureRule | None:
    return next((rule for rule in rules if rule.fits(facts)), None)


def answer(reply: object) -> Answer:
    assert isinstance(reply, httpx.Response)
    return Answer(reply.status_code, {name.lower(): value for name, value in reply.headers.items()}, reply.content)


def table_of(marketplace: str) -> Table:
    answers = [answer(case.reply) for case in TABLES[marketplace]]
    if marketplace == "amazon":
        return Table(amazon.RULES, [amazon.facts(each) for each in answers])
    if marketplace == "walmart":
        return Table(walmart.RULES, [walmart.facts(each) for each in answers])
    if marketplace == "ebay":
        facts = [ebay.facts(each) for each in answers]
        facts += [ebay.row_facts(row, 200) for each in answers if each.is_json() for row in _rows(each, "responses")]
        return Table(ebay.RULES, facts)
    facts = [shopify.facts(each) for each in answers]
    for each in answers:
        body = each.json() if each.is_json() else None
        payload = body.get("data") if isinstance(body, dict) else None
        done = payload.get("inventorySetQuantities") if isinstance(payload, dict) else None
        found = done.get("userErrors") if isinstance(done, dict) else None
        facts += [shopify.user_error_facts(row) for row in found or [] if isinstance(row, dict)]  # type: ignore[union-attr]
    return Table(shopify.RULES, facts)


def _rows(each: Answer, key: str) -> list[dict[str, object]]:
    body = each.json()
    found = body.get(key) if isinstance(body, dict) else None
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []  # type: ignore[misc]


@pytest.mark.parametrize("marketplace", TABLES)
def test_every_row_of_the_table_has_a_case(marketplace: str) -> None:
    table = table_of(marketplace)

    assert [rule for rule in table.rules if rule not in table.used()] == []


@pytest.mark.parametrize("marketplace", TABLES)
def test_no_row_is_hidden_by_one_above_it(marketplace: str) -> None:
    """A row that never decides is a comment that lies."""
    rules = table_of(marketplace).rules
    hidden = [
        rule
        for index, rule in enumerate(rules)
        for above in rules[:index]
        if above.status in (None, rule.status) and above.codes in ((), rule.codes) and above.readable is None
    ]

    assert hidden == []


@pytest.mark.parametrize("marketplace", TABLES)
async def test_words_of_an_answer_are_shortened_and_on_one_line(marketplace: str) -> None:
    words = "x" * 5_000 + "\nline\x00"
    replies = {
        "amazon": amazon_error(400, "InvalidInput", words),
        "ebay": JSON(400, json={"errors": [{"errorId": 25709, "longMessage": words}]}),
        "walmart": JSON(400, json={"error": [{"code": "INVALID_REQUEST", "description": words}]}),
        "shopify": JSON(403, json={"errors": words}),
    }

    outcome = await pushed(marketplace, replies[marketplace])

    assert outcome.error is not None
    assert len(outcome.error) <= 300
    assert outcome.error.isprintable()


@pytest.mark.parametrize("marketplace", TABLES)
async def test_a_success_is_no_failure(marketplace: str) -> None:
    """The cases above would pass with an adapter that fails always."""
    replies = {
        "amazon": JSON(200, json={"sku": "S1", "status": "ACCEPTED", "submissionId": "x", "issues": []}),
        "ebay": ebay_rows(200, OFFER),
        "walmart": JSON(200, json=ECHO),
        "shopify": JSON(
            200,
            json={
                "data": {"inventorySetQuantities": {"inventoryAdjustmentGroup": {"id": "gid://1"}, "userErrors": []}}
            },
        ),
    }

    outcome = await pushed(marketplace, replies[marketplace])

    assert isinstance(outcome, Accepted | Applied), outcome
