"""The registry's address as text, told without its client: a login in it is nobody's to read."""

from __future__ import annotations


def login_of(url: str) -> str:
    """The `user:password` in the address; empty where there is none."""
    return url.rpartition("@")[0].rpartition("://")[2]


def shown(url: str) -> str:
    """The address for people: with *** in place of a login."""
    login = login_of(url)
    return url.replace(f"{login}@", "***@", 1) if login else url
