"""The Shopify stand-in: the published schema executed, with the rules of each API version."""

import asyncio

import pytest

from inventory_sandbox.marketplaces.shopify.schemas import Schemas
from tests.support.sandbox import (
    LOCATION,
    SET_WITH_KEY,
    SET_WITHOUT_KEY,
    Bench,
    a_bench,
    a_shopify_listing,
    shopify_input,
)

ITEM = "gid://shopify/InventoryItem/1"
READ = """query($c: String) { inventoryItems(first: 50, after: $c, query: "sku:A") { pageInfo { hasNextPage endCursor }
  nodes { id sku tracked inventoryLevels(first: 10) { nodes { location { id }
    quantities(names: ["available", "on_hand", "committed"]) { name quantity } } } } } }"""


def row(quantity: int, **more: object) -> dict[str, object]:
    return {"inventoryItemId": ITEM, "quantity": quantity, **more}


async def set_quantity(bench: Bench, quantity: int, key: str = "k1", **more: object) -> dict[str, object]:
    fields = {"changeFromQuantity": None, **more}
    answer = await bench.graphql(SET_WITH_KEY, {"input": shopify_input([row(quantity, **fields)]), "key": key})
    return dict(answer.json()["data"]["inventorySetQuantities"])


async def available(bench: Bench) -> dict[str, int]:
    nodes = (await bench.graphql(READ)).json()["data"]["inventoryItems"]["nodes"]
    return {one["name"]: one["quantity"] for one in nodes[0]["inventoryLevels"]["nodes"][0]["quantities"]}


async def test_the_ledger_has_a_write_at_once_and_buyers_see_it_seconds_later() -> None:
    bench = a_bench(a_shopify_listing())

    written = await set_quantity(bench, 4)
    at_once = await bench.live("shopify", "1")
    bench.clock.move(5.1)

    assert written["userErrors"] == []
    assert (await available(bench))["available"] == 4
    assert at_once == 0
    assert await bench.live("shopify", "1") == 4


async def test_a_sale_is_committed_and_stays_on_hand_until_it_ships() -> None:
    bench = a_bench(a_shopify_listing(quantity=5))
    sale = {"marketplace": "shopify", "key": "1", "quantity": 2}

    await bench.control("POST", "/sales", sale)
    sold = await available(bench)
    await bench.control("POST", "/shipments", sale)
    shipped = await available(bench)

    assert sold == {"available": 3, "on_hand": 5, "committed": 2}
    assert shipped == {"available": 3, "on_hand": 3, "committed": 0}


async def test_a_sale_before_a_write_is_live_lowers_the_write() -> None:
    """The shop keeps a ledger: a unit sold is gone, whatever is on its way to the storefront."""
    bench = a_bench(a_shopify_listing(quantity=5))

    await set_quantity(bench, 4)
    await bench.control("POST", "/sales", {"marketplace": "shopify", "key": "1", "quantity": 1})
    bench.clock.move(10)

    assert await bench.live("shopify", "1") == 3


@pytest.mark.parametrize("version", ["2026-04", "2026-07", "2026-10"])
async def test_later_versions_want_a_key_and_what_the_row_changes_from(version: str) -> None:
    bench = a_bench(a_shopify_listing())
    full = {"input": shopify_input([row(4, changeFromQuantity=None)])}
    bare = {"input": shopify_input([row(4)]), "key": "k"}

    without_key = (await bench.graphql(SET_WITHOUT_KEY, full, version)).json()
    without_field = (await bench.graphql(SET_WITH_KEY, bare, version)).json()
    with_both = (await bench.graphql(SET_WITH_KEY, {**full, "key": "k2"}, version)).json()

    assert "@idempotent" in without_key["errors"][0]["message"]
    assert "changeFromQuantity" in without_field["errors"][0]["message"]
    assert with_both["data"]["inventorySetQuantities"]["userErrors"] == []


async def test_later_versions_do_not_know_the_old_compare_fields() -> None:
    bench = a_bench(a_shopify_listing())
    old = {"input": shopify_input([row(4)], ignoreCompareQuantity=True), "key": "k"}

    answer = await bench.graphql(SET_WITH_KEY, old)

    assert answer.status_code == 200
    assert "ignoreCompareQuantity" in answer.json()["errors"][0]["message"]


