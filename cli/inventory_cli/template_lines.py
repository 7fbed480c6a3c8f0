"""YAML with comments: keys with their values, and above or beside each what it means."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Final

WIDTH: Final = 100
_PLAIN: Final = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")  # needs no quotes: not a number, a date, or a sign of YAML
_WORDS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


@dataclass(frozen=True, slots=True)
class Line:
    """A key with its value, or with the lines inside it, and a comment."""

    key: str
    value: object
    comment: str = ""


def rendered(lines: Sequence[Line], depth: int = 0) -> str:
    """The lines as YAML. A short comment stands beside a short value, all others above their key."""
    return "".join(_line(line, "  " * depth, depth) for line in lines)


def _line(line: Line, indent: str, depth: int) -> str:
    if isinstance(line.value, tuple) and line.value and isinstance(line.value[0], Line):
        return f"{_above(line.comment, indent)}{indent}{_scalar(line.key)}:\n{rendered(line.value, depth + 1)}"
    text = f"{indent}{_scalar(line.key)}: {_value(line.value)}"
    if line.comment and len(text) + len(line.comment) + 4 <= WIDTH:
        return f"{text}  # {line.comment}\n"
    return f"{_above(line.comment, indent)}{text}\n"


def _above(comment: str, indent: str) -> str:
    return "".join(f"{indent}# {part}\n" for part in wrap(comment, WIDTH - len(indent) - 2))


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(str(key))}: {_value(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    if isinstance(value, str):
        return _scalar(value)
    if isinstance(value, float):
        return repr(value).removesuffix(".0")  # exact: what is written must be the default itself
    return json.dumps(value)


def _scalar(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else json.dumps(text, ensure_ascii=False)
