"""A settings file with every setting in it, its default and what it means, as text for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from inventory_cli.account_template import account_lines, channel_lines
from inventory_cli.defaults import PARTITIONS_DEFAULT
from inventory_cli.health_settings import health_lines
from inventory_cli.ledger_settings import console_lines, ledger_lines
from inventory_cli.observing_settings import reconcile_lines, signals_lines
from inventory_cli.policy_template import buffer_lines, policy_lines
from inventory_cli.process_settings import HOST_DEFAULT, default_ports
from inventory_cli.template_lines import Line, rendered
from inventory_domain.identifiers import Marketplace
from inventory_domain.modes import LIVE
from inventory_streams.delivery.settings import DeliverySettings, deadline_s
from inventory_streams.engine.settings import EngineSettings
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Topics

_KAFKA = KafkaSettings("")
_ENGINE = EngineSettings(_KAFKA, Topics(()))
_DELIVERY = DeliverySettings("", Marketplace(""), _KAFKA, Topics(()))


@dataclass(frozen=True, slots=True)
class ChannelDraft:
    """A channel to be written into a settings file; `options` are its marketplace's own settings."""

    name: str
    locations: Sequence[str]
    percent: int = 0
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AccountDraft:
    """An account to be written into a settings file; `values` replace its marketplace's defaults."""

    name: str
    marketplace: Marketplace
    channels: Sequence[ChannelDraft]
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """What is known when a settings file is written; all else gets its default."""

    bootstrap_servers: str
    schema_registry: str
    accounts: Sequence[AccountDraft]
    application_id: str = "inventory-sync"
    prefix: str = ""
    partitions: int = PARTITIONS_DEFAULT
    replication: int = 1
    by_category: Mapping[str, str] = field(default_factory=dict)
    engine: Mapping[str, object] = field(default_factory=dict)
    delivery: DeliverySettings = _DELIVERY
    ledger: Mapping[str, object] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=default_ports)


def starting_draft(bootstrap_servers: str, schema_registry: str) -> Draft:
    """One account per marketplace with its usual channels, to be filled in by hand."""
    where = ["main"]
    return Draft(
        bootstrap_servers,
        schema_registry,
        (
            AccountDraft(
                "amazon-na",
                Marketplace("amazon"),
                (
                    ChannelDraft("amazon-us", where),
                    ChannelDraft("amazon-ca", where, options={"marketplace_id": "A2EUQ1WTGCTBG2"}),
                ),
            ),
            AccountDraft("ebay", Marketplace("ebay"), (ChannelDraft("ebay-us", where),)),
            AccountDraft("walmart", Marketplace("walmart"), (ChannelDraft("walmart-us", where),)),
            AccountDraft("shop", Marketplace("shopify"), (ChannelDraft("shop", where),)),
        ),
    )


def settings_text(draft: Draft) -> str:
    """The commented settings file. What it says is what `settings.read` reads, defaults included."""
    accounts = tuple(Line(one.name, account_lines(one.name, one.marketplace, one.values)) for one in draft.accounts)
    channels = tuple(
        Line(channel.name, _channel(account, channel)) for account in draft.accounts for channel in account.channels
    )
    sections: tuple[Line, ...] = (
        *_system(draft),
        Line("policy", policy_lines(draft.by_category), "How stock becomes the number that a channel shows."),
        Line("accounts", accounts, "One set of credentials each: the unit of throttle and quota."),
        Line("channels", channels, "The listings in one country or shop: the unit of policy, health and stop-sale."),
        Line("engine", _engine(draft.engine), "The process that computes what each listing should show."),
        Line("delivery", _delivery(draft.delivery), "The processes that tell the marketplaces; one per marketplace."),
        Line("ledger", ledger_lines(draft.ledger), "The SQL database that explain, reports and the console ask."),
        Line("console", console_lines(), "The operations page."),
        Line("reconcile", reconcile_lines(), "The process that compares what is shown with what may be shown by now."),
        Line("signals", signals_lines(), "The process that takes what marketplaces tell of their own accord."),
        Line("probes", _probes(draft.ports), "Every process serves /metrics, /livez and /readyz."),
        Line("logs", (Line("level", "INFO", "DEBUG, INFO, WARNING or ERROR"), Line("format", "auto", _FORMATS))),
    )
    head = (
        "# Settings of inventory-sync. Every setting is here with its default; those that say the default may go.\n"
        "# `inventory-sync config check FILE` names every fault with its path in this file.\n"
        "# Secrets never stand here: {env: NAME} takes one from the environment, {file: PATH} from a file\n"
        "# (relative to this one). INVENTORY_SYNC_BOOTSTRAP_SERVERS and INVENTORY_SYNC_SCHEMA_REGISTRY override\n"
        "# the two addresses.\n"
    )
    return head + "".join("\n" + rendered([section]) for section in sections)


