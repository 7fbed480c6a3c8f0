"""How long an answer asks to wait, in every way that has been seen."""

from __future__ import annotations

import pytest

from inventory_adapters.waits import WAIT_S_MAX, count, wait_s

NOW_MS = 1_790_000_000_000  # 2026-09-21T14:13:20Z


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2", 2.0),
        ("2.5", 2.5),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("-3", 0.0),
        ("1790000060", 60.0),
        ("1790000060000", 60.0),
        ("2026-09-21T14:14:20Z", 60.0),
        ("2026-09-21T14:14:20.000+00:00", 60.0),
        ("Mon, 21 Sep 2026 14:14:20 GMT", 60.0),
        ("1789999999", 0.0),
        ("999999", WAIT_S_MAX),
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", WAIT_S_MAX),
    ],
)
def test_a_wait_is_understood_however_it_is_written(value: str | None, seconds: float | None) -> None:
    assert wait_s(value, NOW_MS) == seconds


@pytest.mark.parametrize(
    ("value", "number"), [("5.0", 5.0), ("0", 0.0), ("x", None), (None, None), ("-1", None), ("nan", None)]
)
def test_a_count_is_a_number_or_nothing(value: str | None, number: float | None) -> None:
    assert count(value) == number
