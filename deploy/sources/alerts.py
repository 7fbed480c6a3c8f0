"""Every alert, declared once, with what fires it and what does not. `rules` makes the files of it."""

from __future__ import annotations

from typing import Final

from deploy.sources.accounting_alerts import accounting_alerts
from deploy.sources.alert import Alert, Example, happened
from deploy.sources.listing_alerts import listing_alerts
from deploy.sources.quota_alerts import quota_alerts
from deploy.sources.roles import ROLES, Role
from deploy.sources.signals_alerts import signals_alerts
from deploy.sources.source_alerts import source_alerts

RUNBOOKS: Final = "docs/runbooks"
DELIVERY: Final = "inventory_sync_delivery"
ENGINE: Final = "inventory_sync_engine"
RECONCILE: Final = "inventory_sync_reconcile"
OBJECTIVE: Final = (
    0.99  # of all changes are taken by the channel within its time, `freshness_objective_s` of its account
)


def alerts() -> tuple[Alert, ...]:
    """All of them."""
    return (
        *_channels(),
        *listing_alerts(),
        *_truth(),
        *accounting_alerts(),
        *quota_alerts(),
        *source_alerts(),
        *signals_alerts(),
        *_flow(),
        *_burn_rates(),
        *_ends(),
        *_missing(),
    )


def _channels() -> tuple[Alert, ...]:
    failing = f"max by (channel) ({DELIVERY}_channel_failures_in_a_row)"
    channel = {"channel": "ebay-us"}
    stopped = f'max by (channel) ({DELIVERY}_channel_state{{state="stopped"}})'
    soon = f"min by (channel) ({DELIVERY}_channel_stop_sale_in_seconds)"
    return (
        Alert(
            "ChannelStopSaleSoon",
            f"{soon} < 900 and {soon} > 0",
            "0m",
            "page",
            "{{ $labels.channel }}: all its listings go to zero within fifteen minutes unless a write goes through",
            "stop-sale-near",
            Example(
                {f'{DELIVERY}_channel_stop_sale_in_seconds{{channel="ebay-us"}}': "90000x5 600x10 90000x10"},
                "10m",
                ("4m", "20m"),
                channel,
            ),
        ),
        Alert(
            "ChannelStopped",
            f"{stopped} == 1",
            "0m",
            "page",
            "{{ $labels.channel }}: stopped; every listing of it is being set to zero",
            "channel-stopped",
            Example(
                {f'{DELIVERY}_channel_state{{channel="ebay-us",state="stopped"}}': "0x5 1x10 0x10"},
                "10m",
                ("4m", "20m"),
                channel,
            ),
        ),
        Alert(
            "CredentialsRefused",
            f"max by (channel) ({DELIVERY}_channel_credentials_lost) == 1",
            "0m",
            "page",
            "{{ $labels.channel }}: the marketplace refuses our credentials; nothing can be written, zeros included",
            "credentials-lost",
            Example(
                {f'{DELIVERY}_channel_credentials_lost{{channel="ebay-us"}}': "0x5 1x10 0x10"},
                "10m",
                ("4m", "20m"),
                channel,
            ),
        ),
        Alert(
            "ChannelFailing",
            f"{failing} >= 3",
            "0m",
            "page",
            "{{ $labels.channel }}: three writes in a row failed; one probe goes instead of every listing",
            "channel-failing",
            Example(
                {f'{DELIVERY}_channel_failures_in_a_row{{channel="ebay-us"}}': "2x5 3x10 0x10"},
                "10m",
                ("4m", "20m"),
                channel,
            ),
        ),
    )


