"""Queries and mutations that nobody thought of, made from Shopify's published schemas: the shop never breaks.

Generated arguments name nothing that there is, so most of them are replaced by what this shop has: else an answer of
`null` would be all that is ever seen.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from random import Random
from typing import Any

import graphql
import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.graphql import nodes
from schemathesis.specs.openapi.checks import response_schema_conformance

from tests.support import published
from tests.support.sandbox import LOCATION, Bench, a_bench, a_shopify_listing

pytestmark = [
    pytest.mark.skipif(not published.available(), reason=published.WHY_SKIPPED),
    pytest.mark.filterwarnings("ignore"),  # what the generator says of the files is not ours to mend
]

EXAMPLES = 4  # for each operation; the seed is fixed, so a failure is found again
VERSIONS = ("2025-10", "2026-01", "2026-07")  # one for each set of rules; 2026-04 and 2026-10 have those of 2026-07
FIRST_WITH_KEYS = "2026-01"
KEYED = ("inventoryActivate", "inventoryAdjustQuantities", "inventorySetOnHandQuantities", "inventorySetQuantities")
NOT_SERVED = frozenset(
    {
        "Mutation.bulkOperationRunMutation",
        "Mutation.inventoryBulkToggleActivation",
        "Mutation.inventoryMoveQuantities",
        "Mutation.stagedUploadsCreate",
        "QueryRoot.productVariantByIdentifier",
    }
)
"""Operations of the published schemas that the stand-in refuses by name."""
CODES = frozenset(
    {
        "ARGUMENT_LITERALS_INCOMPATIBLE",
        "BAD_REQUEST",
        "GRAPHQL_VALIDATION_FAILED",
        "MAX_COST_EXCEEDED",
        "MAX_INPUT_SIZE_EXCEEDED",
        "NOT_SERVED",
        "THROTTLED",
    }
)
"""What may be wrong with a call; a failure of the server's own, INTERNAL_SERVER_ERROR, is not among them."""
SCALARS = {
    "ARN": "arn:aws:events:us-east-1::event-source/aws.partner/shopify.com/1/a",
    "Decimal": "12.50",
    "FormattedString": "text",
    "Money": "19.99",
    "UnsignedInt64": "7",
    "URL": "https://receiver.example/shopify",
}
BULK_QUERY = "{ inventoryItems { edges { node { id inventoryLevels { edges { node { id } } } } } } }"


