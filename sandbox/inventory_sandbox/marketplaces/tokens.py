"""Access tokens: issued, expiring by the clock, taken back on request."""

from __future__ import annotations

import base64
import binascii
import json
import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from inventory_sandbox.marketplaces.clock import Clock

MAX_TOKENS: Final = 10_000
"""Tokens remembered per marketplace; the oldest are forgotten first, and then unknown."""


@dataclass(frozen=True, slots=True)
class Token:
    """One access token and when it ends, in seconds since 1970; `grant` says how it was had."""

    text: str
    issued_at: float
    expires_at: float
    grant: str
    scope: str = ""


class TokenStore:
    """The access tokens of one marketplace."""

    def __init__(self, clock: Clock, rng: random.Random, prefix: str, life_s: float) -> None:
        self._clock = clock
        self._rng = rng
        self._prefix = prefix
        self._tokens: dict[str, Token] = {}
        self._issued: deque[str] = deque(maxlen=MAX_TOKENS)
        self.life_s = life_s

    def issue(self, grant: str, scope: str = "") -> Token:
        """A new token; those issued before stay valid until they expire."""
        now = self._clock.now()
        token = Token(f"{self._prefix}{self._rng.getrandbits(160):040x}", now, now + self.life_s, grant, scope)
        self._tokens[token.text] = token
        self._issued.append(token.text)
        if len(self._tokens) > MAX_TOKENS:
            del self._tokens[next(iter(self._tokens))]
        return token

    def get(self, text: str) -> Token | None:
        """The token if it was issued here and not taken back, expired or not."""
        return self._tokens.get(text)

    def valid(self, token: Token | None) -> bool:
        """Whether the token opens anything now."""
        return token is not None and self._clock.now() < token.expires_at

    def issued(self) -> tuple[str, ...]:
        """The newest tokens that were issued, those taken back among them."""
        return tuple(self._issued)

    def revoke_all(self) -> None:
        """Takes back every token issued so far."""
        self._tokens.clear()


def form_of(headers: Mapping[str, str], body: bytes) -> dict[str, str]:
    """The fields of a token request, sent as a form or as a JSON object; empty when it is neither."""
    text = body.decode("utf-8", errors="replace")
    if "json" in headers.get("content-type", "") or text.lstrip().startswith("{"):
        try:
            raw = json.loads(text)
        except json.JSONDecodeError:
            return {}
        return {str(key): str(value) for key, value in raw.items()} if isinstance(raw, dict) else {}
    return dict(parse_qsl(text))


def basic_credentials(headers: Mapping[str, str]) -> tuple[str, str] | None:
    """User and password of a Basic authorization header; None when there is none that can be read."""
    kind, _, encoded = headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user, password) if colon else None
