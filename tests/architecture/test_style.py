"""Sizes, words and docstrings. A waiver names one place and its reason; the lists may only shrink."""

import ast
from itertools import pairwise

import pytest

from tests.support.sources import ROOT, all_sources, functions, names_given, plain_strings, report, sources, words

FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 400
MARKETPLACES = ("amazon", "ebay", "walmart", "shopify")

BANNED_WORDS = {
    "actual": "observed",
    "behaviour": "behavior",
    "colour": "color",
    "common": "the name of what it holds",
    "debounce": "supersede",
    "desired": "target",
    "dlq": "dead letters",
    "helper": "the name of what it does",
    "helpers": "the name of what it does",
    "limiter": "throttle",
    "manager": "the name of what it does",
    "sellable": "ATP",
    "util": "the name of what it does",
    "utils": "the name of what it does",
    "warehouse": "location",
}
BANNED_PAIRS = {
    ("kill", "switch"): "stop-sale",
    ("stock", "count"): "on hand",
    ("rate", "limit"): "throttle",
}
"""Two words in a row; each with the word to use instead."""

WORD_WAIVERS = {
    f"sandbox/inventory_sandbox/marketplaces/shopify/{place}": "Shopify's own word: actualQueryCost"
    for place in ("cost.py:actual_cost", "graphql.py:actual", "rules.py:actual")
}
"""`path:name` to the reason."""
LENGTH_WAIVERS: dict[str, str] = {}
"""`path:function`, or `path` for a module, to the reason."""
MARKETPLACE_WAIVERS: dict[str, str] = {}
"""`path` in streams to the reason for naming a marketplace."""


def test_functions_are_short() -> None:
    violations = [
        f"{source.at(function)} {function.name} has {lines} lines, {FUNCTION_LINES_MAX} are allowed"
        for source in all_sources()
        for function in functions(source.tree)
        if (lines := (function.end_lineno or function.lineno) - function.lineno + 1) > FUNCTION_LINES_MAX
        and f"{source.path}:{function.name}" not in LENGTH_WAIVERS
    ]

    assert not violations, report(violations)


def test_modules_are_short() -> None:
    violations = [
        f"{source.path}:{source.lines} lines, {MODULE_LINES_MAX} are allowed"
        for source in all_sources()
        if source.lines > MODULE_LINES_MAX and str(source.path) not in LENGTH_WAIVERS
    ]

    assert not violations, report(violations)


def test_names_use_the_words_of_the_glossary() -> None:
    violations = []
    for source in all_sources():
        modules = [(source.tree, part) for part in source.path.with_suffix("").parts]
        for node, name in [*modules, *names_given(source.tree)]:
            better = _better_word(name)
            if better and f"{source.path}:{name}" not in WORD_WAIVERS:
                violations.append(f"{source.at(node)} {name}: say {better}")

    assert not violations, report(violations)


def test_streams_never_names_a_marketplace() -> None:
    """A fifth marketplace must not need a change in streams."""
    violations = []
    for source in sources("streams"):
        if str(source.path) in MARKETPLACE_WAIVERS:
            continue
        named = [(node, name) for node, name in names_given(source.tree)]
        named += [(node, str(node.value)) for node in plain_strings(source.tree)]
        violations += [
            f"{source.at(node)} names {marketplace}: {text[:60]!r}"
            for node, text in named
            for marketplace in MARKETPLACES
            if marketplace in text.lower()
        ]

    assert not violations, report(violations)


def test_every_public_name_says_what_it_means() -> None:
    violations = []
    for source in all_sources():
        if ast.get_docstring(source.tree) is None and source.path.name != "__init__.py":
            violations.append(f"{source.path}:1 has no docstring")
        violations += [
            f"{source.at(node)} {name} has no docstring" for node, name in _public(source.tree) if not _documented(node)
        ]

    assert not violations, report(violations)


def test_no_error_is_swallowed() -> None:
    """A bare except also catches what must end the process; `except Exception` must raise again."""
    violations = [
        f"{source.at(handler)} catches everything and goes on"
        for source in all_sources()
        for handler in ast.walk(source.tree)
        if isinstance(handler, ast.ExceptHandler) and _catches_everything(handler) and not _raises(handler)
    ]

    assert not violations, report(violations)


@pytest.mark.parametrize("name", ["WORD_WAIVERS", "LENGTH_WAIVERS", "MARKETPLACE_WAIVERS"])
def test_waivers_name_something_that_still_exists(name: str) -> None:
    gone = [place for place in globals()[name] if not (ROOT / place.partition(":")[0]).exists()]

    assert not gone


def _better_word(name: str) -> str | None:
    parts = words(name)
    for part in parts:
        if part in BANNED_WORDS:
            return BANNED_WORDS[part]
    for pair in pairwise(parts):
        if pair in BANNED_PAIRS:
            return BANNED_PAIRS[pair]
    return None


def _public(tree: ast.Module | ast.ClassDef) -> list[tuple[ast.AST, str]]:
    """Classes, functions and methods without an underscore, and the methods of such classes."""
    found: list[tuple[ast.AST, str]] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            if not _is_override(node):
                found.append((node, node.name))
            if isinstance(node, ast.ClassDef):
                found += [(inner, f"{node.name}.{name}") for inner, name in _public(node)]
    return found


def _is_override(node: ast.AST) -> bool:
    """What keeps another's promise needs no words of its own."""
    decorators = [ast.unparse(decorator) for decorator in getattr(node, "decorator_list", [])]
    return any(name.endswith(("override", "overload", ".setter")) for name in decorators)


def _documented(node: ast.AST) -> bool:
    return ast.get_docstring(node) is not None  # type: ignore[arg-type]


def _catches_everything(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or any(
        isinstance(node, ast.Name) and node.id in ("Exception", "BaseException") for node in ast.walk(handler.type)
    )


ENDS_THE_PROCESS = ("end_process", "_failed")


def _raises(handler: ast.ExceptHandler) -> bool:
    """Raising again, and ending the process in one of the two ways there are, is not going on."""
    return any(isinstance(node, ast.Raise) or _ends_the_process(node) for node in ast.walk(handler))


def _ends_the_process(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ENDS_THE_PROCESS
