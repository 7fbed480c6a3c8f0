"""The sandbox served on real ports: announced, reached over the network, dropped connections, stopped."""

import asyncio
import json
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from inventory_sandbox.marketplaces import SandboxSettings, serve


@asynccontextmanager
async def running(**settings: object) -> AsyncIterator[dict[str, Any]]:
    ready: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    made = SandboxSettings(skus=20, factor=1 / 600, **settings)  # type: ignore[arg-type]
    task = asyncio.create_task(serve(made, ready.set_result))
    try:
        async with asyncio.timeout(20):
            yield await ready
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def amazon_token(client: httpx.AsyncClient, info: dict[str, Any]) -> str:
    known = info["amazon"]
    form = {name: known[name] for name in ("refresh_token", "client_id", "client_secret")}
    answer = await client.post(known["token_url"], data={"grant_type": "refresh_token", **form})
    return str(answer.json()["access_token"])


async def live_when(client: httpx.AsyncClient, url: str, wanted: int) -> int:
    """The live quantity once it is the wanted one, or what it is after five seconds."""
    found = -1
    for _ in range(250):
        found = int((await client.get(url)).json()["live_quantity"])
        if found == wanted:
            break
        await asyncio.sleep(0.02)
    return found


async def test_the_announcement_is_all_that_a_client_needs() -> None:
    async with running() as info, httpx.AsyncClient() as client:
        known = json.loads(json.dumps(info))["amazon"]
        token = await amazon_token(client, info)
        url = f"{known['base_url']}/listings/2021-08-01/items/{known['seller_id']}/SKU-00001"
        rows = [{"fulfillment_channel_code": "DEFAULT", "quantity": 4}]
        patch = {"op": "replace", "path": "/attributes/fulfillment_availability", "value": rows}
        marketplace_id = known["marketplace_ids"]["MX"]

        written = await client.patch(
            url,
            params={"marketplaceIds": marketplace_id},
            headers={"x-amz-access-token": token},
            json={"productType": "PRODUCT", "patches": [patch]},
        )
        live = await live_when(client, f"{info['control_url']}/listings/amazon/{marketplace_id}:SKU-00001", 4)

    assert written.json()["status"] == "ACCEPTED"
    assert live == 4


async def test_a_document_is_handed_in_whatever_host_the_client_names() -> None:
    """A client that cuts its Host header wrongly is still given an address that works."""
    async with running() as info, httpx.AsyncClient() as client:
        headers = {"x-amz-access-token": await amazon_token(client, info), "Host": "27.0.0.1:1"}
        url = f"{info['amazon']['base_url']}/feeds/2021-06-30/documents"

        place = await client.post(url, headers=headers, json={"contentType": "application/json; charset=UTF-8"})
        given = {"Content-Type": "application/json; charset=UTF-8"}
        uploaded = await client.put(place.json()["url"], headers=given, content=b"{}")

    assert uploaded.status_code == 200


