"""The console's pages over a ledger: what they show, and who may do what."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from sqlalchemy import Engine, delete, select
from starlette.testclient import TestClient

from inventory_console.guarding import BODY_BYTES_MAX, COOKIE, safe_path
from inventory_console.letters import Decision
from inventory_console.questions import FOUND_MAX, ROWS_MAX, found_skus, overview
from inventory_console.settings import ConsoleSettings
from inventory_domain.operations import OperatorAction
from inventory_ledger import tables
from inventory_ledger.settings import Feed
from inventory_ledger.store import Store
from tests.support.console import OPERATOR, ORIGIN, PASSWORD, Bench, a_ledger, csrf_of
from tests.support.ledger import NOW_MS, Tape, topic_of, write_all

PAGES = ("/", "/channels", "/discrepancies", "/dead-letters", "/commands", "/reports", "/skus?find=A-", "/skus/A-0")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = a_ledger(tmp_path_factory.mktemp("ledger") / "ledger.db")
    yield engine
    engine.dispose()


@pytest.fixture
def bench(engine: Engine) -> Bench:
    return Bench(engine)


@pytest.fixture
def browser(bench: Bench) -> TestClient:
    return bench.signed_in()


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_for_those_who_are_signed_in(bench: Bench, path: str) -> None:
    answer = bench.client().get(path)

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?to=")


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_shown_and_may_load_nothing_from_elsewhere(browser: TestClient, path: str) -> None:
    answer = browser.get(path)

    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert not re.findall(r"<script(?! src=\"/static/)|\son\w+=|style=", answer.text)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-frame-options"] == "DENY"


def test_the_first_page_shows_each_channel_with_its_drift(browser: TestClient) -> None:
    page = browser.get("/").text

    assert all(name in page for name in ("amazon-us", "ebay-us", "walmart-us"))


def test_a_sku_is_found_by_its_beginning_and_by_its_listing(browser: TestClient) -> None:
    assert "/skus/A-3" in browser.get("/skus?find=A").text
    assert browser.get("/skus?find=A-0").headers["location"] == "/skus/A-0"
    assert "/skus/A-2" in browser.get("/skus?find=ebay-us/A-2").text
    assert "knows no SKU" in browser.get("/skus?find=%25").text


@pytest.mark.parametrize("sku", ["A#1", "A?B", "A B/50%"])
def test_a_sku_of_any_signs_is_led_to(tmp_path: Path, sku: str) -> None:
    engine = a_ledger(tmp_path / "ledger.db")
    with engine.begin() as connection:
        details = json.dumps({"locations": {}, "components": {}})
        row = {"sku": sku, "status": "active", "category": "", "details": details, "appended_at_ms": 1}
        connection.execute(tables.products.insert(), row)
    browser = Bench(engine).signed_in()

    led = browser.get("/skus", params={"find": sku}).headers["location"]
    page = browser.get(led).text
    engine.dispose()

    assert unquote(led) == f"/skus/{sku}"
    assert f"<h1>{sku}</h1>" in page


def test_a_sku_is_found_by_its_whole_name_also_among_many_and_where_the_catalog_has_it_no_more(tmp_path: Path) -> None:
    """The one that is meant stands first; found is also one that only a change names, or that is only shown."""
    engine = a_ledger(tmp_path / "ledger.db")
    details = json.dumps({"locations": {}, "components": {}})
    with engine.begin() as connection:
        for number in range(FOUND_MAX + 10):
            row = {"sku": f"B0{number:02}", "status": "active", "category": "", "details": details}
            connection.execute(tables.products.insert(), {**row, "appended_at_ms": 1})
        connection.execute(tables.products.insert(), {**row, "sku": "B0", "appended_at_ms": 1})
        exposed = connection.execute(select(tables.exposures)).mappings().first()
        assert exposed is not None
        connection.execute(tables.exposures.insert(), {**exposed, "listing_id": "ebay-us/gone", "sku": "GONE"})
        told = connection.execute(select(tables.changes)).mappings().first()
        assert told is not None
        connection.execute(tables.changes.insert(), {**told, "record_offset": 999, "sku": "MISSPELT"})
    with engine.connect() as connection:
        many, gone, listing, only = (
            list(found_skus(connection, text)) for text in ("B0", "GONE", "ebay-us/gone", "MISSPELT")
        )
    engine.dispose()

    assert (many[0], len(many)) == ("B0", FOUND_MAX)
    assert (gone, listing, only) == (["GONE"], ["GONE"], ["MISSPELT"])


def test_what_keeps_numbers_back_beside_the_state_of_a_channel_is_told(bench: Bench, browser: TestClient) -> None:
    row = {
        "channel": "amazon-us",
        "state": "failing",
        "epoch": 1,
        "since_ms": 1,
        "failures_in_a_row": 3,
        "last_success_ms": None,
        "reason": "the marketplace refuses our credentials",
        "brought_by": "system",
        "details": json.dumps(
            {"flooded_ms": 1_000, "pause": {"by": "ann", "why": "prices", "at_ms": 1, "falls_too": False}}
        ),
        "appended_at_ms": 1,
    }
    state = {name: row[name] for name in ("channel", "epoch", "state", "since_ms", "brought_by", "appended_at_ms")}
    with bench.engine.begin() as connection:
        connection.execute(tables.channels.insert(), row)
        connection.execute(tables.channel_states.insert(), {**state, "reason": "3 failures in a row"})

    pages = [browser.get(path).text for path in ("/", "/channels/amazon-us", "/skus/A-0")]

    with bench.engine.begin() as connection:
        connection.execute(tables.channels.delete())
        connection.execute(tables.channel_states.delete())
    for page in pages:
        assert "rises held: paused by ann: prices" in page
        assert "too many dead letters" in page
        assert "the marketplace refuses our credentials" in page


@pytest.mark.parametrize(("seconds", "silent"), [(20, False), (600, True)])
def test_a_state_of_which_nothing_was_heard_since_is_not_shown_as_if_it_held(
    bench: Bench, browser: TestClient, seconds: int, silent: bool
) -> None:
    """Delivery is gone, or the channel was removed: it says how a channel is every few seconds."""
    row = {
        "channel": "amazon-us",
        "state": "selling",
        "epoch": 1,
        "since_ms": 1,
        "failures_in_a_row": 0,
        "last_success_ms": None,
        "reason": "whole again",
        "brought_by": "system",
        "details": "{}",
        "appended_at_ms": bench.console().clock.now_ms() - seconds * 1_000,
    }
    with bench.engine.begin() as connection:
        connection.execute(tables.channels.insert(), row)

    pages = [browser.get(path).text for path in ("/", "/channels/amazon-us")]

    with bench.engine.begin() as connection:
        connection.execute(tables.channels.delete())
    assert ["how it is now is not known" in page for page in pages] == [silent, silent]


def test_the_countdown_to_stop_sale_is_shown_before_it_happens(bench: Bench, browser: TestClient) -> None:
    row = {
        "channel": "ebay-us",
        "state": "failing",
        "epoch": 1,
        "since_ms": 1,
        "failures_in_a_row": 3,
        "last_success_ms": None,
        "reason": "3 failures in a row",
        "brought_by": "system",
        "details": json.dumps({"stop_at_ms": bench.console().clock.now_ms() + 600_500}),
        "appended_at_ms": 1,
    }
    with bench.engine.begin() as connection:
        connection.execute(tables.channels.insert(), row)

    first, own = browser.get("/").text, browser.get("/channels/ebay-us").text

    with bench.engine.begin() as connection:
        connection.execute(tables.channels.delete())
    assert re.search("Stop-sale in (10|9) min", first)
    assert re.search("Stop-sale in (10|9) min", own)


def test_a_skus_page_says_why_a_channel_shows_a_number(browser: TestClient) -> None:
    page = browser.get("/skus/A-0").text

    for part in (
        "amazon-us/A-0",
        "should show <b>7</b>",
        "atp main=10",
        "buffer 3",
        "patchListingsItem",
        "req-1",
        "+11",
    ):
        assert part in page, part


def test_a_skus_page_does_not_tell_a_target_that_was_taken_back_as_if_it_held(tmp_path: Path) -> None:
    engine = a_ledger(tmp_path / "ledger.db")
    with engine.begin() as connection:
        connection.execute(delete(tables.listings).where(tables.listings.c.listing_id == "amazon-us/A-0"))

    page = Bench(engine).signed_in().get("/skus/A-0").text
    engine.dispose()

    told = page[page.index("<h2>amazon-us/A-0</h2>") :].partition("</article>")[0]
    assert "no target any more" in told and "not seen yet" in told
    assert "should show" not in told and "ATP" not in told


def test_what_is_not_known_is_not_found(browser: TestClient) -> None:
    for path in ("/skus/nobody", "/channels/nobody", "/reports/daily/1999-01-01.html", "/reports/yearly/2026.html"):
        assert browser.get(path).status_code == 404, path


def test_what_came_from_outside_is_shown_as_text(browser: TestClient) -> None:
    page = browser.get("/skus", params={"find": "<script>alert(1)</script>"}).text

    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("action", list(OperatorAction))
def test_a_command_is_written_with_who_and_why(bench: Bench, browser: TestClient, action: OperatorAction) -> None:
    form = {
        "csrf": csrf_of(browser.get("/channels/amazon-us").text),
        "why": "recall of batch 7",
        "falls_too": "yes",
        "hours": "4",
    }

    answer = browser.post(f"/channels/amazon-us/{action.value}", data=form)

    assert answer.headers["location"] == f"/channels/amazon-us?written={action.value}"
    (command,) = bench.commands.written
    assert (command.channel, command.action, command.by, command.why) == (
        "amazon-us",
        action,
        OPERATOR,
        "recall of batch 7",
    )
    assert command.falls_too is (action is OperatorAction.PAUSE)
    until_ms = command.at_ms + 4 * 3_600_000 if action is OperatorAction.HOLD_MASS_CHANGE else None
    assert command.until_ms == until_ms
    assert bench.counted[action.value, "written"] == 1


@pytest.mark.parametrize("hours", ["", "0", "x", "9999"])
def test_a_mass_change_is_held_for_a_time_that_somebody_chose(bench: Bench, browser: TestClient, hours: str) -> None:
    """Held without an end, real zeros would never go out."""
    form = {"csrf": csrf_of(browser.get("/channels/amazon-us").text), "why": "empty file", "hours": hours}

    answer = browser.post("/channels/amazon-us/hold-mass-change", data=form)

    assert answer.status_code == 422
    assert bench.commands.written == []


def test_a_channels_page_tells_its_reconciliations(browser: TestClient) -> None:
    amazon, ebay = browser.get("/channels/amazon-us").text, browser.get("/channels/ebay-us").text

    assert amazon.count('<td class="">complete</td>') == 2
    assert '<td class="bad">incomplete</td>' in ebay
    assert "last reconciled" in browser.get("/").text


@pytest.fixture
def letters(bench: Bench) -> Iterator[list[str]]:
    """Two letters and a decided one, gone afterwards; their places as forms have them."""
    tape = Tape()
    topic = topic_of(tape.topics, Feed.DEAD_LETTERS)
    for reason in (b"listing-invalid", b"unknown-sku", b"bad-ids"):
        tape.add(topic, "amazon-us/A-0", b"raw", headers={"reason": reason, "origin-topic": b"listing.targets.amazon"})
    decided = {"resolves": b"0/2", "decision": b"discarded", "by": b"bob", "why": b"test data"}
    tape.add(topic, "amazon-us/A-0", None, headers=decided)
    write_all(Store(bench.engine), tape)
    yield [f"{topic}/0/0", f"{topic}/0/1"]
    with bench.engine.begin() as connection:
        for table in (tables.dead_letters, tables.letter_decisions):
            connection.execute(table.delete())
        connection.execute(tables.offsets.delete().where(tables.offsets.c.topic == topic))


def test_letters_that_were_decided_on_are_shown_when_they_are_asked_for(
    browser: TestClient, letters: list[str]
) -> None:
    open_, all_ = browser.get("/dead-letters").text, browser.get("/dead-letters?decided=yes").text

    assert all(f'value="{one}"' in open_ for one in letters)
    assert "bad-ids" not in open_
    assert "<b>discarded</b> by bob: test data" in all_
    assert all_.count('name="letter"') == 2  # what was decided on cannot be chosen again


@pytest.mark.parametrize("find", ["A-0", "amazon-us/A-0", "amazon-us", "listing-invalid"])
def test_letters_are_found_by_what_they_are_of(browser: TestClient, letters: list[str], find: str) -> None:
    """Those of a listing by its SKU too."""
    page, other = (browser.get("/dead-letters", params={"find": text}).text for text in (find, f"{find}x"))

    assert f'value="{letters[0]}"' in page
    assert 'name="letter"' not in other


def test_a_page_that_does_not_show_all_letters_says_so(bench: Bench, browser: TestClient, letters: list[str]) -> None:
    """Who decides on all that he sees is not done."""
    few = browser.get("/dead-letters").text
    tape = Tape()
    topic = topic_of(tape.topics, Feed.DEAD_LETTERS)
    for number in range(ROWS_MAX + 5):
        tape.add(topic, f"SKU-{number}", b"raw", headers={"reason": b"unknown-sku"})
    write_all(Store(bench.engine), tape)

    many = browser.get("/dead-letters").text

    assert "there may be more" not in few
    assert f"These are the newest {ROWS_MAX}; there may be more." in many


def test_letters_that_were_decided_on_are_not_counted_as_if_they_waited(bench: Bench, letters: list[str]) -> None:
    with bench.engine.connect() as connection:
        found = overview(connection, NOW_MS + 1)

    assert {one.channel: one.dead_letters_today for one in found.channels}["amazon-us"] == len(letters)


def test_a_skus_page_tells_its_dead_letters_with_what_was_decided(browser: TestClient, letters: list[str]) -> None:
    page = browser.get("/skus/A-0").text

    told = page[page.index("Dead letters</a></h2>") :].partition("</table>")[0]
    assert all(reason in told for reason in ("listing-invalid", "unknown-sku", "bad-ids"))
    assert "<b>discarded</b> by bob: test data" in told


@pytest.mark.parametrize("decision", list(Decision))
def test_letters_are_decided_on_with_who_and_why(
    bench: Bench, browser: TestClient, letters: list[str], decision: Decision
) -> None:
    form = {"csrf": csrf_of(browser.get("/dead-letters").text), "why": "the listing was repaired", "letter": letters}

    answer = browser.post(f"/dead-letters/{decision.value}", data=form)

    assert answer.status_code == 303
    assert f"2 done ({decision.value})" in browser.get(answer.headers["location"]).text
    assert [(place.text, *said) for place, *said in bench.letters.decided] == [
        (one, decision, OPERATOR, "the listing was repaired") for one in letters
    ]
    assert bench.counted[decision.value, "written"] == 2


def test_a_refused_replay_says_why_and_the_others_go_on(bench: Bench, browser: TestClient, letters: list[str]) -> None:
    bench.letters.refusals[0] = "refused: stale: version 3 was followed by 4"
    form = {"csrf": csrf_of(browser.get("/dead-letters").text), "why": "repaired", "letter": letters}

    answer = browser.post("/dead-letters/replay", data=form)

    assert answer.status_code == 409
    assert "1 done (replay), 1 not:" in answer.text
    assert f"{letters[0]}: refused: stale: version 3 was followed by 4" in answer.text
    assert bench.counted["replay", "refused"] == bench.counted["replay", "written"] == 1


def test_a_decision_that_kafka_does_not_take_is_told(bench: Bench, browser: TestClient, letters: list[str]) -> None:
    bench.letters.away = True
    form = {"csrf": csrf_of(browser.get("/dead-letters").text), "why": "repaired", "letter": letters[:1]}

    answer = browser.post("/dead-letters/discard", data=form)

    assert answer.status_code == 409
    assert "not written: no answer in time" in answer.text
    assert bench.counted["discard", "not-written"] == 1


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("replay", {"why": "repaired"}, 422),
        ("replay", {"why": "repaired", "letter": ["no-place"]}, 422),
        ("replay", {"why": "repaired", "letter": ["t/0/1"] * 51}, 422),
        ("replay", {"why": "x", "letter": ["t/0/1"]}, 422),
        ("explode", {"why": "repaired", "letter": ["t/0/1"]}, 404),
        ("replay", {"why": "repaired", "letter": ["t/0/1"], "csrf": "made-up"}, 403),
    ],
    ids=["none-chosen", "no-place", "too-many", "no-reason", "no-such-decision", "wrong-csrf"],
)
def test_a_decision_that_is_not_whole_does_nothing(
    bench: Bench, browser: TestClient, path: str, form: dict[str, str | list[str]], status: int
) -> None:
    proof = csrf_of(browser.get("/").text)

    answer = browser.post(f"/dead-letters/{path}", data={"csrf": proof, **form})

    assert answer.status_code == status
    assert bench.letters.decided == []


def test_a_command_that_kafka_does_not_take_is_told(bench: Bench, browser: TestClient) -> None:
    bench.commands.away = True
    form = {"csrf": csrf_of(browser.get("/channels/amazon-us").text), "why": "recall"}

    answer = browser.post("/channels/amazon-us/stop-sale", data=form)

    assert answer.status_code == 502
    assert "did not acknowledge" in answer.text
    assert bench.counted["stop-sale", "not-written"] == 1


@pytest.mark.parametrize(
    ("form", "headers", "status"),
    [
        ({"why": "recall"}, {}, 403),
        ({"why": "recall", "csrf": "made-up"}, {}, 403),
        ({"why": "recall", "csrf": None}, {"origin": "https://evil.example"}, 403),
        ({"why": "recall", "csrf": None}, {"sec-fetch-site": "cross-site"}, 403),
        ({"why": "", "csrf": None}, {}, 422),
        ({"why": "x" * 501, "csrf": None}, {}, 422),
        ({"why": "x" * BODY_BYTES_MAX, "csrf": None}, {}, 413),
    ],
    ids=["no-csrf", "wrong-csrf", "other-origin", "other-site", "no-reason", "long-reason", "too-large"],
)
def test_a_post_that_is_not_the_operators_own_does_nothing(
    bench: Bench, browser: TestClient, form: dict[str, str | None], headers: dict[str, str], status: int
) -> None:
    """None stands for the right proof."""
    right = csrf_of(browser.get("/channels/amazon-us").text)
    given = {name: right if value is None else value for name, value in form.items()}

    answer = browser.post("/channels/amazon-us/stop-sale", data=given, headers=headers)

    assert answer.status_code == status
    assert bench.commands.written == []


def test_a_post_without_an_origin_is_no_browsers(bench: Bench) -> None:
    client = TestClient(bench.console().app(), follow_redirects=False)

    answer = client.post("/sign-in", data={"operator": OPERATOR, "password": PASSWORD})

    assert answer.status_code == 403


def test_a_link_cannot_give_a_command(bench: Bench, browser: TestClient) -> None:
    assert browser.get("/channels/amazon-us/stop-sale").status_code == 405
    assert bench.commands.written == []


def test_commands_to_channels_that_are_not_there_are_refused(bench: Bench, browser: TestClient) -> None:
    form = {"csrf": csrf_of(browser.get("/").text), "why": "recall"}

    assert browser.post("/channels/nobody/pause", data=form).status_code == 404
    assert browser.post("/channels/amazon-us/explode", data=form).status_code == 404
    assert bench.commands.written == []


def test_a_wrong_password_is_refused_and_five_make_the_name_wait(bench: Bench) -> None:
    client = bench.client()
    wrong = [client.post("/sign-in", data={"operator": OPERATOR, "password": "guess"}).status_code for _ in range(5)]

    locked = client.post("/sign-in", data={"operator": OPERATOR, "password": PASSWORD}).status_code
    bench.seconds.now_s += 61
    later = client.post("/sign-in", data={"operator": OPERATOR, "password": PASSWORD}).status_code

    assert wrong == [401] * 5
    assert (locked, later) == (401, 303)
    assert client.post("/sign-in", data={"operator": "mallory", "password": PASSWORD}).status_code == 401


def test_a_session_ends_with_its_time_and_with_signing_out(bench: Bench) -> None:
    first, second = bench.signed_in(), bench.signed_in()
    proof = csrf_of(first.get("/").text)

    out = first.post("/sign-out", data={"csrf": proof})
    bench.seconds.now_s += bench.settings.session_hours * 3_600 + 1

    assert out.headers["location"] == "/sign-in"
    assert first.get("/").status_code == 303
    assert second.get("/").status_code == 303


def test_the_cookie_is_for_this_site_alone_and_for_https_where_the_address_is(engine: Engine) -> None:
    plain = Bench(engine)
    public = Bench(engine, settings=ConsoleSettings({OPERATOR: PASSWORD}, public_url="https://stock.example.com"))
    form = {"operator": OPERATOR, "password": PASSWORD}

    http = plain.client().post("/sign-in", data=form).headers["set-cookie"]
    https = public.client().post("/sign-in", data=form, headers={"origin": "https://stock.example.com"})
    elsewhere = public.client().post("/sign-in", data=form, headers={"origin": ORIGIN})

    assert COOKIE in http
    assert "HttpOnly" in http
    assert "SameSite=strict" in http
    assert "Secure" not in http
    assert "Secure" in https.headers["set-cookie"]
    assert elsewhere.status_code == 403


@pytest.mark.parametrize(
    ("given", "path"),
    [("/skus/A-1", "/skus/A-1"), ("//evil.example", "/"), ("https://evil.example", "/"), ("/\\evil", "/"), (None, "/")],
)
def test_signing_in_goes_on_to_a_page_of_ours(given: str | None, path: str) -> None:
    assert safe_path(given) == path


def test_reports_are_shown_as_they_were_made_with_their_own_style_alone(browser: TestClient) -> None:
    page = browser.get("/reports/daily/2026-11-24.html")
    rows = browser.get("/reports/daily/2026-11-24.csv")

    assert "Daily review" in page.text
    assert "style-src 'sha256-" in page.headers["content-security-policy"]
    assert rows.text.startswith("sheet,channel")
    assert "attachment" in rows.headers["content-disposition"]


def test_a_part_of_a_page_leads_to_signing_in_as_a_whole(bench: Bench) -> None:
    answer = bench.client().get("/channels", headers={"hx-request": "true"})

    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/sign-in")


def test_no_answer_holds_a_password_or_a_session(bench: Bench, browser: TestClient) -> None:
    token = browser.cookies[COOKIE]

    pages = [browser.get(path).text for path in PAGES]

    assert not any(secret in page for page in pages for secret in (PASSWORD, token))
    assert PASSWORD not in repr(bench.settings)
