"""How eBay lets a call in, refuses it and marks its answers."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from inventory_sandbox.marketplaces.faults import FaultMode
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.tokens import basic_credentials, form_of
from inventory_sandbox.marketplaces.world import World

ErrorRow = dict[str, object]
DAY_S: Final = 86_400.0
# Calls a day for one application, as published; the Inventory API's own is a setting.
DAILY_LIMITS: Final = {
    "developer_analytics": 5_000,
    "trading": 5_000,
    "notification": 10_000,
    "oauth.refresh_token": 50_000,
    "oauth.client_credentials": 1_000,
}
INVENTORY: Final = "inventory"


def error_row(error_id: int, message: str, domain: str = "API_INVENTORY", **parameters: object) -> ErrorRow:
    """One error as the REST APIs write it."""
    row: ErrorRow = {
        "errorId": error_id,
        "domain": domain,
        "category": "APPLICATION" if error_id in (25001, 25025) else "REQUEST",
        "message": message,
        "longMessage": message,
    }
    if domain == "API_INVENTORY":
        row["subdomain"] = "Selling"
    if parameters:
        row["parameters"] = [{"name": name, "value": str(value)} for name, value in parameters.items()]
    return row


def error_answer(
    status: int, error_id: int, message: str, domain: str = "API_INVENTORY", **parameters: object
) -> Answer:
    """An answer that holds one error."""
    return json_answer(status, {"errors": [error_row(error_id, message, domain, **parameters)]})


def invalid_field(name: str, more: str = "") -> ErrorRow:
    """The error for a field that cannot be."""
    return error_row(25709, f"Invalid value for {name}. {more}".strip(), fieldName=name)


def _pacific() -> tzinfo:
    try:
        return ZoneInfo("America/Los_Angeles")
    except ZoneInfoNotFoundError:  # a machine without time zone data: standard time is near enough
        return _StandardPacific()


class _StandardPacific(tzinfo):
    def utcoffset(self, dt: datetime | None) -> timedelta:
        return timedelta(hours=-8)

    def dst(self, dt: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, dt: datetime | None) -> str:
        return "PST"


class DayCounts:
    """Counts that begin anew each day: at midnight Pacific time, or each scaled day where time is scaled."""

    def __init__(self, factor: float, started_at: float) -> None:
        self._factor = factor
        self._started_at = started_at
        self._zone = _pacific()
        self._day: object = None
        self._counts: Counter[str] = Counter()

    def count(self, name: str, at: float) -> int:
        """How many there were today."""
        self._turn(at)
        return self._counts[name]

    def add(self, name: str, at: float) -> int:
        """Counts one more, and says how many that makes today."""
        self._turn(at)
        self._counts[name] += 1
        return self._counts[name]

    def window_s(self) -> float:
        """The length of a day here, in seconds."""
        return DAY_S * self._factor

    def ends_at(self, at: float) -> float:
        """When the day ends in which that time is."""
        if self._factor != 1.0:
            gone = at - self._started_at
            return self._started_at + (gone // self.window_s() + 1) * self.window_s()
        local = datetime.fromtimestamp(at, UTC).astimezone(self._zone)
        midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight.timestamp()

    def _turn(self, at: float) -> None:
        day = self.ends_at(at)
        if day != self._day:
            self._day = day
            self._counts.clear()


class EbayRules:
    """Tokens, daily limits and errors of eBay's REST APIs."""

    name = "ebay"

    def __init__(self, world: World) -> None:
        self.world = world
        self.tokens = world.token_store("ebay", "v^1.1#i^1#p^3#")
        self.calls_today = DayCounts(world.settings.factor, world.started_at)
        self._limits = {**DAILY_LIMITS, INVENTORY: world.settings.ebay_daily_limit}

    def token_operation(self) -> Operation:
        """The OAuth token endpoint."""
        return Operation("getToken", "POST", "/identity/v1/oauth2/token", self._token, for_token=True)

    def daily_limit(self, resource: str) -> int:
        """Calls a day for that API."""
        return self._limits[resource]

    def refuse(self, call: Call, operation: Operation) -> Answer | None:
        """401 without a good token, 403 without the scope, 429 over the day's limit."""
        if operation.for_token or operation.open:
            return None
        text = call.headers.get("authorization", "")
        kind, _, bearer = text.partition(" ")
        token = self.tokens.get(bearer.strip() if kind.lower() == "bearer" else "")
        if not self.tokens.valid(token) or token is None:
            return self._denied()
        if operation.limit == INVENTORY and "sell.inventory" not in token.scope:
            return error_answer(403, 1100, "Access denied", "ACCESS")
        return self.limit(operation.limit or INVENTORY, call.at)

    def limit(self, resource: str, at: float) -> Answer | None:
        """Counts a call of that API; 429 when the day's calls are used up."""
        if self.calls_today.count(resource, at) >= self._limits[resource]:
            return self._throttled()
        self.calls_today.add(resource, at)
        return None

    def failure(self, mode: FaultMode, call: Call, operation: Operation) -> Answer:
        """The answer that stands for a fault."""
        match mode:
            case FaultMode.SERVICE_UNAVAILABLE:
                return error_answer(503, 25001, "A system error has occurred. Service unavailable")
            case FaultMode.INTERNAL_ERROR:
                return error_answer(500, 25001, "A system error has occurred.")
            case FaultMode.THROTTLE:
                return self._throttled()
            case FaultMode.UNAUTHORIZED:
                return self._denied()
            case FaultMode.INVALID_GRANT:
                return _oauth_error(
                    "invalid_grant", "the provided authorization refresh token is invalid or was issued"
                )
            case _:
                return error_answer(400, 25999, "A condition that no document names.")

    def finish(self, call: Call, operation: Operation, answer: Answer) -> None:
        """Every answer has eBay's request id."""
        answer.headers["X-EBAY-C-REQUEST-ID"] = f"ri={call.request_id},rci={call.request_id[:8]}"

    def _throttled(self) -> Answer:
        row = error_row(2001, "Too many requests.", "ACCESS")
        row["longMessage"] = "The request limit has been reached for the resource."
        answer = json_answer(429, {"errors": [row]})
        answer.throttled = True
        return answer

    def _denied(self) -> Answer:
        row = error_row(1001, "Invalid access token", "OAuth")
        row["longMessage"] = "Invalid access token. Check the value of the Authorization HTTP request header."
        return json_answer(401, {"errors": [row]})

    def _token(self, call: Call) -> Answer:
        known = self.world.settings.credentials
        if basic_credentials(call.headers) != (known.ebay_client_id, known.ebay_client_secret):
            return _oauth_error("invalid_client", "client authentication failed", status=401)
        form = form_of(call.headers, call.body)
        grant, scope = form.get("grant_type", ""), form.get("scope", "")
        if grant not in ("refresh_token", "client_credentials"):
            return _oauth_error("unsupported_grant_type", "grant type in request is not supported by the server")
        refused = self.limit(f"oauth.{grant}", call.at)
        if refused is not None:
            return refused
        if grant == "refresh_token":
            if form.get("refresh_token") != known.ebay_refresh_token:
                text = "the provided authorization refresh token is invalid or was issued to another client"
                return _oauth_error("invalid_grant", text)
            # Without a scope the token has all those that the seller consented to.
            token = self.tokens.issue(grant, scope or "https://api.ebay.com/oauth/api_scope/sell.inventory")
            kind = "User Access Token"
        else:
            token = self.tokens.issue(grant, scope or "https://api.ebay.com/oauth/api_scope")
            kind = "Application Access Token"
        body = {"access_token": token.text, "expires_in": int(self.tokens.life_s), "token_type": kind}
        return json_answer(200, body)


def _oauth_error(error: str, description: str, status: int = 400) -> Answer:
    return json_answer(status, {"error": error, "error_description": description})
