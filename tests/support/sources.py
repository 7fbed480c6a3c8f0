"""The repository's own source files, parsed once, for tests that read them."""

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
ROOMS: Final = ("domain", "schemas", "adapters", "streams", "ledger", "console", "cli", "sandbox")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[A-Z]+")


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file: the room it is in, its path below the repository's root, and its syntax tree."""

    room: str
    path: Path
    tree: ast.Module
    lines: int

    @property
    def module(self) -> str:
        """The name that it is imported by."""
        parts = self.path.relative_to(self.room).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def at(self, node: ast.AST) -> str:
        """Where a node is, as `file:line`."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}"


@cache
def sources(room: str) -> tuple[Source, ...]:
    """All modules of a room's package; empty where the room does not exist yet."""
    package = ROOT / room / f"inventory_{room}"
    return tuple(_read(room, path) for path in sorted(package.rglob("*.py")))


def all_sources() -> tuple[Source, ...]:
    """The modules of all rooms."""
    return tuple(source for room in ROOMS for source in sources(room))


def imports(source: Source) -> Iterator[tuple[ast.stmt, str]]:
    """Every module that the source imports, wherever in the file, with the statement."""
    package = source.module if source.path.name == "__init__.py" else source.module.rpartition(".")[0]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                stem = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*stem, base]).rstrip(".")
            yield node, base


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method, also inner ones."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def names_given(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Every name that the source itself gives: definitions, parameters, assigned variables and fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node, node.name
        elif isinstance(node, ast.arg):
            yield node, node.arg
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node, node.id if isinstance(node, ast.Name) else node.attr


def words(name: str) -> list[str]:
    """The lower-case words of an identifier, in either style of writing."""
    return [word.lower() for part in name.split("_") for word in _WORD.findall(part)]


def plain_strings(tree: ast.AST) -> Iterator[ast.Constant]:
    """Every string that the program uses: all but docstrings and other texts that stand by themselves."""
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node


def tracked_files() -> tuple[Path, ...]:
    """The files that git knows, as paths below the root; empty outside a git checkout."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    return tuple(Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())


def report(violations: list[str]) -> str:
    """One line per violation, for an assertion's message."""
    return "\n" + "\n".join(sorted(violations))


def _read(room: str, path: Path) -> Source:
    text = path.read_text()
    return Source(room, path.relative_to(ROOT), ast.parse(text, filename=str(path)), len(text.splitlines()))
