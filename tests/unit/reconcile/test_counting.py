"""Counts from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from inventory_streams.reconcile.counting import FILE_SOURCE, CountsUnreadable, read_counts


def a_file(folder: Path, text: str) -> Path:
    file = folder / "counts.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_counts_are_read_by_the_names_of_their_columns(tmp_path: Path) -> None:
    (one,) = read_counts(a_file(tmp_path, "\ufefflocation,name,sku,on_hand\nmain,Shirt,A-1, 12 \n"))

    assert (one.sku, one.location, one.on_hand, one.sequence, one.source) == ("A-1", "main", 12, None, FILE_SOURCE)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("sku,on_hand\nA,1\n", "location is missing"),
        ("sku,location,on_hand\nA,main,-1\n", "line 2: on_hand is '-1'"),
        ("sku,location,on_hand\nA,main,\n", "line 2: on_hand is ''"),
        ("sku,location,on_hand\nA,main\n", "line 2: on_hand is ''"),
        ("sku,location,on_hand\n,main,1\n", "line 2: sku is empty"),
        ("", "the first line must name sku, location, on_hand"),
    ],
)
def test_a_line_that_cannot_be_a_count_is_named(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(CountsUnreadable, match=why):
        read_counts(a_file(tmp_path, text))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CountsUnreadable, match="cannot be read"):
        read_counts(tmp_path / "nothing.csv")
