"""The sandbox's control endpoint, for what a buyer does and what the verdict looks at."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from inventory_cli.demo.verdict import Shown
from inventory_domain.errors import InventorySyncError
from inventory_sandbox.marketplaces.assortment import ListingSeed

CALL_LIMIT_S: Final = 30.0
IDLE_S_MAX: Final = 2.0  # the sandbox drops a connection after 5 s, and an order on one that it drops is not sent twice
FILL_PAGE: Final = 2_000


class SandboxFailed(InventorySyncError):
    """The sandbox does not answer, or refuses what was asked."""


class SandboxControl:
    """One connection to the control endpoint; belongs to one thread."""

    def __init__(self, url: str, now_s: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._now_s = now_s
        self._used_s = now_s()
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=CALL_LIMIT_S)

    def fill(self, seeds: Sequence[ListingSeed]) -> None:
        """Put these listings into the sandbox."""
        for start in range(0, len(seeds), FILL_PAGE):
            page = [seed.to_json() for seed in seeds[start : start + FILL_PAGE]]
            self._call("POST", "/listings", {"listings": page})

    def buy(self, marketplace: str, key: str, units: int) -> bool:
        """A buyer orders: False when the listing does not show that many."""
        answer = self._call("POST", "/sales", {"marketplace": marketplace, "key": key, "quantity": units})
        return answer.get("sold") is True

    def ship(self, marketplace: str, key: str, units: int) -> None:
        """Sold units have left."""
        self._call("POST", "/shipments", {"marketplace": marketplace, "key": key, "quantity": units})

    def shown(self) -> dict[tuple[str, str], Shown]:
        """What every listing shows now, by marketplace and key."""
        found: dict[tuple[str, str], Shown] = {}
        listings = self._call("GET", "/listings").get("listings")
        for one in listings if isinstance(listings, list) else ():
            parts = {name: part["live"] for name, part in one["parts"].items()}
            found[one["marketplace"], one["key"]] = Shown(
                one["live_quantity"], one["submitted_quantity"], one["sold"], parts
            )
        return found

    def never_written(self) -> int:
        """Writes of listings that nobody may write: FBA, WFS, auctions, parents of variations."""
        counted = self._call("GET", "/counters").get("never_written")
        if not isinstance(counted, Mapping) or not isinstance(counted.get("count"), int):
            raise SandboxFailed(
                f"the sandbox at {self._url} does not say how often never-written listings were written"
            )
        return int(counted["count"])

    def add_fault(self, marketplace: str, mode: str) -> int:
        """From now on every call to the marketplace meets this fault; its number."""
        number = self._call("POST", "/faults", {"marketplace": marketplace, "mode": mode}).get("id")
        if not isinstance(number, int):
            raise SandboxFailed(f"the sandbox at {self._url} does not number the fault {mode}")
        return number

    def remove_fault(self, number: int) -> None:
        """Calls are answered again."""
        self._call("DELETE", f"/faults/{number}")

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def _call(self, method: str, path: str, body: object = None) -> Mapping[str, object]:
        if self._now_s() - self._used_s > IDLE_S_MAX:
            self._connection.close()  # the next request opens it anew
        self._used_s = self._now_s()
        for last in (False, True):
            try:
                data = None if body is None else json.dumps(body)
                self._connection.request(method, path, data, {"Content-Type": "application/json"})
                answer = self._connection.getresponse()
                found = json.loads(answer.read())
            except (OSError, http.client.HTTPException, ValueError) as error:
                self._connection.close()  # the next request opens it anew
                if last or method == "POST":
                    raise SandboxFailed(f"the sandbox at {self._url} does not answer: {error}") from error
                continue
            if answer.status != 200 or not isinstance(found, dict):
                raise SandboxFailed(f"the sandbox refuses {method} {path}: {answer.status} {found}")
            return found
        raise AssertionError("unreachable")
