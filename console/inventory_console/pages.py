"""Pages as HTML: one environment, everything escaped, times for people."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from inventory_console.guarding import session_of
from inventory_ledger.telling import clock, duration, holds, mask_words

STATIC: Final = files("inventory_console") / "static"


class Pages:
    """Renders the templates of this package."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("inventory_console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(clock=_clock, age=_age, number=_number, took=_took, ahead=_ahead)
        self._environment.filters.update(mask=mask_words, holds=holds)

    def page(self, request: Request, name: str, values: Mapping[str, object], status: int = 200) -> HTMLResponse:
        """A page, or a part of one, for whoever is signed in."""
        session = session_of(request)
        given = {"operator": session.operator, "csrf": session.csrf, "path": request.url.path, **values}
        return HTMLResponse(self._environment.get_template(f"{name}.html.j2").render(given), status)

    def sign_in(self, values: Mapping[str, object], status: int = 200) -> HTMLResponse:
        """The page for those who are not signed in yet."""
        return HTMLResponse(self._environment.get_template("sign_in.html.j2").render(values), status)


def _clock(at_ms: object) -> str:
    return clock(at_ms)[:19] if isinstance(at_ms, int) else "never"


def _age(at_ms: object) -> str:
    """How long ago, for people."""
    if not isinstance(at_ms, int):
        return "never"
    seconds = max(0, int(time.time() - at_ms / 1000))
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"


def _ahead(at_ms: int) -> str:
    """How soon, for people."""
    seconds = int(at_ms / 1000 - time.time())
    if seconds <= 0:
        return "now"
    return f"in {seconds} s" if seconds < 120 else f"in {seconds // 60} min"


def _number(value: object) -> str:
    return "–" if value is None else f"{value:,}" if isinstance(value, int | float) else str(value)


def _took(later: object, earlier: object) -> str:
    return duration(later - earlier) if isinstance(later, int) and isinstance(earlier, int) else "not yet"
