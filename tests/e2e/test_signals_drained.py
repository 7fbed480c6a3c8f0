"""A process that reads Amazon's queue and takes webhooks is asked to end in the middle of both."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from random import Random

import boto3
import httpx
import pytest
import yaml

from inventory_sandbox.stack.ports import pick_free
from inventory_streams.signals.run import LEAVE_S_MAX
from tests.support.asking import local
from tests.support.commands import Started, wait_until
from tests.support.own_system import a_system, the_shop_tells
from tests.support.queue_server import a_queue_server

AWS = {"AWS_ACCESS_KEY_ID": "made-up", "AWS_SECRET_ACCESS_KEY": "made-up", "AWS_EC2_METADATA_DISABLED": "true"}
LOOK_S = 14.0  # as long as an account's call may take
QUEUE = "arn:aws:sqs:us-east-1:000000000000:notifications"


@pytest.mark.timeout(480)
def test_a_reader_of_a_queue_ends_within_its_grace_period(
    kafka: str,
    registry_url: str,
    topic_prefix: str,
    application_id: str,
    tmp_path: Path,
    sandbox: Started,
    started: Started,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It waits twenty seconds for messages at a time, and that call cannot be taken back."""
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    a_system(sandbox, tmp_path, kafka, registry_url, topic_prefix, application_id)
    with a_queue_server(tmp_path) as address:
        probes = pick_free(set(), Random())
        told = yaml.safe_load((tmp_path / "sync.yaml").read_text())
        told["accounts"]["amazon"]["signals"] = {"queue_arn": QUEUE, "endpoint_url": address}
        told["signals"]["port"], told["probes"]["ports"]["signals"] = 0, probes
        (tmp_path / "sync.yaml").write_text(yaml.safe_dump(told))
        client = boto3.client("sqs", region_name="us-east-1", endpoint_url=address)
        own = client.get_queue_url(QueueName="notifications")["QueueUrl"]
        started.start("signals", "signals", "serve", "--config", "sync.yaml")
        client.send_message(QueueUrl=own, MessageBody=json.dumps({"NotificationType": "OF_NOBODY"}))
        wait_until(lambda: taken(probes) == 1, "the message was read and taken", limit_s=300)

        began_s = time.monotonic()
        status = started.end_one("signals")
        took_s = time.monotonic() - began_s
        client.close()

    assert status == 0
    assert took_s < LEAVE_S_MAX
    assert "Traceback" not in started.log("signals").read_text()


@pytest.mark.timeout(480)
def test_one_that_looks_at_its_subscriptions_ends_without_waiting_for_the_answer(
    kafka: str,
    registry_url: str,
    topic_prefix: str,
    application_id: str,
    tmp_path: Path,
    sandbox: Started,
    started: Started,
) -> None:
    a_system(sandbox, tmp_path, kafka, registry_url, topic_prefix, application_id)
    the_shop_tells(tmp_path)
    told = yaml.safe_load((tmp_path / "sync.yaml").read_text())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(300)
        shop = told["accounts"][told["channels"]["shop"]["account"]]
        shop["base_url"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        (tmp_path / "sync.yaml").write_text(yaml.safe_dump(told))
        started.start("signals", "signals", "serve", "--config", "sync.yaml")
        asked, _ = silent.accept()
        with asked:
            assert asked.recv(1 << 16).startswith(b"POST")

            began_s = time.monotonic()
            status = started.end_one("signals")
            took_s = time.monotonic() - began_s

    assert status == 0
    assert took_s < LOOK_S - 2
    assert "Traceback" not in started.log("signals").read_text()


def taken(port: int) -> float:
    """How many messages were read and taken."""
    try:
        page = local().get(f"http://127.0.0.1:{port}/metrics").text
    except httpx.TransportError:
        return 0
    lines = [line for line in page.splitlines() if line.startswith("inventory_sync_signals_messages_taken_total{")]
    return sum(float(line.rpartition(" ")[2]) for line in lines)
