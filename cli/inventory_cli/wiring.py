"""Builds processes out of settings: the one place where rooms that do not know each other are put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from inventory_adapters.catalog import MARKETPLACES
from inventory_adapters.secrets import Secret
from inventory_cli.certificates import CertificateEnds
from inventory_cli.clock import SystemClock
from inventory_cli.connecting import is_secret, registry_of
from inventory_cli.process_names import CONSOLE, ENGINE, LEDGER, RECONCILE, SIGNALS, process_of
from inventory_cli.settings import Settings
from inventory_console.settings import ConsoleSettings
from inventory_domain.bulk import ReportsStatus
from inventory_domain.errors import ConfigError, ConfigFault
from inventory_domain.identifiers import AccountId, ChannelId, Marketplace
from inventory_domain.ports import MarketplaceAdapter
from inventory_ledger import address
from inventory_ledger.settings import Feed, LedgerSettings, LedgerTopic
from inventory_schemas.registry import ConfluentRegistry
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.engine.settings import EngineSettings
from inventory_streams.kafka.statistics import ClientStatistics
from inventory_streams.reconcile.settings import ReconcileSettings
from inventory_streams.signals.settings import SignalsSettings
from inventory_streams.topics import Topics

if TYPE_CHECKING:  # each is loaded where it is built: most processes have none
    from inventory_cli.alerting import WebhookAlerts
    from inventory_streams.reconcile.run import AccountToReconcile


def engine_settings(settings: Settings, instance_id: str | None = None) -> EngineSettings:
    """What the engine is started with; `instance_id` takes the place of the settings file's."""
    connection, probes = settings.connection, settings.processes.probes
    return replace(
        settings.processes.engine,
        instance_id=instance_id or settings.processes.engine.instance_id,
        kafka=connection.kafka,
        topics=connection.topics,
        partitions=connection.partitions,
        application=f"{settings.application_id}-engine",
        probe_host=probes.host,
        probe_port=probes.ports[ENGINE],
    )


def delivery_settings(settings: Settings, marketplace: Marketplace) -> DeliverySettings:
    """What the delivery of this marketplace is started with.

    Raises:
        ConfigError: no account of the settings is at this marketplace.
    """
    if not any(account.marketplace == marketplace for account in settings.accounts.values()):
        raise ConfigError(
            [ConfigFault("accounts", f"none of them is at {marketplace}, so there is nothing to deliver")]
        )
    connection, probes = settings.connection, settings.processes.probes
    return replace(
        settings.processes.delivery,
        app=settings.application_id,
        marketplace=marketplace,
        kafka=connection.kafka,
        topics=connection.topics,
        probe_host=probes.host,
        probe_port=probes.ports[process_of(marketplace)],
        modes=settings.modes,
        deadlines_s=settings.deadlines_s,
        order_delay_s=settings.processes.reconcile.policy.order_delay_s,
        pull_share=settings.processes.reconcile.pull_share,
    )


def ledger_settings(settings: Settings) -> LedgerSettings:
    """What the ledger is started with: every topic that it keeps, by what is on it."""
    connection, probes = settings.connection, settings.processes.probes
    return replace(
        settings.ledger,
        kafka=connection.kafka,
        topics=ledger_topics(connection.topics),
        group=f"{settings.application_id}-ledger",
        probe_host=probes.host,
        probe_port=probes.ports[LEDGER],
    )


def console_settings(settings: Settings) -> ConsoleSettings:
    """What the console is started with."""
    probes = settings.processes.probes
    return replace(settings.console, probe_host=probes.host, probe_port=probes.ports[CONSOLE])


def ledger_topics(topics: Topics) -> tuple[LedgerTopic, ...]:
    """The topics that the ledger keeps."""
    of_marketplaces = [
        LedgerTopic(name(one), feed, one)
        for one in topics.marketplaces
        for name, feed in (
            (topics.targets, Feed.TARGETS),
            (topics.exposure, Feed.EXPOSURE),
            (topics.observations, Feed.OBSERVATIONS),
            (topics.dead_letters, Feed.DEAD_LETTERS),
            (topics.reconciliations, Feed.RECONCILIATIONS),
        )
    ]
    return (
        LedgerTopic(topics.inventory_changes, Feed.CHANGES),
        LedgerTopic(topics.catalog_products, Feed.PRODUCTS),
        LedgerTopic(topics.sku_commands, Feed.SKU_COMMANDS),
        LedgerTopic(topics.sku_state, Feed.SKU_STATES),
        LedgerTopic(topics.engine_progress, Feed.ENGINE_PROGRESS),
        LedgerTopic(topics.inventory_dead_letters, Feed.DEAD_LETTERS),
        LedgerTopic(topics.listing_outcomes, Feed.OUTCOMES),
        LedgerTopic(topics.inventory_discrepancies, Feed.DISCREPANCIES),
        LedgerTopic(topics.channel_health, Feed.CHANNEL_HEALTH),
        LedgerTopic(topics.operator_commands, Feed.OPERATOR_COMMANDS),
        *of_marketplaces,
    )


