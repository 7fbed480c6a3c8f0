"""The search for planted secrets finds them however they are written down; else it would prove nothing."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

from tests.support.canaries import Canaries

SECRET = "a-secret/with+signs:0123456789"


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        quote(SECRET, safe=""),
        base64.b64encode(SECRET.encode()).decode(),
        *(base64.b64encode(f"{'u' * length}:{SECRET}".encode()).decode() for length in range(4)),
        *(base64.b64encode(f"{SECRET}{'x' * length}".encode()).decode() for length in range(3)),
    ],
)
def test_a_secret_is_found_in_every_form(written: str) -> None:
    content = f'{{"header": "Basic {written}"}}'.encode()

    assert Canaries({"it": SECRET}).found_in([("a log", content)]) == {"a log": ["it"]}


def test_what_is_no_secret_is_not_found() -> None:
    content = b"a-secret/with" + base64.b64encode(b"another-secret-of-the-same-length")

    assert Canaries({"it": SECRET}).found_in([("a log", content)]) == {}


def test_a_secret_that_may_be_there_by_chance_is_refused() -> None:
    with pytest.raises(AssertionError, match="too short"):
        Canaries({"it": "secret"})
