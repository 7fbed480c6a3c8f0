"""Logs of processes: one JSON object a line, or text for people at a terminal. Secrets never get into either."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from enum import Enum
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from inventory_adapters.secrets import Secret, redacted

_HIDDEN = ("password", "secret", "token", "authorization", "credential", "api_key")

# A line per request or per poll at INFO; at DEBUG those that make requests tell of headers, and so of keys and tokens.
_TALKATIVE = ("httpx", "httpx2", "httpcore", "httpcore2", "aiokafka", "faust", "mode", "boto3", "botocore", "urllib3")


class LogFormat(Enum):
    """AUTO is CONSOLE at a terminal, and JSON everywhere else."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


def configure(
    process: str,
    *,
    level: str = "INFO",
    form: LogFormat = LogFormat.AUTO,
    secrets: Iterable[Secret] = (),
    stream: TextIO | None = None,
) -> None:
    """Send everything that is logged to the stream (standard error) under the name of this process.

    `secrets` are struck out wherever they turn up, also in words that a marketplace sent back.
    """
    stream = stream or sys.stderr
    console = form is LogFormat.CONSOLE or (form is LogFormat.AUTO and stream.isatty())
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _Process(process),
        structlog.processors.format_exc_info,
        _Hidden(tuple(secrets)),
    ]
    render: Processor = (
        structlog.dev.ConsoleRenderer(colors=stream.isatty())
        if console
        else structlog.processors.JSONRenderer(default=str)
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))


class _Process:
    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        return {"process": self._name, **event}


class _Hidden:
    """Strikes out secrets by value, and fields that are named like one."""

    def __init__(self, secrets: tuple[Secret, ...]) -> None:
        self._secrets = secrets

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        return {name: self._clean(name, value) for name, value in event.items()}

    def _clean(self, name: str, value: object) -> object:
        if isinstance(value, str):
            return "***" if any(word in name.lower() for word in _HIDDEN) else redacted(value, *self._secrets)
        if isinstance(value, dict):
            return {key: self._clean(str(key), one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self._clean(name, one) for one in value]
        if isinstance(value, bool | int | float) or value is None or name.startswith("_"):
            return value
        return redacted(str(value), *self._secrets)
