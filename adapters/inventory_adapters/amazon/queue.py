"""Reads the queue that Amazon's notifications come by: only the configured one, with the rights AWS gives (rule 35)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cached_property
from typing import Final, Protocol

from inventory_adapters.amazon.settings import AmazonSignals
from inventory_domain.bulk import CallFailed
from inventory_domain.signals import Message, Queued

RECEIVE: Final = "sqs.receiveMessage"
DELETE: Final = "sqs.deleteMessageBatch"
MESSAGES_MAX: Final = 10  # the most that one call gives, and takes back
SPARE_S: Final = 5.0  # beyond the time that an empty queue is waited at


class _Client(Protocol):
    """What is used of AWS's client."""

    def get_queue_url(self, *, QueueName: str, QueueOwnerAWSAccountId: str) -> dict[str, str]: ...

    def receive_message(
        self, *, QueueUrl: str, MaxNumberOfMessages: int, WaitTimeSeconds: int
    ) -> dict[str, list[dict[str, str]]]: ...

    def delete_message_batch(
        self, *, QueueUrl: str, Entries: list[dict[str, str]]
    ) -> dict[str, list[dict[str, str]]]: ...


class AmazonQueue:
    """The queue of one account. Its calls block on threads of their own; nothing is asked before the first one."""

    def __init__(self, own: AmazonSignals) -> None:
        self._own = own

    async def receive(self) -> Sequence[Queued] | CallFailed:
        """See `signals.ReadsQueue`."""
        return await asyncio.to_thread(self._receive)

    async def acknowledge(self, handles: Sequence[str]) -> CallFailed | None:
        """See `signals.ReadsQueue`."""
        for start in range(0, len(handles), MESSAGES_MAX):
            failed = await asyncio.to_thread(self._delete, handles[start : start + MESSAGES_MAX])
            if failed is not None:
                return failed
        return None

    def _receive(self) -> Sequence[Queued] | CallFailed:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=MESSAGES_MAX, WaitTimeSeconds=self._own.wait_s
            )
        except (BotoCoreError, ClientError) as error:
            return _failed(RECEIVE, error)
        return [
            Queued(message=Message({}, each.get("Body", "").encode()), handle=each["ReceiptHandle"])
            for each in answer.get("Messages", [])
        ]

    def _delete(self, handles: Sequence[str]) -> CallFailed | None:
        from botocore.exceptions import BotoCoreError, ClientError

        entries = [{"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(handles)]
        try:
            answer = self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
        except (BotoCoreError, ClientError) as error:
            return _failed(DELETE, error)
        refused = answer.get("Failed", [])
        if refused:
            code = refused[0].get("Code", "unknown")
            return CallFailed(kind="transient", api=DELETE, reason="not-all-deleted", error=code)
        return None

    @cached_property
    def _client(self) -> _Client:
        # Here, because the library takes a third of a second to load and only one process of ours needs it.
        import boto3
        from botocore.config import Config

        region = self._own.queue_arn.split(":")[3] or "us-east-1"
        limits = Config(
            connect_timeout=5,
            read_timeout=self._own.wait_s + SPARE_S,
            retries={"max_attempts": 1, "mode": "standard"},
        )
        client: _Client = boto3.client("sqs", region_name=region, endpoint_url=self._own.endpoint_url, config=limits)
        return client

    @cached_property
    def _url(self) -> str:
        account, name = self._own.queue_arn.split(":")[4:6]
        return self._client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]


def _failed(api: str, error: Exception) -> CallFailed:
    """What AWS refused or could not be asked, without what was sent."""
    answer = getattr(error, "response", None)
    code = answer.get("Error", {}).get("Code", "") if isinstance(answer, dict) else type(error).__name__
    denied = "Denied" in code or "Token" in code or "SignatureDoesNotMatch" in code or "NoCredentials" in code
    return CallFailed(kind="unauthorized" if denied else "transient", api=api, reason=code or "unknown")
