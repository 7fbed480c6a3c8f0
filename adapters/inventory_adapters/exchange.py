"""One call of an account from end to end: token, request, answer, one repeat with a new token, verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from inventory_adapters.failures import Facts, Failure, FailureRule, judge, no_answer
from inventory_adapters.http import DOCUMENT_BYTES_MAX, Answer, HttpClient, Json, NoAnswer, Request
from inventory_adapters.secrets import Secret, redacted
from inventory_adapters.tokens import Token, TokenCache
from inventory_domain.clock import Clock
from inventory_domain.outcomes import UNRECOGNIZED, LimitSeen, Transient


@dataclass(frozen=True, slots=True)
class Answered:
    """The body of an answer in which the call as a whole did not fail; its rows still may have."""

    status: int
    body: Json
    request_id: str | None
    seen: LimitSeen | None

    def unrecognized(self, *, writes: bool = False) -> Failure:
        """The failure that it is all the same where its body lacks what it must have."""
        return Failure(
            then=Transient,
            reason=UNRECOGNIZED,
            status=self.status,
            request_id=self.request_id,
            effect_unknown=writes,
            seen=self.seen,
        )


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one marketplace says things.

    `facts` gives what an answer says of a failure of the whole call, `seen` what it says of the operation's limit, and
    `request_id` under which number the marketplace's support finds the call. `body` reads the body of an answer in
    which the call did not fail.
    """

    rules: Sequence[FailureRule]
    facts: Callable[[Answer], Facts]
    seen: Callable[[Answer, str], LimitSeen | None]
    request_id: Callable[[Answer], str | None]
    body: Callable[[Answer], Json] = Answer.json


class Exchange:
    """The calls of one account. `tokens` is `TokenCache` or a credential that does not change.

    `secrets` are what stands in bodies beside the token, and what an answer's words must not repeat either.
    """

    def __init__(
        self,
        http: HttpClient,
        tokens: TokenCache | Secret,
        dialect: Dialect,
        clock: Clock,
        timeout_s: float,
        secrets: Sequence[Secret] = (),
    ) -> None:
        self._http = http
        self._tokens = tokens
        self._dialect = dialect
        self._clock = clock
        self._timeout_s = timeout_s
        self._secrets = secrets

    @property
    def token_age_s(self) -> float | None:
        """How long ago the access token in use was fetched; None before the first, or where it does not change."""
        return None if isinstance(self._tokens, Secret) else self._tokens.age_s

    def deadline_s(self) -> float:
        """When a push or read that begins now has to be over, on the monotonic clock."""
        return self._clock.monotonic_s() + self._timeout_s

    async def call(
        self, operation: str, build: Callable[[Secret], Request], deadline_s: float, *, writes: bool
    ) -> Answered | Failure:
        """Make the call `build` gives for a token. A refused token is replaced once and the call repeated once."""
        if isinstance(self._tokens, Secret):
            return await self._once(operation, build, self._tokens, deadline_s, writes=writes)
        token = await self._tokens.token(self._left_s(deadline_s))
        if isinstance(token, Failure):
            return token
        first = await self._once(operation, build, token.value, deadline_s, writes=writes)
        if isinstance(first, Answered) or not first.new_token:
            return first
        fresh = await self._tokens.replaced(token, self._left_s(deadline_s))
        if not isinstance(fresh, Token):
            return fresh
        return await self._once(operation, build, fresh.value, deadline_s, writes=writes)

    async def document(
        self, request: Request, deadline_s: float, hosts: Sequence[str], bytes_max: int = DOCUMENT_BYTES_MAX
    ) -> Answer | Failure:
        """Fetch or upload a document at an address that an answer gave; no token goes there."""
        answer = await self._http.send_document(request, self._left_s(deadline_s), hosts, bytes_max)
        if isinstance(answer, NoAnswer):
            return no_answer(answer, writes=False)
        if answer.status != 200:
            return Failure(then=Transient, reason="document-refused", status=answer.status)
        return answer

    async def aclose(self) -> None:
        """Give back the connections."""
        if isinstance(self._tokens, TokenCache):
            await self._tokens.aclose()
        await self._http.aclose()

    async def _once(
        self, operation: str, build: Callable[[Secret], Request], token: Secret, deadline_s: float, *, writes: bool
    ) -> Answered | Failure:
        answer = await self._http.send(build(token), self._left_s(deadline_s))
        if isinstance(answer, NoAnswer):
            return no_answer(answer, writes=writes)
        facts = self._dialect.facts(answer)
        request_id = self._dialect.request_id(answer)
        seen = self._dialect.seen(answer, operation)
        if facts.is_success():
            return Answered(answer.status, self._dialect.body(answer), request_id, seen)
        failure = judge(self._dialect.rules, facts, writes=writes)
        error = redacted(failure.error, token, *self._secrets) if failure.error else None
        return replace(failure, error=error, request_id=request_id, seen=seen)

    def _left_s(self, deadline_s: float) -> float:
        return deadline_s - self._clock.monotonic_s()
