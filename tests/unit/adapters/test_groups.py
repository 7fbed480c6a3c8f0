"""Groups of pushes in one call: one outcome for each, whatever became of the others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import httpx
import pytest

from inventory_domain.errors import InvariantBroken
from inventory_domain.identifiers import ChannelId, ListingId, NodeId
from inventory_domain.outcomes import (
    GROUP_REFUSED,
    UNRECOGNIZED,
    Accepted,
    Applied,
    PushOutcome,
    Rejected,
    Throttled,
    Transient,
    Unauthorized,
)
from inventory_domain.ports import Push
from tests.support.adapters import LOCATION, Scripted, a_push, an_adapter


def ebay_push(number: int, quantity: int = 5, sku: str | None = None) -> Push:
    return a_push(
        "ebay",
        listing_id=ListingId(f"ebay-us/{number}"),
        quantity=quantity,
        marketplace_ids={"sku": sku or f"S{number}", "offer_id": f"O{number}", "listing_id": "L1"},
    )


def shopify_push(number: int, quantity: int = 5, nodes: Sequence[str] = (LOCATION,), key: str = "k") -> Push:
    return a_push(
        "shopify",
        listing_id=ListingId(f"shopify-dtc/{number}"),
        quantity=quantity,
        nodes={NodeId(node): quantity for node in nodes},
        marketplace_ids={"inventory_item_id": f"gid://shopify/InventoryItem/{number}"},
        key=f"{key}-{number}",
    )


async def pushed(marketplace: str, pushes: Sequence[Push], *replies: httpx.Response) -> Sequence[PushOutcome]:
    adapter = an_adapter(marketplace, Scripted(*replies))
    outcomes = await adapter.push(pushes)
    await adapter.aclose()
    return outcomes


async def sent(marketplace: str, pushes: Sequence[Push], **settings: object) -> dict[str, object]:
    transport = Scripted(httpx.Response(500))
    adapter = an_adapter(marketplace, transport, **settings)
    await adapter.push(pushes)
    await adapter.aclose()
    body = json.loads(transport.requests[0].content)
    assert isinstance(body, dict)
    return body


def row(number: int, status: int = 200, error: int | None = None, offer: bool = True) -> dict[str, object]:
    errors = {"errors": [{"errorId": error, "message": "m"}]} if error else {}
    return {"statusCode": status, "sku": f"S{number}", **({"offerId": f"O{number}"} if offer else {}), **errors}


async def test_ebay_rows_are_judged_one_by_one() -> None:
    reply = httpx.Response(207, json={"responses": [row(2, 500, 25001), row(1), row(3, 400, 25713)]})

    outcomes = await pushed("ebay", [ebay_push(1), ebay_push(2), ebay_push(3), ebay_push(4)], reply)

    assert [type(each) for each in outcomes] == [Accepted, Transient, Rejected, Transient]
    assert [each.reason for each in outcomes] == ["accepted", "server-error", "listing-not-found", "row-missing"]
    assert [each.effect_unknown for each in outcomes] == [False, True, False, True]


async def test_ebay_needs_the_row_of_the_sku_and_that_of_the_offer() -> None:
    reply = httpx.Response(207, json={"responses": [row(1, 400, 25709, offer=False), row(1)]})

    (outcome,) = await pushed("ebay", [ebay_push(1)], reply)

    assert isinstance(outcome, Rejected)
    assert outcome.effect_unknown  # the offer was written


async def test_ebay_offer_that_has_no_row_of_its_own_may_not_have_been_set() -> None:
    """A row without an offer's id is of the SKU's quantity alone."""
    reply = httpx.Response(200, json={"responses": [row(1, offer=False)]})

    (outcome,) = await pushed("ebay", [ebay_push(1)], reply)

    assert (type(outcome), outcome.reason, outcome.effect_unknown) == (Transient, "row-missing", True)


async def test_ebay_sets_the_sku_and_the_offer_together() -> None:
    """Buyers see the smaller of the two, so raising one alone changes nothing."""
    body = await sent("ebay", [ebay_push(1, quantity=7)])

    assert body == {
        "requests": [
            {
                "sku": "S1",
                "shipToLocationAvailability": {"quantity": 7},
                "offers": [{"offerId": "O1", "availableQuantity": 7}],
            }
        ]
    }


async def test_ebay_names_a_sku_once_though_it_is_on_two_sites() -> None:
    body = await sent("ebay", [ebay_push(1, 7, sku="S"), ebay_push(2, 3, sku="S")])

    assert body == {
        "requests": [
            {
                "sku": "S",
                "shipToLocationAvailability": {"quantity": 7},
                "offers": [{"offerId": "O1", "availableQuantity": 7}, {"offerId": "O2", "availableQuantity": 3}],
            }
        ]
    }


async def test_ebay_does_not_lower_one_site_to_what_the_other_may_show() -> None:
    """The quantity of the SKU itself is one for all its sites, and each shows no more than it."""
    transport = Scripted(httpx.Response(500))
    adapter = an_adapter("ebay", transport, channels={"ebay-us": {}, "ebay-uk": {"marketplace_id": "EBAY_GB"}})
    uk = {"listing_id": ListingId("ebay-uk/2"), "channel": ChannelId("ebay-uk")}

    async def of_sku(push: Push) -> int:
        await adapter.push([push])
        (row,) = json.loads(transport.requests[-1].content)["requests"]
        return int(row["shipToLocationAvailability"]["quantity"])

    alone = await of_sku(replace(ebay_push(2, 3, sku="S"), **uk))
    steps = [ebay_push(1, 7, sku="S"), replace(ebay_push(2, 0, sku="S"), **uk), ebay_push(1, 2, sku="S")]
    together = [await of_sku(push) for push in steps]
    other = await of_sku(ebay_push(3, 1))
    await adapter.aclose()

    assert (alone, together, other) == (3, [7, 7, 2], 1)


@pytest.mark.parametrize(
    ("marketplace", "reply"),
    [
        ("ebay", httpx.Response(400, json={"errors": [{"errorId": 25709, "message": "requests[1].sku"}]})),
        ("shopify", httpx.Response(200, json={"errors": [{"extensions": {"code": "MAX_COST_EXCEEDED"}}]})),
        # An id that is none: the call is refused before it is looked at, with a code of no published list.
        ("shopify", httpx.Response(200, json={"errors": [{"extensions": {"code": "INVALID_VARIABLE"}}]})),
        ("ebay", httpx.Response(400, json={"errors": [{"errorId": 99999, "message": "new"}]})),
    ],
)
async def test_nobody_is_given_up_for_another_ones_row(marketplace: str, reply: httpx.Response) -> None:
    """One bad row refuses the whole call; the good ones must not end among the dead letters with it."""
    make = ebay_push if marketplace == "ebay" else shopify_push

    outcomes = await pushed(marketplace, [make(1), make(2)], reply)
    (alone,) = await pushed(marketplace, [make(1)], reply)

    assert {(type(each), each.reason) for each in outcomes} == {(Transient, GROUP_REFUSED)}
    assert isinstance(alone, Rejected) or alone.reason == UNRECOGNIZED


@pytest.mark.parametrize(
    ("status", "then"), [(429, Throttled), (401, Unauthorized), (500, Transient)], ids=["429", "401", "500"]
)
@pytest.mark.parametrize("marketplace", ["ebay", "shopify"])
async def test_what_stops_a_call_is_said_of_every_push(marketplace: str, status: int, then: type[object]) -> None:
    make = ebay_push if marketplace == "ebay" else shopify_push

    outcomes = await pushed(marketplace, [make(1), make(2)], httpx.Response(status, json={"errors": []}))

    assert [type(each) for each in outcomes] == [then, then]
    assert [each.listing_id for each in outcomes] == [make(1).listing_id, make(2).listing_id]


@pytest.mark.parametrize(("marketplace", "most"), [("ebay", 25), ("shopify", 50)])
async def test_a_group_holds_as_many_as_the_adapter_declares(marketplace: str, most: int) -> None:
    make = ebay_push if marketplace == "ebay" else shopify_push
    adapter = an_adapter(marketplace, Scripted(httpx.Response(500)))

    outcomes = await adapter.push([make(number) for number in range(most)])

    assert len(outcomes) == most == adapter.traits.push_group_max
    with pytest.raises(InvariantBroken):
        await adapter.push([make(number) for number in range(most + 1)])
    await adapter.aclose()


async def test_a_refused_push_does_not_keep_the_others_from_going() -> None:
    bad = a_push("ebay", listing_id=ListingId("ebay-us/bad"), marketplace_ids={"sku": "S9"})

    outcomes = await pushed("ebay", [ebay_push(1), bad], httpx.Response(200, json={"responses": [row(1)]}))

    assert [type(each) for each in outcomes] == [Accepted, Rejected]
    assert outcomes[1].error is not None and "offer_id" in outcomes[1].error


def set_reply(*errors: dict[str, object]) -> httpx.Response:
    done = {"inventoryAdjustmentGroup": None if errors else {"id": "gid://1"}, "userErrors": list(errors)}
    return httpx.Response(200, json={"data": {"inventorySetQuantities": done}})


def user_error(index: int, code: str) -> dict[str, object]:
    return {"code": code, "field": ["input", "quantities", str(index), "locationId"], "message": "m"}


async def test_shopify_blames_the_row_that_the_error_names() -> None:
    """The rows of a listing at two locations are two; the path counts rows, not listings."""
    pushes = [shopify_push(1, nodes=("a", "b")), shopify_push(2), shopify_push(3)]

    outcomes = await pushed("shopify", pushes, set_reply(user_error(2, "INVALID_LOCATION")))

    assert [type(each) for each in outcomes] == [Transient, Rejected, Transient]
    assert [each.reason for each in outcomes] == [GROUP_REFUSED, "location-not-found", GROUP_REFUSED]


async def test_shopify_listing_of_which_one_location_is_refused_may_have_been_written_at_the_others() -> None:
    pushes = [shopify_push(1, nodes=("a", "b")), shopify_push(2)]

    one = await pushed("shopify", pushes, set_reply(user_error(0, "INVALID_LOCATION")))
    both = await pushed("shopify", pushes, set_reply(*(user_error(index, "INVALID_LOCATION") for index in (0, 1))))

    assert [(type(each), each.effect_unknown) for each in one] == [(Rejected, True), (Transient, True)]
    assert [(type(each), each.effect_unknown) for each in both] == [(Rejected, False), (Transient, True)]


async def test_shopify_group_without_errors_is_applied() -> None:
    outcomes = await pushed("shopify", [shopify_push(1), shopify_push(2)], set_reply())

    assert [type(each) for each in outcomes] == [Applied, Applied]


@pytest.mark.parametrize("field", [["input", "quantities", "99", "x"], ["input", "quantities"], None, "input"])
async def test_shopify_error_that_names_no_row_is_everybodys(field: object) -> None:
    error = {"code": "INVALID_REASON", "field": field, "message": "m"}

    outcomes = await pushed("shopify", [shopify_push(1), shopify_push(2)], set_reply(error))

    assert {(type(each), each.reason) for each in outcomes} == {(Transient, GROUP_REFUSED)}


async def test_shopify_key_is_the_same_for_the_same_attempts_only() -> None:
    """The marketplace answers a repeated key with the first result: a new attempt must not look like a repeat."""

    async def key(*pushes: Push) -> object:
        variables = (await sent("shopify", pushes))["variables"]
        assert isinstance(variables, dict)
        return variables["key"]

    same = {await key(shopify_push(1), shopify_push(2)), await key(shopify_push(1), shopify_push(2))}
    others = {
        await key(shopify_push(1)),
        await key(shopify_push(1, quantity=6)),
        await key(shopify_push(1, key="next"), shopify_push(2, key="next")),
        await key(shopify_push(2), shopify_push(3)),
    }

    assert len(same) == 1
    assert len(same | others) == 5


async def test_shopify_listing_without_location_is_refused_with_the_reason() -> None:
    (outcome,) = await pushed("shopify", [shopify_push(1, nodes=())], set_reply())

    assert isinstance(outcome, Rejected) and outcome.reason == "no-nodes"


async def test_shopify_listing_at_too_many_locations_is_refused() -> None:
    """Else a full group would have more rows than a call may hold."""
    (outcome,) = await pushed("shopify", [shopify_push(1, nodes=[f"n{number}" for number in range(6)])], set_reply())

    assert isinstance(outcome, Rejected) and outcome.reason == "too-many-locations"


async def test_shopify_row_that_two_listings_share_goes_once() -> None:
    """The marketplace would refuse the whole call."""
    twin = a_push("shopify", listing_id=ListingId("shopify-dtc/twin"), marketplace_ids=shopify_push(1).marketplace_ids)

    outcomes = await pushed("shopify", [shopify_push(1), twin], set_reply())

    assert [type(each) for each in outcomes] == [Applied, Rejected]


WALMART_NODES = {NodeId("1"): 4, NodeId("2"): 6}


def nodes_reply(*nodes: dict[str, object]) -> httpx.Response:
    return httpx.Response(200, json={"sku": "S1", "nodes": list(nodes)})


NODE_ERROR = {"code": "INVALID_SHIP_NODE", "severity": "ERROR", "category": "DATA", "description": "d"}


@pytest.mark.parametrize(
    ("nodes", "then", "reason", "unknown"),
    [
        ([{"shipNode": "1", "status": "Success"}, {"shipNode": "2", "status": "SUCCESS"}], Accepted, "accepted", False),
        (
            [{"shipNode": "1", "status": "Success"}, {"shipNode": "2", "status": "Failure", "errors": [NODE_ERROR]}],
            Transient,
            "unrecognized",
            True,
        ),
        ([{"shipNode": "1", "status": "Success"}], Transient, "node-missing", True),
        ([{"shipNode": "1", "status": "Success"}, {"shipNode": "2"}], Transient, "unrecognized", True),
        ([], Transient, "node-missing", True),
        (
            [
                {"shipNode": "1", "status": "Success"},
                {"shipNode": "2", "status": "Failed", "errors": [{"code": "CONTENT_NOT_FOUND.GMP"}]},
            ],
            Rejected,
            "listing-not-found",
            True,
        ),
        (
            [
                {"shipNode": "1", "status": "Success"},
                {"shipNode": "2", "status": "Success", "errors": [{"code": "X", "severity": "WARN"}]},
            ],
            Accepted,
            "accepted",
            False,
        ),
    ],
)
async def test_walmart_ship_nodes_are_judged_one_by_one(
    nodes: list[dict[str, object]], then: type[object], reason: str, unknown: bool
) -> None:
    """A listing is written when all its nodes are: one that is not leaves its number wrong."""
    (outcome,) = await pushed("walmart", [a_push("walmart", nodes=WALMART_NODES)], nodes_reply(*nodes))

    assert (type(outcome), outcome.reason, outcome.effect_unknown) == (then, reason, unknown)
