"""Logs are for machines and people, and for nobody who looks for credentials."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from inventory_adapters.secrets import Secret
from inventory_cli.logging import LogFormat, configure

CANARY = "canary-5f1c"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged; the root logger is as before afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:], root.level = handlers, level


def test_a_line_is_one_json_object_with_its_facts(lines: io.StringIO) -> None:
    configure("engine", stream=lines, form=LogFormat.JSON)

    logging.getLogger("x").info("partitions taken over", extra={"partitions": [1, 2]})

    event = json.loads(lines.getvalue())
    assert event["event"] == "partitions taken over"
    assert event["process"] == "engine"
    assert event["partitions"] == [1, 2]
    assert event["level"] == "info"
    assert event["time"].endswith("Z")


def test_no_terminal_means_json(lines: io.StringIO) -> None:
    configure("engine", stream=lines)

    logging.getLogger("x").warning("odd")

    assert json.loads(lines.getvalue())["event"] == "odd"


def test_a_person_gets_text(lines: io.StringIO) -> None:
    configure("engine", stream=lines, form=LogFormat.CONSOLE)

    logging.getLogger("x").warning("odd", extra={"partition": 3})

    assert "odd" in lines.getvalue()
    assert "partition" in lines.getvalue()


def test_secrets_are_struck_out_wherever_they_turn_up(lines: io.StringIO) -> None:
    configure("deliver-ebay", stream=lines, form=LogFormat.JSON, secrets=[Secret(CANARY)])
    log = logging.getLogger("x")

    log.warning(
        "refused", extra={"error": f"bad {CANARY}", "facts": {"answer": [f"<{CANARY}>"]}, "why": Secret(CANARY)}
    )
    log.warning("refused with %s", CANARY)
    try:
        raise ValueError(CANARY)
    except ValueError:
        log.exception("failed")

    assert lines.getvalue().count("***") >= 5
    assert CANARY not in lines.getvalue()


def test_fields_that_are_named_like_secrets_are_not_shown(lines: io.StringIO) -> None:
    configure("engine", stream=lines, form=LogFormat.JSON)

    logging.getLogger("x").warning("odd", extra={"access_token": "abc", "sasl.password": "def"})

    assert "abc" not in lines.getvalue()
    assert "def" not in lines.getvalue()


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_a_libraries_line_for_each_request_is_not_shown(lines: io.StringIO, level: str) -> None:
    """Not to whoever looks for a fault either: at DEBUG botocore tells headers that it signs, a token among them."""
    configure("deliver-ebay", level=level, stream=lines, form=LogFormat.JSON)

    logging.getLogger("httpx").info("HTTP Request: POST ...")
    logging.getLogger("botocore.auth").debug("CanonicalRequest: x-amz-security-token:...")
    logging.getLogger("urllib3.connectionpool").debug("POST / HTTP/1.1")

    assert lines.getvalue() == ""
