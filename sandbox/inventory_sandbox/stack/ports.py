"""TCP ports of this machine: which are free, which answer."""

import socket
from typing import Final, Protocol

from inventory_sandbox.stack.errors import StackError

LOOPBACK: Final = "127.0.0.1"
_FIRST, _LAST = 20_000, 29_999
"""Below the range that systems use for outgoing connections, so that a port stays free while the stack is down."""
_TRIES: Final = 200


class Chance(Protocol):
    """Where random numbers come from, for example a `random.Random`."""

    def randint(self, a: int, b: int, /) -> int:
        """A whole number from `a` to `b`, both included."""


def is_free(port: int) -> bool:
    """Whether a server could be started on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def answers(port: int, limit_s: float = 1.0) -> bool:
    """Whether something accepts connections on the port."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=limit_s).close()
    except OSError:
        return False
    return True


def pick_free(taken: set[int], chance: Chance) -> int:
    """A free port that is not in `taken`; at random, so that stacks started at the same moment do not meet."""
    for _ in range(_TRIES):
        port = chance.randint(_FIRST, _LAST)
        if port not in taken and is_free(port):
            return port
    raise StackError(f"no free port between {_FIRST} and {_LAST} was found in {_TRIES} tries")
