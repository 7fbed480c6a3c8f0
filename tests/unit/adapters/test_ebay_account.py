"""What an eBay account is set to and allowed, by answers as eBay sends them."""

from __future__ import annotations

import httpx
import pytest

from inventory_domain.account_calls import ControlsOutOfStock, DailyQuotas, OutOfStockControl, ReportsQuotas
from inventory_domain.bulk import CallFailed
from inventory_domain.outcomes import Accepted, Rejected
from tests.support.adapters import ACCESS_TOKEN, Reply, Scripted, a_push, an_adapter, html

XMLNS = "urn:ebay:apis:eBLBaseComponents"


def xml(name: str, ack: str, fields: str = "", status: int = 200) -> httpx.Response:
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{name}Response xmlns="{XMLNS}">'
        f"<Timestamp>2026-10-04T07:00:00.000Z</Timestamp><Ack>{ack}</Ack>{fields}<Version>1349</Version>"
        f"<Build>E1349</Build></{name}Response>"
    )
    return httpx.Response(status, headers={"content-type": "text/xml;charset=utf-8"}, text=text)


def preference(value: str) -> httpx.Response:
    shown = f"<OutOfStockControlPreference>{value}</OutOfStockControlPreference>"
    return xml("GetUserPreferences", "Success", shown)


def refused(code: str, severity: str = "Error") -> httpx.Response:
    error = (
        f"<Errors><ShortMessage>No.</ShortMessage><LongMessage>It cannot be.</LongMessage><ErrorCode>{code}</ErrorCode>"
        f"<SeverityCode>{severity}</SeverityCode><ErrorClassification>RequestError</ErrorClassification></Errors>"
    )
    return xml("GetUserPreferences", "Failure", error)


async def asked(*replies: Reply) -> tuple[OutOfStockControl | CallFailed, Scripted]:
    transport = Scripted(*replies)
    adapter = an_adapter("ebay", transport)
    assert isinstance(adapter, ControlsOutOfStock)
    answer = await adapter.out_of_stock_control()
    await adapter.aclose()
    return answer, transport


@pytest.mark.parametrize(("value", "on"), [("true", True), ("false", False)])
async def test_the_preference_is_read_as_it_is_said(value: str, on: bool) -> None:
    answer, transport = await asked(preference(value))

    assert isinstance(answer, OutOfStockControl) and answer.on is on
    (request,) = transport.requests
    assert (request.method, str(request.url)) == ("POST", "https://api.ebay.com/ws/api.dll")
    assert request.headers["X-EBAY-API-CALL-NAME"] == "GetUserPreferences"
    assert request.headers["X-EBAY-API-IAF-TOKEN"] == f"{ACCESS_TOKEN}-1"
    assert b"<ShowOutOfStockControlPreference>true</ShowOutOfStockControlPreference>" in request.content
    assert f'<GetUserPreferencesRequest xmlns="{XMLNS}">'.encode() in request.content


@pytest.mark.parametrize(
    ("reply", "kind", "reason"),
    [
        (xml("GetUserPreferences", "Success"), "transient", "unrecognized"),
        (preference("perhaps"), "transient", "unrecognized"),
        (refused("518"), "throttled", "too-many-requests"),
        (refused("10007"), "transient", "server-error"),
        (refused("931"), "unauthorized", "token-refused"),
        (xml("GetUserPreferences", "Failure", status=401), "unauthorized", "token-refused"),
        (xml("GetUserPreferences", "Failure", status=403), "unauthorized", "forbidden"),
        (xml("GetUserPreferences", "Failure", status=429), "throttled", "too-many-requests"),
        (refused("37"), "rejected", "invalid-request"),
        (refused("99999"), "transient", "unrecognized"),
        (xml("GetUserPreferences", "Failure"), "transient", "unrecognized"),
        (xml("GetUserPreferences", "Success", status=503), "outage", "service-unavailable"),
        (html(200), "transient", "unreadable-answer"),
        (html(502), "transient", "server-error"),
        (httpx.Response(200, text="<a>&nothing;</a>"), "transient", "unreadable-answer"),
        (httpx.Response(200, text='<?xml version="1.0" encoding="nobodys"?><a/>'), "transient", "unreadable-answer"),
        (httpx.ReadError("reset"), "transient", "connection-lost"),
    ],
)
async def test_an_answer_that_does_not_say_it_is_taken_for_neither(reply: Reply, kind: str, reason: str) -> None:
    answer, _ = await asked(reply)

    assert isinstance(answer, CallFailed)
    assert (answer.kind, answer.reason, answer.effect_unknown) == (kind, reason, False)


async def test_entities_of_a_document_type_are_not_expanded() -> None:
    bomb = '<!DOCTYPE a [<!ENTITY x "true">]><a xmlns="urn:ebay:apis:eBLBaseComponents"><Ack>&x;</Ack></a>'

    answer, _ = await asked(httpx.Response(200, text=bomb))

    assert isinstance(answer, CallFailed) and answer.reason == "unreadable-answer"


async def test_a_refused_token_is_replaced_once() -> None:
    answer, transport = await asked(refused("21916984"), preference("true"))

    assert isinstance(answer, OutOfStockControl)
    assert [each.headers["X-EBAY-API-IAF-TOKEN"] for each in transport.requests] == [
        f"{ACCESS_TOKEN}-1",
        f"{ACCESS_TOKEN}-2",
    ]


