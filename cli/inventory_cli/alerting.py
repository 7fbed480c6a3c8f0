"""Alerts to an operator's webhook, beside log and metrics: never in the way of anything, and counted when they fail."""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import asdict
from typing import Final

import httpx
from prometheus_client import CollectorRegistry, Counter

from inventory_adapters.secrets import Secret
from inventory_domain.health_alerts import Alert

WAITING_MAX: Final = 1_000  # alerts that may wait for a webhook that does not answer
TIMEOUT_S: Final = 5.0
WAITS_S: Final = (1.0, 5.0, 15.0)  # between tries; then the alert is given up, since log and metrics have it

log = logging.getLogger(__name__)


class WebhookAlerts:
    """Posts each alert as JSON, from a thread of its own."""

    def __init__(
        self,
        url: Secret,
        application: str,
        metrics: CollectorRegistry,
        *,
        transport: httpx.BaseTransport | None = None,
        waits_s: tuple[float, ...] = WAITS_S,
    ) -> None:
        self._url = url
        self._application = application
        self._waits_s = waits_s
        self._waiting: queue.Queue[Alert] = queue.Queue(WAITING_MAX)
        self._posted = Counter(
            "inventory_sync_delivery_alert_posts_total",
            "Alerts for the operator's webhook by what became of them.",
            ["outcome"],
            registry=metrics,
        )
        self._client = httpx.Client(transport=transport, timeout=TIMEOUT_S, follow_redirects=False, trust_env=False)
        self._stopping = threading.Event()
        threading.Thread(target=self._run, name="alerts", daemon=True).start()

    def post(self, alert: Alert) -> None:
        """Have it sent. Where too many wait already it is only counted."""
        try:
            self._waiting.put_nowait(alert)
        except queue.Full:
            self._posted.labels("dropped").inc()

    def close(self) -> None:
        """Send nothing more. What waits is left to log and metrics."""
        self._stopping.set()

    def _run(self) -> None:
        while True:
            alert = self._waiting.get()
            if self._stopping.is_set():
                return
            self._posted.labels("sent" if self._sent(alert) else "failed").inc()

    def _sent(self, alert: Alert) -> bool:
        body = {**asdict(alert), "severity": alert.severity.value, "application": self._application}
        reason = ""
        for wait_s in (0.0, *self._waits_s):
            self._stopping.wait(wait_s)
            try:
                answer = self._client.post(self._url.reveal(), json=body)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                reason = type(error).__name__  # its text may hold the address, which may be a credential
                continue
            if answer.is_success:
                return True
            reason = f"status {answer.status_code}"
        log.error("alert not delivered", extra={"alert": alert.name, "channel": alert.channel, "reason": reason})
        return False
