"""The sections `reconcile` and `signals` of the settings file, and how they are written into a new one."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeVar

from inventory_cli.fields import FileFields
from inventory_cli.template_lines import Line
from inventory_domain.corrections import CorrectionPolicy
from inventory_domain.errors import ConfigFault
from inventory_domain.identifiers import ChannelId, LocationId
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.reconcile.settings import ReconcileSettings
from inventory_streams.signals.settings import SignalsSettings
from inventory_streams.topics import Topics

_UNSET: Final = KafkaSettings("")
RECONCILE_DEFAULT: Final = ReconcileSettings("", _UNSET, Topics(()), 0)
SIGNALS_DEFAULT: Final = SignalsSettings("", _UNSET, Topics(()), 0)
_ANY: Final = 10**9
T = TypeVar("T", ReconcileSettings, SignalsSettings, CorrectionPolicy)

_POLICY: Final = {
    "units": "a difference of more units is corrected,",
    "percent": "and one of more than this share of what is expected",
    "page_units": "more units page; so does more than `percent` and more than `units`",
    "order_delay_s": "how long your source may take to report an order; what shows too little waits as long",
    "late_s": "a write is called late and not lost until so long after its settling time",
    "answer_s_max": "a correction that the engine has not answered is asked for again",
    "corrections_max": "after so many that did not hold, somebody else is writing: it stops and pages",
}
_RECONCILE: Final = {
    "interval_s": "how often each channel is pulled; 14400 s, four hours, at the most",
    "retry_s": "the wait after a pull that did not reach its end; doubled each time",
    "pull_share": "of a limit that pushes and single reads need too; what only pulls need they have whole",
    "reserve": "of what a marketplace says is left: pulls stop below it",
    "background_from": "channels of so many listings are pulled in the background where that is offered",
    "pull_s_max": "a pull that takes longer is given up",
    "sales_memory_s": "how far back sales are kept, for what a channel may show less by now",
    "case_memory_s": "how far back discrepancies are read at a start",
    "rechecks_max": "fresh single reads that one reconciliation may ask for",
    "held_interval_s": "how often pools that a marketplace holds (FBA, WFS) are counted",
    "counts_interval_s": "how often positions are compared with the source's own counts",
}
_SIGNALS: Final = {
    "body_bytes_max": "a longer message is refused unread",
    "body_s_max": "a message must be there within this",
    "in_flight_max": "worked on at once; more are asked to come again",
    "kept_s": "ids of messages are remembered this long: one sent again counts once",
    "kept_max": "and so many of them",
    "hint_interval_s": "a listing is told of at most once in this time",
    "hints_per_s_max": "per channel; the rest is left to the schedule",
    "produce_s_max": "Kafka acknowledges within this, or the sender is asked to come again",
}


def read_reconcile(fields: FileFields, faults: list[ConfigFault]) -> ReconcileSettings:
    """The section `reconcile`. Bounds of the numbers are reconciliation's own to judge; here they must be numbers."""
    settings = replace(
        _filled(fields, RECONCILE_DEFAULT, list(_RECONCILE)),
        counts_file=fields.text_or_none("counts_file"),
        pools={ChannelId(name): LocationId(str(where)) for name, where in fields.mapping("pools").items()},
        listings_expected=_listings_expected(fields),
        policy=_filled(fields, CorrectionPolicy(), list(_POLICY)),
    )
    fields.end()
    faults.extend(settings.faults("reconcile"))
    return settings


def _listings_expected(fields: FileFields) -> dict[ChannelId, int]:
    inner = fields.within("listings_expected")
    found = {ChannelId(name): inner.whole(name, 0, least=0, most=_ANY) for name in fields.mapping("listings_expected")}
    inner.end()
    return found


def read_signals(fields: FileFields, faults: list[ConfigFault]) -> SignalsSettings:
    """The section `signals`, likewise."""
    settings = replace(
        _filled(fields, SIGNALS_DEFAULT, list(_SIGNALS)),
        host=fields.text("host", SIGNALS_DEFAULT.host),
        port=fields.whole("port", SIGNALS_DEFAULT.port, least=0, most=65_535),
    )
    fields.end()
    faults.extend(settings.faults("signals"))
    return settings


def reconcile_lines() -> tuple[Line, ...]:
    """The section `reconcile` with its defaults."""
    return (
        *(Line(name, getattr(CorrectionPolicy(), name), text) for name, text in _POLICY.items()),
        *(Line(name, getattr(RECONCILE_DEFAULT, name), text) for name, text in _RECONCILE.items()),
        Line("counts_file", None, "a CSV of sku,location,on_hand that your source writes; null: its StockCounted"),
        Line(
            "listings_expected",
            {},
            "how many listings a channel will have, {ebay-us: 100000}: a schedule that its daily quota does not "
            "suffice for is refused before anything is read",
        ),
        Line("pools", {}, "locations that a marketplace holds for a channel: {amazon-us: fba-us, walmart-us: wfs}"),
    )


def signals_lines() -> tuple[Line, ...]:
    """The section `signals` with its defaults."""
    return (
        Line("host", SIGNALS_DEFAULT.host, "0.0.0.0 where the ingress that ends TLS is on another machine"),
        Line("port", SIGNALS_DEFAULT.port),
        *(Line(name, getattr(SIGNALS_DEFAULT, name), text) for name, text in _SIGNALS.items()),
    )


def warnings(settings: ReconcileSettings) -> list[str]:
    """What may be meant and is worth a word."""
    usual = RECONCILE_DEFAULT.interval_s
    if settings.interval_s > usual:
        hours = settings.interval_s / 3_600
        return [f"reconcile.interval_s: {hours:g} h; above 4 h drift sells too long before it is found"]
    return []


def _filled(fields: FileFields, default: T, names: list[str]) -> T:
    """The settings with these numbers read from the file."""
    found: dict[str, int | float] = {}
    for name in names:
        value = getattr(default, name)
        if isinstance(value, int):
            found[name] = fields.whole(name, value, least=-_ANY, most=_ANY)
        else:
            found[name] = fields.number(name, value, least=-_ANY, most=_ANY)
    return replace(default, **found)  # type: ignore[arg-type]  # each has the type of its default
