"""Access tokens: fetched by one call at a time, replaced ahead of their end, and once when the marketplace refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from inventory_adapters.bodies import rows, text
from inventory_adapters.failures import CONSENT_LOST, Facts, Failure, FailureRule, judge, no_answer, shortened
from inventory_adapters.http import Answer, HttpClient, Json, NoAnswer, Request
from inventory_adapters.secrets import Secret, redacted
from inventory_domain.clock import Clock
from inventory_domain.outcomes import Outage, Throttled, Transient, Unauthorized

# A refused consent or client does not come back by asking again: one try a minute is no retry loop, and a new consent
# is noticed soon. Other failures: long enough that a hundred waiting pushes ask once, not a hundred times.
REFUSAL_KEPT_S: Final = 60.0
FAILURE_KEPT_S: Final = 2.0
TOKEN_LENGTH_MAX: Final = 10_000
FETCH_S_MAX: Final = 10.0
NO_ANSWER_YET: Final = Failure(then=Transient, reason="token-timeout")

OAUTH_RULES: Final = (  # RFC 6749, section 5.2, which all of them follow
    FailureRule(status=429, then=Throttled, reason="too-many-token-requests"),
    FailureRule(status=503, then=Outage, reason="token-server-unavailable"),
    FailureRule(status=range(500, 600), then=Transient, reason="token-server-error"),
    FailureRule(readable=False, then=Transient, reason="unreadable-token-answer"),
    FailureRule(codes=("invalid_grant",), then=Unauthorized, reason=CONSENT_LOST),
    FailureRule(codes=("invalid_client", "unauthorized_client"), then=Unauthorized, reason="client-refused"),
    # A shop names an unknown app and one of another organization so, with 400.
    FailureRule(codes=("invalid_request", "shop_not_permitted"), then=Unauthorized, reason="client-refused"),
    FailureRule(codes=("invalid_scope",), then=Unauthorized, reason="scope-refused"),
    FailureRule(status=401, then=Unauthorized, reason="client-refused"),
    FailureRule(status=403, then=Unauthorized, reason="client-refused"),
)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and when it ends, on the monotonic clock."""

    value: Secret
    ends_s: float


FetchToken = Callable[[], Awaitable[Token | Failure]]


class TokenCache:
    """The token of one account. Safe for concurrent use: however many ask, one request is under way."""

    def __init__(self, fetch: FetchToken, clock: Clock, refresh_ahead_s: float) -> None:
        self._fetch = fetch
        self._clock = clock
        self._refresh_ahead_s = refresh_ahead_s
        self._token: Token | None = None
        self._failure: Failure | None = None
        self._failure_ends_s = 0.0
        self._running: asyncio.Task[Token | Failure] | None = None
        self._fetched_s = 0.0

    @property
    def age_s(self) -> float | None:
        """How long ago the token that is held was fetched; None while there is none."""
        return None if self._token is None else self._clock.monotonic_s() - self._fetched_s

    async def token(self, timeout_s: float) -> Token | Failure:
        """A token that is good for a while yet, or why there is none; waits this long at most."""
        now_s = self._clock.monotonic_s()
        token = self._token
        if token is not None and now_s < token.ends_s - self._refresh_ahead_s:
            return token
        fetched = await self._fetch_once(timeout_s)
        if isinstance(fetched, Failure) and token is not None and self._clock.monotonic_s() < token.ends_s:
            return token  # the old one still works: the server of tokens may be down for a while unnoticed
        return fetched

    async def replaced(self, refused: Token, timeout_s: float) -> Token | Failure:
        """Another token than this one, which the marketplace refused."""
        if self._token is not None and self._token.value != refused.value:
            return self._token
        self._token = None
        return await self._fetch_once(timeout_s)

    async def aclose(self) -> None:
        """End a request that is under way."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _fetch_once(self, timeout_s: float) -> Token | Failure:
        if self._failure is not None and self._clock.monotonic_s() < self._failure_ends_s:
            return self._failure
        if self._running is None:
            self._running = asyncio.create_task(self._fetch_and_keep())
        try:
            # Shielded: one caller that gives up must not take the token from those who wait with it.
            async with asyncio.timeout(max(0.0, timeout_s)):
                return await asyncio.shield(self._running)
        except TimeoutError:
            return NO_ANSWER_YET

    async def _fetch_and_keep(self) -> Token | Failure:
        try:
            fetched = await self._fetch()
        finally:
            self._running = None
        if isinstance(fetched, Token):
            self._token, self._failure = fetched, None
            self._fetched_s = self._clock.monotonic_s()
        else:
            kept_s = REFUSAL_KEPT_S if fetched.then is Unauthorized else FAILURE_KEPT_S
            self._failure, self._failure_ends_s = fetched, self._clock.monotonic_s() + kept_s
        return fetched


async def fetch_oauth(http: HttpClient, request: Request, clock: Clock, *secrets: Secret) -> Token | Failure:
    """Ask a token server once. `secrets` are what its words must not repeat."""
    asked_s = clock.monotonic_s()
    answer = await http.send(request, FETCH_S_MAX)
    if isinstance(answer, NoAnswer):
        return no_answer(NoAnswer(f"token-{answer.reason}", sent=False), writes=False)
    token = _token_in(answer, asked_s)
    if token is not None:
        return token
    failure = judge(OAUTH_RULES, _facts(answer), writes=False)
    error = redacted(failure.error, *secrets) if failure.error else None
    return replace(failure, error=error, effect_unknown=False)


def _token_in(answer: Answer, asked_s: float) -> Token | None:
    body = answer.json() if answer.is_json() else None
    if answer.status != 200 or not isinstance(body, dict):
        return None
    value, lives_s = body.get("access_token"), body.get("expires_in")
    if isinstance(lives_s, str) and lives_s.isdecimal():
        lives_s = int(lives_s)
    if not isinstance(value, str) or not 0 < len(value) <= TOKEN_LENGTH_MAX or not _fits_a_header(value):
        return None
    if isinstance(lives_s, bool) or not isinstance(lives_s, int | float) or lives_s <= 0:
        return None
    return Token(Secret(value), asked_s + lives_s)  # from when it was asked for: it ends no later than we think


def _facts(answer: Answer) -> Facts:
    body: Json = answer.json() if answer.is_json() else None
    if not isinstance(body, dict):
        return Facts(status=answer.status, readable=False)
    code, error = body.get("error"), body.get("error_description")
    for row in rows(code)[:1]:  # Walmart's gateway
        code, error = row.get("code"), row.get("description")
    codes = (code,) if isinstance(code, str) else ()
    return Facts(status=answer.status, codes=codes, error=shortened((*codes, text(error))))


def _fits_a_header(value: str) -> bool:
    return value.isascii() and value.isprintable() and " " not in value
