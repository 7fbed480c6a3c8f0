"""Reports, health and operators' commands of channels, on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from inventory_domain.health import ChannelHealth, ChannelReport, ChannelState
from inventory_domain.operations import OperatorAction, OperatorCommand
from inventory_schemas.codec import Record, RecordKind
from inventory_schemas.values import flat, symbol


@dataclass(frozen=True, slots=True)
class HealthRecord:
    """One record of `channel.health`: the health, and what is in it.

    `folded` has, per topic of reports or commands, the offset up to which they are folded in (exclusive), so that a
    successor goes on exactly there.
    """

    health: ChannelHealth
    folded: Mapping[str, int] = field(default_factory=dict)


_health_fields = flat(ChannelHealth)
_command_fields = flat(OperatorCommand)


def _health_to_record(record: HealthRecord) -> Record:
    return {**_health_fields(record.health), "state": record.health.state.name, "folded": record.folded}


def _health_from_record(record: Record) -> HealthRecord:
    folded = record.pop("folded")
    record["state"] = symbol(ChannelState, record["state"], "state")
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