async def asked_raw(base_url: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> str:
    """The status line that a server answers to these very header names; httpx would write them its own way."""
    address = httpx.URL(base_url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    named = {"HOST": "api.example.com", "CONNECTION": "close", "CONTENT-LENGTH": str(len(body)), **headers}
    lines = [f"{'POST' if body else 'GET'} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    await writer.drain()
    answer = await reader.read()
    writer.close()
    return answer.split(b"\r\n")[0].decode()


@pytest.mark.parametrize("change", [str.upper, str.lower], ids=["upper", "lower"])
async def test_header_names_are_taken_in_any_case_and_any_host_is(change: Callable[[str], str]) -> None:
    """Independent clients write them as they like, and name the host that they believe to be talking to."""
    async with running() as info, httpx.AsyncClient() as client:
        ebay, walmart = info["ebay"], info["walmart"]
        grant = {"grant_type": "refresh_token", "refresh_token": ebay["refresh_token"]}
        login = (ebay["client_id"], ebay["client_secret"])
        ebay_token = (await client.post(ebay["token_url"], data=grant, auth=login)).json()["access_token"]
        service = {"WM_SVC.NAME": "Walmart Marketplace", "WM_QOS.CORRELATION_ID": "1", "Accept": "application/json"}
        login = (walmart["client_id"], walmart["client_secret"])
        form = {"grant_type": "client_credentials"}
        given = await client.post(walmart["token_url"], data=form, headers=service, auth=login)
        walmart_token = given.json()["access_token"]
        token = await amazon_token(client, info)
        amazon = f"/listings/2021-08-01/items/{info['amazon']['seller_id']}/SKU-00001?marketplaceIds=A1AM78C64UM0Y8"
        calls = {
            "amazon": (amazon, {"x-amz-access-token": token}, b""),
            "ebay": ("/sell/inventory/v1/inventory_item/SKU-00001", {"Authorization": f"Bearer {ebay_token}"}, b""),
            "walmart": ("/v3/inventory?sku=SKU-00001", {**service, "WM_SEC.ACCESS_TOKEN": walmart_token}, b""),
            "shopify": (
                "/admin/api/2026-07/graphql.json",
                {"X-Shopify-Access-Token": info["shopify"]["access_token"], "Content-Type": "application/json"},
                b'{"query": "{ shop { name } }"}',
            ),
        }

        answers = {
            name: await asked_raw(
                info[name]["base_url"], path, {change(key): value for key, value in headers.items()}, body
            )
            for name, (path, headers, body) in calls.items()
        }

    assert answers == dict.fromkeys(calls, "HTTP/1.1 200 OK")


@pytest.mark.parametrize("mode", ["reset", "timeout_after_effect"])
async def test_a_dropped_connection_is_one_on_the_wire(mode: str) -> None:
    async with running(hold_s=0.1) as info, httpx.AsyncClient() as client:
        fault = {"marketplace": "shopify", "mode": mode, "count": 1}
        await client.post(f"{info['control_url']}/faults", json=fault)
        url = f"{info['shopify']['base_url']}/admin/api/2026-07/graphql.json"
        headers = {"X-Shopify-Access-Token": info["shopify"]["access_token"]}

        with pytest.raises(httpx.TransportError):
            await client.post(url, json={"query": "{ shop { name } }"}, headers=headers)
        after = await client.post(url, json={"query": "{ shop { name } }"}, headers=headers)

    assert after.json()["data"]["shop"]["name"] == "Inventory demo"


async def test_a_webhook_reaches_its_receiver_on_this_machine() -> None:
    received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        received.set_result(head)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    receiver = await asyncio.start_server(receive, "127.0.0.1", 0)
    port = receiver.sockets[0].getsockname()[1]
    async with running() as info, httpx.AsyncClient() as client, receiver:
        url = f"{info['shopify']['base_url']}/admin/api/2026-07/graphql.json"
        headers = {"X-Shopify-Access-Token": info["shopify"]["access_token"]}
        query = (
            "mutation($u: String!) { webhookSubscriptionCreate(topic: INVENTORY_LEVELS_UPDATE,"
            " webhookSubscription: {uri: $u}) { userErrors { message } } }"
        )
        variables = {"u": f"http://127.0.0.1:{port}/hook"}
        await client.post(url, json={"query": query, "variables": variables}, headers=headers)
        listing = next(
            one for one in (await client.get(f"{info['control_url']}/listings?marketplace=shopify")).json()["listings"]
        )
        edit = {"marketplace": "shopify", "key": listing["key"], "quantity": 9}
        await client.post(f"{info['control_url']}/edits", json=edit)

        head = await received

    assert head.lower().startswith(b"post /hook")
    assert b"x-shopify-topic: inventory_levels/update" in head.lower()


async def test_by_https_it_is_reached_by_whoever_trusts_the_file_that_it_names(tmp_path: Path) -> None:
    """A document's address is of the same kind: a client that was led here by https uploads by https too."""
    async with running(authority_file=tmp_path / "ca.pem") as info:
        context = ssl.create_default_context(cafile=info["ca_file"])
        context.verify_flags |= ssl.VERIFY_X509_STRICT  # Python's own default from 3.13 on
        async with httpx.AsyncClient(verify=context) as client:
            headers = {"x-amz-access-token": await amazon_token(client, info)}
            url = f"{info['amazon']['base_url']}/feeds/2021-06-30/documents"
            place = await client.post(url, headers=headers, json={"contentType": "application/json; charset=UTF-8"})
            given = {"Content-Type": "application/json; charset=UTF-8"}
            uploaded = await client.put(place.json()["url"], headers=given, content=b"{}")
            by_name = await client.get(f"{info['ebay']['base_url'].replace('127.0.0.1', 'localhost')}/none")
        async with httpx.AsyncClient() as stranger:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await stranger.get(info["walmart"]["base_url"])
            assert (await stranger.get(f"{info['control_url']}/healthz")).status_code == 200

    assert place.json()["url"].startswith("https://")
    assert (uploaded.status_code, by_name.status_code) == (200, 404)


@pytest.mark.parametrize("mode", ["reset", "timeout_after_effect"])
async def test_a_connection_is_dropped_by_https_as_well(mode: str, tmp_path: Path) -> None:
    async with running(hold_s=0.1, authority_file=tmp_path / "ca.pem") as info:
        trusted = ssl.create_default_context(cafile=info["ca_file"])
        async with httpx.AsyncClient(verify=trusted) as client:
            await client.post(
                f"{info['control_url']}/faults",
                json={"marketplace": "amazon", "mode": mode, "count": 1, "match": "items"},
            )
            headers = {"x-amz-access-token": await amazon_token(client, info)}
            url = f"{info['amazon']['base_url']}/listings/2021-08-01/items/A3DEMOSELLER01/SKU-00001"

            with pytest.raises(httpx.TransportError):
                await client.get(url, params={"marketplaceIds": "A1AM78C64UM0Y8"}, headers=headers)
            after = await client.get(url, params={"marketplaceIds": "A1AM78C64UM0Y8"}, headers=headers)

    assert after.status_code == 200


async def test_the_command_serves_by_https_and_leaves_nothing_behind() -> None:
    program = Path(sys.executable).with_name("inventory-sync")
    arguments = ("sandbox", "--tls", "--json", "--skus", "3")
    process = await asyncio.create_subprocess_exec(str(program), *arguments, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            info = json.loads(await process.stdout.readline())
        trusted = ssl.create_default_context(cafile=info["ca_file"])
        async with httpx.AsyncClient(verify=trusted) as client:
            token = await amazon_token(client, info)
    finally:
        process.terminate()
        await process.wait()

    assert token
    assert not Path(info["ca_file"]).parent.exists()


async def test_a_port_that_is_taken_is_told_and_nothing_stays_open() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(OSError, match="in use"):
            await serve(SandboxSettings(skus=1, ports={"walmart": port}))


async def test_after_the_stop_the_ports_are_free() -> None:
    async with running() as info, httpx.AsyncClient() as client:
        assert (await client.get(f"{info['control_url']}/healthz")).status_code == 200

    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{info['control_url']}/healthz")
