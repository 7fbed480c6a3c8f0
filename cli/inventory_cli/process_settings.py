"""The sections of the settings file that are about processes: `engine`, `delivery`, ..., `probes`, `logs`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from inventory_adapters.catalog import MARKETPLACES
from inventory_cli.documents import SecretSource
from inventory_cli.fields import FileFields
from inventory_cli.health_settings import Told, read_health, read_told
from inventory_cli.logging import LogFormat
from inventory_cli.observing_settings import read_reconcile, read_signals
from inventory_cli.process_names import CONSOLE, ENGINE, LEDGER, RECONCILE, SIGNALS, process_of
from inventory_domain.errors import ConfigFault
from inventory_domain.identifiers import Marketplace, SourceId
from inventory_domain.listing_holds import LetterRules
from inventory_domain.mass_change import MassChangePolicy
from inventory_domain.retry import RetrySchedule
from inventory_domain.silence import SilencePolicy
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.engine.settings import EngineSettings
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.reconcile.settings import ReconcileSettings
from inventory_streams.signals.settings import SignalsSettings
from inventory_streams.topics import Topics

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
HOST_DEFAULT: Final = "127.0.0.1"
FIRST_PORT: Final = 9400
_UNSET: Final = KafkaSettings("")
_ENGINE: Final = EngineSettings(_UNSET, Topics(()))
_DELIVERY: Final = DeliverySettings("", Marketplace(""), _UNSET, Topics(()))
ANY: Final = 10**9
WEEK_S: Final = 604_800.0


def default_ports() -> dict[str, int]:
    """The probe port of each process where the file names none."""
    names = [
        ENGINE,
        *(process_of(marketplace) for marketplace in MARKETPLACES),
        LEDGER,
        CONSOLE,
        RECONCILE,
        SIGNALS,
    ]
    return {name: FIRST_PORT + index for index, name in enumerate(names)}


@dataclass(frozen=True, slots=True)
class Probes:
    """Where processes serve `/metrics`, `/livez` and `/readyz`; port 0 takes a free one and logs it."""

    host: str = HOST_DEFAULT
    ports: Mapping[str, int] = field(default_factory=default_ports)


@dataclass(frozen=True, slots=True)
class Processes:
    """How each role runs. Settings of roles are patterns: addresses and topics are put in by `wiring`."""

    engine: EngineSettings
    delivery: DeliverySettings
    reconcile: ReconcileSettings
    signals: SignalsSettings
    told: Told
    probes: Probes
    log_level: str
    log_format: LogFormat


def read_processes(root: FileFields, secrets: SecretSource, faults: list[ConfigFault]) -> Processes:
    """The sections, with every default filled in; faults are noted with their paths."""
    logs = root.within("logs")
    delivery = root.within("delivery")
    told = read_told(delivery, secrets, faults)
    processes = Processes(
        engine=_engine(root.within("engine")),
        reconcile=read_reconcile(root.within("reconcile"), faults),
        signals=read_signals(root.within("signals"), faults),
        delivery=_delivery(delivery, faults),
        told=told,
        probes=_probes(root.within("probes")),
        log_level=logs.choice("level", LEVELS, "INFO"),
        log_format=LogFormat(logs.choice("format", [form.value for form in LogFormat], LogFormat.AUTO.value)),
    )
    logs.end()
    return processes


def _engine(fields: FileFields) -> EngineSettings:
    settings = EngineSettings(
        kafka=_UNSET,
        topics=Topics(()),
        micro_batches=fields.flag("micro_batches", _ENGINE.micro_batches),
        batch_records_max=fields.whole("batch_records_max", _ENGINE.batch_records_max, least=1, most=100_000),
        event_ids_max=fields.whole("event_ids_max", _ENGINE.event_ids_max, least=16, most=1_024),
        unknown_sku_grace_s=fields.number("unknown_sku_grace_s", _ENGINE.unknown_sku_grace_s, least=0.1, most=WEEK_S),
        unreported_sale_limit_s=fields.number(
            "unreported_sale_limit_s", _ENGINE.unreported_sale_limit_s, least=1, most=52 * WEEK_S
        ),
        velocity_writes_per_s=fields.whole(
            "velocity_writes_per_s", _ENGINE.velocity_writes_per_s, least=1, most=100_000
        ),
        sweep_skus_per_s=fields.whole("sweep_skus_per_s", _ENGINE.sweep_skus_per_s, least=1, most=1_000_000),
        silence=_silence(fields.within("silent_sources")),
        mass_change=_mass_change(fields.within("mass_change")),
        instance_id=fields.text_or_none("instance_id"),
    )
    fields.end()
    return settings


def _silence(fields: FileFields) -> SilencePolicy:
    default = _ENGINE.silence
    inner = fields.within("by_source")
    by_source = {
        SourceId(source): round(1000 * inner.number(source, 0, least=1, most=WEEK_S))
        for source in fields.mapping("by_source")
    }
    policy = SilencePolicy(
        limit_ms=round(1000 * fields.number("after_s", default.limit_ms / 1000, least=1, most=WEEK_S)),
        grace_ms=round(1000 * fields.number("grace_s", default.grace_ms / 1000, least=0, most=WEEK_S)),
        by_source=by_source,
    )
    fields.end()
    return policy


def _mass_change(fields: FileFields) -> MassChangePolicy:
    default = _ENGINE.mass_change
    policy = MassChangePolicy(
        share_percent=fields.whole("share_percent", default.share_percent, least=1, most=100),
        window_ms=round(1000 * fields.number("window_s", default.window_ms / 1000, least=1, most=86_400)),
        listings_min=fields.whole("listings_min", default.listings_min, least=1, most=ANY),
    )
    fields.end()
    return policy


def _delivery(fields: FileFields, faults: list[ConfigFault]) -> DeliverySettings:
    """Bounds of the numbers are delivery's own to judge; here they must be numbers."""
    retry = fields.within("retry")
    schedule = RetrySchedule(
        retry.numbers("first_s", RetrySchedule().first_s),
        retry.number("steady_s", RetrySchedule().steady_s, least=-ANY, most=ANY),
    )
    retry.end()

    def number(name: str, default: float) -> float:
        return fields.number(name, default, least=-ANY, most=ANY)

    health = read_health(fields.within("health"))

    def whole(name: str, default: int) -> int:
        return fields.whole(name, default, least=-ANY, most=ANY)

    settings = replace(
        _DELIVERY,
        retry=schedule,
        attempt_valid_s=number("attempt_valid_s", _DELIVERY.attempt_valid_s),
        request_s_max=number("request_s_max", _DELIVERY.request_s_max),
        handover_wait_s=number("handover_wait_s", _DELIVERY.handover_wait_s),
        drain_s_max=number("drain_s_max", _DELIVERY.drain_s_max),
        aged_after_s=number("aged_after_s", _DELIVERY.aged_after_s),
        report_interval_s=number("report_interval_s", _DELIVERY.report_interval_s),
        offset_commit_interval_s=number("offset_commit_interval_s", _DELIVERY.offset_commit_interval_s),
        commit_linger_s=number("commit_linger_s", _DELIVERY.commit_linger_s),
        session_timeout_s=number("session_timeout_s", _DELIVERY.session_timeout_s),
        failing_fall_s=number("failing_fall_s", _DELIVERY.failing_fall_s),
        failing_falls_max=whole("failing_falls_max", _DELIVERY.failing_falls_max),
        mass_change_hold_s=number("mass_change_hold_s", _DELIVERY.mass_change_hold_s),
        rise_sample_percent=number("rise_sample_percent", _DELIVERY.rise_sample_percent),
        letters=_letters(fields.within("dead_letters")),
        engine_silent_s=number("engine_silent_s", _DELIVERY.engine_silent_s),
        status_poll_s=number("status_poll_s", _DELIVERY.status_poll_s),
        readiness_check_s=number("readiness_check_s", _DELIVERY.readiness_check_s),
        tick_s=number("tick_s", _DELIVERY.tick_s),
        health=health,
        read_share=number("read_share", _DELIVERY.read_share),
        zero_reserve=number("zero_reserve", _DELIVERY.zero_reserve),
        unrecognized_attempts_max=whole("unrecognized_attempts_max", _DELIVERY.unrecognized_attempts_max),
        requests_in_flight_max=whole("requests_in_flight_max", _DELIVERY.requests_in_flight_max),
        reads_in_flight_max=whole("reads_in_flight_max", _DELIVERY.reads_in_flight_max),
    )
    fields.end()
    faults.extend(settings.faults("delivery"))
    return settings


def _letters(fields: FileFields) -> LetterRules:
    known = LetterRules()
    rules = LetterRules(
        fields.whole("in_a_row_max", known.in_a_row_max, least=-ANY, most=ANY),
        fields.number("percent_max", known.percent_max, least=-ANY, most=ANY),
        fields.whole("share_of_least", known.share_of_least, least=-ANY, most=ANY),
    )
    fields.end()
    return rules


def _probes(fields: FileFields) -> Probes:
    host = fields.text("host", HOST_DEFAULT)
    inner = fields.within("ports")
    ports = {name: inner.whole(name, port, least=0, most=65_535) for name, port in default_ports().items()}
    inner.end()
    fields.end()
    return Probes(host, ports)
