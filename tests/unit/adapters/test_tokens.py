"""Tokens: one request at a time, ahead of the end, and never in words."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from inventory_adapters.accounts import CallSettings
from inventory_adapters.failures import Failure
from inventory_adapters.http import HttpClient, Request
from inventory_adapters.secrets import Secret
from inventory_adapters.tokens import FAILURE_KEPT_S, REFUSAL_KEPT_S, Token, TokenCache, fetch_oauth
from inventory_domain.outcomes import Outage, Throttled, Transient, Unauthorized
from tests.support.adapters import FakeClock, html

REFUSED = Failure(then=Unauthorized, reason="consent-lost")
DOWN = Failure(then=Transient, reason="token-server-error")


class Server:
    """A token server that gives what it is told to, and waits where it is told to."""

    def __init__(self, clock: FakeClock, *gives: Failure | None) -> None:
        self.clock = clock
        self.gives = list(gives)
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self) -> Token | Failure:
        self.asked += 1
        number = self.asked
        await self.gate.wait()
        given = self.gives.pop(0) if self.gives else None
        return given or Token(Secret(f"token-{number}"), self.clock.monotonic_s() + 900)


def a_cache(*gives: Failure | None) -> tuple[TokenCache, Server, FakeClock]:
    clock = FakeClock()
    server = Server(clock, *gives)
    return TokenCache(server.fetch, clock, refresh_ahead_s=120), server, clock


def value(token: Token | Failure) -> str:
    assert isinstance(token, Token)
    return token.value.reveal()


async def test_callers_at_once_share_one_request() -> None:
    cache, server, _ = a_cache()
    server.gate.clear()
    waiting = [asyncio.create_task(cache.token(10)) for _ in range(50)]
    await asyncio.sleep(0)
    server.gate.set()

    tokens = {value(token) for token in await asyncio.gather(*waiting)}

    assert (tokens, server.asked) == ({"token-1"}, 1)


async def test_a_caller_that_gives_up_does_not_take_the_token_from_the_others() -> None:
    cache, server, _ = a_cache()
    server.gate.clear()
    first, second = (asyncio.create_task(cache.token(10)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    server.gate.set()

    assert value(await second) == "token-1"
    assert server.asked == 1


async def test_a_token_server_that_hangs_is_waited_for_in_bounds() -> None:
    cache, server, _ = a_cache()
    server.gate.clear()

    token = await cache.token(0.01)

    assert isinstance(token, Failure) and token.reason == "token-timeout" and not token.effect_unknown
    await cache.aclose()


async def test_a_token_is_kept_until_shortly_before_its_end() -> None:
    cache, server, clock = a_cache()
    await cache.token(10)
    clock.move(779)
    before = value(await cache.token(10))
    clock.move(2)

    after = value(await cache.token(10))

    assert (before, after, server.asked) == ("token-1", "token-2", 2)


async def test_while_the_token_server_is_down_the_old_token_is_used_to_its_end() -> None:
    cache, _, clock = a_cache(None, DOWN, DOWN)
    await cache.token(10)
    clock.move(800)
    still = value(await cache.token(10))
    clock.move(101)

    at_the_end = await cache.token(10)

    assert still == "token-1"
    assert at_the_end == DOWN


async def test_a_refused_token_is_replaced_once_for_all_that_had_it() -> None:
    cache, server, _ = a_cache()
    refused = await cache.token(10)
    assert isinstance(refused, Token)

    fresh = await asyncio.gather(*(cache.replaced(refused, 10) for _ in range(20)))

    assert ({value(token) for token in fresh}, server.asked) == ({"token-2"}, 2)


async def test_a_late_refusal_of_the_former_token_keeps_the_new_one() -> None:
    cache, server, _ = a_cache()
    refused = await cache.token(10)
    assert isinstance(refused, Token)
    await cache.replaced(refused, 10)

    assert value(await cache.replaced(refused, 10)) == "token-2"
    assert server.asked == 2


@pytest.mark.parametrize(("failure", "kept_s"), [(REFUSED, REFUSAL_KEPT_S), (DOWN, FAILURE_KEPT_S)])
async def test_a_failure_is_told_to_all_for_a_while_without_asking_again(failure: Failure, kept_s: float) -> None:
    cache, server, clock = a_cache(failure)

    first, second = await cache.token(10), await cache.token(10)
    clock.move(kept_s + 0.1)
    third = await cache.token(10)

    assert first == second == failure
    assert value(third) == "token-2" and server.asked == 2


CALLS = CallSettings(
    base_url="https://api.ebay.com",
    allowed_hosts=("api.ebay.com",),
    timeout_s=5.0,
    connect_timeout_s=1.0,
    connections_max=2,
    response_bytes_max=20_000,
)


async def fetched(reply: httpx.Response | Exception) -> Token | Failure:
    def answer(request: httpx.Request) -> httpx.Response:
        if isinstance(reply, Exception):
            raise reply
        return reply

    http = HttpClient(CALLS, httpx.MockTransport(answer))
    request = Request("POST", "https://api.ebay.com/token", {})
    try:
        return await fetch_oauth(http, request, FakeClock(), Secret("refresh-canary"))
    finally:
        await http.aclose()


async def test_a_token_ends_as_many_seconds_after_the_request_as_the_answer_says() -> None:
    token = await fetched(httpx.Response(200, json={"access_token": "abc", "expires_in": 7200}))

    assert token == Token(Secret("abc"), FakeClock().monotonic_s() + 7200)


@pytest.mark.parametrize(
    ("reply", "then", "reason"),
    [
        (httpx.Response(400, json={"error": "invalid_grant"}), Unauthorized, "consent-lost"),
        (httpx.Response(401, json={"error": "invalid_client"}), Unauthorized, "client-refused"),
        (httpx.Response(400, json={"error": "unauthorized_client"}), Unauthorized, "client-refused"),
        (httpx.Response(400, json={"error": "invalid_request"}), Unauthorized, "client-refused"),
        (httpx.Response(400, json={"error": "shop_not_permitted"}), Unauthorized, "client-refused"),
        (httpx.Response(400, json={"error": "invalid_scope"}), Unauthorized, "scope-refused"),
        (
            httpx.Response(401, json={"error": [{"code": "UNAUTHORIZED.GMP_GATEWAY_API", "description": "d"}]}),
            Unauthorized,
            "client-refused",
        ),
        (httpx.Response(403, json={}), Unauthorized, "client-refused"),
        (httpx.Response(429, json={}), Throttled, "too-many-token-requests"),
        (httpx.Response(503, text="<html>"), Outage, "token-server-unavailable"),
        (httpx.Response(500, json={}), Transient, "token-server-error"),
        (html(200), Transient, "unreadable-token-answer"),
        (httpx.Response(200, json={"access_token": "a b", "expires_in": 3}), Transient, "unrecognized"),
        (httpx.Response(200, json={"access_token": "ab\r\nx: y", "expires_in": 3}), Transient, "unrecognized"),
        (httpx.Response(200, json={"access_token": "", "expires_in": 3}), Transient, "unrecognized"),
        (httpx.Response(200, json={"access_token": "abc", "expires_in": -3}), Transient, "unrecognized"),
        (httpx.Response(200, json={"access_token": "abc"}), Transient, "unrecognized"),
        (httpx.Response(400, json={"error": "brand_new"}), Transient, "unrecognized"),
        (httpx.ConnectError("no"), Transient, "token-cannot-connect"),
        (httpx.ReadTimeout("no"), Transient, "token-timeout"),
    ],
)
async def test_what_a_token_server_refuses_is_a_value(
    reply: httpx.Response | Exception, then: type[object], reason: str
) -> None:
    failure = await fetched(reply)

    assert isinstance(failure, Failure)
    assert (failure.then, failure.reason, failure.effect_unknown) == (then, reason, False)


async def test_an_answer_that_repeats_our_credential_is_not_repeated() -> None:
    words = {"error": "invalid_grant", "error_description": "the token refresh-canary was revoked"}

    failure = await fetched(httpx.Response(400, json=words))

    assert isinstance(failure, Failure)
    assert failure.error == "invalid_grant; the token *** was revoked"
