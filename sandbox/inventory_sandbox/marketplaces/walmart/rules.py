"""How Walmart lets a call in, refuses it and marks its answers."""

from __future__ import annotations

import math
from typing import Final

from inventory_sandbox.marketplaces.buckets import Rate, TokenBucket
from inventory_sandbox.marketplaces.faults import FaultMode
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.tokens import basic_credentials, form_of
from inventory_sandbox.marketplaces.walmart.xml import to_xml
from inventory_sandbox.marketplaces.world import World


def _per_minute(calls: int) -> Rate:
    return Rate(calls / 60, calls)


def _per_hour(calls: int) -> Rate:
    return Rate(calls / 3600, calls)


# Calls in a time, as published; each bucket holds that time's worth.
LIMITS: Final = {
    "getInventory": _per_minute(200),
    "updateInventoryForAnItem": _per_minute(200),
    "getMultiNodeInventoryForSkuAndAllShipnodes": _per_minute(200),
    "updateMultiNodeInventory": _per_minute(200),
    "getMultiNodeInventoryForAllSkuAndAllShipNodes": _per_minute(200),
    "getWFSInventoryDetails": _per_minute(100),
    "getWFSInventory": _per_minute(100),
    "feedReads": _per_minute(5000),
    "feed:inventory": _per_hour(10),
    "feed:MP_INVENTORY": _per_hour(50),
    "getAllItems": _per_minute(300),
    "getAllItemsWithParameters": _per_minute(60),
    "getAnItem": _per_minute(900),
    "getAllFulfillmentCenters": _per_minute(50),
    "getLagTime": _per_hour(20),
    "webhooks": _per_minute(60),
}
_NEEDED_HEADERS: Final = ("wm_svc.name", "wm_qos.correlation_id")


def gateway_error(status: int, code: str, description: str, field: str = "", category: str = "REQUEST") -> Answer:
    """An error as Walmart's gateway writes it, listed under `error`."""
    row: dict[str, object] = {
        "code": code,
        "field": field,
        "description": description,
        "info": description,
        "severity": "ERROR",
        "category": category,
        "causes": [],
        "errorIdentifiers": {},
    }
    return json_answer(status, {"error": [row]})


def feed_error(status: int, code: str, message: str, field: str = "") -> Answer:
    """An error as the feed endpoint writes it, listed under `errors`."""
    row = {"code": code, "message": message}
    if field:
        row["field"] = field
    return json_answer(status, {"errors": [row]})


