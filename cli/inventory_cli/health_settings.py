"""The section `delivery.health` of the settings file: when a channel is probed, stopped and restored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from inventory_adapters.secrets import Secret
from inventory_cli.documents import SecretSource
from inventory_cli.fields import FileFields
from inventory_cli.template_lines import Line
from inventory_domain.errors import ConfigFault
from inventory_domain.health import HealthRules
from inventory_domain.identifiers import AccountId
from inventory_domain.retry import RetrySchedule

_RULES: Final = HealthRules()
_ANY: Final = 10**9
_SECONDS: Final = {
    "idle_probe_s": "a channel on which nothing happened for so long is probed",
    "outage_probe_s": "the pace of probes, and of zeros, while the platform says that it is down",
    "stop_after_s": "no success for so long: every listing of the channel is shown as zero",
    "warn_before_s": "so long before that, a warning that pages",
    "restore_ramp_s": "after a stop-sale rises come back over so long, from a tenth of the pace to all of it",
    "stop_after_failures_s": "the second trigger: with so many failures in a row, no success for so long is enough",
}


def read_health(fields: FileFields) -> HealthRules:
    """The rules. Their bounds are the domain's to judge; here they must be numbers."""
    probe = fields.within("probe")
    schedule = RetrySchedule(
        probe.numbers("first_s", _RULES.probe.first_s),
        probe.number("steady_s", _RULES.probe.steady_s, least=-_ANY, most=_ANY),
    )
    probe.end()
    seconds = {name: fields.number(name, getattr(_RULES, name), least=-_ANY, most=_ANY) for name in _SECONDS}
    rules = HealthRules(
        failures_in_a_row=fields.whole("failures_in_a_row", _RULES.failures_in_a_row, least=-_ANY, most=_ANY),
        probe=schedule,
        stop_after_failures=fields.whole("stop_after_failures", _RULES.stop_after_failures, least=-_ANY, most=_ANY),
        **seconds,
    )
    fields.end()
    return rules


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told of alerts beside log and metrics, and which status pages are asked, by account."""

    alert_webhook: Secret | None = None
    status_pages: Mapping[AccountId, str] = field(default_factory=dict)


def read_told(fields: FileFields, secrets: SecretSource, faults: list[ConfigFault]) -> Told:
    """The webhook, which may be a secret, and the pages of `delivery`."""
    path = fields.path_of("alert_webhook")
    webhook = secrets.resolved(fields.anything("alert_webhook"), path, faults)
    if isinstance(webhook, str):
        webhook = Secret(webhook)
    if webhook is not None and not isinstance(webhook, Secret):
        faults.append(ConfigFault(path, "must be an address, {env: NAME}, {file: PATH} or null"))
        webhook = None
    if webhook is not None and secrets.look_up and not _is_address(webhook.reveal()):
        faults.append(ConfigFault(path, "must be an address that begins with https:// or http://"))
    pages: dict[AccountId, str] = {}
    for name, url in fields.mapping("status_pages").items():
        if isinstance(url, str) and _is_address(url):
            pages[AccountId(name)] = url
        else:
            text = f"is {url!r}; an address that begins with https:// (http:// on this machine only)"
            faults.append(ConfigFault(f"{fields.path_of('status_pages')}.{name}", text))
    return Told(webhook, pages)


def _is_address(text: str) -> bool:
    return text.startswith(("https://", "http://"))


def health_lines(given: HealthRules) -> tuple[Line, ...]:
    """Every rule with its default and what it means, for the settings template."""
    probe = (
        Line("first_s", list(given.probe.first_s), "waits of the probe after the circuit has opened"),
        Line("steady_s", given.probe.steady_s, "the wait after every further one"),
    )
    failures = Line(
        "failures_in_a_row", given.failures_in_a_row, "then an alert, and one probe instead of every listing"
    )
    trigger = Line("stop_after_failures", given.stop_after_failures, "the second trigger's failures in a row; 0: off")
    seconds = [Line(name, getattr(given, name), text) for name, text in _SECONDS.items()]
    return (failures, Line("probe", probe), *seconds[:-1], trigger, seconds[-1])