_FORMATS = "json, console, or auto: console at a terminal, json elsewhere"


def _system(draft: Draft) -> tuple[Line, ...]:
    return (
        Line(
            "kafka",
            (
                Line("bootstrap_servers", draft.bootstrap_servers, "host:port, or several with commas"),
                Line(
                    "security",
                    {},
                    "librdkafka's settings, such as {security.protocol: SASL_SSL, sasl.mechanism: SCRAM-SHA-512, "
                    "sasl.username: {env: KAFKA_USER}, sasl.password: {env: KAFKA_PASSWORD}, "
                    "ssl.ca.location: /etc/kafka/ca.crt}; `topics acls` lists the users that there should be",
                ),
            ),
        ),
        Line(
            "schema_registry",
            (
                Line("url", draft.schema_registry, "any registry with Confluent's interface"),
                Line(
                    "security",
                    {},
                    "such as {basic.auth.user.info: {env: REGISTRY_LOGIN}, ssl.ca.location: /etc/registry/ca.crt}; "
                    "the login is user:password",
                ),
            ),
        ),
        Line(
            "application_id",
            draft.application_id,
            "names the consumer groups: never changed, and another one for each system on one Kafka, also where their "
            "topics have different prefixes",
        ),
        Line(
            "topics",
            (
                Line("prefix", draft.prefix, "begins every topic's name; each system has an application_id, too"),
                Line("partitions", draft.partitions, "of every topic keyed by SKU; never changed later"),
                Line("replication", draft.replication, "3 where there are three brokers"),
            ),
        ),
    )


def _channel(account: AccountDraft, channel: ChannelDraft) -> tuple[Line, ...]:
    return (
        Line("account", account.name),
        Line("locations", list(channel.locations), "it may sell from these and no others"),
        *buffer_lines(account.marketplace, channel.percent),
        Line("mode", LIVE.mode.value, "live; shadow computes and writes nothing; canary writes a part of the SKUs"),
        Line("canary_percent", LIVE.canary_percent, "of its SKUs, always the same ones, under the mode canary"),
        Line("seen_within_s", _deadline(account), "a fall not seen live by then is told and tried by the other path"),
        *channel_lines(account.marketplace, channel.options),
    )


def _deadline(account: AccountDraft) -> float:
    """The usual deadline where the account's numbers are live as soon as this draft says."""
    known = {line.key: line.value for line in account_lines(account.name, account.marketplace, account.values)}
    settling_s_max = known["settling_s_max"]
    assert isinstance(settling_s_max, int | float)
    return deadline_s(settling_s_max)


def _engine(given: Mapping[str, object]) -> tuple[Line, ...]:
    lines = (
        Line("micro_batches", _ENGINE.micro_batches, "false: one record at a time, to find faults"),
        Line("batch_records_max", _ENGINE.batch_records_max, "of one transaction; only a backlog fills it"),
        Line(
            "event_ids_max",
            _ENGINE.event_ids_max,
            "Event ids remembered of each SKU, 16 to 1024: what has no sequence and is sent again behind so many others"
            " of its SKU counts twice. They are written with each change of the SKU: more of them cost speed and room.",
        ),
        Line(
            "unknown_sku_grace_s",
            _ENGINE.unknown_sku_grace_s,
            "A change for a SKU that is not in the catalog waits this long, then it is a dead letter.",
        ),
        Line(
            "unreported_sale_limit_s",
            _ENGINE.unreported_sale_limit_s,
            "An order that a channel reported and your source has not after this is counted in a metric and logged; it"
            " stays subtracted until your source reports it, or `inventory-sync sku settle`.",
        ),
        Line(
            "velocity_writes_per_s",
            _ENGINE.velocity_writes_per_s,
            "Windows of sales written a second by this worker; sales beyond it wait and are counted late.",
        ),
        Line(
            "sweep_skus_per_s",
            _ENGINE.sweep_skus_per_s,
            "SKUs decided anew a second by this worker when settings changed or a source fell silent.",
        ),
        Line(
            "silent_sources",
            (
                Line("after_s", _ENGINE.silence.limit_ms / 1000, "a source that sends heartbeats is overdue: alert"),
                Line("grace_s", _ENGINE.silence.grace_ms / 1000, "then its stock counts as 0, until it speaks again"),
                Line("by_source", {}, "another limit for a source: {wms: 3600}"),
            ),
        ),
        Line(
            "mass_change",
            (
                Line("share_percent", _ENGINE.mass_change.share_percent, "of a channel's listings zeroed by the input"),
                Line("window_s", _ENGINE.mass_change.window_ms / 1000, "within this are held a while, with an alert"),
                Line("listings_min", _ENGINE.mass_change.listings_min, "fewer are no mass, per partition"),
            ),
        ),
        Line("instance_id", None, "this worker's stable name (a pod's), for quick restarts; null for none"),
    )
    return tuple(Line(line.key, given.get(line.key, line.value), line.comment) for line in lines)


