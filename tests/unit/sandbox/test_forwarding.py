"""The sandbox's ports on another host's loopback."""

import asyncio
from random import Random

from inventory_sandbox.forwarding import forward
from inventory_sandbox.stack.ports import pick_free


async def test_what_is_sent_arrives_and_the_answer_comes_back() -> None:
    port = pick_free(set(), Random())

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read(100)).upper())
        await writer.drain()
        writer.close()

    far = await asyncio.start_server(echo, "127.0.0.2", port)
    forwarding = asyncio.ensure_future(forward("127.0.0.2", [port]))
    reader, writer = await _connected(port)
    writer.write(b"hello")
    answer = await reader.read()
    writer.close()
    forwarding.cancel()
    far.close()

    assert answer == b"HELLO"


async def _connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    for _ in range(1000):
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.01)
    raise AssertionError("nobody listens")
