"""Tables in a log or a pipe, and settings that are misspelled."""

from __future__ import annotations

import pytest
from rich.table import Table

from inventory_adapters.fields import Fields
from inventory_cli.tables import show
from inventory_domain.errors import ConfigFault


def test_in_a_pipe_no_word_is_broken_to_fit_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("topic", no_wrap=True)
    table.add_column("written by", overflow="fold")
    table.add_row("t" * 70, "producers, signals, reconcile, operators, console")

    show(table)

    assert "producers, signals, reconcile, operators, console" in capsys.readouterr().out


def test_a_misspelled_setting_is_told_with_the_one_that_was_meant() -> None:
    faults: list[ConfigFault] = []
    fields = Fields({"burts": 3}, "delivery", faults)
    fields.number("burst", 1.0, least=0, most=9)

    fields.end()

    assert [str(one) for one in faults] == ["delivery.burts: is not a setting here; burst is"]