class Shop:
    """A shop of three items with a webhook subscription and a finished bulk operation, and what its calls may name."""

    def __init__(self, loop: asyncio.AbstractEventLoop, version: str, **settings_of_it: object) -> None:
        self.version = version
        listings = [a_shopify_listing(number, f"S{number}") for number in (1, 2, 3)]
        self.bench: Bench = a_bench(*listings, **settings_of_it)
        self._loop = loop
        self.known = self._known()

    def asked(self, text: str) -> httpx.Response:
        """The shop's answer to a document."""
        answer = self._loop.run_until_complete(self.bench.graphql(text, version=self.version))
        answer.elapsed = timedelta(0)  # not measured inside the process, and asked for by the generator's own check
        return answer

    def _known(self) -> Mapping[str, tuple[graphql.ConstValueNode, ...]]:
        """Values of arguments and input fields by their names, or by those of a field and its argument."""
        field = "uri" if self.version > "2025-10" else "callbackUrl"
        given = f'topic: INVENTORY_LEVELS_UPDATE, webhookSubscription: {{{field}: "{SCALARS["URL"]}"}}'
        create = f"webhookSubscriptionCreate({given})"
        subscribed = self._made(f"mutation {{ {create} {{ webhookSubscription {{ id }} }} }}")
        group = ", groupObjects: false" if self.version >= "2026-01" else ""
        bulk = self._made(
            f'mutation {{ bulkOperationRunQuery(query: "{BULK_QUERY}"{group}) {{ bulkOperation {{ id }} }} }}'
        )
        self.bench.clock.move(60)
        item, level = "gid://shopify/InventoryItem/1", "gid://shopify/InventoryLevel/81000001?inventory_item_id=1"
        gids = [item, LOCATION, level, "gid://shopify/ProductVariant/1", "gid://shopify/Product/1", bulk, subscribed]
        every = '["' + '", "'.join(gids) + '"]'
        return {
            name: tuple(graphql.parse_const_value(one) for one in values)
            for name, values in {
                "id": tuple(f'"{one}"' for one in gids),
                "inventoryItem.id": (f'"{item}"',),
                "inventoryItemUpdate.id": (f'"{item}"',),
                "inventoryLevel.id": (f'"{level}"',),
                "location.id": (f'"{LOCATION}"', "null"),
                "productVariant.id": ('"gid://shopify/ProductVariant/1"',),
                "bulkOperation.id": (f'"{bulk}"',),
                "bulkOperationCancel.id": (f'"{bulk}"',),
                "webhookSubscription.id": (f'"{subscribed}"',),
                "webhookSubscriptionUpdate.id": (f'"{subscribed}"',),
                "ids": (every,),
                "inventoryItemId": (f'"{item}"', '"gid://shopify/InventoryItem/2"'),
                "inventoryLevelId": (f'"{level}"',),
                "locationId": (f'"{LOCATION}"', '"gid://shopify/Location/81000009"'),
                "first": ("1", "2", "250"),
                "last": ("null",),
                "after": ("null",),
                "before": ("null",),
                "names": ('["available", "on_hand", "committed"]',),
                "name": ('"available"', '"on_hand"'),
                "reason": ('"correction"',),
                "referenceDocumentUri": ('"gid://inventory-sync/Push/42"', "null"),
                "quantity": ("0", "4", "1000000001"),
                "changeFromQuantity": ("null",),
                "query": (f'"{BULK_QUERY}"', '"sku:S1"', '"id:>1"', "null"),
            }.items()
        }

    def _made(self, text: str) -> str:
        """The id of what a mutation made."""
        (payload,) = self.asked(text).json()["data"].values()
        (made,) = payload.values()
        return str(made["id"])


class Sensible(graphql.Visitor):
    """Replaces most of the arguments whose names are known, and gives mutations the key that they may need."""

    def __init__(self, shop: Shop, chance: Random) -> None:
        super().__init__()
        self._shop = shop
        self._chance = chance
        self._fields: list[str] = []

    def enter_field(self, node: graphql.FieldNode, *_: object) -> None:
        self._fields.append(node.name.value)

    def enter_argument(self, node: graphql.ArgumentNode, *_: object) -> graphql.ArgumentNode:
        own = f"{self._fields[-1]}.{node.name.value}"
        name = own if own in self._shop.known else node.name.value
        return graphql.ArgumentNode(name=node.name, value=self._value(name, node.value))

    def enter_object_field(self, node: graphql.ObjectFieldNode, *_: object) -> graphql.ObjectFieldNode:
        return graphql.ObjectFieldNode(name=node.name, value=self._value(node.name.value, node.value))

    def leave_field(self, node: graphql.FieldNode, *_: object) -> graphql.FieldNode:
        self._fields.pop()
        if node.name.value not in KEYED or self._shop.version < FIRST_WITH_KEYS:
            return node
        key = self._chance.choice(("k1", "k2", self._chance.random()))
        directive = graphql.parse(f'{{ a @idempotent(key: "{key}") }}').definitions[0]
        assert isinstance(directive, graphql.OperationDefinitionNode)
        with_key = directive.selection_set.selections[0]
        return graphql.FieldNode(
            alias=node.alias,
            name=node.name,
            arguments=node.arguments,
            directives=with_key.directives,
            selection_set=node.selection_set,
        )

    def _value(self, name: str, value: graphql.ValueNode) -> graphql.ValueNode:
        known = self._shop.known.get(name)
        return value if known is None or self._chance.random() < 0.1 else self._chance.choice(known)


def the_schema(version: str) -> Any:
    """The published schema, with a value for each scalar that is Shopify's own."""
    logging.getLogger("hypothesis").setLevel(logging.ERROR)
    for name, value in SCALARS.items():
        schemathesis.graphql.scalar(name, st.just(value).map(nodes.String))
    return schemathesis.graphql.from_path(published.SPECS / "shopify" / f"admin_{version}.inventory-subset.graphql")


