"""The operators' pages of the marketplaces say what the code says: every setting with its default, every refusal."""

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from inventory_adapters import messages, tokens
from inventory_adapters.accounts import AccountSettings
from inventory_adapters.amazon import failures as amazon_failures
from inventory_adapters.amazon import settings as amazon_settings
from inventory_adapters.ebay import failures as ebay_failures
from inventory_adapters.ebay import settings as ebay_settings
from inventory_adapters.ebay import signals as ebay_signals
from inventory_adapters.failures import FailureRule
from inventory_adapters.secrets import Secret
from inventory_adapters.shopify import failures as shopify_failures
from inventory_adapters.shopify import settings as shopify_settings
from inventory_adapters.walmart import failures as walmart_failures
from inventory_adapters.walmart import settings as walmart_settings
from inventory_domain.signals import NoticeRefused
from tests.support.sources import ROOT, report

PAGES = ROOT / "docs" / "marketplaces"
ADAPTERS = ROOT / "adapters" / "inventory_adapters"
RULES: Mapping[str, Sequence[FailureRule]] = {
    "amazon": amazon_failures.RULES,
    "ebay": ebay_failures.RULES,
    "walmart": walmart_failures.RULES,
    "shopify": shopify_failures.RULES,
    "README": tokens.OAUTH_RULES,
}
SECRET = Secret("a-secret")
PARSED: Mapping[str, AccountSettings] = {
    "amazon": amazon_settings.parse(
        {
            "seller_id": "S",
            "client_id": "c",
            "client_secret": SECRET,
            "refresh_token": SECRET,
            "channels": {"amazon-us": {"marketplace_id": "ATVPDKIKX0DER"}},
        },
        "",
    ),
    "ebay": ebay_settings.parse(
        {"client_id": "c", "client_secret": SECRET, "refresh_token": SECRET, "channels": {"ebay-us": {}}}, ""
    ),
    "walmart": walmart_settings.parse({"client_id": "c", "client_secret": SECRET, "channels": {"walmart-us": {}}}, ""),
    "shopify": shopify_settings.parse({"shop": "s", "access_token": SECRET, "channels": {"dtc": {}}}, ""),
}
MARKETPLACES = tuple(PARSED)
READERS = frozenset({"text", "choice", "secret", "number", "whole", "whole_or_none", "texts", "url", "mapping"})


@pytest.mark.parametrize("page", RULES)
def test_every_refusal_of_the_table_stands_on_the_page_with_what_it_becomes(page: str) -> None:
    found = _rows(page)

    missing = [
        f"docs/marketplaces/{page}.md: a row | `{rule.reason}` | {rule.then.__name__} | ..."
        for rule in RULES[page]
        if not any(row[:2] == [f"`{rule.reason}`", rule.then.__name__] and all(row) for row in found)
    ]

    assert not missing, report(missing)


def test_every_refusal_of_a_notice_stands_on_the_first_page() -> None:
    rows = _rows("README")
    refused = [
        one for module in (messages, ebay_signals) for one in vars(module).values() if isinstance(one, NoticeRefused)
    ]

    missing = [
        f"docs/marketplaces/README.md: a row | `{one.reason}` | {one.status} | ..."
        for one in refused
        if not any(row[0] == f"`{one.reason}`" and str(one.status) in row[1] for row in rows)
    ]

    assert refused
    assert not missing, report(missing)


@pytest.mark.parametrize("page", [*MARKETPLACES, "README"])
def test_a_page_names_no_refusal_that_the_code_does_not_know(page: str) -> None:
    """A reason is a metric label: an operator looks it up here, and must not look for one that is gone."""
    source = "".join(path.read_text() for path in sorted((ADAPTERS / page).glob("*.py")))  # none for the first page
    rooms = (*ADAPTERS.glob("*.py"), *(ROOT / "domain" / "inventory_domain").glob("*.py"))
    shared = "".join(path.read_text() for path in sorted(rooms))

    kinds = {"Throttled", "Transient", "Outage", "Unauthorized", "Rejected"}
    gone = [
        row[0] for row in _rows(page) if len(row) > 2 and row[1] in kinds and row[0].strip("`") not in source + shared
    ]

    assert not gone, report(gone)


@pytest.mark.parametrize("page", [*MARKETPLACES, "README"])
def test_every_setting_stands_on_the_page(page: str) -> None:
    path = ADAPTERS / page / "settings.py" if page != "README" else ADAPTERS / "accounts.py"
    rows = {row[0] for row in _rows(page)}

    missing = [f"docs/marketplaces/{page}.md: `{name}`" for name in _settings(path) if f"`{name}`" not in rows]

    assert not missing, report(missing)


@pytest.mark.parametrize("page", MARKETPLACES)
def test_defaults_are_those_of_the_code(page: str) -> None:
    rows = {row[0].strip("`"): row for row in _rows(page)}
    wrong = []
    for name in _settings(ADAPTERS / page / "settings.py"):
        value = getattr(PARSED[page], name, None)
        if isinstance(value, int | float | str) and name in rows and value not in ("S", "c", "s"):
            wanted = f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
            if rows[name][1] != wanted:
                wrong.append(f"docs/marketplaces/{page}.md: {name} is {wanted}, not {rows[name][1]}")

    assert not wrong, report(wrong)


@pytest.mark.parametrize("page", MARKETPLACES)
def test_limits_are_those_of_the_code(page: str) -> None:
    rows = {row[0].strip("`"): row for row in _rows(page)}
    wrong = []
    for limit in PARSED[page].limits:
        per_day = f"{limit.per_day:,}" if limit.per_day is not None else "none"
        wanted = [f"`{limit.operation}`", f"{limit.rate_per_s:.3g}", f"{limit.burst:g}", per_day]
        found = rows.get(limit.operation, [])[:4]
        if found != wanted:
            wrong.append(f"docs/marketplaces/{page}.md: | {' | '.join(wanted)} | ... and not {found}")

    assert not wrong, report(wrong)


def _rows(page: str) -> list[list[str]]:
    lines = (PAGES / f"{page}.md").read_text().splitlines()
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines if line.startswith("| `")]


def _settings(path: Path) -> list[str]:
    """The names that a settings module asks its fields for."""
    return sorted(
        {
            node.args[0].value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in READERS
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, str)
        }
    )
