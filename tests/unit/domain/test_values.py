"""Values that are made often are made quickly, and are in all else what they would be."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace

import pytest

from inventory_domain.values import Noted, made_often
from inventory_domain.values import replace as quickly_replaced


@made_often
@dataclass(frozen=True, slots=True)
class Made:
    """With a name that the constructor uses itself, a default, and one that is made anew for each value."""

    kind: str
    units: int = 3
    parts: dict[str, int] = field(default_factory=dict)


@made_often
@dataclass(frozen=True, slots=True)
class WithNotes(Noted):
    """With a note, and with words that are made of it later."""

    units: int
    words: dict[str, str] = field(default_factory=dict, init=False, compare=False)


@dataclass(frozen=True, slots=True)
class Usual:
    """The same without a quick constructor."""

    kind: str
    units: int = 3
    parts: dict[str, int] = field(default_factory=dict)


def test_it_is_what_it_was_given() -> None:
    assert [getattr(Made("a", 5, {"b": 1}), one.name) for one in fields(Made)] == ["a", 5, {"b": 1}]
    assert Made(units=7, kind="a") == Made("a", 7)
    assert type(Made("a")) is Made


def test_what_is_not_given_has_its_default() -> None:
    one, other = Made("a"), Made("a")

    assert (one.units, one.parts) == (3, {})
    assert one.parts is not other.parts


def test_nothing_of_it_can_be_changed() -> None:
    made = Made("a")

    with pytest.raises(FrozenInstanceError):
        made.units = 4  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del made.units
    with pytest.raises((AttributeError, TypeError)):
        made.other = 4  # type: ignore[attr-defined]


def test_it_compares_hashes_and_shows_itself_as_a_dataclass_does() -> None:
    assert Made("a") != Made("b")
    assert repr(Made("a")).replace("Made", "Usual") == repr(Usual("a"))
    assert hash(Made("a", 1, None)) == hash(Usual("a", 1, None))  # type: ignore[arg-type]


def test_it_can_be_copied_replaced_and_sent_to_another_process() -> None:
    made = Made("a", 5, {"b": 1})

    assert replace(made, units=6) == Made("a", 6, {"b": 1})
    assert copy.copy(made) == copy.deepcopy(made) == pickle.loads(pickle.dumps(made)) == made


@pytest.mark.parametrize("wrong", [{}, {"kind": "a", "colour": "red"}])
def test_wrong_arguments_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(TypeError, match="__init__"):
        Made(**wrong)  # type: ignore[arg-type]


def test_one_that_does_more_than_set_its_fields_keeps_its_constructor() -> None:
    @dataclass(frozen=True, slots=True)
    class Checked:
        units: int

        def __post_init__(self) -> None:
            assert self.units

    with pytest.raises(TypeError, match="Checked"):
        made_often(Checked)


def test_a_changed_copy_is_what_a_dataclass_would_give() -> None:
    made, usual = Made("a", 5, {"b": 1}), Usual("a", 5, {"b": 1})

    assert quickly_replaced(made, units=0, parts={}) == Made("a", 0, {})
    assert quickly_replaced(usual, units=0) == Usual("a", 0, {"b": 1})
    assert made == Made("a", 5, {"b": 1})
    with pytest.raises(TypeError, match="colour"):
        quickly_replaced(made, colour="red")  # type: ignore[call-arg]


def test_a_note_stays_with_the_value_it_was_made_of() -> None:
    """A changed copy with the notes of what it was would be written as that."""
    noted = WithNotes(1)
    noted.keep_note("one")
    noted.words["seen"] = "once"

    for changed in (quickly_replaced(noted, units=2), replace(noted, units=2), copy.copy(WithNotes(2))):
        assert (changed, changed.note, changed.words) == (WithNotes(2), None, {})
    assert (noted, noted.note) == (WithNotes(1), "one")
    assert "one" not in repr(noted)