class WalmartRules:
    """Tokens, limits and errors of Walmart's APIs."""

    name = "walmart"

    def __init__(self, world: World) -> None:
        self.world = world
        self.tokens = world.token_store("walmart", "eyJraWQiOiJzYW5kYm94")
        now = world.clock.now()
        self._buckets = {name: TokenBucket(world.scaled(rate), now) for name, rate in LIMITS.items()}

    def token_operations(self) -> tuple[Operation, ...]:
        """The token endpoint, and what a token may do."""
        return (
            Operation("tokenAPI", "POST", "/v3/token", self._token, for_token=True),
            Operation("getTokenDetail", "GET", "/v3/token/detail", self._detail),
        )

    def refuse(self, call: Call, operation: Operation) -> Answer | None:
        """401 without a good token, 400 without the headers that each call needs, 429 over the limit."""
        if operation.for_token or operation.open:
            return None
        if not self.tokens.valid(self.tokens.get(call.headers.get("wm_sec.access_token", ""))):
            return self._denied()
        for name in _NEEDED_HEADERS:
            if not call.headers.get(name):
                text = f"{name.upper()} is a required header."
                return gateway_error(400, "INVALID_REQUEST_HEADER.GMP_GATEWAY_API", text, name.upper(), "DATA")
        return self.limit(operation.limit or operation.name, call)

    def limit(self, name: str, call: Call) -> Answer | None:
        """Takes a token of that bucket; 429 when there is none."""
        bucket = self._buckets.get(name)
        if bucket is not None and not bucket.take(call.at):
            return self._throttled(bucket, call.at)
        return None

    def failure(self, mode: FaultMode, call: Call, operation: Operation) -> Answer:
        """The answer that stands for a fault."""
        match mode:
            case FaultMode.SERVICE_UNAVAILABLE:
                text = "Service is unavailable. Please try again later."
                return gateway_error(503, "SERVICE_UNAVAILABLE.GMP_GATEWAY_API", text, category="APPLICATION")
            case FaultMode.INTERNAL_ERROR:
                text = "Unexpected system error. Please try again later."
                return gateway_error(500, "SYSTEM_ERROR.GMP_INVENTORY_API", text, category="APPLICATION")
            case FaultMode.THROTTLE:
                bucket = self._buckets.get(operation.limit or operation.name)
                return self._throttled(bucket or self._buckets["getInventory"], call.at)
            case FaultMode.UNAUTHORIZED:
                return self._denied()
            case FaultMode.INVALID_GRANT:
                return _token_refused("invalid_grant", "The client may no longer have a token.")
            case _:
                return gateway_error(400, "SOMETHING_NEW.GMP_UNHEARD_API", "A condition that no document names.")

    def finish(self, call: Call, operation: Operation, answer: Answer) -> None:
        """Adds the calls left and when the bucket refills; turns the body into XML for a caller that wants no JSON."""
        correlation = call.headers.get("wm_qos.correlation_id")
        if correlation:
            answer.headers["WM_QOS.CORRELATION_ID"] = correlation
        bucket = self._buckets.get(operation.limit or operation.name)
        if bucket is not None and answer.status != 401:
            answer.headers["x-current-token-count"] = str(math.floor(bucket.level(call.at) + 1e-3))
            full_in_s = (bucket.rate.burst - bucket.level(call.at)) / bucket.rate.per_second
            answer.headers["X-Next-Replenishment-Time"] = str(int((call.at + max(full_in_s, 0.0)) * 1000))
        accept = call.headers.get("accept", "")
        wants_json = "json" in accept or "*/*" in accept
        if not wants_json and answer.content_type == "application/json" and answer.body:
            answer.body, answer.content_type = to_xml(answer.body), "application/xml;charset=utf-8"

    def _throttled(self, bucket: TokenBucket, at: float) -> Answer:
        text = "Threshold limit for this API has been violated. Please try again later."
        answer = gateway_error(429, "REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API", text)
        answer.headers["Retry-After"] = str(max(1, math.ceil(bucket.wait_s(at))))
        answer.throttled = True
        return answer

    def _denied(self) -> Answer:
        return gateway_error(401, "UNAUTHORIZED.GMP_GATEWAY_API", "Unauthorized", "UNAUTHORIZED", "DATA")

    def _token(self, call: Call) -> Answer:
        known = self.world.settings.credentials
        if basic_credentials(call.headers) != (known.walmart_client_id, known.walmart_client_secret):
            return self._denied()
        if form_of(call.headers, call.body).get("grant_type") != "client_credentials":
            return _token_refused("unsupported_grant_type", "grant_type must be client_credentials.")
        token = self.tokens.issue("client_credentials")
        body = {"access_token": token.text, "token_type": "Bearer", "expires_in": int(self.tokens.life_s)}
        return json_answer(200, body)

    def _detail(self, call: Call) -> Answer:
        token = self.tokens.get(call.headers.get("wm_sec.access_token", ""))
        assert token is not None  # refused before
        body = {
            "expire_at": str(int(token.expires_at * 1000)),
            "issued_at": str(int(token.issued_at * 1000)),
            "is_valid": True,
            "is_channel_match": True,
            "scopes": {"inventory": "full_access", "feeds": "full_access", "item": "view_only", "orders": "no_access"},
        }
        return json_answer(200, body)


def _token_refused(error: str, description: str) -> Answer:
    return json_answer(400, {"error": error, "error_description": description})
