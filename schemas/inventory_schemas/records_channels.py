"""Reports, health and operators' commands of channels, on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from inventory_domain.health import ChannelHealth, ChannelReport, ChannelState, Pause, Stop
from inventory_domain.operations import OperatorAction, OperatorCommand
from inventory_schemas.codec import Record, RecordKind
from inventory_schemas.values import branch, flat, symbol


@dataclass(frozen=True, slots=True)
class HealthRecord:
    """One record of `channel.health`: the health, and what is in it.

    `folded` has, per topic of reports or commands, the offset up to which they are folded in (exclusive), so that a
    successor goes on exactly there.
    """

    health: ChannelHealth
    folded: Mapping[str, int] = field(default_factory=dict)


_health_fields = flat(ChannelHealth)
_pause_fields = flat(Pause)
_stop_fields = flat(Stop)
_command_fields = flat(OperatorCommand)


def _health_to_record(record: HealthRecord) -> Record:
    health = record.health
    return {
        **_health_fields(health),
        "state": health.state.name,
        "pause": None if health.pause is None else branch("ChannelPause", _pause_fields(health.pause)),
        "stop": None if health.stop is None else branch("ChannelStop", _stop_fields(health.stop)),
        "folded": record.folded,
    }


def _health_from_record(record: Record) -> HealthRecord:
    folded = record.pop("folded")
    record["state"] = symbol(ChannelState, record["state"], "state")
    record["pause"] = None if record["pause"] is None else Pause(**record["pause"])
    record["stop"] = None if record["stop"] is None else Stop(**record["stop"])
    return HealthRecord(ChannelHealth(**record), folded)


def _report_from_record(record: Record) -> ChannelReport:
    return ChannelReport(**record)


def _command_to_record(command: OperatorCommand) -> Record:
    return {**_command_fields(command), "action": command.action.name}


def _command_from_record(record: Record) -> OperatorCommand:
    record["action"] = symbol(OperatorAction, record["action"], "action")
    return OperatorCommand(**record)


CHANNEL_REPORT: RecordKind[ChannelReport] = RecordKind("channel_report", flat(ChannelReport), _report_from_record)
CHANNEL_HEALTH: RecordKind[HealthRecord] = RecordKind("channel_health", _health_to_record, _health_from_record)
OPERATOR_COMMAND: RecordKind[OperatorCommand] = RecordKind("operator_command", _command_to_record, _command_from_record)
