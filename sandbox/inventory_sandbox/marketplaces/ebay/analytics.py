"""The Analytics API's rate limits: how many calls a day there are, and how many are left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from inventory_sandbox.marketplaces.clock import iso_time
from inventory_sandbox.marketplaces.ebay.rules import INVENTORY, EbayRules
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer

BASE: Final = "/developer/analytics/v1_beta"
# Our name of the limit, and how the API calls it: context, name, version, resource.
_APIS: Final = (
    (INVENTORY, "sell", "Inventory", "v1", "sell.inventory"),
    ("developer_analytics", "developer", "Analytics", "v1_beta", "developer.analytics"),
    ("notification", "commerce", "Notification", "v1", "commerce.notification"),
    ("trading", "tradingapi", "TradingAPI", "v1", "tradingapi"),
)


class Analytics:
    """`rate_limit` and `user_rate_limit`; here both tell the same."""

    def __init__(self, rules: EbayRules) -> None:
        self._rules = rules

    def operations(self) -> Sequence[Operation]:
        """What is served; the real path ends in a slash, and is taken without it too."""
        limit = "developer_analytics"
        return tuple(
            Operation(name, "GET", f"{BASE}/{path}{slash}", self._limits, limit=limit)
            for name, path in (("getRateLimits", "rate_limit"), ("getUserRateLimits", "user_rate_limit"))
            for slash in ("/", "")
        )

    def _limits(self, call: Call) -> Answer:
        wanted_name, wanted_context = call.query.get("api_name", "").lower(), call.query.get("api_context", "").lower()
        found = [
            self._row(limit, context, name, version, resource, call.at)
            for limit, context, name, version, resource in _APIS
            if wanted_name in ("", name.lower()) and wanted_context in ("", context)
        ]
        return json_answer(200, {"rateLimits": found}) if found else Answer(204)

    def _row(self, limit: str, context: str, name: str, version: str, resource: str, at: float) -> dict[str, object]:
        most, used = self._rules.daily_limit(limit), self._rules.calls_today.count(limit, at)
        rate = {
            "count": used,
            "limit": most,
            "remaining": max(most - used, 0),
            "reset": iso_time(self._rules.calls_today.ends_at(at)),
            "timeWindow": max(1, round(self._rules.calls_today.window_s())),
        }
        return {
            "apiContext": context,
            "apiName": name,
            "apiVersion": version,
            "resources": [{"name": resource, "rates": [rate]}],
        }
