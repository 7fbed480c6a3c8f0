"""Reads mappings of the settings file as the adapters do, with the few kinds of value that only this file has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta, tzinfo

from inventory_adapters.fields import Fields
from inventory_adapters.secrets import Secret


class FileFields(Fields):
    """The fields of one mapping of the settings file; faults are noted, and reading goes on."""

    def within(self, name: str) -> FileFields:
        """The fields of the mapping inside this one under that name; empty when it is left out."""
        return FileFields(self.mapping(name), self.path_of(name), self._faults)

    def of(self, name: str, raw: Mapping[str, object]) -> FileFields:
        """The fields of this mapping, whose faults stand below that name."""
        return FileFields(raw, self.path_of(name), self._faults)

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        """One of these words; the default after a fault, so that what is looked up by it can be found."""
        value = super().choice(name, choices, default)
        return value if value in choices else default

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self._take(name, default)
        if isinstance(value, bool):
            return value
        self.fault(name, "must be true or false")
        return default

    def anything(self, name: str) -> object:
        """Whatever is there; None for nothing. The caller judges it."""
        self._known.add(name)
        return self._raw.get(name)

    def text_or_none(self, name: str) -> str | None:
        """Text, or null, or nothing, for none."""
        if self._raw.get(name) is None:
            self._known.add(name)
            return None
        return self.text(name)

    def text_or_empty(self, name: str) -> str:
        """Text, which may be empty."""
        if self._raw.get(name, "") == "":
            self._known.add(name)
            return ""
        return self.text(name)

    def text_or_secret(self, name: str, default: str) -> str | Secret:
        """Text, or a credential that came from the environment or a file."""
        if isinstance(self._raw.get(name), Secret):
            return self.secret(name)
        return self.text(name, default)

    def numbers(self, name: str, default: Sequence[float]) -> tuple[float, ...]:
        """A list of numbers."""
        value = self._take(name, list(default))
        if isinstance(value, list) and all(isinstance(one, int | float) and not isinstance(one, bool) for one in value):
            return tuple(float(one) for one in value)
        self.fault(name, "must be a list of numbers such as [5, 15, 60]")
        return tuple(default)

    def has(self, name: str) -> bool:
        """Whether the file names this field, with whatever value."""
        return name in self._raw

    def items(self, name: str) -> list[FileFields]:
        """The fields of each mapping in a list, whose faults stand below its number in the list."""
        value = self._take(name, [])
        if isinstance(value, list) and all(isinstance(one, Mapping) for one in value):
            inner = FileFields({}, self.path_of(name), self._faults)
            return [
                inner.of(str(index), {str(key): item for key, item in one.items()}) for index, one in enumerate(value)
            ]
        self.fault(name, "must be a list of mappings")
        return []

    def moment_ms(self, name: str, zone: tzinfo, days_later: int) -> int:
        """A moment in milliseconds since 1970 UTC: a day or a time, in the zone where it names none itself.

        A day without a time begins so many days later.
        """
        value = self._take(name, None)
        if isinstance(value, str):
            try:
                value = date.fromisoformat(value) if len(value) == len("2026-11-27") else datetime.fromisoformat(value)
            except ValueError:
                value = self._raw[name]
        try:
            if isinstance(value, date) and not isinstance(value, datetime):
                value = datetime.combine(value + timedelta(days=days_later), time())
            if isinstance(value, datetime):
                if value.tzinfo is None:
                    value = value.replace(tzinfo=zone)
                return round(value.timestamp() * 1000)
        except OverflowError:
            self.fault(name, f"{value} is further away than there are days")
            return 0
        if value is not None:
            self.fault(name, f"must be a day or a time such as 2026-11-27 or 2026-11-27T09:00:00, not {value!r}")
        return 0
