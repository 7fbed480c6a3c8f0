"""Where a host name leads: only public addresses may be called for what an answer named (rule 36)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

_NAT64: Final = IPv6Network("64:ff9b::/96")


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host as the machine's resolver tells them, the older kind first.

    Raises:
        OSError: it has none, or the resolver cannot be asked.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except UnicodeError as bad:  # a label that is empty or too long
        raise OSError(f"{host!r} is no host name") from bad
    addresses = dict.fromkeys(str(where[0]) for *_, where in found)
    return sorted(addresses, key=lambda address: ":" in address)  # many networks have no way out for the newer kind


def is_public(address: str) -> bool:
    """Whether an address is one of the internet, however it is written: not of this machine, nor of its network."""
    try:
        parsed = ip_address(address)
    except ValueError:  # with a zone, so of this link
        return False
    if isinstance(parsed, IPv6Address):
        inner = _inner(parsed)
        return _is_public(parsed if inner is None else inner)
    return _is_public(parsed)


def _inner(address: IPv6Address) -> IPv4Address | None:
    """The older address that this one leads to, if it is made of one."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved
