"""Writes the quantity of one SKU: as one number, or per ship node with every node judged by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote

from inventory_adapters.bodies import encoded, mapping, rows, text
from inventory_adapters.exchange import Answered, Exchange
from inventory_adapters.failures import Failure, judge
from inventory_adapters.http import Request
from inventory_adapters.secrets import Secret
from inventory_adapters.walmart import auth
from inventory_adapters.walmart.failures import RULES, node_facts
from inventory_adapters.walmart.settings import PUT_INVENTORY, WalmartSettings
from inventory_domain.outcomes import UNRECOGNIZED, Accepted, PushOutcome, Rejected, Transient
from inventory_domain.ports import Push

PUT_INVENTORIES = "putInventories"
NEEDED_IDS = ("sku",)
NODE_MISSING = "node-missing"


async def push_one(
    push: Push, settings: WalmartSettings, exchange: Exchange, new_id: Callable[[], str], deadline_s: float
) -> PushOutcome:
    """Set the quantity of one listing; over its ship nodes where it has any."""
    api, url, body = _single(push, settings) if not push.nodes else _by_node(push, settings)

    def build(token: Secret) -> Request:
        market = settings.channels[push.channel].market
        headers = auth.headers(settings, token, new_id(), market) | {"content-type": "application/json"}
        return Request("PUT", url, headers, encoded(body))

    answer = await exchange.call(PUT_INVENTORY, build, deadline_s, writes=True)
    if not isinstance(answer, Answered):
        return answer.outcome(push.listing_id, api)
    failure = _nodes_failure(push, answer) if push.nodes else _echo_failure(answer)
    if failure is not None:
        return replace(failure, request_id=answer.request_id, seen=answer.seen).outcome(push.listing_id, api)
    return Accepted(
        listing_id=push.listing_id,
        api=api,
        reason="accepted",
        request_id=answer.request_id,
        status=answer.status,
        seen=answer.seen,
    )


def single_body(push: Push) -> dict[str, object]:
    """The body for one number."""
    return {"sku": push.marketplace_ids["sku"], "quantity": {"unit": "EACH", "amount": push.quantity}}


def nodes_body(push: Push) -> dict[str, object]:
    """The body for one number per ship node."""
    nodes = [
        {"shipNode": node, "inputQty": {"unit": "EACH", "amount": units}} for node, units in sorted(push.nodes.items())
    ]
    return {"inventories": {"nodes": nodes}}


def _single(push: Push, settings: WalmartSettings) -> tuple[str, str, dict[str, object]]:
    sku = quote(push.marketplace_ids["sku"], safe="")
    return PUT_INVENTORY, f"{settings.calls.base_url}/v3/inventory?sku={sku}", single_body(push)


def _by_node(push: Push, settings: WalmartSettings) -> tuple[str, str, dict[str, object]]:
    sku = quote(push.marketplace_ids["sku"], safe="")
    return PUT_INVENTORIES, f"{settings.calls.base_url}/v3/inventories/{sku}", nodes_body(push)


def _echo_failure(answer: Answered) -> Failure | None:
    """An answer of success repeats the quantity; anything else is not the answer to this call."""
    if mapping(mapping(answer.body).get("quantity")):
        return None
    return Failure(then=Transient, reason=UNRECOGNIZED, status=answer.status, effect_unknown=True)


def _nodes_failure(push: Push, answer: Answered) -> Failure | None:
    """What failed of the nodes, the worst first: one node that is not set leaves the listing's number wrong."""
    judged = {text(row.get("shipNode")): row for row in rows(mapping(answer.body).get("nodes"))}
    failures: list[Failure] = []
    for node in push.nodes:
        row = judged.get(node)
        if row is None:
            failures.append(Failure(then=Transient, reason=NODE_MISSING, status=answer.status, effect_unknown=True))
        elif not (facts := node_facts(row, answer.status)).is_success():
            failures.append(judge(RULES, facts, writes=True))
    if not failures:
        return None
    worst = min(failures, key=lambda failure: failure.then is not Rejected)
    # The nodes that went well are set already, so what is shown is neither the old number nor the new one.
    return replace(worst, effect_unknown=worst.effect_unknown or len(failures) < len(push.nodes))