def _delivery(given: DeliverySettings) -> tuple[Line, ...]:
    waits = (
        Line("first_s", list(given.retry.first_s), "waits after the first, second, ... failure of a listing"),
        Line("steady_s", given.retry.steady_s, "the wait after every further one"),
    )
    return (
        Line("retry", waits),
        Line("attempt_valid_s", given.attempt_valid_s, "a committed attempt leaves within this, or not at all"),
        Line("request_s_max", given.request_s_max),
        Line("handover_wait_s", given.handover_wait_s, "rest of a listing that a former owner may be writing"),
        Line("drain_s_max", given.drain_s_max, "running requests may end within this at a stop"),
        Line("unrecognized_attempts_max", given.unrecognized_attempts_max, "then an answer nobody knows is final"),
        Line("requests_in_flight_max", given.requests_in_flight_max),
        Line("reads_in_flight_max", given.reads_in_flight_max),
        Line("read_share", given.read_share, "of a throttle, for reads while pushes wait for it"),
        Line("zero_reserve", given.zero_reserve, "of a daily quota, kept for falls to zero"),
        Line("aged_after_s", given.aged_after_s, "what waits longer is served in turn with what is urgent"),
        Line(
            "failing_fall_s",
            given.failing_fall_s,
            "a fall that is not live, or not sent for want of quota, goes to zero then",
        ),
        Line("failing_falls_max", given.failing_falls_max, "more of them at once are the channel's matter"),
        Line("mass_change_hold_s", given.mass_change_hold_s, "a mass change waits so long for an operator"),
        Line("rise_sample_percent", given.rise_sample_percent, "of accepted rises, read back to be sure"),
        Line("dead_letters", _letters(given), "more than these stop a channel's rises: then the fault is ours"),
        Line("report_interval_s", given.report_interval_s, "how often a worker reports on each channel"),
        Line("offset_commit_interval_s", given.offset_commit_interval_s),
        Line("commit_linger_s", given.commit_linger_s, "attempts are gathered this long into one transaction"),
        Line("session_timeout_s", given.session_timeout_s, "a dead worker's partitions move after this"),
        Line(
            "health",
            health_lines(given.health),
            "When a channel is probed, stopped and restored: docs/failure-protocol.md.",
        ),
        Line("alert_webhook", None, "each alert is posted here as JSON; {env: NAME} where the address is a secret"),
        Line("status_pages", {}, "status pages to ask, by account: {shop: https://www.example.com/status.json}"),
        Line("status_poll_s", given.status_poll_s, "how often a platform is asked how it is"),
        Line("readiness_check_s", given.readiness_check_s, "how often accounts are seen to be set as they must be"),
        Line("tick_s", given.tick_s, "how often what waits for a time is looked at"),
        Line("engine_silent_s", given.engine_silent_s, "no word of the engine for so long: its listings go to zero"),
    )


def _letters(given: DeliverySettings) -> tuple[Line, ...]:
    rules = given.letters
    return (
        Line("in_a_row_max", rules.in_a_row_max),
        Line("percent_max", rules.percent_max, "of the latest attempts"),
        Line("share_of_least", rules.share_of_least, "attempts that there must be for a share"),
    )


def _probes(ports: Mapping[str, int]) -> tuple[Line, ...]:
    return (
        Line("host", HOST_DEFAULT, "0.0.0.0 where Prometheus is on another machine"),
        Line("ports", tuple(Line(name, port) for name, port in ports.items()), "0 takes a free one and logs it."),
    )
