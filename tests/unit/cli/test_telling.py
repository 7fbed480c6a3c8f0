"""The settings that say who is told of alerts, and the webhook that tells them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import httpx
import pytest
from prometheus_client import CollectorRegistry

from inventory_adapters.secrets import Secret
from inventory_adapters.status_page import StatusPage
from inventory_cli.alerting import WebhookAlerts
from inventory_domain.bulk import CallFailed, Condition, MarketplaceStatus
from inventory_domain.health_alerts import Alert, Severity
from inventory_domain.identifiers import ChannelId

ALERT = Alert("channel-failing", Severity.WARNING, ChannelId("harbor-us"), "3 failures in a row", 1_000, 2, "system")
WAIT_S = 30


class Receiver:
    """A webhook that answers as it is told, and keeps what it got."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses)
        self.bodies: list[dict[str, object]] = []
        self.told = threading.Event()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(json.loads(request.content))
        status = self._statuses.pop(0) if self._statuses else 200
        if not self._statuses:
            self.told.set()
        return httpx.Response(status)


def posted(receiver: Callable[[httpx.Request], httpx.Response]) -> tuple[WebhookAlerts, CollectorRegistry]:
    metrics = CollectorRegistry()
    transport = httpx.MockTransport(receiver)
    url = Secret("https://hooks.example.com/T0/secret")
    return WebhookAlerts(url, "app", metrics, transport=transport, waits_s=(0.01, 0.01)), metrics


def test_an_alert_is_posted_with_its_facts() -> None:
    receiver = Receiver(200)
    alerts, _ = posted(receiver)

    alerts.post(ALERT)

    assert receiver.told.wait(WAIT_S)
    assert receiver.bodies == [
        {
            "name": "channel-failing",
            "severity": "warning",
            "channel": "harbor-us",
            "text": "3 failures in a row",
            "at_ms": 1_000,
            "epoch": 2,
            "by": "system",
            "application": "app",
        }
    ]


def test_an_alert_that_is_refused_is_posted_again() -> None:
    receiver = Receiver(500, 503, 200)
    alerts, _ = posted(receiver)

    alerts.post(ALERT)

    assert receiver.told.wait(WAIT_S)
    assert len(receiver.bodies) == 3


def test_a_webhook_that_never_answers_holds_nobody_up_and_its_address_is_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failing = threading.Event()

    def dead(request: httpx.Request) -> httpx.Response:
        failing.set()
        raise httpx.ConnectError(f"cannot reach {request.url}")

    alerts, _ = posted(dead)
    for _ in range(2_000):
        alerts.post(ALERT)  # more than may wait

    assert failing.wait(WAIT_S)
    alerts.close()
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("body", "condition"),
    [
        ({"status": {"indicator": "none"}}, Condition.OPERATIONAL),
        ({"status": {"indicator": "minor"}}, Condition.DEGRADED),
        ({"status": {"indicator": "critical"}}, Condition.OUTAGE),
        ({"status": "outage"}, Condition.OUTAGE),
        ({"status": {"indicator": "on fire"}}, Condition.UNKNOWN),
        ({"page": {}}, Condition.UNKNOWN),
        ([], Condition.UNKNOWN),
    ],
)
async def test_a_status_page_is_read_in_its_usual_forms(body: object, condition: Condition) -> None:
    page = StatusPage(
        "https://status.example.com/api/v2/status.json",
        httpx.MockTransport(lambda request: httpx.Response(200, json=body)),
    )

    answer = await page.status()
    await page.aclose()

    assert isinstance(answer, MarketplaceStatus) and answer.condition is condition


@pytest.mark.parametrize("answer", [httpx.Response(500), httpx.Response(200, text="<html>")])
async def test_a_status_page_that_cannot_be_read_says_nothing(answer: httpx.Response) -> None:
    page = StatusPage("https://status.example.com/s.json", httpx.MockTransport(lambda request: answer))

    said = await page.status()
    await page.aclose()

    assert isinstance(said, CallFailed)
