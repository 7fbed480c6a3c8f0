"""The same work in Quix Streams, the usual way: a stateful function on a streaming dataframe, state with changelog."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from quixstreams import Application, State
from rules import apply, changed_targets, decoder, new_state

WINDOW_MS = 60_000


def main() -> None:
    """Runs until SIGTERM."""
    job: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    app = Application(
        broker_address=job["bootstrap_servers"],
        consumer_group=job["application"],
        auto_offset_reset="earliest",
        state_dir=job["folder"],
        commit_interval=job["commit_interval_s"],
        loglevel="WARNING",
    )
    changes = app.topic(job["input"], key_deserializer="str", value_deserializer="bytes")
    targets = app.topic(job["output"], key_serializer="str", value_serializer="json")
    decode = decoder(job["schema"])
    locations, channels = job["locations"], job["channels"]

    def process(value: bytes, state: State) -> list[dict[str, Any]]:
        change = decode(value)
        position = state.get("position") or new_state()
        sale = apply(position, change)
        if sale is not None:
            _sold(state, change["occurred_at_ms"], *sale)
        found = changed_targets(position, change, locations, channels)
        state.set("position", position)
        return found

    frame = app.dataframe(changes)
    frame = frame.apply(process, stateful=True, expand=True)
    frame.to_topic(targets, key=lambda target: target["listing_id"])
    app.run()


def _sold(state: State, occurred_at_ms: int, channel: str, units: int) -> None:
    """Units sold in the channel's present window of a minute."""
    start = occurred_at_ms - occurred_at_ms % WINDOW_MS
    window = state.get(f"velocity/{channel}")
    before = window[1] if window and window[0] == start else 0
    state.set(f"velocity/{channel}", [start, before + units])


if __name__ == "__main__":
    main()
