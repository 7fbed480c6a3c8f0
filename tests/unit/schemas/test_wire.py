"""What is written in one step is what is written text by text."""

from __future__ import annotations

import io

import fastavro
import pytest

from inventory_schemas.wire import pairs, texts


def written(kind: dict[str, str], value: object) -> bytes:
    """As the general codec writes it."""
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(kind), value)
    return stream.getvalue()


@pytest.mark.parametrize(
    "of",
    [
        [],
        ["a"],
        ["", ""],
        ["e1", "e2", "e3"],
        ["e1", "e22"],
        ["ab", "é1"],
        ["\x00", "\x02"],
        ["a" * 63] * 3,
        ["a" * 64] * 3,
        [f"e{number:03d}" for number in range(128)],
    ],
    ids=lambda of: f"{len(of)} of {[len(one) for one in of[:2]]}",
)
def test_texts_of_one_length_are_written_at_once_as_they_are_one_by_one(of: list[str]) -> None:
    assert texts(of).encode("latin-1") == written({"type": "array", "items": "string"}, of)


@pytest.mark.parametrize("of", [{}, {"seller_sku": "S-1"}, {"é": "ü" * 70}, {"a": "1", "b": "2"}], ids=len)
def test_a_map_of_one_text_is_written_as_others_are(of: dict[str, str]) -> None:
    assert pairs(of).encode("latin-1") == written({"type": "map", "values": "string"}, of)
