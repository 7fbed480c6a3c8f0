"""A story as text for people, and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from inventory_domain.listing_holds import FAILING_FALL, QUOTA_SPENT
from inventory_domain.masks import ENGINE_SILENT, STOP_SALE
from inventory_domain.overrides import LATEST_MS
from inventory_ledger.rows import as_json
from inventory_ledger.story import Facts, ListingStory, LocationStory, Story

JSON_COLUMNS = frozenset({"nodes", "positions", "sales", "parts", "details", "open_attempts"})
NONE_UNWRITTEN: Mapping[str, str] = MappingProxyType({})
WHY_ZERO = {
    STOP_SALE: "the channel's sales are stopped",
    ENGINE_SILENT: "nothing was heard of the engine for too long",
    FAILING_FALL: "a lower number was not seen live for too long",
    QUOTA_SPENT: "a lower number waited too long for the next day's calls",
}


def told(story: Story, changes_topic: str, unwritten: Mapping[str, str] = NONE_UNWRITTEN) -> str:
    """The story as text. `changes_topic` names the topic that the offsets of changes are of.

    `unwritten`: channels on which nothing of this SKU is written, each with why, as the settings say now.
    """
    listings = _listings(story, unwritten if story.now else NONE_UNWRITTEN)
    return "\n".join([*_head(story), *_stock(story, changes_topic), *listings, *_rest(story)]) + "\n"


def as_data(story: Story) -> object:
    """The story as JSON has it: what the tables keep as JSON is unfolded, everything else is as it is there."""
    return _unfolded(json.loads(as_json(story)))


def clock(at_ms: object) -> str:
    """A time for people, in UTC, to the millisecond."""
    if not isinstance(at_ms, int):
        return "never"
    if at_ms > LATEST_MS:  # a source that counts in microseconds, say
        return f"{at_ms} ms"
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def duration(ms: int | None) -> str:
    """A span of time for people."""
    if ms is None:
        return "not yet"
    if ms < 1_000:
        return f"{ms} ms"
    return f"{ms / 1000:.1f} s" if ms < 120_000 else f"{ms / 60_000:.0f} min"


def _head(story: Story) -> Iterator[str]:
    yield f"{story.sku} at {clock(story.at_ms)} UTC"
    if story.product is None:
        yield "  the catalog does not name it"
        return
    details = json.loads(str(story.product["details"]))
    said = "" if story.now else "the catalog now: "
    yield f"  {said}{story.product['status']}, category {story.product['category'] or 'none'}"
    if details["components"]:
        parts = ", ".join(f"{units} x {sku}" for sku, units in details["components"].items())
        yield f"  a kit of {parts}"


def _stock(story: Story, topic: str) -> Iterator[str]:
    yield ""
    yield "Changes, newest first"
    for change in story.changes:
        yield f"  {clock(change['occurred_at_ms'])}  {_change(change)}"
        yield f"      {topic}[{change['record_partition']}]@{change['record_offset']}, event {change['event_id']}"
    if not story.changes:
        yield "  none that is still kept"
    yield ""
    if story.state is None:
        yield "Positions: the engine has none" if story.now else "Positions: none of that time are kept"
    else:
        place = f"sku.state[{story.state['record_partition']}]@{story.state['record_offset']}"
        yield f"Positions, as the engine had them at {clock(story.state['appended_at_ms'])} ({place})"
    if story.components or story.parts:
        yield from _kit(story)
    elif story.state is not None:
        for one in story.locations:
            yield f"  {_location(one)}"
    sold = ", ".join(f"{units} on {channel}" for channel, units in sorted(story.sold_unreported.items()))
    if sold:
        yield f"  sold, and not reported by the source yet: {sold}"


def _change(change: Facts) -> str:
    parts = [str(change["kind"])]
    if change["units"] is not None:
        parts.append(f"{change['units']} units")
    if change["location"]:
        parts.append(f"at {change['location']}")
    if change["channel"]:
        parts.append(f"on {change['channel']}")
    if change["order_id"]:
        parts.append(f"order {change['order_id']}")
    if change["reason"]:
        parts.append(f"({change['reason']})")
    sequence = "" if change["sequence"] is None else f" #{change['sequence']}"
    return f"{' '.join(parts)} by {change['source']}{sequence}"


def _kit(story: Story) -> Iterator[str]:
    """A kit has no stock of its own: it is what its scarcest part would do for."""
    yield "  a kit has no positions of its own: its number comes from its components"
    for component, kits in sorted(story.parts.items()):
        said = ", ".join(f"{place} {'never counted' if one is None else one}" for place, one in sorted(kits.items()))
        yield f"  part {component} would do for: {said or 'none anywhere'}"
    for component in story.unanswered:
        yield f"  part {component}: no answer of it is kept here; explain {component} tells its own stock"
    if not story.unanswered and story.now:
        for one in story.locations:
            yield f"  {_kits(one)}"
        return
    for listing in story.listings:
        if listing.target is not None:
            yield f"  what came of them for {listing.listing_id}: {listing.target['derivation']}"


def _kits(one: LocationStory) -> str:
    if one.adds is None:
        return f"{one.location}: a part of it was never counted there"
    least = f"as many kits as its scarcest part, less safety stock {one.safety_stock}"
    return f"{one.location}: {least} = {one.adds} to promise"


def _location(one: LocationStory) -> str:
    if one.on_hand is None:
        return f"{one.location}: never counted"
    if one.safety_stock is None:
        return f"{one.location}: on hand {one.on_hand} - reserved {one.reserved}; the derivations say what it added"
    if one.adds is None:
        return f"{one.location}: on hand {one.on_hand}, and the catalog does not name it for this product"
    left = one.on_hand - one.reserved - one.safety_stock
    none_below = "" if left == one.adds else f"{left}, so "
    return (
        f"{one.location}: on hand {one.on_hand} - reserved {one.reserved} - safety stock {one.safety_stock}"
        f" = {none_below}{one.adds} to promise"
    )


def _listings(story: Story, unwritten: Mapping[str, str]) -> Iterator[str]:
    for listing in story.listings:
        yield ""
        yield from _listing(listing, unwritten.get(listing.channel))
    if not story.listings:
        yield ""
        yield "No listing."


def _listing(one: ListingStory, unwritten: str | None) -> Iterator[str]:
    target = one.target
    yield f"{one.listing_id}: {_headline(one)}"
    if target is not None and not one.withdrawn:
        yield f"  why: {target['derivation']}"
        yield (
            f"  ATP {target['atp']}, strategy {target['strategy']} gave {target['allocation']}, "
            f"buffer {target['buffer']}, so {_left(target)}"
        )
        nodes = json.loads(str(target["nodes"]))
        if nodes:
            yield f"  by node: {', '.join(f'{node} {units}' for node, units in nodes.items())}"
    if target is not None:
        yield (
            f"  version {target['version']} because of {target['cause']}; changed {clock(target['changed_at_ms'])}, "
            f"computed {clock(target['computed_at_ms'])}, {waited(one)}"
        )
    if one.channel_state is not None:
        state = one.channel_state
        yield f"  channel {one.channel}: {state['state']} since {clock(state['since_ms'])}: {state['reason']}"
        for words in holds(state):
            yield f"      {words}"
    if unwritten is not None:
        yield f"  channel {one.channel}: {unwritten}"
    yield f"  {_reconciled(one)}"
    yield from _attempts(one)
    if one.exposure is not None:
        yield f"  may be showing: {_exposure(one.exposure)}"
    yield from _observed(one)


def waited(one: ListingStory) -> str:
    """How long the target waited for its first attempt, or what is known of that."""
    if one.queued_ms is not None:
        return f"waited {duration(one.queued_ms)} for its first attempt"
    if one.tried:
        return "its attempts are no longer kept"
    return "waited not yet for its first attempt" if one.now else "no attempt of it until then is kept"


def holds(state: Facts) -> list[str]:
    """What keeps numbers of a channel back that its state does not say."""
    details = json.loads(str(state.get("details") or "{}"))
    pause, found = details.get("pause"), []
    if pause and state["state"] != "paused":
        found.append(f"{'all' if pause['falls_too'] else 'rises'} held: paused by {pause['by']}: {pause['why']}")
    if details.get("flooded_ms") is not None:
        found.append(f"rises held since {clock(details['flooded_ms'])}: too many dead letters, until `channel resume`")
    return found


def _left(target: Facts) -> str:
    """What the strategy and the buffer leave, and what the rest of the derivation makes of it."""
    left = int(str(target["allocation"])) - int(str(target["buffer"]))
    return str(left) if left == target["quantity"] else f"{left}, bounded to {target['quantity']}"


def _reconciled(one: ListingStory) -> str:
    row = one.reconciled
    if row is None:
        return f"channel {one.channel} was never reconciled to the end, as far as it is kept"
    return (
        f"channel {one.channel} was last reconciled from {clock(row['started_at_ms'])} on: {row['judged']} of "
        f"{row['listings']} listings compared, {row['missing']} missing, {row['discrepancies']} off, "
        f"{row['corrections']} corrected"
    )


def _headline(one: ListingStory) -> str:
    if one.target is None and not one.now:
        return "no target of that time is kept: there was none yet, or the one that held then was deleted by its age"
    if one.target is None:
        return "no target: a location was not counted, it is not ours to write, or it is still to come"
    shows = "not seen yet"
    if one.seen is not None:
        number = "no number" if one.seen["quantity"] is None else one.seen["quantity"]
        shows = f"seen to show {number} at {clock(one.seen['as_of_ms'])}"
    if one.withdrawn:
        return f"no target any more, it is not ours to write or was taken from the catalog; {shows}"
    return f"should show {one.target['quantity']}; {shows}"


def _attempts(one: ListingStory) -> Iterator[str]:
    for row in one.attempts:
        answer = f"HTTP {row['status']}" if row["status"] is not None else "no HTTP status"
        mask = f" under mask {mask_words(str(row['mask']))}" if row["mask"] else ""
        took = duration(int(str(row["answered_at_ms"])) - int(str(row["sent_at_ms"])))
        yield (
            f"  attempt {row['attempt']}: {row['quantity']}{mask} (version {row['version']}) "
            f"by {row['api'] or 'no call'} sent {clock(row['sent_at_ms'])}: {row['outcome']} after {took}, {answer}, "
            f"request {row['request_id'] or 'without id'}"
        )
        words = " ".join(str(text) for text in (row["reason"], row["error"]) if text)
        if words:
            yield f"      {words}"
    if not one.attempts:
        yield "  no attempt that is still kept"


def mask_words(name: str) -> str:
    """A mask's name, with why it shows zero."""
    return f"{name}: {WHY_ZERO[name]}" if name in WHY_ZERO else name


