from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from inventory_cli.report import app
from inventory_ledger import tables
from inventory_ledger.store import opened
from tests.support.console import a_ledger


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A settings file with nothing but a ledger, which holds a month."""
    a_ledger(tmp_path / "month.db").dispose()
    file = tmp_path / "sync.yaml"
    file.write_text('ledger: {url: "sqlite:///month.db"}\n')
    return file


def test_a_report_is_written_as_a_page_csv_and_json(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "reports"

    answer = CliRunner().invoke(app, ["daily", "--date", "2026-11-24", "--out", str(out), "--config", str(config)])

    assert answer.exit_code == 0, answer.output
    assert answer.output.splitlines() == [str(out / f"daily-2026-11-24.{form}") for form in ("html", "csv", "json")]
    assert json.loads((out / "daily-2026-11-24.json").read_text())["figures"]["units_oversold"] == 2


def test_a_day_of_a_week_means_its_week(config: Path, tmp_path: Path) -> None:
    answer = CliRunner().invoke(
        app, ["weekly", "--date", "2026-11-25", "--out", str(tmp_path), "--config", str(config)]
    )

    assert answer.exit_code == 0, answer.output
    assert (tmp_path / "weekly-2026-11-23.html").exists()


@pytest.mark.parametrize(("kept", "word"), [(True, "is kept as it is"), (False, "of what is left")])
def test_a_report_whose_records_are_deleted_is_not_made_anew(
    config: Path, tmp_path: Path, kept: bool, word: str
) -> None:
    """It would say that there was nothing, and stand in the place of the one that knew."""
    engine = opened(f"sqlite:///{tmp_path / 'month.db'}")
    with engine.begin() as connection:
        if kept:
            row = {
                "kind": "daily",
                "period": "2020-03-01",
                "made_at_ms": 1,
                "page": "then",
                "rows": "",
                "figures": "{}",
            }
            connection.execute(tables.reports.insert(), row)
    engine.dispose()

    given = ["daily", "--date", "2020-03-01", "--out", str(tmp_path), "--config", str(config)]
    answer = CliRunner().invoke(app, given)

    assert answer.exit_code == 0 and word in answer.stderr
    assert ((tmp_path / "daily-2020-03-01.html").read_text() == "then") is kept


@pytest.mark.parametrize(("day", "said"), [("2999-01-01", "has not begun yet"), ("24.11.2026", "is no date")])
def test_a_day_that_cannot_be_is_refused(config: Path, day: str, said: str) -> None:
    answer = CliRunner().invoke(app, ["daily", "--date", day, "--config", str(config)])

    assert answer.exit_code == 2
    assert said in answer.output
