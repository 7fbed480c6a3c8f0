"""Amazon's notifications, from a queue as SQS is one, with AWS's own client."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest

from inventory_domain.bulk import CallFailed
from inventory_domain.signals import ListingChanged, Notice, Queued, ReadsQueue, TakesMessages
from tests.support.adapters_sandbox import Stage, a_stage
from tests.support.queue_server import a_queue_server

ARN = "arn:aws:sqs:us-east-1:000000000000:notifications"


@pytest.fixture(scope="module")
def queue_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with a_queue_server(tmp_path_factory.mktemp("queue")) as address:
        yield address


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def a_listener(address: str, **signals: object) -> Stage:
    """An account on the sandbox that is told by this queue."""
    return a_stage("amazon", signals={"queue_arn": ARN, "endpoint_url": address, "wait_s": 1, **signals})


async def notified(stage: Stage) -> bytes:
    """What Amazon sends of a write: the sandbox's message, which it cannot put into a queue itself."""
    adapter = stage.adapter
    assert isinstance(adapter, ReadsQueue)
    subscribed = await adapter.subscribe("LISTINGS_ITEM_MFN_QUANTITY_CHANGE")  # type: ignore[attr-defined]
    assert not isinstance(subscribed, CallFailed), subscribed
    await stage.push(stage.a_push(0, quantity=6))
    stage.settle()
    stage.live(0)
    return stage.sandbox.world.outbox.kept[-1].body


async def test_a_notification_is_read_taken_and_gone_when_it_is_acknowledged(queue_url: str) -> None:
    stage = a_listener(queue_url)
    adapter = stage.adapter
    assert isinstance(adapter, ReadsQueue) and isinstance(adapter, TakesMessages) and adapter.has_queue
    client = boto3.client("sqs", region_name="us-east-1", endpoint_url=queue_url)
    own = client.get_queue_url(QueueName="notifications")["QueueUrl"]
    client.send_message(QueueUrl=own, MessageBody=(await notified(stage)).decode())

    found = await adapter.receive()
    assert not isinstance(found, CallFailed), found
    (queued,) = found
    notice = await adapter.take(queued.message)
    again = await waiting(adapter)  # not acknowledged, so it comes again
    acknowledged = await adapter.acknowledge([one.handle for one in again])
    gone = await adapter.receive()
    await adapter.aclose()  # type: ignore[attr-defined]
    client.close()

    assert isinstance(notice, Notice) and isinstance(notice.signals[0], ListingChanged)
    assert notice.signals[0].quantity == 6
    assert [one.message for one in again] == [queued.message]
    assert acknowledged is None and gone == []


async def waiting(adapter: ReadsQueue) -> list[Queued]:
    """What comes, within some turns of a second each."""
    for _ in range(30):
        found = await adapter.receive()
        assert not isinstance(found, CallFailed), found
        if found:
            return list(found)
    raise AssertionError("nothing came again")


async def test_a_queue_that_is_not_there_is_an_answer_and_no_exception(queue_url: str) -> None:
    stage = a_listener(queue_url, queue_arn=ARN + "-of-nobody")
    adapter = stage.adapter
    assert isinstance(adapter, ReadsQueue)

    answer = await adapter.receive()
    refused = await a_listener("http://127.0.0.1:9").adapter.receive()  # type: ignore[attr-defined]
    await stage.adapter.aclose()

    assert isinstance(answer, CallFailed) and answer.kind == "transient"
    assert isinstance(refused, CallFailed) and refused.api == "sqs.receiveMessage"
