from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from inventory_cli.explain import app, time_ms
from inventory_cli.main import main
from inventory_cli.template import AccountDraft, ChannelDraft, Draft, settings_text
from inventory_domain.identifiers import Marketplace
from inventory_ledger.migrating import migrate
from inventory_ledger.settings import Feed
from inventory_ledger.store import Store, opened
from inventory_schemas.records import LISTING_TARGET
from tests.support.ledger import Tape, a_target, encoded, topic_of, write_all


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file; its ledger is not there yet."""
    shop = AccountDraft("shop", Marketplace("shopify"), (ChannelDraft("shop", ["main"]),), {"shop": "a-shop"})
    file = tmp_path / "sync.yaml"
    file.write_text(settings_text(Draft("localhost:9092", "http://localhost:8081", (shop,))))
    for name in ("SHOPIFY_ACCESS_TOKEN", "SHOP_ACCESS_TOKEN", "SHOP_CLIENT_SECRET", "SHOP_WEBHOOK_SECRET"):
        monkeypatch.setenv(name, "a-token")
    return file


def fill(config: Path) -> None:
    """A ledger that knows one listing."""
    engine = opened(f"sqlite:///{config.parent / 'inventory-ledger.db'}")
    migrate(engine)
    tape = Tape()
    tape.add(topic_of(tape.topics, Feed.TARGETS), "k", encoded(LISTING_TARGET, a_target()))
    write_all(Store(engine), tape)
    engine.dispose()


def test_a_known_sku_is_explained_as_text_and_as_json(config: Path) -> None:
    fill(config)

    text = CliRunner().invoke(app, ["A-1", "--config", str(config)])
    data = CliRunner().invoke(app, ["A-1", "--json", "--config", str(config)])

    assert (text.exit_code, data.exit_code) == (0, 0), text.output
    assert "amazon-us/A-1: should show 7" in text.output
    assert json.loads(data.output)["listings"][0]["target"]["quantity"] == 7


@pytest.mark.parametrize("mode", ["live", "shadow"])
def test_that_nothing_is_written_is_told_as_the_reason_for_no_attempt(config: Path, mode: str) -> None:
    fill(config)
    engine = opened(f"sqlite:///{config.parent / 'inventory-ledger.db'}")
    tape = Tape()
    tape.add(topic_of(tape.topics, Feed.TARGETS), "k", b"")
    shop = encoded(LISTING_TARGET, a_target(channel="shop"))
    tape.add(topic_of(tape.topics, Feed.TARGETS), "k", shop)
    write_all(Store(engine), tape)
    engine.dispose()
    settings = yaml.safe_load(config.read_text())
    settings["channels"]["shop"]["mode"] = mode
    config.write_text(yaml.safe_dump(settings))

    text = CliRunner().invoke(app, ["A-1", "--config", str(config)]).output

    assert "channel amazon-us: the settings have no such channel" in text
    assert ("channel shop: nothing of this SKU is written there (mode: shadow)" in text) is (mode == "shadow")


def test_an_unknown_sku_is_told_and_the_status_is_one(config: Path) -> None:
    fill(config)

    answer = CliRunner().invoke(app, ["B-2", "--config", str(config)])

    assert answer.exit_code == 1
    assert "the ledger holds nothing about SKU 'B-2'" in answer.stderr


def test_a_ledger_that_is_not_there_is_told_with_what_makes_it(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["explain", "A-1", "--config", str(config)])

    assert ended.value.code == 2
    assert "`inventory-sync ledger` makes and fills it" in capsys.readouterr().err
    assert not (config.parent / "inventory-ledger.db").exists()


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-25T14:30", datetime(2026, 11, 25, 14, 30, tzinfo=UTC)),
        ("2026-11-25T14:30:05+01:00", datetime(2026, 11, 25, 13, 30, 5, tzinfo=UTC)),
        ("2026-11-25", datetime(2026, 11, 25, 23, 59, 59, 999_000, tzinfo=UTC)),
    ],
)
def test_a_time_is_utc_unless_it_says_and_a_date_means_its_end(text: str, time: datetime) -> None:
    assert time_ms(text) == int(time.timestamp() * 1000)


def test_what_is_no_time_is_refused_with_an_example() -> None:
    with pytest.raises(typer.BadParameter, match="2026-11-25T14:30"):
        time_ms("yesterday")
