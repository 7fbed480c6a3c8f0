"""The console as a web application: every page, and what operators may do."""

from __future__ import annotations

import hashlib
import logging
import uuid
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import quote, urlencode

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from inventory_console import questions
from inventory_console.commands import CommandNotWritten, Commands
from inventory_console.events import Watchers
from inventory_console.guarding import COOKIE, Guard, safe_path, session_of
from inventory_console.letters import LETTERS_MAX, Decision, LetterNotDecided, LetterPlace, Letters, place_of
from inventory_console.pages import Pages
from inventory_console.questions import FOUND_MAX, ROWS_MAX
from inventory_console.sessions import Sessions
from inventory_console.settings import ConsoleSettings
from inventory_domain.clock import Clock
from inventory_domain.identifiers import ChannelId, EventId
from inventory_domain.operations import OperatorAction, OperatorCommand
from inventory_ledger.reports.making import kept, list_kept
from inventory_ledger.reports.model import ReportKind
from inventory_ledger.reports.writing import style_in
from inventory_ledger.story import UnknownSku, story

WHY_LENGTH: Final = range(3, 501)
TEXT_LENGTH_MAX: Final = 200
HOLD_HOURS: Final = ("1", "2", "4", "8", "24")
HOUR_MS: Final = 3_600_000
REPORT_FORMS: Final = {"html": "text/html", "csv": "text/csv", "json": "application/json"}

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Console:
    """What the pages are made with. `counted` notes what operators did, by action and whether it was written."""

    settings: ConsoleSettings
    engine: Engine
    commands: Commands
    letters: Letters
    sessions: Sessions
    clock: Clock
    pages: Pages
    watchers: Watchers
    counted: Callable[[str, str], None]

    def app(self) -> Starlette:
        """The application. Nothing is asked or started yet."""
        routes = [
            Route("/", self.first),
            Route("/channels", self.channels),
            Route("/channels/{channel}", self.channel),
            Route("/channels/{channel}/{action}", self.act, methods=["POST"]),
            Route("/skus", self.skus),
            Route("/skus/{sku:path}", self.sku),
            Route("/discrepancies", self.discrepancies),
            Route("/dead-letters", self.dead_letters),
            Route("/dead-letters/{decision}", self.decide, methods=["POST"]),
            Route("/commands", self.operations),
            Route("/reports", self.reports),
            Route("/reports/{kind}/{period}.{form}", self.report),
            Route("/events", self.events),
            Route("/sign-in", self.sign_in, methods=["GET", "POST"]),
            Route("/sign-out", self.sign_out, methods=["POST"]),
            Mount("/static", StaticFiles(packages=[("inventory_console", "static")])),
        ]
        guard = Middleware(BaseHTTPMiddleware, dispatch=Guard(self.sessions, self.settings))
        return Starlette(routes=routes, middleware=[guard], exception_handlers={DBAPIError: _no_database})

    async def asked(self, question: Callable[[Connection], T]) -> T:
        """The answer of the ledger, without holding up other pages."""

        def ask() -> T:
            with self.engine.connect() as connection:
                return question(connection)

        return await run_in_threadpool(ask)

    async def first(self, request: Request) -> Response:
        """Channels and their health, the engine, the newest commands."""
        now_ms = self.clock.now_ms()
        found = await self.asked(lambda connection: questions.overview(connection, now_ms))
        asked_for = await self.asked(lambda connection: questions.commands(connection)[:8])
        values = {"overview": found, "now_ms": now_ms, "commands": asked_for}
        return self.pages.page(request, "overview", values)

    async def channels(self, request: Request) -> Response:
        """The part of the first page that renews itself."""
        now_ms = self.clock.now_ms()
        found = await self.asked(lambda connection: questions.overview(connection, now_ms))
        return self.pages.page(request, "channels", {"overview": found, "now_ms": now_ms})

    async def channel(self, request: Request, problem: str = "", status: int = 200) -> Response:
        """One channel: its states, its commands, and what may be done."""
        name = request.path_params["channel"]
        now_ms = self.clock.now_ms()
        found = await self.asked(lambda connection: questions.overview(connection, now_ms))
        line = next((one for one in found.channels if one.channel == name), None)
        if line is None:
            return self._missing(request, f"There is no channel {name}.")
        values = {
            "line": line,
            "history": await self.asked(lambda connection: questions.channel_history(connection, name)),
            "commands": await self.asked(lambda connection: questions.commands(connection, name)),
            "cycles": await self.asked(lambda connection: questions.reconciliations(connection, name)),
            "hold_hours": HOLD_HOURS,
            "problem": problem,
            "written": request.query_params.get("written", ""),
        }
        return self.pages.page(request, "channel", values, status)

    async def act(self, request: Request) -> Response:
        """An operator's command to a channel: written with who and why, before anything else happens."""
        name, operator = request.path_params["channel"], session_of(request).operator
        try:
            action = OperatorAction(request.path_params["action"])
        except ValueError:
            return self._missing(request, "There is no such command.")
        form = await request.form()
        why, hours = str(form.get("why", "")).strip(), str(form.get("hours", ""))
        holds = action is OperatorAction.HOLD_MASS_CHANGE
        problem = _why_problem(why)
        if not problem and holds and hours not in HOLD_HOURS:
            problem = f"Say for how many hours it is held: {', '.join(HOLD_HOURS)}."
        if problem:
            return await self.channel(request, problem, HTTPStatus.UNPROCESSABLE_ENTITY)
        known = await self.asked(lambda connection: questions.overview(connection, self.clock.now_ms()))
        if all(line.channel != name for line in known.channels):
            return self._missing(request, f"There is no channel {name}.")
        now_ms = self.clock.now_ms()
        command = OperatorCommand(
            EventId(uuid.uuid4().hex),
            ChannelId(name),
            action,
            operator,
            why,
            now_ms,
            falls_too=action is OperatorAction.PAUSE and form.get("falls_too") == "yes",
            until_ms=now_ms + int(hours) * HOUR_MS if holds else None,
        )
        facts = {"channel": name, "action": action.value, "by": operator, "why": why, "command": command.command_id}
        try:
            await run_in_threadpool(self.commands.write, command)
        except CommandNotWritten as error:
            self.counted(action.value, "not-written")
            log.error("an operator's command could not be written", extra={**facts, "error": str(error)})
            return await self.channel(request, f"Not written: {error}", HTTPStatus.BAD_GATEWAY)
        self.counted(action.value, "written")
        log.warning("an operator's command was written", extra=facts)
        return RedirectResponse(f"/channels/{name}?written={action.value}", HTTPStatus.SEE_OTHER)

    async def skus(self, request: Request) -> Response:
        """Finds a SKU by its beginning or by a listing's id; goes straight to it when it is the only one."""
        text = request.query_params.get("find", "").strip()[:TEXT_LENGTH_MAX]
        found = await self.asked(lambda connection: questions.found_skus(connection, text)) if text else []
        if text and list(found) == [text]:
            return RedirectResponse(f"/skus/{quote(text)}", HTTPStatus.SEE_OTHER)
        return self.pages.page(request, "skus", {"find": text, "found": found, "most": FOUND_MAX})

    async def sku(self, request: Request) -> Response:
        """A SKU's whole story: why each channel shows what it shows."""
        name, now_ms = request.path_params["sku"], self.clock.now_ms()
        try:
            found = await self.asked(lambda connection: story(connection, name, now_ms))
        except UnknownSku as error:
            return self._missing(request, str(error))
        return self.pages.page(request, "sku", {"story": found})

    async def discrepancies(self, request: Request) -> Response:
        """What drifted, the newest first."""
        channel, cause = request.query_params.get("channel", ""), request.query_params.get("cause", "")
        rows = await self.asked(lambda connection: questions.discrepancies(connection, channel, cause))
        return self.pages.page(
            request, "discrepancies", {"rows": rows, "most": ROWS_MAX, "channel": channel, "cause": cause}
        )

    async def dead_letters(
        self, request: Request, problem: str = "", refused: Sequence[str] = (), status: int = HTTPStatus.OK
    ) -> Response:
        """What was given up, the newest first, and what may be done about it."""
        text = request.query_params.get("find", "").strip()[:TEXT_LENGTH_MAX]
        decided = request.query_params.get("decided", "") == "yes"
        rows = await self.asked(lambda connection: questions.dead_letters(connection, text, with_decided=decided))
        done = request.query_params.get("done", "")[:TEXT_LENGTH_MAX]
        values = {"rows": rows, "find": text, "with_decided": decided, "problem": problem, "refused": refused}
        return self.pages.page(request, "dead_letters", {**values, "done": done, "most": ROWS_MAX}, status)

    async def decide(self, request: Request) -> Response:
        """An operator's decision on dead letters: each is carried out and noted with who and why, or refused."""
        decision = next((one for one in Decision if one.value == request.path_params["decision"]), None)
        if decision is None:
            return self._missing(request, "There is no such decision.")
        form = await request.form()
        why, places = str(form.get("why", "")).strip(), [place_of(str(one)) for one in form.getlist("letter")]
        problem = _why_problem(why)
        if not problem and (not places or None in places or len(places) > LETTERS_MAX):
            problem = f"Choose the letters that you mean, 1 to {LETTERS_MAX}."
        if problem:
            return await self.dead_letters(request, problem, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        done = 0
        refused: list[str] = []
        for place in (one for one in places if one is not None):
            said = await self._decided(place, decision, session_of(request).operator, why)
            if said is None:
                done += 1
            else:
                refused.append(f"{place.text}: {said}")
        if refused:
            text = f"{done} done ({decision.value}), {len(refused)} not:"
            return await self.dead_letters(request, text, refused, HTTPStatus.CONFLICT)
        told = urlencode({"done": f"{done} done ({decision.value})"})
        return RedirectResponse(f"/dead-letters?{told}", HTTPStatus.SEE_OTHER)

    async def _decided(self, place: LetterPlace, decision: Decision, by: str, why: str) -> str | None:
        facts = {"letter": place.text, "decision": decision.value, "by": by, "why": why}
        try:
            refused = await run_in_threadpool(self.letters.decide, place, decision, by, why)
        except LetterNotDecided as error:
            self.counted(decision.value, "not-written")
            log.error("a decision on a dead letter could not be written", extra={**facts, "error": str(error)})
            return f"not written: {error}"
        self.counted(decision.value, "refused" if refused else "written")
        log.warning("a decision on a dead letter", extra={**facts, "refused": refused or ""})
        return refused

    async def operations(self, request: Request) -> Response:
        """Everything that operators asked for."""
        rows = await self.asked(questions.commands)
        return self.pages.page(request, "commands", {"rows": rows, "most": ROWS_MAX})

    async def reports(self, request: Request) -> Response:
        """The reports that are kept."""
        return self.pages.page(request, "reports", {"rows": await self.asked(list_kept)})

    async def report(self, request: Request) -> Response:
        """One report: the page as it was made, or its rows."""
        given, period, form = (request.path_params[name] for name in ("kind", "period", "form"))
        kind = next((one for one in ReportKind if one.value == given), None)
        if kind is None or form not in REPORT_FORMS:
            return self._missing(request, "There is no such report.")
        found = await self.asked(lambda connection: kept(connection, kind, period))
        if found is None:
            return self._missing(request, f"No {given} report of {period} is kept.")
        if form == "html":
            # Its style stands in it, and nothing else may: the style is allowed by its hash.
            digest = b64encode(hashlib.sha256(style_in(found.page).encode()).digest()).decode()
            policy = f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; base-uri 'none'"
            return HTMLResponse(found.page, headers={"Content-Security-Policy": policy})
        text = found.rows if form == "csv" else found.figures
        headers = {"Content-Disposition": f'attachment; filename="{given}-{found.period}.{form}"'}
        return Response(text, media_type=REPORT_FORMS[form], headers=headers)

    async def events(self, request: Request) -> Response:
        """Tells a browser when the first page has changed (server-sent events)."""
        return self.watchers.watched(request, lambda: self.asked(questions.mark))

    async def sign_in(self, request: Request) -> Response:
        """The form, and what comes of it."""
        if request.method == "GET":
            return self.pages.sign_in({"to": safe_path(request.query_params.get("to")), "problem": ""})
        form = await request.form()
        operator, password = str(form.get("operator", ""))[:TEXT_LENGTH_MAX], str(form.get("password", ""))
        to = safe_path(str(form.get("to", "")))
        token = self.sessions.sign_in(operator, password)
        if token is None:
            self.counted("sign-in", "refused")
            log.warning("sign-in refused", extra={"operator": operator})
            problem = "That is not right, or there were too many tries; wait a minute and try again."
            return self.pages.sign_in({"to": to, "problem": problem}, HTTPStatus.UNAUTHORIZED)
        self.counted("sign-in", "accepted")
        log.info("signed in", extra={"operator": operator})
        response = RedirectResponse(to, HTTPStatus.SEE_OTHER)
        secure = (self.settings.origin or str(request.url)).startswith("https:")
        response.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=secure, path="/")
        return response

    async def sign_out(self, request: Request) -> Response:
        """Ends the session."""
        self.sessions.sign_out(request.cookies.get(COOKIE))
        response = RedirectResponse("/sign-in", HTTPStatus.SEE_OTHER)
        response.delete_cookie(COOKIE, path="/")
        return response

    def _missing(self, request: Request, text: str) -> Response:
        return self.pages.page(request, "missing", {"text": text}, HTTPStatus.NOT_FOUND)


def _why_problem(why: str) -> str:
    """What is wrong with a reason; nothing when it may be kept."""
    if len(why) in WHY_LENGTH:
        return ""
    return f"Say why, in {WHY_LENGTH.start} to {WHY_LENGTH.stop - 1} characters: it is kept for ever."


async def _no_database(_request: Request, error: Exception) -> Response:
    why = str(error).partition("\n")[0]
    log.error("the ledger does not answer", extra={"error": why})
    return PlainTextResponse("the ledger's database does not answer; try again\n", HTTPStatus.SERVICE_UNAVAILABLE)
