"""The endpoint that marketplaces call."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from inventory_adapters.catalog import MARKETPLACES
from inventory_adapters.secrets import Secret
from inventory_domain.errors import ConfigError
from inventory_domain.identifiers import AccountId, ChannelId, Marketplace
from inventory_domain.signals import Message, Notice, NoticeRefused, TakesMessages
from inventory_streams.signals.intake import SignalingAccount
from inventory_streams.signals.run import paths_of
from inventory_streams.signals.web import application
from tests.support.adapters import raw_settings
from tests.support.signals import Bench, a_bench

BODY_MAX = 2_000
SECRET = "webhook-secret-canary"


def served(bench: Bench) -> httpx.AsyncClient:
    app = application({"/hooks": bench.account}, bench.intake, bench.settings, bench.metrics, bench.clock)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://signals.test")


async def test_a_genuine_message_is_answered_202_and_says_nothing() -> None:
    bench = a_bench()
    bench.adapter.notices[b"hello"] = Notice(notice_id="1", topic="t", occurred_at_ms=None, signals=())

    async with served(bench) as client:
        answer = await client.post("/hooks", content=b"hello")

    assert (answer.status_code, answer.content) == (202, b"")


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_is_too_long_is_refused_unread(chunked: bool) -> None:
    bench = a_bench(body_bytes_max=BODY_MAX)

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(BODY_MAX):
            yield b"xxxx"

    async with served(bench) as client:
        answer = await client.post("/hooks", content=parts() if chunked else b"x" * (BODY_MAX + 1))

    assert answer.status_code == 413 and bench.count("messages_refused", account="acc", reason="too-large") == 1


async def test_a_body_that_does_not_come_is_given_up() -> None:
    bench = a_bench(body_s_max=0.05)

    async def slowly() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()
        yield b"y"

    app = application({"/hooks": bench.account}, bench.intake, bench.settings, bench.metrics, bench.clock)
    statuses: list[int] = []
    first = slowly()

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": await anext(first), "more_body": True}

    async def send(event: dict[str, object]) -> None:
        if event["type"] == "http.response.start":
            statuses.append(int(str(event["status"])))

    scope = {"type": "http", "method": "POST", "path": "/hooks", "headers": [], "query_string": b"", "root_path": ""}
    await app(scope, receive, send)  # type: ignore[arg-type]

    assert statuses == [408]


async def test_more_than_can_be_worked_on_are_asked_to_come_again() -> None:
    bench = a_bench(in_flight_max=1)
    may_end = asyncio.Event()

    class Slow:
        async def take(self, message: Message) -> Notice | NoticeRefused:
            await may_end.wait()
            return NoticeRefused(reason="not-genuine", status=401)

    slow = SignalingAccount(AccountId("slow"), bench.account.marketplace, Slow(), (), {})
    app = application({"/hooks": slow}, bench.intake, bench.settings, bench.metrics, bench.clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://signals.test") as client:
        first = asyncio.create_task(client.post("/hooks", content=b"1"))
        while not bench.registry.get_sample_value("inventory_sync_signals_in_flight"):  # noqa: ASYNC110
            await asyncio.sleep(0)
        second = await client.post("/hooks", content=b"2")
        may_end.set()
        answered = await first

    assert (second.status_code, second.headers["retry-after"]) == (503, "1")
    assert answered.status_code == 401


async def test_a_challenge_is_answered_and_other_questions_are_not() -> None:
    bench = a_bench()

    async with served(bench) as client:
        asked = await client.get("/hooks", params={"challenge_code": "c"})
        statuses = [(await client.get(path)).status_code for path in ("/hooks", "/", "/metrics")]

    assert asked.json() == {"challengeResponse": "answer to c"}
    assert statuses == [404, 404, 404]


async def test_a_forged_message_is_refused_and_its_bytes_are_not_touched() -> None:
    """The signature is over the body as it came: parsed and written again it would be another one."""
    body = b'{ "inventory_item_id" : 1,"location_id":2, "available": 5}\n'
    name = Marketplace("shopify")
    raw = raw_settings(name, signals={"endpoint": "https://signals.example/shop", "api_secret": Secret(SECRET)})
    bench = a_bench()
    adapter = MARKETPLACES[name].build(MARKETPLACES[name].parse(raw, "a"), bench.clock)
    assert isinstance(adapter, TakesMessages)
    shop = SignalingAccount(AccountId("shop"), bench.account.marketplace, adapter, (ChannelId("shopify-dtc"),), {})
    app = application({"/shop": shop}, bench.intake, bench.settings, bench.metrics, bench.clock)
    genuine = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
    headers = {"X-Shopify-Topic": "inventory_levels/update", "X-Shopify-Webhook-Id": "w-1"}

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://signals.test") as client:
        good = await client.post("/shop", content=body, headers={**headers, "X-Shopify-Hmac-SHA256": genuine})
        rewritten = json.dumps(json.loads(body)).encode()
        bad = await client.post("/shop", content=rewritten, headers={**headers, "X-Shopify-Hmac-SHA256": genuine})
    await adapter.aclose()

    assert (good.status_code, bad.status_code) == (202, 401)


def test_accounts_are_told_apart_by_the_path_of_their_endpoint() -> None:
    bench = a_bench()
    account = bench.account

    assert paths_of({"https://signals.example/a/b?x=1": account}) == {"/a/b": account}
    with pytest.raises(ConfigError, match="has the path /a"):
        paths_of({"https://one.example/a": account, "https://two.example/a": account})
