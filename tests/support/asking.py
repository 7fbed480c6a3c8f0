"""What a test asks of processes on this machine, by HTTP."""

from __future__ import annotations

from functools import cache

import httpx


@cache
def local() -> httpx.Client:
    """The client for all of it. Each new one reads a bundle of authorities, and a test asks many times a second.

    No connection is kept: the process at its other end may be a new one by the next question.
    """
    return httpx.Client(verify=False, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))
