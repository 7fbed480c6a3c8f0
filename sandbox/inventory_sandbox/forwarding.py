"""The sandbox of another host on this one's loopback: `python -m inventory_sandbox.forwarding HOST PORT...`.

What calls marketplaces calls plain http on loopback only. In a cluster the sandbox is a pod of its own, so each pod
that calls it runs this beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence

Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

CHUNK_BYTES = 64 << 10
CONNECT_LIMIT_S = 10.0


async def forward(host: str, ports: Sequence[int]) -> None:
    """Listen on these ports of the loopback and pass every connection on to the same port of the host, until cancelled.

    Raises:
        OSError: a port is taken.
    """
    servers = [await asyncio.start_server(_to(host, port), "127.0.0.1", port) for port in ports]
    try:
        await asyncio.gather(*(one.serve_forever() for one in servers))
    finally:
        for one in servers:
            one.close()


def _to(host: str, port: int) -> Connected:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            opening = asyncio.open_connection(host, port)
            far_reader, far_writer = await asyncio.wait_for(opening, CONNECT_LIMIT_S)
        except (OSError, TimeoutError):
            writer.close()  # whoever called sees a connection that ends, as with a marketplace that is away
            return
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))

    return connected


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    writer.close()


async def _until_asked(host: str, ports: Sequence[int]) -> None:
    running = asyncio.ensure_future(forward(host, ports))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


if __name__ == "__main__":
    asyncio.run(_until_asked(sys.argv[1], [int(port) for port in sys.argv[2:]]))