def adapters(settings: Settings, marketplace: Marketplace, clock: SystemClock) -> dict[AccountId, MarketplaceAdapter]:
    """The adapter of each account at this marketplace, for delivery. Nothing is called yet."""
    return {
        name: MARKETPLACES[marketplace].build(account, clock)
        for name, account in settings.accounts.items()
        if account.marketplace == marketplace
    }


def statuses(settings: Settings, adapters: Mapping[AccountId, MarketplaceAdapter]) -> dict[AccountId, ReportsStatus]:
    """Who says how each account's platform is: the page that the settings name, else the marketplace's own call."""
    from inventory_adapters.status_page import StatusPage

    found: dict[AccountId, ReportsStatus] = {}
    for name, adapter in adapters.items():
        page = settings.processes.told.status_pages.get(name)
        if page is not None:
            found[name] = StatusPage(page)
        elif isinstance(adapter, ReportsStatus):
            found[name] = adapter
    return found


def alert_sink(settings: Settings, metrics: CollectorRegistry) -> WebhookAlerts | None:
    """Where alerts are posted; None where the settings name no webhook."""
    from inventory_cli.alerting import WebhookAlerts

    webhook = settings.processes.told.alert_webhook
    return None if webhook is None else WebhookAlerts(webhook, settings.application_id, metrics)


def accounts_of(settings: Settings, marketplace: Marketplace) -> dict[ChannelId, AccountId]:
    """Which account serves each channel of this marketplace."""
    return {
        name: channel.account
        for name, channel in settings.policy.channels.items()
        if channel.marketplace == marketplace
    }


def reconcile_settings(settings: Settings) -> ReconcileSettings:
    """What reconciliation is started with."""
    connection, probes = settings.connection, settings.processes.probes
    return replace(
        settings.processes.reconcile,
        app=settings.application_id,
        kafka=connection.kafka,
        topics=connection.topics,
        partitions=connection.partitions,
        probe_host=probes.host,
        probe_port=probes.ports[RECONCILE],
    )


def accounts_to_reconcile(settings: Settings, clock: SystemClock) -> list[AccountToReconcile]:
    """Every account with its adapter and channels, in the order of the file. Nothing is called yet."""
    from inventory_streams.reconcile.run import AccountToReconcile

    return [
        AccountToReconcile(
            name, account.marketplace, MARKETPLACES[account.marketplace].build(account, clock), account.channel_ids
        )
        for name, account in settings.accounts.items()
    ]


def signals_settings(settings: Settings) -> SignalsSettings:
    """What the process that takes signals is started with."""
    connection, probes = settings.connection, settings.processes.probes
    return replace(
        settings.processes.signals,
        app=settings.application_id,
        kafka=connection.kafka,
        topics=connection.topics,
        partitions=connection.partitions,
        probe_host=probes.host,
        probe_port=probes.ports[SIGNALS],
    )


def registry(settings: Settings) -> ConfluentRegistry:
    """The schema registry of the settings. Nothing is asked yet."""
    return registry_of(settings.connection)


def metrics() -> CollectorRegistry:
    """A registry of metrics that has those of the process itself: memory, file handles, time, garbage."""
    found = CollectorRegistry()
    ProcessCollector(registry=found)
    PlatformCollector(registry=found)
    GCCollector(registry=found)
    return found


def observed(settings: Settings, metrics: CollectorRegistry) -> Settings:
    """The same settings for a process whose Kafka clients and certificates are shown by these metrics."""
    statistics = ClientStatistics(lambda: SystemClock().now_ms() / 1000)
    metrics.register(statistics)
    metrics.register(CertificateEnds(settings.connection.kafka.security, settings.connection.registry_security))
    kafka = replace(settings.connection.kafka, statistics=statistics.take)
    return replace(settings, connection=replace(settings.connection, kafka=kafka))


def secrets(settings: Settings) -> list[Secret]:
    """Every credential of the settings, to be struck out of what is logged."""
    security = [*settings.connection.kafka.security.items(), *settings.connection.registry_security.items()]
    found = [Secret(value) for name, value in security if is_secret(name)]
    for account in settings.accounts.values():
        found.extend(_secrets_of(account))
    passwords = address.passwords_of(settings.ledger.url)
    if settings.processes.told.alert_webhook is not None:
        found.append(settings.processes.told.alert_webhook)
    found.extend(Secret(value) for value in (*passwords, *settings.console.operators.values()) if value)
    return found


def _secrets_of(settings: object) -> list[Secret]:
    """Those of an account and of every section in it, such as what signs its messages."""
    if isinstance(settings, Secret):
        return [settings]
    if not is_dataclass(settings):
        return []
    return [secret for field in fields(settings) for secret in _secrets_of(getattr(settings, field.name))]