def _truth() -> tuple[Alert, ...]:
    paged = f'{RECONCILE}_discrepancies_by_severity_total{{severity="page"}}'
    overdue = f"time() - max by (channel) ({RECONCILE}_last_complete_timestamp_seconds)"
    read, left = f"sum by (channel) ({DELIVERY}_targets_read_total)", f"sum by (channel) ({DELIVERY}_targets_pending)"
    # Each begins with the first target that comes to it: until then it is none, and not nothing at all.
    ends = ("delivered", "already_sent", "superseded", "dead_lettered", "forgotten", "shadowed", "handed_over")
    done = " - ".join(f"(sum by (channel) ({DELIVERY}_targets_{one}_total) or 0 * {read})" for one in ends)
    return (
        Alert(
            "Drift",
            happened(paged, "channel"),
            "0m",
            "page",
            "{{ $labels.channel }}: a listing shows more than 10 units, or 5 %, off what it may show",
            "drift",
            Example(
                {f'{RECONCILE}_discrepancies_by_severity_total{{channel="ebay-us",severity="page"}}': "_x10 1x60"},
                "12m",
                ("9m", "40m"),
                {"channel": "ebay-us"},
            ),
        ),
        Alert(
            "ReconciliationOverdue",
            f"{overdue} > 2 * scalar(max({RECONCILE}_interval_seconds))",
            "5m",
            "page",
            "{{ $labels.channel }}: not compared with what the marketplace shows for twice the interval",
            "reconciliation-overdue",
            Example(
                {
                    f'{RECONCILE}_last_complete_timestamp_seconds{{channel="ebay-us"}}': "0x30 1860x40",
                    f"{RECONCILE}_interval_seconds": "600x80",
                },
                "28m",
                ("15m", "40m"),
                {"channel": "ebay-us"},
            ),
        ),
        Alert(
            "TargetsUnaccounted",
            f"abs({read} - {done} - ({left} or 0 * {read})) > 0",
            "10m",
            "ticket",
            "{{ $labels.channel }}: targets were read and are neither done nor waiting: a bug of ours",
            "targets-unaccounted",
            Example(
                {
                    f'{DELIVERY}_targets_read_total{{channel="ebay-us"}}': "5x5 7x20 5x20",
                    f'{DELIVERY}_targets_pending{{channel="ebay-us"}}': "2x60",
                    f'{DELIVERY}_targets_shadowed_total{{channel="ebay-us"}}': "3x60",
                },
                "20m",
                ("12m", "30m"),
                {"channel": "ebay-us"},
            ),
        ),
        Alert(
            "VersionGivenTwice",
            happened(f"{DELIVERY}_equal_versions_total", "channel"),
            "0m",
            "page",
            "{{ $labels.channel }}: a version was given to two quantities: a bug of ours",
            "targets-unaccounted",
            Example(
                {f'{DELIVERY}_equal_versions_total{{channel="ebay-us"}}': "_x10 1x60"},
                "12m",
                ("9m", "40m"),
                {"channel": "ebay-us"},
            ),
        ),
    )


def _flow() -> tuple[Alert, ...]:
    topic = "listing.targets.ebay"
    return (
        Alert(
            "EngineLag",
            f"max({ENGINE}_lag_seconds) > 60",
            "5m",
            "page",
            "Changes wait more than a minute before they are computed",
            "engine-lag",
            Example({f"{ENGINE}_lag_seconds": "2x5 120x15 2x10"}, "12m", ("8m", "25m")),
        ),
        Alert(
            "EngineLagGrowing",
            f"sum({ENGINE}_lag_records) > 10000 and deriv(sum({ENGINE}_lag_records)[10m:1m]) > 0",
            "10m",
            "ticket",
            "More input comes than is computed, for ten minutes",
            "engine-lag",
            Example(
                {f'{ENGINE}_lag_records{{topic="inventory.changes"}}': "0x10 0+5000x30 0x20"}, "35m", ("15m", "55m")
            ),
        ),
        Alert(
            "QueueOld",
            f"max by (channel) ({DELIVERY}_queue_age_seconds_max) > 900",
            "5m",
            "ticket",
            "{{ $labels.channel }}: a listing waits more than fifteen minutes to be sent",
            "queue-old",
            Example(
                {f'{DELIVERY}_queue_age_seconds_max{{channel="ebay-us"}}': "1x5 1000x15 1x10"},
                "12m",
                ("8m", "25m"),
                {"channel": "ebay-us"},
            ),
        ),
        Alert(
            "InputDeadLetters",
            happened(f"{ENGINE}_dead_letters_total", "reason"),
            "0m",
            "ticket",
            "Input that could not be used went to the dead letters: {{ $labels.reason }}",
            "dead-letters",
            Example(
                {f'{ENGINE}_dead_letters_total{{reason="bad-quantity"}}': "0x10 4x60"},
                "12m",
                ("9m", "40m"),
                {"reason": "bad-quantity"},
            ),
        ),
        Alert(
            "ListingDeadLetters",
            happened(f"{DELIVERY}_targets_dead_lettered_total", "channel"),
            "0m",
            "ticket",
            "{{ $labels.channel }}: the marketplace refuses writes of listings for good",
            "dead-letters",
            Example(
                {f'{DELIVERY}_targets_dead_lettered_total{{channel="ebay-us",reason="not-found"}}': "_x10 2x60"},
                "12m",
                ("9m", "40m"),
                {"channel": "ebay-us"},
            ),
        ),
        Alert(
            "ConsumerBehind",
            "max by (job, topic) (inventory_sync_kafka_client_lag_seconds) > 300",
            "5m",
            "ticket",
            "{{ $labels.job }} has not read records of {{ $labels.topic }} that are five minutes old",
            "consumer-behind",
            Example(
                {f'inventory_sync_kafka_client_lag_seconds{{job="deliver-ebay",topic="{topic}"}}': "0x5 400x15 0x10"},
                "12m",
                ("8m", "25m"),
                {"job": "deliver-ebay", "topic": topic},
            ),
        ),
        Alert(
            "LedgerBehind",
            "sum(inventory_sync_ledger_lag_records) > 100000",
            "15m",
            "ticket",
            "What people ask is answered from tables that are behind the topics",
            "ledger-behind",
            Example({'inventory_sync_ledger_lag_records{topic="x"}': "0x5 200000x30 0x10"}, "25m", ("10m", "40m")),
        ),
        Alert(
            "LedgerIncomplete",
            happened("inventory_sync_ledger_records_missed_total", "topic"),
            "0m",
            "ticket",
            "{{ $labels.topic }}: records were deleted before the ledger read them; answers and reports lack them",
            "ledger-behind",
            Example(
                {'inventory_sync_ledger_records_missed_total{topic="listing.outcomes"}': "_x10 5x60"},
                "12m",
                ("9m", "40m"),
                {"topic": "listing.outcomes"},
            ),
        ),
    )


