"""Credentials in a type that cannot be printed by mistake."""

from __future__ import annotations


class Secret:
    """A credential. It prints as `***` wherever it ends up; only `reveal` gives it out, where a request is built."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The credential itself. Never to be logged, stored, or put into an exception."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> str:
        # Pickling would write the credential in the clear, into a cache or a queue between processes.
        raise TypeError("a Secret cannot be pickled")


def redacted(text: str, *secrets: Secret) -> str:
    """The text with every occurrence of these credentials replaced, for words that came from outside."""
    for secret in secrets:
        if secret.reveal():
            text = text.replace(secret.reveal(), "***")
    return text
