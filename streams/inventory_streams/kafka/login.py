"""Whether Kafka lets us in. Its clients only say that nobody answered when they are refused (rule 37)."""

from __future__ import annotations

import time
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from inventory_streams.kafka.refusals import NotAuthenticated
from inventory_streams.kafka.settings import KafkaSettings, Setting

LOGIN_LIMIT_S: Final = 10.0
_ASK_S: Final = 0.25


def check_login(settings: KafkaSettings, limit_s: float = LOGIN_LIMIT_S) -> None:
    """Return as soon as a broker has let us in, or when none has said anything within the limit. Blocks.

    A broker that is away is the next caller's to wait for, in its own way.

    Raises:
        NotAuthenticated: a broker refused us, or we must not trust it.
    """
    refusals: list[KafkaError] = []

    def note(error: KafkaError) -> None:
        if error.code() in (KafkaError._AUTHENTICATION, KafkaError._SSL):
            refusals.append(error)

    config: dict[str, Setting] = {**settings.admin(), "error_cb": note, "log_level": 0}
    admin = AdminClient(config)  # type: ignore[arg-type]  # the stubs know of no callback
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        try:
            admin.list_topics(timeout=_ASK_S)
        except KafkaException:
            admin.poll(0)  # only here does the client say why
            if refusals:
                raise NotAuthenticated(_sentence(settings, refusals[0])) from None
        else:
            return


def _sentence(settings: KafkaSettings, error: KafkaError) -> str:
    who = settings.security.get("sasl.username")
    if error.code() == KafkaError._SSL:
        return f"Kafka at {settings.bootstrap_servers} cannot be trusted, or does not speak TLS: {error.str()}"
    return f"Kafka at {settings.bootstrap_servers} refuses {f'the user {who!r}' if who else 'our login'}: {error.str()}"
