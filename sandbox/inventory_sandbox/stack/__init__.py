"""A real single-node Kafka and a real schema registry on this machine, without Docker or an installed Java."""

from inventory_sandbox.stack.errors import (
    ComponentFailed,
    DownloadFailed,
    JavaMissing,
    PortTaken,
    StackBusy,
    StackError,
)
from inventory_sandbox.stack.local import LocalStack, Progress, StackInfo, StackStatus

__all__ = [
    "ComponentFailed",
    "DownloadFailed",
    "JavaMissing",
    "LocalStack",
    "PortTaken",
    "Progress",
    "StackBusy",
    "StackError",
    "StackInfo",
    "StackStatus",
]
