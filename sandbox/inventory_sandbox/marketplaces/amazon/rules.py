"""How Amazon lets a call in, refuses it and marks its answers."""

from __future__ import annotations

from typing import Final

from inventory_sandbox.marketplaces.buckets import Rate, TokenBucket
from inventory_sandbox.marketplaces.faults import FaultMode
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.tokens import form_of
from inventory_sandbox.marketplaces.world import World

# Calls per second and burst, as the published models give them per operation.
LIMITS: Final = {
    "patchListingsItem": Rate(5.0, 5),
    "getListingsItem": Rate(5.0, 10),
    "putListingsItem": Rate(5.0, 10),
    "deleteListingsItem": Rate(5.0, 5),
    "searchListingsItems": Rate(5.0, 5),
    "createFeedDocument": Rate(0.5, 15),
    "createFeed": Rate(0.0083, 15),
    "getFeed": Rate(2.0, 15),
    "getFeeds": Rate(0.0222, 10),
    "cancelFeed": Rate(2.0, 15),
    "getFeedDocument": Rate(0.0222, 10),
    "createReport": Rate(0.0167, 15),
    "getReport": Rate(2.0, 15),
    "getReports": Rate(0.0222, 10),
    "cancelReport": Rate(0.0222, 10),
    "getReportDocument": Rate(0.0167, 15),
    "getInventorySummaries": Rate(2.0, 2),
    "getMarketplaceParticipations": Rate(0.016, 15),
    "getAccount": Rate(0.016, 15),
    "searchDefinitionsProductTypes": Rate(5.0, 10),
    "createDestination": Rate(1.0, 5),
    "getDestinations": Rate(1.0, 5),
    "getDestination": Rate(1.0, 5),
    "deleteDestination": Rate(1.0, 5),
    "createSubscription": Rate(1.0, 5),
    "getSubscriptions": Rate(1.0, 5),
    "getSubscription": Rate(1.0, 5),
    "getSubscriptionById": Rate(1.0, 5),
    "deleteSubscriptionById": Rate(1.0, 5),
}
GRANTLESS: Final = frozenset(
    {
        "createDestination",
        "getDestinations",
        "getDestination",
        "deleteDestination",
        "getSubscriptionById",
        "deleteSubscriptionById",
    }
)
NOTIFICATIONS_SCOPE: Final = "sellingpartnerapi::notifications"
# The rate header is sent with these statuses only, so never with a 429.
_WITH_LIMIT_HEADER: Final = frozenset({200, 201, 202, 204, 400, 404})


def error_answer(status: int, code: str, message: str, details: str = "") -> Answer:
    """An error as every operation of the API writes it."""
    return json_answer(status, {"errors": [{"code": code, "message": message, "details": details}]})


def invalid_input(message: str) -> Answer:
    """The answer to a request that the API cannot read."""
    return error_answer(400, "InvalidInput", message)


def not_found(message: str) -> Answer:
    """The answer when there is no such thing."""
    return error_answer(404, "NOT_FOUND", message)


class AmazonRules:
    """Tokens, limits and errors of the Selling Partner API."""

    name = "amazon"

    def __init__(self, world: World) -> None:
        self.world = world
        self.tokens = world.token_store("amazon", "Atza|")
        self._limits = {name: world.scaled(rate) for name, rate in LIMITS.items()}
        now = world.clock.now()
        self._buckets = {name: TokenBucket(rate, now) for name, rate in self._limits.items()}

    def token_operation(self) -> Operation:
        """Login with Amazon."""
        return Operation("getToken", "POST", "/auth/o2/token", self._token, for_token=True)

    def refuse(self, call: Call, operation: Operation) -> Answer | None:
        """403 without a good token, 429 over the limit."""
        if operation.for_token or operation.open:
            return None
        token = self.tokens.get(call.headers.get("x-amz-access-token", ""))
        if token is None:
            return self._denied("The access token you provided is revoked, malformed or invalid.")
        if not self.tokens.valid(token):
            return self._denied("The access token you provided has expired.")
        if (token.grant == "client_credentials") != (operation.name in GRANTLESS):
            return self._denied("The access token you provided is not of the kind this operation needs.")
        bucket = self._buckets.get(operation.name)
        if bucket is not None and not bucket.take(call.at):
            return self._throttled()
        return None

    def failure(self, mode: FaultMode, call: Call, operation: Operation) -> Answer:
        """The answer that stands for a fault."""
        match mode:
            case FaultMode.SERVICE_UNAVAILABLE:
                return error_answer(503, "ServiceUnavailable", "Service is temporarily unavailable. Please try again.")
            case FaultMode.INTERNAL_ERROR:
                return error_answer(500, "InternalFailure", "We encountered an internal error. Please try again.")
            case FaultMode.THROTTLE:
                return self._throttled()
            case FaultMode.UNAUTHORIZED:
                return self._denied("The access token you provided has expired.")
            case FaultMode.INVALID_GRANT:
                return _oauth_error(400, "invalid_grant", "The request has an invalid grant parameter : refresh_token")
            case _:
                return error_answer(400, "SomethingNobodyDocumented", "The request met a condition unknown so far.")

    def finish(self, call: Call, operation: Operation, answer: Answer) -> None:
        """Every answer has a request id; the rate is told with 20x, 400 and 404 only."""
        answer.headers["x-amzn-RequestId"] = call.request_id
        limit = self._limits.get(operation.name)
        if limit is not None and answer.status in _WITH_LIMIT_HEADER and answer.body[:1] != b"<":
            answer.headers["x-amzn-RateLimit-Limit"] = f"{round(limit.per_second, 6)}"

    def _throttled(self) -> Answer:
        answer = error_answer(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")
        answer.throttled = True
        return answer

    def _denied(self, details: str) -> Answer:
        return error_answer(403, "Unauthorized", "Access to requested resource is denied.", details)

    def _token(self, call: Call) -> Answer:
        form = form_of(call.headers, call.body)
        known = self.world.settings.credentials
        client = (form.get("client_id"), form.get("client_secret"))
        if client != (known.amazon_client_id, known.amazon_client_secret):
            return _oauth_error(401, "invalid_client", "Client authentication failed")
        grant = form.get("grant_type", "")
        if grant == "refresh_token":
            if form.get("refresh_token") != known.amazon_refresh_token:
                return _oauth_error(400, "invalid_grant", "The request has an invalid grant parameter : refresh_token")
            token = self.tokens.issue(grant)
            return json_answer(
                200,
                {
                    "access_token": token.text,
                    "refresh_token": known.amazon_refresh_token,
                    "token_type": "bearer",
                    "expires_in": int(self.tokens.life_s),
                },
            )
        if grant == "client_credentials":
            if form.get("scope") != NOTIFICATIONS_SCOPE:
                return _oauth_error(400, "invalid_scope", "The request has an invalid parameter : scope")
            token = self.tokens.issue(grant, NOTIFICATIONS_SCOPE)
            return json_answer(
                200,
                {"access_token": token.text, "token_type": "bearer", "expires_in": int(self.tokens.life_s)},
            )
        return _oauth_error(400, "unsupported_grant_type", "The request has an unsupported grant_type")


def _oauth_error(status: int, error: str, description: str) -> Answer:
    return json_answer(status, {"error": error, "error_description": description})
