"""A report as a page that needs nothing else, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
from functools import cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, StrictUndefined

from inventory_ledger.reports.model import Cell, Report, ReportKind, Sheet
from inventory_ledger.reports.plots import color_class
from inventory_ledger.telling import clock

TITLES: Final = {ReportKind.DAILY: "Daily review", ReportKind.WEEKLY: "Weekly audit"}
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def title_of(report: Report) -> str:
    """What the report is called, for people."""
    period = report.period
    return (
        f"{TITLES[period.kind]}, {period.first:%A %-d %B %Y}"
        if period.kind is ReportKind.DAILY
        else (f"{TITLES[period.kind]}, week {period.first:%V of %G}")
    )


@cache
def style() -> str:
    """The page's style, which stands in it."""
    return (files("inventory_ledger.reports") / "templates" / "report.css").read_text(encoding="utf-8")


def style_in(page: str) -> str:
    """The style of a page as it was made; a server that shows the page allows exactly this by its hash."""
    return page.partition("<style>")[2].partition("</style>")[0]


def page(report: Report) -> str:
    """The report as one HTML page."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    text = (files("inventory_ledger.reports") / "templates" / "report.html.j2").read_text(encoding="utf-8")
    period = report.period
    span = f"{period.first}" if period.first == period.last else f"{period.first} to {period.last}"
    return environment.from_string(text).render(
        report=report,
        title=title_of(report),
        span=span,
        made=clock(report.made_at_ms)[:16],
        style=style(),
        legend=lambda plot: [(name, color_class(place)) for place, name in enumerate(plot.series)],
        cell=cell,
        numeric=numeric,
    )


def cell(value: Cell) -> str:
    """A value as a person reads it."""
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int | float) else value


def numeric(sheet: Sheet, column: int) -> bool:
    """Whether the column holds numbers, which stand to the right."""
    values = [row[column] for row in sheet.rows if row[column] is not None]
    return bool(values) and all(isinstance(value, int | float) for value in values)


def rows_as_csv(report: Report) -> str:
    """Every row of every sheet: which sheet it is of, then its own columns; for a spreadsheet to filter by sheet."""
    columns = list(dict.fromkeys(name for one in report.sheets for name in one.columns))
    text = io.StringIO()
    writer = csv.DictWriter(text, ["sheet", *columns], restval="", lineterminator="\n")
    writer.writeheader()
    for one in report.sheets:
        for row in one.rows:
            named = {name: _plain(value) for name, value in zip(one.columns, row, strict=True)}
            writer.writerow({"sheet": one.key, **named})
    return text.getvalue()


def figures_as_json(report: Report) -> str:
    """Everything but the drawings, for programs."""
    period = report.period
    found = {
        "kind": period.kind.value,
        "first_day": period.first.isoformat(),
        "last_day": period.last.isoformat(),
        "made_at_ms": report.made_at_ms,
        "figures": {one.key: one.value for one in report.figures},
        "sheets": {
            one.key: {
                "rows": [dict(zip(one.columns, row, strict=True)) for row in one.rows],
                "left_out": one.left_out,
            }
            for one in report.sheets
        },
    }
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


def _plain(value: Cell) -> Cell:
    """A text that a spreadsheet would take for a formula gets a quote before it: ids come from outside."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