async def test_a_warning_does_not_make_a_failure() -> None:
    warning = "<Errors><ErrorCode>11</ErrorCode><SeverityCode>Warning</SeverityCode></Errors>"
    shown = "<OutOfStockControlPreference>true</OutOfStockControlPreference>"

    answer, _ = await asked(xml("GetUserPreferences", "Warning", warning + shown))

    assert isinstance(answer, OutOfStockControl)


@pytest.mark.parametrize("on", [True, False])
async def test_the_preference_is_set_as_asked(on: bool) -> None:
    transport = Scripted(xml("SetUserPreferences", "Success"))
    adapter = an_adapter("ebay", transport)
    assert isinstance(adapter, ControlsOutOfStock)

    answer = await adapter.set_out_of_stock_control(on)
    await adapter.aclose()

    assert isinstance(answer, OutOfStockControl) and answer.on is on
    (request,) = transport.requests
    wanted = f"<OutOfStockControlPreference>{str(on).lower()}</OutOfStockControlPreference>"
    assert request.headers["X-EBAY-API-CALL-NAME"] == "SetUserPreferences" and wanted.encode() in request.content


async def test_a_preference_whose_answer_was_lost_may_have_been_set() -> None:
    adapter = an_adapter("ebay", Scripted(httpx.ReadTimeout("late")))
    assert isinstance(adapter, ControlsOutOfStock)

    answer = await adapter.set_out_of_stock_control(True)

    assert isinstance(answer, CallFailed) and answer.effect_unknown


def limits(*rates: dict[str, object], name: str = "sell.inventory") -> httpx.Response:
    row = {"apiContext": "sell", "apiName": "Inventory", "apiVersion": "v1"}
    return httpx.Response(200, json={"rateLimits": [{**row, "resources": [{"name": name, "rates": list(rates)}]}]})


DAY: dict[str, object] = {
    "count": 1000,
    "limit": 2000000,
    "remaining": 1999000,
    "reset": "2026-10-04T07:00:00.000Z",
    "timeWindow": 86400,
}


async def told(reply: Reply) -> tuple[DailyQuotas | CallFailed, Scripted]:
    transport = Scripted(reply)
    adapter = an_adapter("ebay", transport)
    assert isinstance(adapter, ReportsQuotas)
    answer = await adapter.daily_quotas()
    await adapter.aclose()
    return answer, transport


async def test_the_quota_of_the_day_is_as_ebay_tells_it() -> None:
    answer, transport = await told(limits(DAY, {**DAY, "timeWindow": 300, "limit": 7}))

    assert isinstance(answer, DailyQuotas)
    (quota,) = answer.quotas
    assert (quota.operation, quota.calls, quota.remaining, quota.window_s) == (
        "sell.inventory",
        2_000_000,
        1_999_000,
        86_400,
    )
    assert quota.resets_at_ms == 1_791_097_200_000
    assert str(transport.requests[0].url).endswith("/rate_limit/?api_name=inventory&api_context=sell")


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(204),
        httpx.Response(200, json={"rateLimits": []}),
        limits(DAY, name="sell.account"),
        limits({**DAY, "limit": "many"}),
        limits({**DAY, "timeWindow": 0}),
        limits({"limit": 10}),
    ],
)
async def test_a_quota_that_is_not_told_stays_as_it_is_set(reply: httpx.Response) -> None:
    answer, _ = await told(reply)

    assert isinstance(answer, DailyQuotas) and answer.quotas == ()


async def test_a_quota_without_its_end_or_overdrawn_is_still_one() -> None:
    answer, _ = await told(limits({**DAY, "reset": "soon", "remaining": -4}))

    assert isinstance(answer, DailyQuotas)
    assert [(each.resets_at_ms, each.remaining) for each in answer.quotas] == [(None, 0)]


async def test_quotas_are_asked_for_with_the_applications_own_token() -> None:
    forms: list[str] = []

    class Tokens(Scripted):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if "token" in request.url.path:
                forms.append((await request.aread()).decode())
            return await super().handle_async_request(request)

    adapter = an_adapter("ebay", Tokens(limits(DAY)))
    assert isinstance(adapter, ReportsQuotas)

    await adapter.daily_quotas()
    await adapter.aclose()

    assert forms == ["grant_type=client_credentials&scope=https%3A%2F%2Fapi.ebay.com%2Foauth%2Fapi_scope"]


def rows(*answers: dict[str, object]) -> httpx.Response:
    return httpx.Response(207, json={"responses": list(answers)})


BELOW: dict[str, object] = {
    "statusCode": 400,
    "sku": "S1",
    "errors": [{"errorId": 25759, "domain": "API_INVENTORY", "category": "REQUEST", "message": "Below allocation."}],
}


async def pushed(reply: httpx.Response) -> object:
    adapter = an_adapter("ebay", Scripted(reply))
    (outcome,) = await adapter.push([a_push("ebay")])
    return outcome


async def test_a_sku_that_keeps_units_for_its_auction_does_not_fail_the_offer_that_was_set() -> None:
    """Buyers see the smaller of both numbers, and that is the offer's."""
    outcome = await pushed(rows(BELOW, {"statusCode": 200, "sku": "S1", "offerId": "36445435465"}))

    assert isinstance(outcome, Accepted)


@pytest.mark.parametrize(
    "answers",
    [
        (BELOW,),
        (BELOW, {**BELOW, "offerId": "36445435465"}),
    ],
)
async def test_it_fails_where_the_offer_was_not_set(answers: tuple[dict[str, object], ...]) -> None:
    outcome = await pushed(rows(*answers))

    assert isinstance(outcome, Rejected) and outcome.reason == "below-auction-allocation"
