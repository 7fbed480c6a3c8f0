"""The sandbox for clients that know only the marketplaces' own addresses: on real ports, behind a proxy with TLS.

A client is pointed at it as a company's network points one at its proxy: by `HTTPS_PROXY` and a certificate authority
of its own. So nothing inside a client is changed, not even the host names that it was built with.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from inventory_sandbox.marketplaces import SandboxSettings, serve
from inventory_sandbox.marketplaces.tls import server_context

SHOP_HOST = "inventory-demo.myshopify.com"
HOSTS: Mapping[str, str] = {
    "sellingpartnerapi-na.amazon.com": "amazon",
    "api.amazon.com": "amazon",
    "api.ebay.com": "ebay",
    "api.sandbox.ebay.com": "ebay",
    "marketplace.walmartapis.com": "walmart",
    SHOP_HOST: "shopify",
}
PROGRAMS = Path(__file__).parents[1] / "contract" / "clients" / "programs"
# An environment of its own: a client may want other versions than ours, or bring a package that hides one of ours.
PYTHON = Path(sys.prefix) / "clients" / "bin" / "python"
NOT_INSTALLED = 77  # the exit status of a program whose client is not there
PROGRAM_S_MAX = 60.0
START_S_MAX = 20.0
HEAD_BYTES_MAX = 64 * 1024
CHUNK_BYTES = 64 * 1024
FACTOR = 1 / 600  # Amazon's 15 minutes are 1.5 s


@dataclass(frozen=True, slots=True)
class Served:
    """A running sandbox: its announcement, the proxy's address (none: it is called by https itself) and the file with
    the authority to be trusted."""

    info: Mapping[str, Any]
    proxy_url: str | None
    authority: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """What points a client at the sandbox, in the names that requests, httpx, urllib and OpenSSL read."""
        trusted = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(self.authority))
        if self.proxy_url is None:
            return trusted
        proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), self.proxy_url)
        return {**proxies, **trusted, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}

    async def run(self, program: str, part: str) -> Any:
        """What a part of a client's program gives, in a process of its own: what it leaves open ends with it.

        Skips the test where the client is not installed.
        """
        if not PYTHON.exists():
            pytest.skip(f"no environment with clients at {PYTHON.parent.parent}: `make tools` installs them")
        path = PROGRAMS / f"{program}.py"
        given = {**self.info, "proxy_url": self.proxy_url, "authority": str(self.authority)}
        process = await asyncio.create_subprocess_exec(
            str(PYTHON),
            str(PROGRAMS / "run.py"),
            str(path),
            part,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **self.environment},
        )
        try:
            async with asyncio.timeout(PROGRAM_S_MAX):
                out, err = await process.communicate(json.dumps(given).encode())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode == NOT_INSTALLED:
            pytest.skip(err.decode().strip())
        assert process.returncode == 0, err.decode()[-3000:]
        return json.loads(out.splitlines()[-1])

    async def live(self, marketplace: str, key: str) -> int:
        """Units that buyers can buy of a listing, asked of the sandbox itself."""
        return int((await self._control("GET", f"/listings/{marketplace}/{key}"))["live_quantity"])

    async def becomes(self, marketplace: str, key: str, wanted: int) -> int:
        """The live quantity once it is the wanted one, or what it is after ten seconds."""
        found = -1
        for _ in range(200):
            found = await self.live(marketplace, key)
            if found == wanted:
                break
            await asyncio.sleep(0.05)
        return found

    async def fault(self, marketplace: str, mode: str, **more: object) -> None:
        """Turn a fault on."""
        await self._control("POST", "/faults", {"marketplace": marketplace, "mode": mode, **more})

    async def _control(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.request(method, f"{self.info['control_url']}{path}", json=body)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert isinstance(found, dict)
        return found


@asynccontextmanager
async def served(folder: Path, **settings: object) -> AsyncIterator[Served]:
    """The sandbox and its proxy on free ports of this machine."""
    async with _serving(**settings) as info:
        proxy = await asyncio.start_server(_Proxy(info, folder).accept, "127.0.0.1", 0, limit=HEAD_BYTES_MAX)
        async with proxy:
            port = proxy.sockets[0].getsockname()[1]
            yield Served(info, f"http://127.0.0.1:{port}", folder / "authority.pem")


@asynccontextmanager
async def served_by_https(folder: Path) -> AsyncIterator[Served]:
    """The sandbox as `inventory-sync sandbox --tls` serves it, and nothing before it."""
    async with _serving(authority_file=folder / "ca.pem") as info:
        yield Served(info, None, Path(info["ca_file"]))


@asynccontextmanager
async def _serving(**settings: object) -> AsyncIterator[Mapping[str, Any]]:
    announced: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    made = SandboxSettings(skus=20, factor=FACTOR, **settings)  # type: ignore[arg-type]
    serving = asyncio.create_task(serve(made, announced.set_result))
    try:
        async with asyncio.timeout(START_S_MAX):
            info = await announced
        yield info
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


class _Proxy:
    """A proxy to the sandbox's ports: CONNECT for TLS, absolute addresses for plain HTTP; other hosts are refused."""

    def __init__(self, info: Mapping[str, Any], folder: Path) -> None:
        self._ports = {host: urlsplit(info[name]["base_url"]).port for host, name in HOSTS.items()}
        self._own = {urlsplit(info[name]["base_url"]).port for name in set(HOSTS.values())}
        self._tls = server_context(folder / "authority.pem", "127.0.0.1")

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection."""
        # A client that keeps its connection is cut off when the sandbox ends, which is no error of this task.
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._serve(reader, writer)
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, _, rest = head.partition(b"\r\n")
        method, target, version = first.split(b" ")
        url = urlsplit(target.decode() if method != b"CONNECT" else f"//{target.decode()}")
        own = url.hostname == "127.0.0.1" and url.port in self._own  # a document's address is the sandbox's own
        port = url.port if own else self._ports.get(url.hostname or "")
        if port is None:
            writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            await writer.drain()
            return
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            if method == b"CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await writer.drain()
                await writer.start_tls(self._tls)
            else:
                path = (url.path or "/") + (f"?{url.query}" if url.query else "")
                up_writer.write(b" ".join((method, path.encode(), version)) + b"\r\nConnection: close\r\n" + rest)
            await _both_ways(reader, writer, up_reader, up_writer)
        finally:
            up_writer.close()


async def _both_ways(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    up_reader: asyncio.StreamReader,
    up_writer: asyncio.StreamWriter,
) -> None:
    ways = {asyncio.create_task(_copy(reader, up_writer)), asyncio.create_task(_copy(up_reader, writer))}
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
