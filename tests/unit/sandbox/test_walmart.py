"""The Walmart stand-in: what a seller's client meets."""

import pytest

from inventory_sandbox.marketplaces import ListingKind
from tests.support.sandbox import NODE, a_bench, a_walmart_listing, basic

ONE = "http://walmart.test/v3/inventory"
ALL = "http://walmart.test/v3/inventories"


def quantity(amount: object, sku: str = "A") -> dict[str, object]:
    return {"sku": sku, "quantity": {"unit": "EACH", "amount": amount}}


def nodes(*rows: tuple[str, int]) -> dict[str, object]:
    each = [{"shipNode": node, "inputQty": {"unit": "EACH", "amount": amount}} for node, amount in rows]
    return {"inventories": {"nodes": each}}


async def test_a_quantity_is_echoed_and_live_after_three_to_ten_minutes() -> None:
    bench = a_bench(a_walmart_listing())
    headers = await bench.walmart_headers()

    answer = await bench.client.put(ONE, params={"sku": "A"}, headers=headers, json=quantity(7))
    bench.clock.move(179)
    soon = (await bench.client.get(ONE, params={"sku": "A"}, headers=headers)).json()
    bench.clock.move(422)
    late = (await bench.client.get(ONE, params={"sku": "A"}, headers=headers)).json()

    assert answer.json() == quantity(7)
    assert (soon["quantity"]["amount"], late["quantity"]["amount"]) == (0, 7)


async def test_a_sku_of_special_characters_is_found() -> None:
    sku = "a/b ?#[]@!$&'()*+,;={}%:ü"
    bench = a_bench(a_walmart_listing(sku))
    headers = await bench.walmart_headers()

    one = await bench.client.get(ONE, params={"sku": sku}, headers=headers)
    by_path = await bench.client.get(
        f"{ALL}/a%2Fb%20%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2B%2C%3B%3D%7B%7D%25%3A%C3%BC", headers=headers
    )

    assert one.json()["sku"] == sku
    assert by_path.json()["sku"] == sku


async def test_each_node_is_judged_by_itself() -> None:
    bench = a_bench(a_walmart_listing())
    headers = await bench.walmart_headers()

    answer = await bench.client.put(f"{ALL}/A", headers=headers, json=nodes((NODE, 5), ("nowhere", 3)))
    bench.clock.move(601)
    read = (await bench.client.get(f"{ALL}/A", headers=headers)).json()

    rows = answer.json()["nodes"]
    assert answer.status_code == 200
    assert [(one["shipNode"], one["status"]) for one in rows] == [(NODE, "Success"), ("nowhere", "Failure")]
    assert rows[1]["errors"][0]["severity"] == "ERROR"
    assert read["nodes"][0]["inputQty"] == {"unit": "EACH", "amount": 5}


async def test_sold_units_are_reserved_out_of_what_was_sent() -> None:
    bench = a_bench(a_walmart_listing(quantity=5))

    sold = await bench.control("POST", "/sales", {"marketplace": "walmart", "key": "A", "quantity": 2})
    node = (await bench.client.get(f"{ALL}/A", headers=await bench.walmart_headers())).json()["nodes"][0]

    assert sold == {"sold": True, "live_quantity": 3}
    assert [node[name]["amount"] for name in ("inputQty", "availToSellQty", "reservedQty")] == [5, 3, 2]


async def test_a_token_lives_fifteen_minutes() -> None:
    bench = a_bench(a_walmart_listing())
    headers = await bench.walmart_headers()

    bench.clock.move(900)
    expired = await bench.client.get(ONE, params={"sku": "A"}, headers=headers)

    assert expired.status_code == 401
    assert expired.json()["error"][0]["code"] == "UNAUTHORIZED.GMP_GATEWAY_API"


async def test_a_bearer_header_is_no_token() -> None:
    bench = a_bench(a_walmart_listing())
    headers = await bench.walmart_headers()
    bearer = {**headers, "Authorization": f"Bearer {headers.pop('WM_SEC.ACCESS_TOKEN')}"}
    del bearer["WM_SEC.ACCESS_TOKEN"]

    answer = await bench.client.get(ONE, params={"sku": "A"}, headers=bearer)

    assert answer.status_code == 401


@pytest.mark.parametrize("missing", ["WM_SVC.NAME", "WM_QOS.CORRELATION_ID"])
async def test_every_call_names_its_service_and_its_correlation(missing: str) -> None:
    bench = a_bench(a_walmart_listing())
    headers = await bench.walmart_headers()
    del headers[missing]

    answer = await bench.client.get(ONE, params={"sku": "A"}, headers=headers)

    assert answer.status_code == 400


async def test_wrong_client_credentials_give_no_token() -> None:
    bench = a_bench()

    answer = await bench.client.post(
        "http://walmart.test/v3/token", data={"grant_type": "client_credentials"}, headers=basic("a", "b")
    )

    assert answer.status_code == 401


