"""What an eBay account is set to and allowed: out-of-stock control, and the calls of the day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from inventory_adapters.bodies import mapping, number, rows, text, units
from inventory_adapters.ebay import auth, trading
from inventory_adapters.ebay.settings import ANALYTICS_API, NOTIFICATION_API, TRADING_API, EbaySettings
from inventory_adapters.exchange import Answered, Exchange
from inventory_adapters.failures import Failure
from inventory_adapters.http import Json, Request
from inventory_adapters.secrets import Secret
from inventory_adapters.waits import time_ms
from inventory_domain.account_calls import DailyQuota, DailyQuotas, OutOfStockControl
from inventory_domain.bulk import CallFailed
from inventory_domain.outcomes import UNRECOGNIZED, Transient

GET_PREFERENCES: Final = "GetUserPreferences"
SET_PREFERENCES: Final = "SetUserPreferences"
GET_RATE_LIMITS: Final = "getRateLimits"
GET_PUBLIC_KEY: Final = "getPublicKey"
_PREFERENCE: Final = "OutOfStockControlPreference"


async def out_of_stock_control(
    settings: EbaySettings, exchange: Exchange, deadline_s: float
) -> OutOfStockControl | CallFailed:
    """Whether the account's listings outlive a quantity of zero."""
    asked = f"<Show{_PREFERENCE}>true</Show{_PREFERENCE}>"

    def build(token: Secret) -> Request:
        return trading.request(GET_PREFERENCES, asked, settings, token)

    answer = await exchange.call(TRADING_API, build, deadline_s, writes=False)
    if not isinstance(answer, Answered):
        return answer.call_failed(GET_PREFERENCES)
    said = text(mapping(answer.body).get(_PREFERENCE))
    if said not in ("true", "false"):
        failure = Failure(then=Transient, reason=UNRECOGNIZED, status=answer.status, request_id=answer.request_id)
        return failure.call_failed(GET_PREFERENCES)
    return OutOfStockControl(on=said == "true", api=GET_PREFERENCES, request_id=answer.request_id, seen=answer.seen)


async def set_out_of_stock_control(
    on: bool, settings: EbaySettings, exchange: Exchange, deadline_s: float
) -> OutOfStockControl | CallFailed:
    """Set it; eBay's answer does not repeat what it is now."""
    wanted = f"<{_PREFERENCE}>{'true' if on else 'false'}</{_PREFERENCE}>"

    def build(token: Secret) -> Request:
        return trading.request(SET_PREFERENCES, wanted, settings, token)

    answer = await exchange.call(TRADING_API, build, deadline_s, writes=True)
    if not isinstance(answer, Answered):
        return answer.call_failed(SET_PREFERENCES)
    return OutOfStockControl(on=on, api=SET_PREFERENCES, request_id=answer.request_id, seen=answer.seen)


async def daily_quotas(settings: EbaySettings, exchange: Exchange, deadline_s: float) -> DailyQuotas | CallFailed:
    """The application's calls of the day, with the application's own token."""

    def build(token: Secret) -> Request:
        # The slash at the end is part of the address; without a filter it tells of every API there is.
        url = f"{settings.calls.base_url}/developer/analytics/v1_beta/rate_limit/?api_name=inventory&api_context=sell"
        return Request("GET", url, auth.headers(token))

    answer = await exchange.call(ANALYTICS_API, build, deadline_s, writes=False)
    if not isinstance(answer, Answered):
        return answer.call_failed(GET_RATE_LIMITS)
    operations = [limit.operation for limit in settings.limits]
    return DailyQuotas(
        quotas=tuple(quotas_in(answer.body, operations)),
        api=GET_RATE_LIMITS,
        request_id=answer.request_id,
        seen=answer.seen,
    )


async def public_key(key_id: str, settings: EbaySettings, exchange: Exchange, deadline_s: float) -> Json | CallFailed:
    """The key that notifications with this id are signed with, as eBay tells it."""

    def build(token: Secret) -> Request:
        path = f"/commerce/notification/v1/public_key/{quote(key_id, safe='')}"
        return Request("GET", settings.calls.base_url + path, auth.headers(token))

    answer = await exchange.call(NOTIFICATION_API, build, deadline_s, writes=False)
    return answer.body if isinstance(answer, Answered) else answer.call_failed(GET_PUBLIC_KEY)


def quotas_in(body: Json, operations: Sequence[str]) -> list[DailyQuota]:
    """What is said of these operations; of several windows of one, the longest. An empty answer says nothing."""
    found: dict[str, DailyQuota] = {}
    for api in rows(mapping(body).get("rateLimits")):
        for resource in rows(api.get("resources")):
            name = text(resource.get("name"))
            if name is None or name not in operations:
                continue
            for rate in rows(resource.get("rates")):
                quota = _quota(name, rate)
                if quota is not None and (name not in found or found[name].window_s < quota.window_s):
                    found[name] = quota
    return list(found.values())


def _quota(operation: str, rate: dict[str, Json]) -> DailyQuota | None:
    calls, remaining, window_s = units(rate.get("limit")), units(rate.get("remaining")), number(rate.get("timeWindow"))
    if calls is None or remaining is None or window_s is None or calls < 0 or window_s <= 0:
        return None
    resets_at_ms = time_ms(text(rate.get("reset")) or "")
    return DailyQuota(
        operation=operation,
        calls=calls,
        remaining=min(max(remaining, 0), calls),
        window_s=window_s,
        resets_at_ms=int(resets_at_ms) if resets_at_ms is not None else None,
    )
