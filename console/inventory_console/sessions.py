"""Who is signed in: passwords checked in constant time, tries slowed down, sessions bounded in number and time."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

SESSIONS_MAX: Final = 1_000
FAILURES_MAX: Final = 5
"""Wrong passwords in a row for one name; then the name waits."""
LOCKED_S: Final = 60.0

TOKEN_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Session:
    """An operator who is signed in. `csrf` proves that a form came from a page of ours."""

    operator: str
    csrf: str
    ends_s: float


@dataclass(slots=True)
class _Tries:
    failures: int = 0
    locked_until_s: float = 0.0


class Sessions:
    """Sessions of this process, in memory: a restart signs everybody out. `monotonic_s` is the clock."""

    def __init__(self, operators: Mapping[str, str], hours: float, monotonic_s: Callable[[], float]) -> None:
        self._digests = {name: _digest(password) for name, password in operators.items()}
        self._nobody = _digest(secrets.token_hex(TOKEN_BYTES))
        self._length_s = hours * 3_600
        self._monotonic_s = monotonic_s
        self._sessions: dict[str, Session] = {}
        self._tries = {name: _Tries() for name in operators}

    def sign_in(self, operator: str, password: str) -> str | None:
        """The token of a new session; None for a wrong name or password, or a name that has to wait."""
        now_s = self._monotonic_s()
        tries = self._tries.get(operator, _Tries())  # names that nobody has need no counting: nothing fits them
        # Compared in any case, so that its time tells neither whether the name exists nor whether it waits.
        right = hmac.compare_digest(self._digests.get(operator, self._nobody), _digest(password))
        if now_s < tries.locked_until_s:
            return None
        if not right:
            tries.failures += 1
            if tries.failures >= FAILURES_MAX:
                tries.failures, tries.locked_until_s = 0, now_s + LOCKED_S
            return None
        tries.failures = 0
        self._end_old(now_s)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._sessions[token] = Session(operator, secrets.token_urlsafe(TOKEN_BYTES), now_s + self._length_s)
        return token

    def of(self, token: str | None) -> Session | None:
        """The session of this token while it lasts."""
        session = self._sessions.get(token or "")
        if session is None or session.ends_s <= self._monotonic_s():
            return None
        return session

    def sign_out(self, token: str | None) -> None:
        """End the session."""
        self._sessions.pop(token or "", None)

    def _end_old(self, now_s: float) -> None:
        """Sessions that are over go, and the oldest of too many."""
        for token in [token for token, session in self._sessions.items() if session.ends_s <= now_s]:
            del self._sessions[token]
        while len(self._sessions) >= SESSIONS_MAX:
            del self._sessions[next(iter(self._sessions))]


def is_csrf(session: Session, given: str | None) -> bool:
    """Whether the proof is this session's."""
    return given is not None and hmac.compare_digest(session.csrf.encode(), given.encode())


def _digest(password: str) -> bytes:
    return hashlib.sha256(password.encode()).digest()