async def test_calls_left_are_told_and_the_201st_in_a_minute_is_throttled() -> None:
    bench = a_bench(a_walmart_listing())
    headers = await bench.walmart_headers()

    answers = [await bench.client.get(ONE, params={"sku": "A"}, headers=headers) for _ in range(201)]
    bench.clock.move(0.3)
    refilled = await bench.client.get(ONE, params={"sku": "A"}, headers=headers)

    assert [one.status_code for one in answers] == [200] * 200 + [429]
    assert [one.headers["x-current-token-count"] for one in (answers[0], answers[199])] == ["199", "0"]
    assert answers[200].json()["error"][0]["code"] == "REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API"
    assert int(answers[200].headers["Retry-After"]) >= 1
    assert refilled.status_code == 200


async def test_a_wfs_item_is_read_and_a_write_to_it_is_a_violation() -> None:
    bench = a_bench(a_walmart_listing(kind=ListingKind.WFS, quantity=12))
    headers = await bench.walmart_headers()

    read = (await bench.client.get("http://walmart.test/v3/wfs/inventory", params={"sku": "A"}, headers=headers)).json()
    refused = await bench.client.put(ONE, params={"sku": "A"}, headers=headers, json=quantity(3))

    assert read["payload"]["inventory"][0]["inventoryData"]["availableUnits"] == 12
    assert refused.status_code == 400
    assert [(one["type"], one["accepted"]) for one in await bench.violations()] == [("wfs", False)]


async def test_a_cursor_works_once_and_in_turn() -> None:
    bench = a_bench(*(a_walmart_listing(f"S{number}") for number in range(5)))
    headers = await bench.walmart_headers()

    first = (await bench.client.get(ALL, params={"limit": "2"}, headers=headers)).json()
    second = await bench.client.get(ALL, params={"nextCursor": first["meta"]["nextCursor"]}, headers=headers)
    again = await bench.client.get(ALL, params={"nextCursor": first["meta"]["nextCursor"]}, headers=headers)
    last = (
        await bench.client.get(ALL, params={"nextCursor": second.json()["meta"]["nextCursor"]}, headers=headers)
    ).json()

    assert [one["sku"] for one in second.json()["elements"]["inventories"]] == ["S2", "S3"]
    assert again.status_code == 404
    assert len(last["elements"]["inventories"]) == 1
    assert "nextCursor" not in last["meta"]


async def test_a_second_reader_ends_the_first_ones_cursor() -> None:
    bench = a_bench(*(a_walmart_listing(f"S{number}") for number in range(5)))
    headers = await bench.walmart_headers()

    first = (await bench.client.get(ALL, params={"limit": "2"}, headers=headers)).json()
    await bench.client.get(ALL, params={"limit": "2"}, headers=headers)
    late = await bench.client.get(ALL, params={"nextCursor": first["meta"]["nextCursor"]}, headers=headers)

    assert late.status_code == 404


@pytest.mark.parametrize(
    "body", [{"sku": "A"}, quantity(-1), quantity(1.5), quantity("7"), {"quantity": {"amount": 1}}]
)
async def test_a_body_that_cannot_be_is_refused(body: dict[str, object]) -> None:
    bench = a_bench(a_walmart_listing())

    answer = await bench.client.put(ONE, params={"sku": "A"}, headers=await bench.walmart_headers(), json=body)

    assert answer.status_code == 400
    assert answer.json()["error"][0]["code"] == "INVALID_REQUEST_PARAM.GMP_INVENTORY_API"


async def test_an_unknown_sku_is_content_not_found() -> None:
    bench = a_bench()

    answer = await bench.client.get(ONE, params={"sku": "x"}, headers=await bench.walmart_headers())

    assert answer.status_code == 404
    assert answer.json()["error"][0]["code"] == "CONTENT_NOT_FOUND.GMP_INVENTORY_API"


async def test_a_quantity_may_come_as_xml() -> None:
    """The published call takes application/xml too, and a client from a package index sends it."""
    bench = a_bench(a_walmart_listing())
    headers = {**await bench.walmart_headers(), "Content-Type": "application/xml"}
    body = (
        '<?xml version="1.0"?><inventory xmlns="http://walmart.com/"><sku>A</sku>'
        "<quantity><unit>EACH</unit><amount>7</amount></quantity></inventory>"
    )

    answer = await bench.client.put(ONE, params={"sku": "A"}, headers=headers, content=body)
    bench.clock.move(601)

    assert answer.json() == quantity(7)
    assert await bench.live("walmart", "A") == 7


@pytest.mark.parametrize(
    "body",
    ["", "<inventory", "<other/>", "<inventory><quantity><unit>EACH</unit><amount>x</amount></quantity></inventory>"],
)
async def test_xml_that_is_no_quantity_is_a_bad_request(body: str) -> None:
    bench = a_bench(a_walmart_listing())
    headers = {**await bench.walmart_headers(), "Content-Type": "application/xml"}

    answer = await bench.client.put(ONE, params={"sku": "A"}, headers=headers, content=body)

    assert answer.status_code == 400


async def test_who_asks_for_xml_gets_it() -> None:
    bench = a_bench(a_walmart_listing())
    headers = {**await bench.walmart_headers(), "Accept": "application/xml"}

    answer = await bench.client.get(ONE, params={"sku": "A"}, headers=headers)

    assert answer.headers["content-type"].startswith("application/xml")
    assert "<sku>A</sku>" in answer.text
