"""Tables in a log or a pipe, and settings that are misspelled."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.table import Table

from inventory_adapters.fields import Fields
from inventory_cli import channel, dead_letters
from inventory_cli.letter_desk import Shown
from inventory_cli.tables import show
from inventory_domain.errors import ConfigFault
from inventory_domain.health import new_channel
from inventory_domain.identifiers import ChannelId
from inventory_schemas.records import HealthRecord
from inventory_streams.letters import Letter


def test_in_a_pipe_no_word_is_broken_to_fit_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("topic", no_wrap=True)
    table.add_column("written by", overflow="fold")
    table.add_row("t" * 70, "producers, signals, reconcile, operators, console")

    show(table)

    assert "producers, signals, reconcile, operators, console" in capsys.readouterr().out


def test_words_in_brackets_that_others_wrote_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """A marketplace's words name places by brackets: taken for markup they are lost, or end the command."""
    words = "[/attributes/0] is [bold], see [/fulfillment]"
    origin = ("inventory.changes", 0, 5)
    letter = Letter("inventory.dead-letters", 0, 3, 0, b"A[1]", None, "bad-avro", words, 1, *origin)
    health = replace(new_channel(ChannelId("ebay-us"), 0), reason="[/offers] refused", by="[ann]")

    dead_letters._table([Shown("inventory", letter, None)])
    channel._table([HealthRecord(health)])

    told = capsys.readouterr().out
    assert words in told and "A[1]" in told
    assert "[/offers] refused" in told and "[ann]" in told


def test_a_misspelled_setting_is_told_with_the_one_that_was_meant() -> None:
    faults: list[ConfigFault] = []
    fields = Fields({"burts": 3}, "delivery", faults)
    fields.number("burst", 1.0, least=0, most=9)

    fields.end()

    assert [str(one) for one in faults] == ["delivery.burts: is not a setting here; burst is"]
