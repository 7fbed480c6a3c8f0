"""What the ledger is started with."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from inventory_domain.errors import ConfigFault
from inventory_domain.identifiers import Marketplace
from inventory_ledger.reports.model import TREND_WEEKS, Again
from inventory_streams.kafka.settings import KafkaSettings

WEEK_DAYS: Final = 7


class Feed(Enum):
    """What a topic carries, for the ledger."""

    CHANGES = "changes"
    PRODUCTS = "products"
    SKU_COMMANDS = "sku-commands"
    SKU_STATES = "sku-states"
    ENGINE_PROGRESS = "engine-progress"
    TARGETS = "targets"
    EXPOSURE = "exposure"
    OUTCOMES = "outcomes"
    OBSERVATIONS = "observations"
    DISCREPANCIES = "discrepancies"
    CHANNEL_HEALTH = "channel-health"
    OPERATOR_COMMANDS = "operator-commands"
    RECONCILIATIONS = "reconciliations"
    DEAD_LETTERS = "dead-letters"


@dataclass(frozen=True, slots=True)
class LedgerTopic:
    """A topic that the ledger reads; `marketplace` is None where the topic is not one marketplace's."""

    name: str
    feed: Feed
    marketplace: Marketplace | None = None


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """The ledger's own settings. `url` may hold a password, so it is not shown.

    `history_days`: how long single records are kept (changes, targets, attempts, observations). `kept_days`: how long
    what reports and audits compare is kept (discrepancies, commands, channels' states, dead letters, reports).
    `again`: what the daily review calls drift again and again.
    `daily_report_at` and `weekly_report_at` are times of the day in UTC; the weekly one is made on Mondays.
    """

    kafka: KafkaSettings
    topics: tuple[LedgerTopic, ...] = ()
    group: str = ""
    url: str = field(default="sqlite:///inventory-ledger.db", repr=False)
    batch_records_max: int = 10_000
    batch_wait_s: float = 0.2
    database_wait_s: float = 60.0
    history_days: int = 30
    kept_days: int = 400
    again: Again = field(default_factory=Again)
    daily_report_at: str = "05:00"
    weekly_report_at: str = "05:30"
    probe_host: str = "127.0.0.1"
    probe_port: int = 0

    def faults(self, path: str) -> list[ConfigFault]:
        """What is wrong with the numbers, each with its place below `path`."""
        bounds: tuple[tuple[str, float, float, float], ...] = (
            ("batch_records_max", self.batch_records_max, 1, 100_000),
            ("batch_wait_s", self.batch_wait_s, 0.01, 10),
            ("database_wait_s", self.database_wait_s, 0, 3_600),
            # Less would make a report say none of what the tables only have no more: the weekly audit is made of the
            # attempts and sales of a week that is over, its plot of the drift of eight.
            ("history_days", self.history_days, WEEK_DAYS + 1, 3_650),
            ("kept_days", self.kept_days, TREND_WEEKS * WEEK_DAYS + 1, 3_650),
            ("again_cases", self.again.cases, 2, 1_000),
            ("again_days", self.again.days, 1, 365),
        )
        found = [
            ConfigFault(f"{path}.{name}", f"is {value:g}; it must be {least:g} to {most:g}")
            for name, value, least, most in bounds
            if not least <= value <= most
        ]
        if self.again.days > self.kept_days:
            text = f"is {self.again.days}, more than kept_days: cases that are to be counted would be deleted"
            found.append(ConfigFault(f"{path}.again_days", text))
        for name, text in (("daily_report_at", self.daily_report_at), ("weekly_report_at", self.weekly_report_at)):
            if time_of_day(text) is None:
                found.append(ConfigFault(f"{path}.{name}", f"is {text!r}; it must be a time in UTC such as 05:30"))
        return found


def time_of_day(text: str) -> tuple[int, int] | None:
    """Hour and minute of a text such as 05:30; None for any other text."""
    hour, colon, minute = text.partition(":")
    if not colon or not (hour.isascii() and hour.isdigit() and minute.isascii() and minute.isdigit()):
        return None
    if len(minute) != 2 or int(hour) > 23 or int(minute) > 59:
        return None
    return int(hour), int(minute)