async def test_the_oldest_version_compares_by_its_own_fields_and_has_no_directive() -> None:
    bench = a_bench(a_shopify_listing(quantity=2))

    async def ask(quantity: int, extra: dict[str, object], whole: dict[str, object]) -> list[str]:
        variables = {"input": shopify_input([row(quantity, **extra)], **whole)}
        answer = (await bench.graphql(SET_WITHOUT_KEY, variables, "2025-10")).json()
        return [one["code"] for one in answer["data"]["inventorySetQuantities"]["userErrors"]]

    neither = await ask(3, {}, {})
    stale = await ask(3, {"compareQuantity": 9}, {})
    equal = await ask(3, {"compareQuantity": 2}, {})
    ignored = await ask(4, {}, {"ignoreCompareQuantity": True})
    directive = (await bench.graphql(SET_WITH_KEY, {"input": shopify_input([row(3)]), "key": "k"}, "2025-10")).json()

    assert (neither, stale) == (["COMPARE_QUANTITY_REQUIRED"], ["COMPARE_QUANTITY_STALE"])
    assert (equal, ignored) == ([], [])
    assert "@idempotent" in directive["errors"][0]["message"]


async def test_an_unsupported_old_version_falls_forward_and_nonsense_is_not_found() -> None:
    bench = a_bench(a_shopify_listing())

    old = await bench.graphql("{ shop { name } }", version="2023-01")
    nonsense = await bench.graphql("{ shop { name } }", version="newest")

    assert old.headers["X-Shopify-API-Version"] == "2025-10"
    assert nonsense.status_code == 404


async def test_compare_and_set_refuses_a_stale_quantity() -> None:
    bench = a_bench(a_shopify_listing(quantity=2))

    stale = await set_quantity(bench, 5, "k1", changeFromQuantity=9)
    fresh = await set_quantity(bench, 5, "k2", changeFromQuantity=2)

    assert [one["code"] for one in stale["userErrors"]] == ["CHANGE_FROM_QUANTITY_STALE"]  # type: ignore[attr-defined]
    assert fresh["userErrors"] == []


async def test_the_same_key_gives_the_first_result_and_writes_once() -> None:
    bench = a_bench(a_shopify_listing())

    first = await set_quantity(bench, 4, "k1")
    await bench.control("POST", "/edits", {"marketplace": "shopify", "key": "1", "quantity": 9})
    again = await set_quantity(bench, 4, "k1")
    other = await set_quantity(bench, 5, "k1")

    assert again == first
    assert (await available(bench))["available"] == 9
    assert [one["code"] for one in other["userErrors"]] == ["IDEMPOTENCY_KEY_PARAMETER_MISMATCH"]  # type: ignore[attr-defined]


async def test_a_failed_key_cannot_be_used_again() -> None:
    bench = a_bench(a_shopify_listing(quantity=2))

    await set_quantity(bench, 4, "k1", changeFromQuantity=9)
    again = await set_quantity(bench, 4, "k1", changeFromQuantity=9)

    assert [one["code"] for one in again["userErrors"]] == ["IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"]  # type: ignore[attr-defined]


async def test_the_same_key_at_once_is_a_concurrent_request() -> None:
    bench = a_bench(a_shopify_listing())

    both = await asyncio.gather(set_quantity(bench, 4, "k1"), set_quantity(bench, 4, "k1"))

    codes = [one["code"] for result in both for one in result["userErrors"]]  # type: ignore[attr-defined]
    assert codes == ["IDEMPOTENCY_CONCURRENT_REQUEST"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"inventoryItemId": "gid://shopify/InventoryItem/9"}, "INVALID_INVENTORY_ITEM"),
        ({"locationId": "gid://shopify/Location/9"}, "INVALID_LOCATION"),
        ({"locationId": "gid://shopify/Location/81000002"}, "ITEM_NOT_STOCKED_AT_LOCATION"),
        ({"quantity": -1}, "INVALID_QUANTITY_NEGATIVE"),
        ({"quantity": 1_000_000_001}, "INVALID_QUANTITY_TOO_HIGH"),
    ],
)
async def test_one_bad_row_refuses_them_all(change: dict[str, object], code: str) -> None:
    bench = a_bench(a_shopify_listing(), a_shopify_listing(2, "B"))
    good = row(3, changeFromQuantity=None, inventoryItemId="gid://shopify/InventoryItem/2")
    rows = [good, {**row(3, changeFromQuantity=None), **change}]

    answer = (await bench.graphql(SET_WITH_KEY, {"input": shopify_input(rows), "key": "k"})).json()
    bench.clock.move(10)

    result = answer["data"]["inventorySetQuantities"]
    assert [one["code"] for one in result["userErrors"]] == [code]
    assert result["inventoryAdjustmentGroup"] is None
    assert await bench.live("shopify", "2") == 0


