"""Somebody's own events, command by command as the README gives them, shown by all four marketplaces."""

import json
from pathlib import Path

import pytest

from tests.support.commands import wait_until
from tests.support.own_system import EXAMPLES, LIMIT_S, Started, a_system, ended, run, shown, wait_for

# 43 counted less 2 shipped less 1 of safety stock are 40; each channel withholds its own share of them.
SHOWN = {
    "amazon/ATVPDKIKX0DER:SKU-00002": 34,
    "ebay/36000000002": 36,
    "walmart/SKU-00002": 35,
    "shopify/50000000002": 38,
}
SHOWN_BY_CHANNEL = {"amazon-us": (34, True), "ebay-us": (36, True), "walmart-us": (35, True), "shop": (38, True)}


@pytest.mark.timeout(480)
def test_events_from_a_file_are_shown_by_every_marketplace(
    kafka: str, registry_url: str, topic_prefix: str, application_id: str, tmp_path: Path, started: Started
) -> None:
    facts = a_system(started, tmp_path, kafka, registry_url, topic_prefix, application_id)
    run("config", "check", "sync.yaml", cwd=tmp_path)
    started.start("engine", "engine", "--config", "sync.yaml")
    for marketplace in ("amazon", "ebay", "walmart", "shopify"):
        started.start(f"deliver-{marketplace}", "deliver", marketplace, "--config", "sync.yaml")
    started.start("ledger", "ledger", "--config", "sync.yaml")
    said = run("produce", str(EXAMPLES / "03_events.jsonl"), "--config", "sync.yaml", cwd=tmp_path)

    assert said.startswith("6 sent")
    assert shown(facts["control_url"], until=SHOWN) == SHOWN
    wait_for(lambda: _explained("SKU-00002", cwd=tmp_path) == SHOWN_BY_CHANNEL)
    _held_and_stopped_by_hand("shop", facts["control_url"], cwd=tmp_path)
    run("sku", "zero", "SKU-00002", "--why", "recall", "--config", "sync.yaml", cwd=tmp_path)
    recalled = dict.fromkeys(SHOWN, 0)
    assert shown(facts["control_url"], until=recalled) == recalled
    statuses = started.end()
    assert {name: status for name, status in statuses.items() if status != 0} == {}
    assert "nothing to adopt" in run("engine", "adopt", "--config", "sync.yaml", cwd=tmp_path)
    assert all('"level": "error"' not in log.read_text() for log in tmp_path.glob("*.log"))


def _held_and_stopped_by_hand(channel: str, control_url: str, cwd: Path) -> None:
    """An operator pauses a channel, resumes it, stops it and restores it: what it shows follows, with who and why."""
    key = "shopify/50000000002"

    def hand(action: str, why: str) -> None:
        who = ("--why", why, "--by", "ann", "--wait", "60", "--config", "sync.yaml")
        assert channel in run("channel", action, channel, *who, cwd=cwd)

    assert _status(channel, {"state": "selling"}, cwd)[0] == 0
    hand("pause", "checking numbers")
    status, paused = _status(channel, {"state": "paused"}, cwd)
    assert (status, paused["by"], paused["reason"]) == (1, "ann", "pause: checking numbers")
    hand("resume", "numbers are right")
    assert _status(channel, {"state": "selling"}, cwd)[0] == 0
    hand("stop-sale", "wrong prices")
    assert shown(control_url, until={key: 0}) == {key: 0}
    status, stopped = _status(channel, {"state": "stopped"}, cwd)
    assert (status, stopped["by"], stopped["reason"]) == (1, "ann", "stop-sale: wrong prices")
    hand("restore", "prices are right again")
    assert shown(control_url, until={key: SHOWN[key]}) == {key: SHOWN[key]}
    status, restored = _status(channel, {"state": "selling"}, cwd)
    assert (status, restored["epoch"]) == (0, stopped["epoch"] + 1)  # type: ignore[operator]


def _status(channel: str, until: dict[str, object], cwd: Path) -> tuple[int, dict[str, object]]:
    """The exit status of `channel status`, and what it says of the channel, once it says that."""
    told: list[tuple[int, dict[str, object]]] = []

    def says_so() -> bool:
        done = ended("channel", "status", channel, "--json", "--config", "sync.yaml", cwd=cwd)
        told[:] = [(done.returncode, one) for one in json.loads(done.stdout if done.stdout.startswith("[") else "[]")]
        return bool(told) and until.items() <= told[0][1].items()

    wait_until(says_so, f"{channel} is {until}", LIMIT_S)
    return told[0]


def _explained(sku: str, cwd: Path) -> dict[str, tuple[int, bool]]:
    """What each channel should show by the ledger, and whether a push of exactly that was taken."""
    done = ended("explain", sku, "--json", "--config", "sync.yaml", cwd=cwd)
    listings = json.loads(done.stdout)["listings"] if done.returncode == 0 else []
    return {
        one["channel"]: (
            one["target"]["quantity"],
            any(
                tried["outcome"] in ("applied", "accepted") and tried["version"] == one["target"]["version"]
                for tried in one["attempts"]
            ),
        )
        for one in listings
        if one["target"] is not None
    }
