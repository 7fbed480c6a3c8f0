"""Values that are made by the hundred thousand a second: frozen all the same, in a third of the time."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import MISSING, Field, fields
from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")

_KEPT = "self.{0} if {0} is _missing else {0}"


class Noted:
    """A value that carries a note of something that follows from it and takes long to find, such as its bytes.

    The note is no part of the value: it is not compared, shown or copied.
    """

    __slots__ = ("_note",)

    @property
    def note(self) -> str | None:
        """What was noted, if anything was."""
        return getattr(self, "_note", None)

    def keep_note(self, note: str) -> None:
        """Note it. Whoever does must be the only one who notes anything on values of this kind."""
        object.__setattr__(self, "_note", note)


def made_often(kind: type[T]) -> type[T]:
    """Give a frozen dataclass with slots a constructor that takes a third of the time. Nothing else is different.

    A frozen dataclass sets each field by a call around its own guard. Here they are set while the value still belongs
    to a twin class that has the same slots and no guard; then it becomes what it is (docs/speed.md has the figures).
    """
    own: tuple[Field[Any], ...] = fields(kind)  # type: ignore[arg-type]  # it stands above a dataclass
    if hasattr(kind, "__post_init__") or any(one.kw_only for one in own):
        raise TypeError(f"{kind.__name__} needs the constructor that it has")
    twin = type(kind.__name__, kind.__bases__, {"__slots__": tuple([one.name for one in own])})
    parts: dict[str, object] = {"_kind": kind, "_twin": twin, "_become": object.__setattr__, "_missing": MISSING}
    arguments, lines = [], []
    for one in own:
        argument = value = one.name
        if one.default is not MISSING:
            parts[f"_default_{one.name}"] = one.default
            argument += f"=_default_{one.name}"
        elif one.default_factory is not MISSING:
            parts[f"_make_{one.name}"] = one.default_factory
            argument += "=_missing"
            value = f"_make_{one.name}() if {one.name} is _missing else {one.name}"
        if one.init:
            arguments.append(argument)
        else:  # a note of what follows from the value, made anew for each
            value = f"_make_{one.name}()" if one.default is MISSING else f"_default_{one.name}"
        lines.append(f"  self.{one.name} = {value}")
    text = "\n".join(
        [
            f"def _constructor({', '.join(parts)}):",
            f" def __init__(self, {', '.join(arguments)}):",
            "  _become(self, '__class__', _twin)",
            *lines,
            "  self.__class__ = _kind",
            f" def __replace__(self, *, {', '.join([f'{one.name}=_missing' for one in own if one.init])}):",
            f"  return _kind({', '.join([_KEPT.format(one.name) for one in own if one.init])})",
            " return __init__, __replace__",
        ]
    )
    made: dict[str, Any] = {}
    exec(text, vars(sys.modules[kind.__module__]), made)  # as dataclasses do it: the text has names of fields only
    init, changed = made["_constructor"](**parts)
    init.__qualname__ = f"{kind.__qualname__}.__init__"
    init.__annotations__ = kind.__init__.__annotations__
    kind.__init__ = init  # type: ignore[method-assign]
    kind.__replace__ = changed  # type: ignore[attr-defined]
    return kind


if TYPE_CHECKING:
    from dataclasses import replace as replace
else:

    def replace(value, /, **changes):
        """The value with some fields changed: what `dataclasses.replace` gives, sooner where it is made often."""
        changed = getattr(type(value), "__replace__", None)
        return dataclasses.replace(value, **changes) if changed is None else changed(value, **changes)