@pytest.mark.parametrize(
    ("change", "code"), [({"name": "incoming"}, "INVALID_NAME"), ({"reason": "because"}, "INVALID_REASON")]
)
async def test_name_and_reason_are_checked(change: dict[str, object], code: str) -> None:
    bench = a_bench(a_shopify_listing())
    variables = {"input": {**shopify_input([row(3, changeFromQuantity=None)]), **change}, "key": "k"}

    result = (await bench.graphql(SET_WITH_KEY, variables)).json()["data"]["inventorySetQuantities"]

    assert [one["code"] for one in result["userErrors"]] == [code]


async def test_the_same_pair_twice_is_refused_and_251_rows_are_an_error() -> None:
    bench = a_bench(a_shopify_listing())
    same = row(3, changeFromQuantity=None)

    twice = (await bench.graphql(SET_WITH_KEY, {"input": shopify_input([same, same]), "key": "k"})).json()
    many = (await bench.graphql(SET_WITH_KEY, {"input": shopify_input([same] * 251), "key": "k2"})).json()

    codes = [one["code"] for one in twice["data"]["inventorySetQuantities"]["userErrors"]]
    assert codes == ["NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"]
    assert many["errors"][0]["extensions"]["code"] == "MAX_INPUT_SIZE_EXCEEDED"


async def test_stock_of_a_fulfillment_service_is_never_written() -> None:
    bench = a_bench(a_shopify_listing())

    written = await set_quantity(bench, 4, locationId="gid://shopify/Location/81000009")

    assert [one["code"] for one in written["userErrors"]] == ["NON_MUTABLE_INVENTORY_ITEM"]  # type: ignore[attr-defined]
    assert len(await bench.violations()) == 1


async def test_an_untracked_item_takes_a_quantity_and_shows_nothing_of_it() -> None:
    bench = a_bench(a_shopify_listing(tracked=False))

    written = await set_quantity(bench, 4)

    assert written["userErrors"] == []
    assert (await available(bench))["available"] == 0


async def test_a_mutation_costs_ten_points_and_the_bucket_tells_what_is_left() -> None:
    bench = a_bench(a_shopify_listing())

    variables = {"input": shopify_input([row(4, changeFromQuantity=None)]), "key": "k"}
    cost = (await bench.graphql(SET_WITH_KEY, variables)).json()["extensions"]["cost"]

    assert (cost["requestedQueryCost"], cost["actualQueryCost"]) == (10, 10)
    assert cost["throttleStatus"] == {
        "maximumAvailable": 2000.0,
        "currentlyAvailable": 1990,
        "restoreRate": 100.0,
    }


async def test_an_empty_bucket_throttles_inside_a_200_and_refills_at_its_rate() -> None:
    bench = a_bench(a_shopify_listing(), shopify_bucket=30.0)

    async def ask(key: str) -> dict[str, object]:
        variables = {"input": shopify_input([row(4, changeFromQuantity=None)]), "key": key}
        answer = await bench.graphql(SET_WITH_KEY, variables)
        assert answer.status_code == 200
        return dict(answer.json())

    answers = [await ask(f"k{number}") for number in range(4)]
    bench.clock.move(0.1)
    after = await ask("k9")

    assert [("errors" in one) for one in answers] == [False, False, False, True]
    throttled = answers[3]
    assert throttled["errors"] == [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]
    assert throttled["extensions"]["cost"]["throttleStatus"]["currentlyAvailable"] == 0  # type: ignore[index]
    assert "errors" not in after


async def test_a_query_gives_back_points_it_did_not_use() -> None:
    bench = a_bench(a_shopify_listing())

    cost = (await bench.graphql(READ)).json()["extensions"]["cost"]

    assert cost["actualQueryCost"] < cost["requestedQueryCost"]
    assert cost["throttleStatus"]["currentlyAvailable"] == 2000 - cost["actualQueryCost"]


async def test_pages_go_by_cursor_to_the_end() -> None:
    bench = a_bench(*(a_shopify_listing(number, f"S{number}") for number in range(1, 6)))
    query = (
        "query($c: String) { inventoryItems(first: 2, after: $c) { pageInfo { hasNextPage endCursor } nodes { sku } } }"
    )
    seen: list[str] = []
    cursor = None
    for _ in range(10):
        page = (await bench.graphql(query, {"c": cursor})).json()["data"]["inventoryItems"]
        seen += [one["sku"] for one in page["nodes"]]
        cursor = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break

    assert seen == ["S1", "S2", "S3", "S4", "S5"]


