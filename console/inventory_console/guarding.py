"""What stands before every page: who may see it, where a POST may come from, and what a browser may load."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from inventory_console.sessions import Session, Sessions, is_csrf
from inventory_console.settings import ConsoleSettings

COOKIE: Final = "inventory_sync_session"
CSRF_FIELD: Final = "csrf"
OPEN_PATHS: Final = ("/sign-in", "/static/")
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer a browser sends its own forms with the origin null
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
BODY_BYTES_MAX: Final = 16 << 10
"""Forms here are a name, a password, a reason."""

Next = Callable[[Request], Awaitable[Response]]

log = logging.getLogger(__name__)


class Guard:
    """Decides about each request before a page sees it, and puts the headers on each answer."""

    def __init__(self, sessions: Sessions, settings: ConsoleSettings) -> None:
        self._sessions = sessions
        self._origin = settings.origin

    async def __call__(self, request: Request, call_next: Next) -> Response:
        """The page's answer, or why there is none."""
        refusal = await self._refusal(request)
        response = refusal if refusal is not None else await call_next(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        if not request.url.path.startswith("/static/"):
            response.headers["Cache-Control"] = "no-store"
        return response

    async def _refusal(self, request: Request) -> Response | None:
        if request.method not in ("GET", "HEAD", "POST"):
            return PlainTextResponse("only GET and POST are known here\n", HTTPStatus.METHOD_NOT_ALLOWED)
        if request.method == "POST":
            # 1. Where it comes from, before anything of it is read; signing in is guarded by this alone.
            why = self._foreign(request)
            if why is not None:
                log.warning("request refused", extra={"path": request.url.path, "why": why})
                return PlainTextResponse(f"refused: {why}\n", HTTPStatus.FORBIDDEN)
            if _length(request) > BODY_BYTES_MAX:
                return PlainTextResponse("the form is too large\n", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if request.url.path.startswith(OPEN_PATHS):
            return None
        # 2. Who it is from.
        session = self._sessions.of(request.cookies.get(COOKIE))
        if session is None:
            return _sign_in_first(request)
        request.state.session = session
        # 3. Whether it was sent from a page that we gave to him.
        if request.method == "POST" and not await _proven(request, session):
            return PlainTextResponse("refused: the form's proof is not this session's\n", HTTPStatus.FORBIDDEN)
        return None

    def _foreign(self, request: Request) -> str | None:
        """Why the POST was not sent by a page of ours; None when it was. No Origin at all is no browser's form."""
        site = request.headers.get("sec-fetch-site")
        if site is not None and site != "same-origin":
            return f"sent from another site ({site})"
        origin = request.headers.get("origin")
        if origin is None:
            return "without an Origin"
        own = self._origin or f"{request.url.scheme}://{request.headers.get('host', '')}"
        return None if origin == own else f"sent from {origin}, and this is {own}"


def session_of(request: Request) -> Session:
    """The session that the guard found."""
    session = request.state.session
    assert isinstance(session, Session)
    return session


def safe_path(given: str | None) -> str:
    """A path of ours to go on to after signing in, never another site."""
    if not given or not given.startswith("/") or given.startswith(("//", "/\\")) or urlsplit(given).netloc:
        return "/"
    return given


def _sign_in_first(request: Request) -> Response:
    if request.method != "GET" or "hx-request" in request.headers:
        # A part of a page cannot show a form to sign in; htmx follows this header with the whole page.
        return PlainTextResponse("sign in first\n", HTTPStatus.UNAUTHORIZED, {"HX-Redirect": "/sign-in"})
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?to={quote(path, safe='')}", HTTPStatus.SEE_OTHER)


async def _proven(request: Request, session: Session) -> bool:
    await request.body()  # kept, so that the page can read the form again
    form = await request.form()
    given = form.get(CSRF_FIELD)
    return is_csrf(session, given if isinstance(given, str) else None)


def _length(request: Request) -> int:
    """The body's length as announced; one that is not announced is not taken."""
    given = request.headers.get("content-length", "")
    return int(given) if given.isascii() and given.isdigit() else BODY_BYTES_MAX + 1
