"""Times as an operator writes them."""

from __future__ import annotations

import pytest

from inventory_cli.times import parse_time, show_time

NOW_MS = 1_800_000_000_000  # 2027-01-15T08:00:00Z


@pytest.mark.parametrize(
    ("text", "later_s"),
    [
        ("45s", 45),
        ("30m", 1_800),
        ("2h", 7_200),
        ("7d", 604_800),
        ("2027-01-15T09:00Z", 3_600),
        ("2027-01-15T09:00", 3_600),
        ("2027-01-15 10:00+01:00", 3_600),
    ],
)
def test_a_time_is_a_span_from_now_or_a_date(text: str, later_s: int) -> None:
    assert parse_time(text, NOW_MS) == NOW_MS + later_s * 1000


@pytest.mark.parametrize("text", ["", "soon", "-2h", "2", "2w", "2027-13-01"])
def test_what_is_no_time_is_told_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no time; write 30m, 2h, 7d"):
        parse_time(text, NOW_MS)


@pytest.mark.parametrize("text", ["0m", "2027-01-15T08:00Z", "2020-01-01"])
def test_what_is_over_is_no_end(text: str) -> None:
    with pytest.raises(ValueError, match="is not in the future; it is 2027-01-15T08:00:00Z now"):
        parse_time(text, NOW_MS)


def test_a_time_is_shown_to_the_second() -> None:
    assert show_time(NOW_MS + 1_499) == "2027-01-15T08:00:01Z"
