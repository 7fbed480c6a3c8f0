"""Reads one JSON object of an events file, and notes every fault of it with the field and its value."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

E = TypeVar("E", bound=Enum)

SHOWN_MAX = 80


@dataclass(frozen=True, slots=True)
class EventFault:
    """What is wrong in a line: the field with its place in the object, and why."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class EventFields:
    """The fields of one object. Each method gives a usable value and notes a fault where the given one is not."""

    def __init__(self, raw: Mapping[str, object], faults: list[EventFault], place: str = "") -> None:
        self._raw = raw
        self._faults = faults
        self._place = place
        self._known: set[str] = set()

    def text(self, name: str, default: str | None = None) -> str:
        """Text that must be there unless it has a default."""
        value = self._take(name)
        if value is None and default is not None:
            return default
        if isinstance(value, str) and value:
            return value
        self._fault(name, "is missing" if value is None else f"must be text, not {_shown(value)}")
        return "-"

    def text_or_none(self, name: str) -> str | None:
        """Text, or nothing."""
        return None if self._take(name) is None else self.text(name)

    def whole(self, name: str, default: int | None = None) -> int:
        """A whole number that must be there unless it has a default."""
        value = self._take(name)
        if value is None and default is not None:
            return default
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        self._fault(name, "is missing" if value is None else f"must be a whole number, not {_shown(value)}")
        return 1

    def whole_or_none(self, name: str) -> int | None:
        """A whole number, or nothing."""
        return None if self._take(name) is None else self.whole(name)

    def flag(self, name: str) -> bool:
        """True or false; false when it is left out."""
        value = self._take(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        self._fault(name, f"must be true or false, not {_shown(value)}")
        return False

    def choice(self, name: str, kind: type[E], default: E) -> E:
        """One of the enum's values, as text."""
        value = self._take(name)
        if value is None:
            return default
        known = {str(member.value): member for member in kind}
        if isinstance(value, str) and value in known:
            return known[value]
        self._fault(name, f"must be one of {', '.join(known)}, not {_shown(value)}")
        return default

    def texts_by_name(self, name: str) -> dict[str, str]:
        """An object whose values are text."""
        value = self._take(name)
        if value is None:
            return {}
        if isinstance(value, dict) and all(isinstance(one, str) for one in value.values()):
            return {str(key): one for key, one in value.items()}
        self._fault(name, f"must be an object of texts, not {_shown(value)}")
        return {}

    def objects(self, name: str) -> Sequence[EventFields]:
        """A list of objects; empty when it is left out."""
        value = self._take(name)
        if value is None:
            return ()
        if isinstance(value, list) and all(isinstance(one, dict) for one in value):
            return [EventFields(one, self._faults, f"{self._path(name)}[{index}]") for index, one in enumerate(value)]
        self._fault(name, f"must be a list of objects, not {_shown(value)}")
        return ()

    def end(self) -> None:
        """Note every field that nobody asked for: a misspelled field must not be a silent default."""
        for name in self._raw:
            if name not in self._known:
                self._fault(name, "is not a field here")

    def _take(self, name: str) -> object:
        self._known.add(name)
        return self._raw.get(name)

    def _path(self, name: str) -> str:
        return f"{self._place}.{name}" if self._place else name

    def _fault(self, name: str, message: str) -> None:
        self._faults.append(EventFault(self._path(name), message))


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."