def _late_share(window: str) -> str:
    late = f"sum by (channel) (rate({DELIVERY}_freshness_late_total[{window}]))"
    return f"{late} / sum by (channel) (rate({DELIVERY}_freshness_accepted_seconds_count[{window}]))"


def _burn_rates() -> tuple[Alert, ...]:
    """Two windows each, so that an alert comes soon and goes soon: a month's budget gone in 2 days, and in 5."""
    found = []
    for speed, rate, windows, severity in (
        ("Fast", 14.4, ("1h", "5m"), "page"),
        ("Slow", 6.0, ("6h", "30m"), "ticket"),
    ):
        spent = round(rate * (1 - OBJECTIVE), 4)
        example = Example(
            {
                f'{DELIVERY}_freshness_late_total{{channel="outlet"}}': "0x120 0+10x60 600x600",
                f'{DELIVERY}_freshness_accepted_seconds_count{{channel="outlet"}}': "0+10x780",
                # Another channel, all of whose changes are in time.
                f'{DELIVERY}_freshness_late_total{{channel="ebay-us"}}': "0x780",
                f'{DELIVERY}_freshness_accepted_seconds_count{{channel="ebay-us"}}': "0+10x780",
            },
            "175m",
            ("110m", "5h"),
            {"channel": "outlet"},
        )
        found.append(
            Alert(
                f"FreshnessBudgetBurns{speed}",
                " and ".join(f"{_late_share(one)} > {spent}" for one in windows),
                "2m",
                severity,
                "{{ $labels.channel }}: too many changes reach it late; at this pace the month's 1 % is soon used up",
                "freshness",
                example,
            )
        )
    return tuple(found)


def _ends() -> tuple[Alert, ...]:
    certificate = "inventory_sync_certificate_end_timestamp_seconds"
    return (
        Alert(
            "CertificateEnds",
            f"min by (file) ({certificate}) - time() < 14 * 86400",
            "1h",
            "ticket",
            "{{ $labels.file }} ends within two weeks",
            "certificate-ends",
            Example(
                {f'{certificate}{{file="ca.crt"}}': "9999999x5 1000000x200 9999999x100"},
                "120m",
                ("30m", "250m"),
                {"file": "ca.crt"},
            ),
        ),
        Alert(
            "TokenNotRenewed",
            f"max by (account) ({DELIVERY}_token_age_seconds) > 3 * 3600",
            "5m",
            "page",
            "{{ $labels.account }}: its access token is older than any lives; the next write will be refused",
            "credentials-refused",
            Example(
                {f'{DELIVERY}_token_age_seconds{{account="ebay"}}': "100x5 12000x15 100x10"},
                "12m",
                ("8m", "25m"),
                {"account": "ebay"},
            ),
        ),
    )


def _absent(role: Role) -> str:
    """One that nobody has to have, as of a marketplace that is not sold on, is missed for a week after it was there."""
    gone, never = (
        f'{one}(up{{job="{role.process}"}}{span})' for one, span in (("absent", ""), ("absent_over_time", "[7d]"))
    )
    return f"({gone} unless {never})" if role.optional else gone


def _missing() -> tuple[Alert, ...]:
    jobs = "|".join(role.process for role in ROLES)
    absent = " or ".join(_absent(role) for role in ROLES)
    engine = 'up{job="engine",instance="a"}'
    # One marketplace is not sold on.
    up = {f'up{{job="{role.process}",instance="a"}}': "1x40" for role in ROLES[2:]}
    return (
        Alert(
            "ProcessDown",
            f'up{{job=~"{jobs}"}} == 0',
            "3m",
            "ticket",
            "{{ $labels.job }} at {{ $labels.instance }} does not answer",
            "process-missing",
            Example(
                {engine: "1x5 0x10 1x10"},
                "10m",
                ("7m", "20m"),
                {"job": "engine", "instance": "a"},
            ),
        ),
        Alert(
            "RoleMissing",
            f'{absent} or max by (job) (up{{job=~"{jobs}"}}) == 0',
            "3m",
            "page",
            "No process of {{ $labels.job }} answers",
            "process-missing",
            Example({**up, engine: "1x5 0x10 1x10"}, "10m", ("7m", "20m"), {"job": "engine"}),
        ),
    )