async def test_setting_what_is_there_already_changes_nothing() -> None:
    bench = a_bench(a_shopify_listing(quantity=4))

    written = await set_quantity(bench, 4)

    assert written == {"inventoryAdjustmentGroup": None, "userErrors": []}


async def test_an_item_is_stocked_at_another_location_and_read_as_a_level() -> None:
    bench = a_bench(a_shopify_listing())
    activate = """mutation($i: ID!, $l: ID!, $k: String!) {
      inventoryActivate(inventoryItemId: $i, locationId: $l, available: 3) @idempotent(key: $k) {
        inventoryLevel { id location { id } } userErrors { field message } } }"""
    other = "gid://shopify/Location/81000002"

    made = (await bench.graphql(activate, {"i": ITEM, "l": other, "k": "k"})).json()
    level_id = made["data"]["inventoryActivate"]["inventoryLevel"]["id"]
    read = 'query($id: ID!) { inventoryLevel(id: $id) { item { id } quantities(names: ["available"]) { quantity } } }'
    level = (await bench.graphql(read, {"id": level_id})).json()["data"]["inventoryLevel"]

    assert level == {"item": {"id": ITEM}, "quantities": [{"quantity": 3}]}


async def test_stocking_at_another_location_wants_a_key_and_sets_no_quantity_that_cannot_be() -> None:
    """As the schemas say of `inventoryActivate`: a key is required from 2026-04 on and optional in 2026-01."""
    bench = a_bench(a_shopify_listing())
    service = "gid://shopify/Location/81000009"

    async def ask(more: str, directive: str, location: str = LOCATION, version: str = "2026-07") -> dict[str, object]:
        arguments = f'inventoryItemId: "{ITEM}", locationId: "{location}"{more}'
        text = f"mutation {{ inventoryActivate({arguments}) {directive} {{ userErrors {{ field }} }} }}"
        return dict((await bench.graphql(text, version=version)).json())

    unkeyed = await ask("", "")
    before = await ask(", onHand: 3, available: null", "", version="2026-01")
    negative = await ask(", available: -1", '@idempotent(key: "k1")')
    held = await ask(", available: 5", '@idempotent(key: "k2")', service)

    assert "@idempotent" in str(unkeyed["errors"])
    assert before["data"] == {"inventoryActivate": {"userErrors": []}}
    assert negative["data"] == held["data"] == {"inventoryActivate": {"userErrors": [{"field": ["available"]}]}}
    assert await available(bench) == {"available": 3, "on_hand": 3, "committed": 0}
    assert [one["quantity"] for one in await bench.violations()] == [5]


async def test_a_wrong_token_is_401() -> None:
    bench = a_bench()

    answer = await bench.client.post(
        "http://shopify.test/admin/api/2026-07/graphql.json",
        json={"query": "{ shop { name } }"},
        headers={"X-Shopify-Access-Token": "x"},
    )

    assert answer.status_code == 401


async def test_partial_failure_is_a_user_error() -> None:
    bench = a_bench(a_shopify_listing())
    await bench.fault("shopify", "partial_failure", count=1)

    written = await set_quantity(bench, 4)

    assert [one["code"] for one in written["userErrors"]] == ["ITEM_NOT_STOCKED_AT_LOCATION"]  # type: ignore[attr-defined]


async def test_locations_are_listed_without_those_of_fulfillment_services() -> None:
    bench = a_bench()

    nodes = (await bench.graphql("{ locations(first: 10) { nodes { id isActive } } }")).json()

    ids = [one["id"] for one in nodes["data"]["locations"]["nodes"]]
    assert LOCATION in ids
    assert "gid://shopify/Location/81000009" not in ids


async def test_a_location_that_was_made_inactive_takes_no_quantity() -> None:
    bench = a_bench(a_shopify_listing())
    await bench.control("POST", "/locations", {"id": LOCATION, "name": "Closed", "active": False})

    written = await set_quantity(bench, 4)

    assert [one["code"] for one in written["userErrors"]] == ["INVALID_LOCATION"]  # type: ignore[attr-defined]


def test_the_stand_ins_of_one_process_read_a_schema_once() -> None:
    """Every test has a sandbox of its own, and each would spend a quarter of a second on it."""
    one, other = (Schemas(("2026-07",)).get("2026-07") for _ in range(2))

    assert one is not None and one is other
