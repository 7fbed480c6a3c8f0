"""The producers' client: it keeps the contract of docs/producers.md, so that your code cannot break it."""

from inventory_streams.producer.channels import ChannelOperator
from inventory_streams.producer.client import InventoryProducer, NotDelivered, Undelivered
from inventory_streams.producer.commands import SkuCommander
from inventory_streams.producer.sequences import ClockSequences, CountedSequences, SequenceStore

__all__ = [
    "ChannelOperator",
    "ClockSequences",
    "CountedSequences",
    "InventoryProducer",
    "NotDelivered",
    "SequenceStore",
    "SkuCommander",
    "Undelivered",
]
