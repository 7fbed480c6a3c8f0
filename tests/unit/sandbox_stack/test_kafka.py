"""What Kafka's own tools are told."""

import uuid

from inventory_sandbox.stack.kafka import new_cluster_id


def test_a_cluster_id_never_begins_like_an_option() -> None:
    """Seen: one start in sixty-four failed, because the tool took the id for an option."""
    draws = iter([uuid.UUID(int=0xF8 << 120), uuid.UUID(int=1)])

    assert new_cluster_id(lambda: next(draws)) == "AAAAAAAAAAAAAAAAAAAAAQ"
