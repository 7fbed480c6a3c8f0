"""The console in a real browser: its scripts run under its own policy, and an operator gets through a bad morning."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from inventory_console.letters import Decision
from inventory_domain.health import ChannelState, new_channel
from inventory_domain.identifiers import ChannelId
from inventory_ledger.settings import Feed
from inventory_ledger.store import Store
from inventory_schemas.records import CHANNEL_HEALTH, HealthRecord
from tests.support.commands import wait_until
from tests.support.console import OPERATOR, PASSWORD, Bench, a_ledger
from tests.support.ledger import Tape, encoded, topic_of, write_all
from tests.support.ledger_month import at

LIMIT_MS = 60_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("needs Chromium: run make tools")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    engine = a_ledger(tmp_path / "ledger.db")
    yield Bench(engine)
    engine.dispose()


@pytest.fixture
def address(bench: Bench) -> Iterator[str]:
    console = bench.console()
    server = uvicorn.Server(uvicorn.Config(console.app(), port=0, log_level="error", timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started, "the console serves", 60)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    console.watchers.stop()
    server.should_exit = True
    thread.join(30)


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page whose every complaint fails the test: an error of a script, or something that the policy forbids."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(LIMIT_MS)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{address}/skus/A-0")
    page.get_by_label("Operator").fill(OPERATOR)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    yield page
    context.close()
    assert complaints == []


def fail(bench: Bench, channel: str) -> None:
    """Delivery says that the channel fails."""
    tape = Tape()
    health = replace(
        new_channel(ChannelId(channel), at(30)),
        state=ChannelState.FAILING,
        epoch=2,
        failures_in_a_row=3,
        reason="3 failures in a row: outage",
    )
    value = encoded(CHANNEL_HEALTH, HealthRecord(health))
    tape.add(topic_of(tape.topics, Feed.CHANNEL_HEALTH), channel, value, at_ms=at(30))
    write_all(Store(bench.engine), tape)


def test_why_does_amazon_show_this_number(page: Page) -> None:
    """After signing in the operator is on the page that he wanted, and it says why."""
    expect(page.get_by_role("heading", name="A-0", exact=True)).to_be_visible()

    listing = page.locator("article", has=page.get_by_role("heading", name="amazon-us/A-0"))

    expect(listing).to_contain_text("should show 7")
    expect(listing).to_contain_text("atp main=10")
    expect(listing).to_contain_text("buffer 3")


def test_the_first_page_renews_itself_when_a_channel_fails(page: Page, bench: Bench) -> None:
    page.get_by_role("link", name="Channels", exact=True).click()
    expect(page.locator("#live")).to_have_text("live", timeout=LIMIT_MS)

    fail(bench, "amazon-us")

    card = page.locator("article", has=page.get_by_role("link", name="amazon-us"))
    expect(card).to_contain_text("failing", timeout=LIMIT_MS)
    expect(card).to_contain_text("3 failures in a row: outage")


def test_a_stop_sale_is_asked_about_once_more_and_written_with_its_reason(page: Page, bench: Bench) -> None:
    fail(bench, "amazon-us")
    page.get_by_role("link", name="Channels", exact=True).click()
    page.get_by_role("link", name="amazon-us").first.click()
    page.get_by_label("Why", exact=True).fill("recall of batch 7")

    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Stop-sale").click()
    assert bench.commands.written == []
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Stop-sale").click()

    expect(page.get_by_role("status")).to_contain_text("stop-sale is written")
    (command,) = bench.commands.written
    assert (command.action.value, command.by, command.why) == ("stop-sale", OPERATOR, "recall of batch 7")


def test_a_mass_change_is_held_and_released_from_the_channels_page(page: Page, bench: Bench) -> None:
    page.get_by_role("link", name="Channels", exact=True).click()
    page.get_by_role("link", name="amazon-us").first.click()
    why = page.get_by_label("Why a mass change is released or held")
    why.fill("the ERP sent an empty file")
    page.get_by_label("Hold for").select_option("4")
    page.get_by_role("button", name="Hold", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("hold-mass-change is written")
    why.fill("the season is over")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Release: let the zeros go").click()
    expect(page.get_by_role("status")).to_contain_text("release-mass-change is written")

    held, released = bench.commands.written
    assert (held.action.value, held.by, held.why) == ("hold-mass-change", OPERATOR, "the ERP sent an empty file")
    assert held.until_ms == held.at_ms + 4 * 3_600_000
    assert (released.action.value, released.until_ms) == ("release-mass-change", None)


def test_dead_letters_are_chosen_and_replayed_or_discarded_with_a_reason(page: Page, bench: Bench) -> None:
    tape = Tape()
    topic = topic_of(tape.topics, Feed.DEAD_LETTERS)
    for reason in (b"listing-invalid", b"unknown-sku"):
        tape.add(topic, "amazon-us/A-0", b"raw", headers={"reason": reason})
    write_all(Store(bench.engine), tape)
    page.get_by_role("link", name="Dead letters", exact=True).click()

    page.get_by_label(f"{topic}/0/0").check()
    page.get_by_role("button", name="Replay the chosen ones").click()  # without a reason the browser sends nothing
    assert bench.letters.decided == []
    page.get_by_label("Why").fill("the listing was repaired")
    page.get_by_role("button", name="Replay the chosen ones").click()
    expect(page.get_by_role("status")).to_contain_text("1 done (replay)")
    page.get_by_label(f"{topic}/0/1").check()
    page.get_by_label("Why").fill("test data")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Discard the chosen ones").click()
    expect(page.get_by_role("status")).to_contain_text("1 done (discard)")

    assert [(place.offset, *said) for place, *said in bench.letters.decided] == [
        (0, Decision.REPLAY, OPERATOR, "the listing was repaired"),
        (1, Decision.DISCARD, OPERATOR, "test data"),
    ]


def test_a_report_is_shown_with_its_style_and_plots(page: Page) -> None:
    page.get_by_role("link", name="Reports").click()
    page.get_by_role("link", name="Daily review").click()

    expect(page.get_by_role("heading", name="Drift by the hour")).to_be_visible()
    assert page.locator("svg rect").count() > 5
    color = page.locator(".figure.bad b").first.evaluate("element => getComputedStyle(element).color")
    assert color == "rgb(179, 38, 30)"  # the style in the page was allowed
