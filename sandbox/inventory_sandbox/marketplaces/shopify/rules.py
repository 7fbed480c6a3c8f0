"""How Shopify lets a call in, refuses it and marks its answers."""

from __future__ import annotations

from typing import Final

from inventory_sandbox.marketplaces.buckets import Rate, TokenBucket
from inventory_sandbox.marketplaces.faults import FaultMode
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.world import World

REST_RATE: Final = Rate(2.0, 40)
GRAPHQL: Final = "graphql"
Json = dict[str, object]


class ShopifyRules:
    """The token, the limits and the errors of the Admin API. The GraphQL bucket is taken from by cost, not by call."""

    name = "shopify"

    def __init__(self, world: World) -> None:
        self.world = world
        settings = world.settings
        now = world.clock.now()
        self.points = TokenBucket(world.scaled(Rate(settings.shopify_points_per_second, settings.shopify_bucket)), now)
        self._rest = TokenBucket(world.scaled(REST_RATE), now)

    def refuse(self, call: Call, operation: Operation) -> Answer | None:
        """401 without the shop's token; 429 over the REST limit."""
        if operation.open:
            return None
        if call.headers.get("x-shopify-access-token") != self.world.settings.credentials.shopify_access_token:
            return self._denied()
        if operation.limit != GRAPHQL and not self._rest.take(call.at):
            return self._rest_throttled(call)
        return None

    def failure(self, mode: FaultMode, call: Call, operation: Operation) -> Answer:
        """The answer that stands for a fault."""
        match mode:
            case FaultMode.SERVICE_UNAVAILABLE:
                return json_answer(503, {"errors": "Service Unavailable"})
            case FaultMode.INTERNAL_ERROR:
                text = "Internal error. Looks like something went wrong on our end."
                return json_answer(
                    500, {"errors": [{"message": text, "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]}
                )
            case FaultMode.THROTTLE if operation.limit == GRAPHQL:
                return self.throttled(10, call.at)
            case FaultMode.THROTTLE:
                return self._rest_throttled(call)
            case FaultMode.UNAUTHORIZED | FaultMode.INVALID_GRANT:
                return self._denied()
            case _:
                error = {"message": "A condition that no document names.", "extensions": {"code": "UNHEARD_OF"}}
                return json_answer(200, {"errors": [error]})

    def finish(self, call: Call, operation: Operation, answer: Answer) -> None:
        """Every answer has a request id; REST answers tell how full the bucket is."""
        answer.headers["X-Request-Id"] = call.request_id
        if operation.limit != GRAPHQL and not operation.open and answer.status != 401:
            used = round(self._rest.rate.burst - self._rest.level(call.at))
            answer.headers["X-Shopify-Shop-Api-Call-Limit"] = f"{used}/{round(self._rest.rate.burst)}"

    def cost_json(self, requested: int, actual: int | None, at: float) -> Json:
        """The cost of a query and the state of the bucket, as `extensions.cost` gives them."""
        rate = self.points.rate
        return {
            "requestedQueryCost": requested,
            "actualQueryCost": actual,
            "throttleStatus": {
                "maximumAvailable": rate.burst,
                "currentlyAvailable": int(self.points.level(at)),
                "restoreRate": rate.per_second,
            },
        }

    def throttled(self, requested: int, at: float) -> Answer:
        """A GraphQL throttle: status 200 with an error."""
        body = {
            "errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
            "extensions": {"cost": self.cost_json(requested, None, at)},
        }
        answer = json_answer(200, body)
        answer.throttled = True
        return answer

    def _rest_throttled(self, call: Call) -> Answer:
        text = "Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service."
        answer = json_answer(429, {"errors": text})
        answer.headers["Retry-After"] = f"{max(0.1, self._rest.wait_s(call.at)):.1f}"
        answer.throttled = True
        return answer

    def _denied(self) -> Answer:
        text = "[API] Invalid API key or access token (unrecognized login or wrong password)"
        return json_answer(401, {"errors": text})
