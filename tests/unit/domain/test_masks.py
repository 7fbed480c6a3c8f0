"""What the engine's silence means for the listings of a partition."""

from __future__ import annotations

import pytest

from inventory_domain.masks import ENGINE_SILENT, FREE, NO_PROGRESS, Standing, engine_standing

LIMIT_S = 900.0
NOW_MS = 1_700_000_000_000
OLD_MS, LATE_MS = NOW_MS - 901_000, NOW_MS - 899_000
SILENT = Standing(mask=ENGINE_SILENT, every_path=True)
HELD = Standing(rises_held=NO_PROGRESS)


@pytest.mark.parametrize(
    ("complete_until_ms", "computed_ms", "watched_from_ms", "expected"),
    [
        (LATE_MS, None, 0, FREE),
        (OLD_MS, None, 0, SILENT),
        (OLD_MS, NOW_MS, 0, SILENT),
        (OLD_MS, None, LATE_MS, FREE),
        (None, None, 0, HELD),
        (None, LATE_MS, 0, HELD),
        (None, OLD_MS, LATE_MS, HELD),
        (None, OLD_MS, 0, SILENT),
    ],
    ids=[
        "it spoke",
        "it is silent",
        "a target that it computes while it is behind is no word",
        "nobody looked before",
        "it was never there",
        "its word is lost, and it was there",
        "its word is lost, and nobody looked before",
        "its word is lost, and it is silent",
    ],
)
def test_the_engine_is_silent_when_its_last_word_is_too_old(
    complete_until_ms: int | None, computed_ms: int | None, watched_from_ms: int, expected: Standing
) -> None:
    assert engine_standing(complete_until_ms, computed_ms, watched_from_ms, NOW_MS, LIMIT_S) == expected
