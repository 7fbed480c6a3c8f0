"""The store of idempotency keys: the same key and input give the first result again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from inventory_sandbox.marketplaces.http import Call

Json = dict[str, object]
KEPT_S: Final = 24 * 3600.0
"""How long a key is remembered; ours, Shopify gives no number."""
MAX_KEYS: Final = 200_000


@dataclass(slots=True)
class _Attempt:
    inputs: str
    at: float
    result: Json | None = None
    running: bool = True


class IdempotencyStore:
    """Keys of one shop, each with what was asked and what came of it."""

    def __init__(self) -> None:
        self._attempts: dict[str, _Attempt] = {}

    def begin(self, key: str, mutation: str, inputs: object, call: Call) -> tuple[Json | None, str]:
        """The first result when there is one, or the code of the error; (None, "") lets the mutation run."""
        asked = f"{mutation}:{json.dumps(inputs, sort_keys=True, default=str)}"
        known = self._attempts.get(key)
        if known is not None and call.at - known.at > KEPT_S:
            known = None
        if known is None:
            attempt = _Attempt(asked, call.at)
            self._attempts[key] = attempt
            call.at_answer.append(lambda: setattr(attempt, "running", False))
            if len(self._attempts) > MAX_KEYS:
                del self._attempts[next(iter(self._attempts))]
            return None, ""
        if known.inputs != asked:
            return None, "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"
        if known.running:
            return None, "IDEMPOTENCY_CONCURRENT_REQUEST"
        if known.result is None or known.result.get("userErrors"):
            return None, "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"
        return known.result, ""

    def end(self, key: str, result: Json) -> None:
        """Keeps what came of a mutation that ran."""
        self._attempts[key].result = result