def _exposure(row: Facts) -> str:
    if row["highest_units"] is None:
        return "anything: it was never confirmed"
    confirmed = f"{row['confirmed_quantity']} confirmed by {row['proof']} at {clock(row['confirmed_at_ms'])}"
    open_ = json.loads(str(row["open_attempts"]))
    attempts = "".join(f"; attempt {one['number']} of {one['quantity']} is still open" for one in open_)
    return f"up to {row['highest_units']} ({confirmed}{attempts})"


def _observed(one: ListingStory) -> Iterator[str]:
    for row in one.observed:
        shown = "no number" if row["quantity"] is None else row["quantity"]
        yield f"  observed {clock(row['as_of_ms'])}: {shown} by {row['observed_by']} ({row['evidence'] or 'no id'})"
    for row in one.discrepancies:
        yield (
            f"  discrepancy {clock(row['observed_at_ms'])}: saw {row['observed']}, expected {row['expected_low']} to "
            f"{row['expected_high']} ({int(str(row['delta'])):+d}); cause {row['cause'] or 'unknown'}; "
            f"{row['action'] or 'no action'}{f' ({words})' if (words := row['evidence']) else ''}"
        )


def _rest(story: Story) -> Iterator[str]:
    if story.commands:
        yield ""
        yield "Commands"
    for row in story.commands:
        yield f"  {clock(row['issued_at_ms'])}  {row['kind']} by {row['issued_by']}: {row['details']}"
    if story.dead_letters:
        yield ""
        yield "Dead letters"
    for row in story.dead_letters:
        place = f"{row['topic']}[{row['record_partition']}]@{row['record_offset']}"
        decided = f"; {row['decision']} by {row['decided_by']}: {row['why']}" if row["decision"] else ""
        yield f"  {clock(row['appended_at_ms'])}  {row['reason']}: {row['error']} ({place}){decided}"


def _unfolded(value: object) -> object:
    if isinstance(value, Mapping):
        return {
            name: json.loads(one) if name in JSON_COLUMNS and isinstance(one, str) else _unfolded(one)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [_unfolded(one) for one in value]
    return value
