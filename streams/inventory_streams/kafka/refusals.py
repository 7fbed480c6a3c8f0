"""What a client says when Kafka does not let it in, turned into an exception that ends the process (rule 37)."""

from __future__ import annotations

from confluent_kafka import KafkaError

from inventory_domain.errors import InventorySyncError


class NotAuthenticated(InventorySyncError):
    """Kafka does not take our user and password, or its certificate is not to be trusted. Trying again changes nothing.

    The message names the user and the address, and never the password.
    """


def raise_refusal(error: KafkaError) -> None:
    """For `error_cb` of a client that is polled: a refused login leaves the poll as an exception.

    All else is in the client's own log. A connection that was open may be refused when it is made again, after a
    password was changed.
    """
    if error.code() == KafkaError._AUTHENTICATION:
        raise NotAuthenticated(f"Kafka refuses our login: {error.str()}")