def drive(shop: Shop, operation: Any, check: Callable[[schemathesis.Case, str, httpx.Response], None]) -> None:
    """Sends generated calls of one operation, and has each answer checked."""

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), seed=st.integers(0, 2**32))
    def try_it(case: schemathesis.Case, seed: int) -> None:
        text = graphql.print_ast(graphql.visit(graphql.parse(str(case.body)), Sensible(shop, Random(seed))))
        check(case, text, shop.asked(text))

    try_it()


def misshaped(answer: httpx.Response) -> str:
    """What in an answer is not as GraphQL answers are, or not as Shopify's are; empty when all is."""
    body = answer.json()
    if answer.status_code != 200 or not isinstance(body, dict) or not body.keys() <= {"data", "errors", "extensions"}:
        return "the top"
    errors = body.get("errors")
    if errors is None:
        return "" if isinstance(body.get("data"), dict) and _cost_told(body) else "data or cost"
    if not isinstance(errors, list) or not errors:
        return "errors"
    codes = {error["extensions"]["code"] for error in errors}
    if not codes <= CODES or not all(isinstance(error["message"], str) and error["message"] for error in errors):
        return "an error"
    if "THROTTLED" in codes and (errors != [THROTTLED] or "data" in body or not _cost_told(body)):
        return "a throttle"
    # What was not executed has no data; what was has it, null where an error reached the top, and errors know where.
    executed = "data" in body
    return "" if all(("path" in error) == executed for error in errors) else "the path of an error"


THROTTLED = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}


def _cost_told(body: Mapping[str, Any]) -> bool:
    cost = body["extensions"]["cost"]
    state = cost["throttleStatus"]
    return (
        cost.keys() == {"requestedQueryCost", "actualQueryCost", "throttleStatus"}
        and state.keys() == {"maximumAvailable", "currentlyAvailable", "restoreRate"}
        and (cost["actualQueryCost"] is None or 0 < cost["actualQueryCost"] <= cost["requestedQueryCost"])
        and 0 <= state["currentlyAvailable"] <= state["maximumAvailable"]
    )


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop for calls out of generated tests, which are not coroutines."""
    made = asyncio.new_event_loop()
    yield made
    made.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_generated_documents_are_answered_as_graphql_and_as_shopify_does(
    version: str, loop: asyncio.AbstractEventLoop
) -> None:
    shop = Shop(loop, version, factor=1e-6, burst_factor=1e6)
    operations = [found.ok() for found in the_schema(version).get_all_operations()]
    reached: set[str] = set()

    def check(case: schemathesis.Case, text: str, answer: httpx.Response) -> None:
        assert misshaped(answer) == "", (misshaped(answer), text, answer.text)
        case.validate_response(answer, checks=[response_schema_conformance])
        if any(value is not None for value in (answer.json().get("data") or {}).values()):
            reached.add(case.operation.label)

    for operation in operations:
        drive(shop, operation, check)

    assert {one.label for one in operations} - reached == NOT_SERVED & {one.label for one in operations}


def test_generated_documents_meet_the_published_throttle_when_the_bucket_is_empty(
    loop: asyncio.AbstractEventLoop,
) -> None:
    shop = Shop(loop, "2026-07", shopify_bucket=40)
    mutations = [
        one for one in (found.ok() for found in the_schema("2026-07").get_all_operations()) if "Mutation." in one.label
    ]
    executed: list[bool] = []
    throttled: list[str] = []

    def check(case: schemathesis.Case, text: str, answer: httpx.Response) -> None:
        assert misshaped(answer) == "", (text, answer.text)
        executed.append("data" in answer.json())
        if "THROTTLED" in answer.text:
            throttled.append(case.operation.label)

    for operation in mutations:
        drive(shop, operation, check)

    assert sum(executed) == 4  # 10 points each, and time stands still
    assert {one.label for one in mutations[1:]} <= set(throttled)
