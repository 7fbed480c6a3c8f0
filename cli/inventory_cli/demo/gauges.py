"""What the delivery processes say of themselves: how much of each throttle they use, from their own metrics."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections import defaultdict
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

READ_LIMIT_S: Final = 1.0
EVERY_S: Final = 1.0
_USED: Final = "inventory_sync_delivery_throttle_tokens_used_total"
_ALLOWED: Final = "inventory_sync_delivery_throttle_tokens_allowed_per_second"


class ThrottleGauge:
    """The share of its marketplace's limit that one delivery process used since it was last asked."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._port: int | None = None
        self._before: dict[str, float] = {}
        self._at_s = 0.0
        self.share: float | None = None

    def forget(self) -> None:
        """The process was started again: its port is another one."""
        self._port, self._before, self.share = None, {}, None

    def refresh(self) -> None:
        """Ask again when a second has passed. A process that does not answer yet has no share."""
        now = time.monotonic()
        if now - self._at_s < EVERY_S:
            return
        if self._port is None:
            self._port = probe_port(self._log)
        if self._port is None:
            return
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=READ_LIMIT_S) as answer:
                text = answer.read().decode()
        except (urllib.error.URLError, OSError):
            self._port = None
            return
        used: dict[str, float] = defaultdict(float)
        allowed: dict[str, float] = defaultdict(float)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name in (_USED, _ALLOWED):
                    counted = used if sample.name == _USED else allowed
                    counted[sample.labels["operation"]] += sample.value
        shares = [
            (used[name] - before) / (now - self._at_s) / allowed[name]
            for name, before in self._before.items()
            if allowed.get(name)
        ]
        self.share = max(shares, default=self.share)
        self._before, self._at_s = used, now


def probe_port(log: Path) -> int | None:
    """The port that a process said it serves its probes on, from the last such line of its log."""
    found = None
    for line in log.read_text(errors="replace").splitlines():
        if '"probes served"' in line:
            try:
                found = int(json.loads(line)["port"])
            except (ValueError, KeyError, TypeError):
                continue
    return found
