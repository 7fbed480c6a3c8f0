"""The dashboards, in typed code. Every query of theirs is run against a Prometheus that scrapes real processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard as boards
from grafana_foundation_sdk.builders import prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

DELIVERY: Final = "inventory_sync_delivery"
ENGINE: Final = "inventory_sync_engine"
LEDGER: Final = "inventory_sync_ledger"
RECONCILE: Final = "inventory_sync_reconcile"
CLIENT: Final = "inventory_sync_kafka_client"
SOURCE: Final = models.DataSourceRef(type_val="prometheus", uid="prometheus")
BY_CHANNEL: Final = '{channel=~"$channel"}'


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: a title, what it means, its unit, and a query with the legend of its lines."""

    title: str
    text: str
    unit: str
    query: str
    legend: str = ""
    single: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard: rows of panels under a heading each."""

    uid: str
    title: str
    rows: dict[str, tuple[Panel, ...]]
    by_channel: bool = False


def _quantile(name: str, share: float, by: str, which: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({name}_bucket{which}[$__rate_interval])))"


def boards_of() -> tuple[Board, ...]:
    """All five."""
    return (_overview(), _channel(), _engine(), _delivery(), _reconciliation())


def _overview() -> Board:
    return Board(
        "inventory-sync-overview",
        "Inventory Sync: overview",
        {
            "Now": (
                Panel(
                    "Processes",
                    "Those that answer.",
                    "short",
                    'count(up{job=~"engine|deliver-.*|reconcile|signals|ledger"} == 1)',
                    single=True,
                ),
                Panel(
                    "Channels failing",
                    "No write goes through.",
                    "short",
                    f"sum({DELIVERY}_channel_failing)",
                    single=True,
                ),
                Panel(
                    "Input behind",
                    "Age of the oldest change not computed.",
                    "s",
                    f"max({ENGINE}_lag_seconds)",
                    single=True,
                ),
                Panel("Waiting to be sent", "Listings.", "short", f"sum({DELIVERY}_queue_listings)", single=True),
            ),
            "Flow": (
                Panel(
                    "Changes read",
                    "By input.",
                    "cps",
                    f"sum by (topic) (rate({ENGINE}_records_read_total[$__rate_interval]))",
                    "{{topic}}",
                ),
                Panel(
                    "Targets written",
                    "By marketplace.",
                    "cps",
                    f"sum by (marketplace) (rate({ENGINE}_targets_total[$__rate_interval]))",
                    "{{marketplace}}",
                ),
                Panel(
                    "Writes by outcome",
                    "All channels.",
                    "cps",
                    f"sum by (outcome) (rate({DELIVERY}_pushes_total[$__rate_interval]))",
                    "{{outcome}}",
                ),
                Panel(
                    "Fresh within, 99 %",
                    "From a change to its being taken.",
                    "s",
                    _quantile(f"{DELIVERY}_freshness_accepted_seconds", 0.99, "channel"),
                    "{{channel}}",
                ),
            ),
        },
    )


def _channel() -> Board:
    accepted, confirmed = f"{DELIVERY}_freshness_accepted_seconds", f"{DELIVERY}_freshness_confirmed_seconds"
    return Board(
        "inventory-sync-channel",
        "Inventory Sync: channel",
        {
            "Health": (
                Panel(
                    "Failures in a row",
                    "Three open the circuit.",
                    "short",
                    f"max by (channel) ({DELIVERY}_channel_failures_in_a_row{BY_CHANNEL})",
                    "{{channel}}",
                ),
                Panel(
                    "Writes by outcome",
                    "",
                    "cps",
                    f"sum by (channel, outcome) (rate({DELIVERY}_pushes_total{BY_CHANNEL}[$__rate_interval]))",
                    "{{channel}} {{outcome}}",
                ),
                Panel(
                    "Targets pending",
                    "Read and not taken yet.",
                    "short",
                    f"sum by (channel) ({DELIVERY}_targets_pending{BY_CHANNEL})",
                    "{{channel}}",
                ),
            ),
            "Freshness": (
                Panel(
                    "Taken within, median",
                    "From a change to the marketplace's word.",
                    "s",
                    _quantile(accepted, 0.5, "channel", BY_CHANNEL),
                    "{{channel}}",
                ),
                Panel(
                    "Taken within, 99 %",
                    "The same, the slowest of a hundred.",
                    "s",
                    _quantile(accepted, 0.99, "channel", BY_CHANNEL),
                    "{{channel}}",
                ),
                Panel(
                    "Seen live within, 99 %",
                    "To its being read back.",
                    "s",
                    _quantile(confirmed, 0.99, "channel", BY_CHANNEL),
                    "{{channel}}",
                ),
            ),
            "Queue": (
                Panel(
                    "Listings that wait",
                    "By urgency.",
                    "short",
                    f"sum by (channel, urgency) ({DELIVERY}_queue_listings{BY_CHANNEL})",
                    "{{channel}} {{urgency}}",
                ),
                Panel(
                    "The longest wait",
                    "",
                    "s",
                    f"max by (channel) ({DELIVERY}_queue_age_seconds_max{BY_CHANNEL})",
                    "{{channel}}",
                ),
            ),
        },
        by_channel=True,
    )


def _engine() -> Board:
    return Board(
        "inventory-sync-engine",
        "Inventory Sync: engine",
        {
            "Input": (
                Panel(
                    "Records read",
                    "By input.",
                    "cps",
                    f"sum by (topic) (rate({ENGINE}_records_read_total[$__rate_interval]))",
                    "{{topic}}",
                ),
                Panel(
                    "What became of them",
                    "",
                    "cps",
                    f"sum by (effect) (rate({ENGINE}_records_total[$__rate_interval]))",
                    "{{effect}}",
                ),
                Panel(
                    "Behind, in records", "By input.", "short", f"sum by (topic) ({ENGINE}_lag_records)", "{{topic}}"
                ),
                Panel("Behind, in time", "", "s", f"max by (instance) ({ENGINE}_lag_seconds)", "{{instance}}"),
            ),
            "Batches": (
                Panel(
                    "Records of a batch", "Median.", "short", _quantile(f"{ENGINE}_batch_records", 0.5, ""), "records"
                ),
                Panel(
                    "Time to compute, 99 %", "A batch.", "s", _quantile(f"{ENGINE}_batch_seconds", 0.99, ""), "seconds"
                ),
                Panel(
                    "Time of a transaction, 99 %",
                    "From its begin to its commit.",
                    "s",
                    _quantile(f"{ENGINE}_transaction_seconds", 0.99, ""),
                    "seconds",
                ),
            ),
            "State": (
                Panel("SKUs", "Known.", "short", f"sum({ENGINE}_skus)", single=True),
                Panel("Partitions", "By worker.", "short", f"sum by (instance) ({ENGINE}_partitions)", "{{instance}}"),
                Panel(
                    "Recovery",
                    "The last one of each worker.",
                    "s",
                    f"max by (instance) ({ENGINE}_recovery_seconds)",
                    "{{instance}}",
                ),
                Panel(
                    "Uncounted listings",
                    "A location was never counted.",
                    "short",
                    f"sum({ENGINE}_uncounted_listings)",
                    "listings",
                ),
                Panel(
                    "Faust: events",
                    "Batches handed to the agent.",
                    "cps",
                    f"sum by (instance) (rate({ENGINE}_faust_events_total[$__rate_interval]))",
                    "{{instance}}",
                ),
            ),
        },
    )


def _delivery() -> Board:
    return Board(
        "inventory-sync-delivery",
        "Inventory Sync: delivery",
        {
            "Limits": (
                Panel(
                    "Throttle use",
                    "Of what this account may use.",
                    "percentunit",
                    f"sum by (account, operation) (rate({DELIVERY}_throttle_tokens_used_total[$__rate_interval]))"
                    f" / sum by (account, operation) ({DELIVERY}_throttle_tokens_allowed_per_second)",
                    "{{account}} {{operation}}",
                ),
                Panel(
                    "Quota left",
                    "Calls until midnight UTC.",
                    "short",
                    f"sum by (account, operation) ({DELIVERY}_quota_left_calls)",
                    "{{account}} {{operation}}",
                ),
                Panel(
                    "Token age",
                    "Access tokens.",
                    "s",
                    f"max by (account) ({DELIVERY}_token_age_seconds)",
                    "{{account}}",
                ),
            ),
            "Work": (
                Panel(
                    "Requests in flight",
                    "",
                    "short",
                    f"sum by (account) ({DELIVERY}_requests_in_flight)",
                    "{{account}}",
                ),
                Panel(
                    "Time of a call, 99 %",
                    "",
                    "s",
                    _quantile(f"{DELIVERY}_request_seconds", 0.99, "account"),
                    "{{account}}",
                ),
                Panel(
                    "Waiting to be read back",
                    "",
                    "short",
                    f"sum by (account) ({DELIVERY}_reads_waiting)",
                    "{{account}}",
                ),
                Panel(
                    "Time of a transaction, 99 %",
                    "",
                    "s",
                    _quantile(f"{DELIVERY}_transaction_seconds", 0.99, "job"),
                    "{{job}}",
                ),
            ),
            "Kafka's clients": (
                Panel(
                    "Received",
                    "Records.",
                    "cps",
                    f"sum by (job) (rate({CLIENT}_messages_received_total[$__rate_interval]))",
                    "{{job}}",
                ),
                Panel(
                    "Round trip", "To the brokers.", "s", f"max by (job) ({CLIENT}_round_trip_seconds_max)", "{{job}}"
                ),
                Panel(
                    "Behind, in records", "By topic.", "short", f"sum by (topic) ({CLIENT}_lag_records)", "{{topic}}"
                ),
            ),
        },
    )


def _reconciliation() -> Board:
    return Board(
        "inventory-sync-reconciliation",
        "Inventory Sync: what is shown",
        {
            "Reconciliation": (
                Panel(
                    "Since the last complete one",
                    "It should be below the interval.",
                    "s",
                    f"time() - max by (channel) ({RECONCILE}_last_complete_timestamp_seconds)",
                    "{{channel}}",
                ),
                Panel(
                    "Readings by what came of them",
                    "",
                    "cps",
                    f"sum by (channel, standing) (rate({RECONCILE}_readings_total[$__rate_interval]))",
                    "{{channel}} {{standing}}",
                ),
                Panel(
                    "Listings",
                    "That the catalog has.",
                    "short",
                    f"max by (channel) ({RECONCILE}_listings)",
                    "{{channel}}",
                ),
            ),
            "Seen": (
                Panel(
                    "Listings read back",
                    "By answer.",
                    "cps",
                    f"sum by (channel, answer) (rate({DELIVERY}_reads_total[$__rate_interval]))",
                    "{{channel}} {{answer}}",
                ),
                Panel(
                    "Targets taken",
                    "By channel.",
                    "cps",
                    f"sum by (channel) (rate({DELIVERY}_targets_delivered_total[$__rate_interval]))",
                    "{{channel}}",
                ),
            ),
            "Ledger": (
                Panel(
                    "Records kept",
                    "By topic.",
                    "cps",
                    f"sum by (topic) (rate({LEDGER}_records_total[$__rate_interval]))",
                    "{{topic}}",
                ),
                Panel("Behind", "Records not in the tables.", "short", f"sum({LEDGER}_lag_records)", "records"),
            ),
        },
    )


def json_of(board: Board) -> str:
    """The dashboard as Grafana takes it."""
    built = boards.Dashboard(board.title).uid(board.uid).tags(["inventory-sync"]).refresh("10s").time("now-30m", "now")
    if board.by_channel:
        variable = boards.QueryVariable("channel").datasource(SOURCE).multi(True).include_all(True).all_value(".*")
        built = built.with_variable(variable.query(f"label_values({DELIVERY}_targets_read_total, channel)"))
    for heading, panels in board.rows.items():
        built = built.with_row(boards.Row(heading))
        for panel in panels:
            built = built.with_panel(_panel(panel, 24 // min(4, len(panels))))
    return JSONEncoder(sort_keys=True, indent=2).encode(built.build()) + "\n"


def _panel(panel: Panel, span: int) -> stat.Panel | timeseries.Panel:
    query = prometheus.Dataquery().expr(panel.query).legend_format(panel.legend or "__auto")
    made: stat.Panel | timeseries.Panel = stat.Panel() if panel.single else timeseries.Panel()
    return (
        made.title(panel.title)
        .description(panel.text)
        .unit(panel.unit)
        .datasource(SOURCE)
        .span(span)
        .height(8)
        .with_target(query)
    )
