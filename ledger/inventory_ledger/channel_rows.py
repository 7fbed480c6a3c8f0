"""Channels' health, operators' commands, the engine's progress and dead letters as rows."""

from __future__ import annotations

from inventory_domain.operations import OperatorCommand
from inventory_domain.progress import EngineProgress
from inventory_ledger import tables
from inventory_ledger.batch import Batch
from inventory_ledger.rows import Arrival, Project, as_json, clean
from inventory_ledger.settings import Feed
from inventory_schemas.codec import Serde
from inventory_schemas.records import CHANNEL_HEALTH, ENGINE_PROGRESS, OPERATOR_COMMAND, HealthRecord
from inventory_schemas.registry import Registry


def channel_projection(feed: Feed, subject: str, registry: Registry) -> Project | None:
    """The projection of a topic of channels or of the engine; None when the feed is another kind of topic."""
    if feed is Feed.CHANNEL_HEALTH:
        return _health(Serde(CHANNEL_HEALTH, subject, registry))
    if feed is Feed.OPERATOR_COMMANDS:
        return _commands(Serde(OPERATOR_COMMAND, subject, registry))
    if feed is Feed.ENGINE_PROGRESS:
        return _progress(Serde(ENGINE_PROGRESS, subject, registry))
    if feed is Feed.DEAD_LETTERS:
        return _dead_letters
    return None


def _health(serde: Serde[HealthRecord]) -> Project:
    def project(arrival: Arrival, batch: Batch) -> None:
        if arrival.value is None:
            return
        one = serde.decode(arrival.value).health
        state, reason = one.state.value, clean(one.reason)
        now = (
            one.channel,
            state,
            one.epoch,
            one.since_ms,
            one.failures_in_a_row,
            one.last_success_ms,
            reason,
            clean(one.by),
            as_json(one),
            arrival.at_ms,
        )
        batch.replace(tables.channels, (one.channel,), now)
        entered = (one.channel, one.epoch, state, one.since_ms)
        # Said again every few seconds; its own time makes it the same row however often it was read.
        batch.replace(tables.channel_states, entered, (*entered, reason, clean(one.by), one.since_ms))

    return project


def _commands(serde: Serde[OperatorCommand]) -> Project:
    def project(arrival: Arrival, batch: Batch) -> None:
        one = serde.decode(arrival.value)
        batch.append(
            tables.operator_commands,
            (
                *arrival.place,
                one.command_id,
                one.channel,
                one.action.value,
                clean(one.by),
                clean(one.why),
                one.at_ms,
                as_json(one),
            ),
        )

    return project


def _progress(serde: Serde[EngineProgress]) -> Project:
    def project(arrival: Arrival, batch: Batch) -> None:
        if arrival.value is None:
            return
        one = serde.decode(arrival.value)
        row = (
            one.partition,
            one.complete_until_ms,
            one.written_at_ms,
            one.catching_up,
            one.uncounted,
            one.skus,
            as_json(one.sources),
            arrival.at_ms,
        )
        batch.replace(tables.engine_progress, (one.partition,), row)

    return project


def _dead_letters(arrival: Arrival, batch: Batch) -> None:
    """Everything about a dead letter is in its headers; its bytes stay on the topic. So is what was decided on it."""

    def text(name: str) -> str:
        return clean(arrival.headers.get(name, b"").decode(errors="replace"))

    def number(given: str) -> int:
        return int(given) if given.lstrip("-").isdigit() else 0

    place = (arrival.topic, *arrival.place)
    if "resolves" in arrival.headers and "origin-topic" not in arrival.headers:  # else a producer's own header
        letter = text("resolves").rpartition("/")[2]
        batch.append(tables.letter_decisions, (*place, number(letter), text("decision"), text("by"), text("why")))
        return
    row = (
        *place,
        arrival.key_text(),
        text("reason"),
        text("error"),
        number(text("attempts")),
        text("origin-topic"),
        number(text("origin-partition")),
        number(text("origin-offset")),
    )
    batch.append(tables.dead_letters, row)
