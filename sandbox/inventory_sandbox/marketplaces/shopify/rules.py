"""How Shopify lets a call in, refuses it and marks its answers."""

from __future__ import annotations

from typing import Final

from inventory_sandbox.marketplaces.buckets import Rate, TokenBucket
from inventory_sandbox.marketplaces.faults import FaultMode
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.shopify.schemas import served_version
from inventory_sandbox.marketplaces.tokens import basic_credentials, form_of
from inventory_sandbox.marketplaces.world import World

REST_RATE: Final = Rate(2.0, 40)
GRAPHQL: Final = "graphql"
SCOPES: Final = ("read_inventory", "write_inventory", "read_locations", "read_products")
Json = dict[str, object]


class ShopifyRules:
    """The tokens, the limits and the errors of the Admin API. The GraphQL bucket is taken from by cost, not by call.

    Two kinds of token are good: the one of a custom app, which does not end, and those had by client credentials.
    """

    name = "shopify"

    def __init__(self, world: World) -> None:
        self.world = world
        settings = world.settings
        now = world.clock.now()
        self.tokens = world.token_store("shopify", "shpat_")
        self.points = TokenBucket(world.scaled(Rate(settings.shopify_points_per_second, settings.shopify_bucket)), now)
        self._rest = TokenBucket(world.scaled(REST_RATE), now)

    def token_operation(self) -> Operation:
        """The token endpoint, for the grant by client credentials."""
        return Operation("getToken", "POST", "/admin/oauth/access_token", self._token, for_token=True)

    def refuse(self, call: Call, operation: Operation) -> Answer | None:
        """401 without a good token; 404 for a version that never was; 429 over the REST limit."""
        if operation.open or operation.for_token:
            return None
        if not self._knows(call):
            return self._denied()
        if self._version(call) is None:
            return json_answer(404, {"errors": "Not Found"})
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
        """Every answer has a request id and the version that answers; REST answers tell how full the bucket is."""
        answer.headers["X-Request-Id"] = call.request_id
        if operation.open or operation.for_token:
            return
        version = self._version(call)
        if version is not None:
            answer.headers["X-Shopify-API-Version"] = version
        if operation.limit != GRAPHQL and answer.status != 401:
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

    def _version(self, call: Call) -> str | None:
        """The version that answers a call, None where there is no such version."""
        return served_version(call.parameters.get("version", ""), self.world.settings.shopify_versions)

    def _knows(self, call: Call) -> bool:
        """Whether the call has a token, in its own header or as the password of an app's API key."""
        basic = basic_credentials(call.headers)
        text = call.headers.get("x-shopify-access-token") or (basic[1] if basic is not None else "")
        own = self.world.settings.credentials.shopify_access_token
        return text == own or self.tokens.valid(self.tokens.get(text))

    def _token(self, call: Call) -> Answer:
        form, known = form_of(call.headers, call.body), self.world.settings.credentials
        if form.get("grant_type") != "client_credentials":
            return _oauth_error("invalid_request", "The sandbox serves the grant_type client_credentials only.")
        if form.get("client_id") != known.shopify_client_id:
            return _oauth_error("invalid_request", "Could not find Shopify API application with that api_key")
        if form.get("client_secret") != known.shopify_api_secret:
            return _oauth_error("invalid_client", "The client secret is not that of the application.")
        token = self.tokens.issue("client_credentials")
        # One second less than a day, as in every published sample.
        body = {"access_token": token.text, "scope": ",".join(SCOPES), "expires_in": int(self.tokens.life_s) - 1}
        return json_answer(200, body)

    def _rest_throttled(self, call: Call) -> Answer:
        text = "Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service."
        answer = json_answer(429, {"errors": text})
        answer.headers["Retry-After"] = f"{max(0.1, self._rest.wait_s(call.at)):.1f}"
        answer.throttled = True
        return answer

    def _denied(self) -> Answer:
        text = "[API] Invalid API key or access token (unrecognized login or wrong password)"
        return json_answer(401, {"errors": text})


def _oauth_error(error: str, description: str) -> Answer:
    return json_answer(400, {"error": error, "error_description": description})
