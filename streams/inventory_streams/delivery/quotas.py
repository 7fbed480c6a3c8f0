"""Daily quotas over restarts and workers: what the marketplace says is left, else what all workers have reported.

What a marketplace lets be written only so often a day is known by the reports alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor

from confluent_kafka import Message

from inventory_domain.account_calls import DailyQuotas, ReportsQuotas
from inventory_domain.clock import Clock
from inventory_domain.errors import BadRecord
from inventory_domain.health import ChannelReport
from inventory_streams.delivery.account import Account, Accounts
from inventory_streams.delivery.codecs import Codecs
from inventory_streams.delivery.revisions import HOUR_MS, WINDOW_HOURS
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.delivery.throttle import DAY_MS
from inventory_streams.delivery.within import within
from inventory_streams.kafka.reading import positions_at, read_to_end

ASK_EVERY_S = 3_600.0
UNREPORTED_INTERVALS = 3  # after so many without a report a worker is gone

log = logging.getLogger(__name__)


class Quotas:
    """Belongs to the loop; a worker's part of what is left of the day is told to the throttles of its accounts."""

    def __init__(
        self,
        settings: DeliverySettings,
        codecs: Codecs,
        accounts: Accounts,
        worker: str,
        clock: Clock,
        threads: Executor,
    ) -> None:
        self._settings = settings
        self._codecs = codecs
        self._accounts = accounts
        self._worker = worker
        self._clock = clock
        self._threads = threads

    async def run(self) -> None:
        """Ask the marketplaces that tell it, now and every hour."""
        asked = [account for account in self._accounts.all if isinstance(account.adapter, ReportsQuotas)]
        while asked:
            for account in asked:
                await self._ask(account)
            await self._clock.sleep(ASK_EVERY_S)

    async def resume(self) -> None:
        """After an assignment: go on from what was used today by whoever had these accounts before."""
        limited = [
            account
            for account in self._accounts.all
            if account.traits.revisions or any(throttle.day_limit is not None for throttle in account.throttles.all)
        ]
        if not limited:
            return
        loop = asyncio.get_running_loop()
        window_ms = self._clock.now_ms() - (WINDOW_HOURS + 1) * HOUR_MS
        midnight_ms = self._clock.now_ms() // DAY_MS * DAY_MS
        told = any(account.traits.revisions for account in limited)
        unreported_ms = int(UNREPORTED_INTERVALS * self._settings.report_interval_s * 1000)
        since_ms = min(midnight_ms - unreported_ms, window_ms) if told else midnight_ms - unreported_ms
        recent = await loop.run_in_executor(self._threads, self._reports_since, since_ms)
        # A day may have begun while they were read: what was used until then counts no more.
        midnight_ms = self._clock.now_ms() // DAY_MS * DAY_MS
        reports = [report for report in recent if report.at_ms >= midnight_ms]
        # Who has told of today, or told just before it, may have used some of it since.
        untold = [report for report in recent if report.at_ms >= midnight_ms - unreported_ms]
        for account in limited:
            account.revisions.inherit(revised_by_others(recent, self._accounts, account, self._worker))
            for throttle in account.throttles.all:
                if throttle.day_limit is None:
                    continue
                used = used_by_others(reports, self._accounts, account, throttle.operation, self._worker)
                if spoke_of(untold, self._accounts, account, self._worker):
                    # What workers used after their last reports is not known: count what they could have.
                    used += throttle.most_within(self._settings.report_interval_s)
                left = throttle.day_limit - throttle.used_today - used
                throttle.told_quota(left)
                facts = {"account": account.account_id, "operation": throttle.operation, "left": int(left)}
                log.info("daily quota goes on", extra=facts)
        for account in limited:
            if isinstance(account.adapter, ReportsQuotas):
                await self._ask(account)

    def _reports_since(self, since_ms: int) -> list[ChannelReport]:
        found: list[ChannelReport] = []

        def take(messages: Sequence[Message]) -> None:
            for message in messages:
                try:
                    report = self._codecs.reports.decode(message.value())
                except BadRecord:
                    continue  # the owner of the reports tells of it
                if report.at_ms >= since_ms:
                    found.append(report)

        topic = self._settings.topics.reports(self._settings.marketplace)
        starts = positions_at(self._settings.kafka, [(topic, 0)], since_ms)
        read_to_end(self._settings.kafka, [(topic, 0)], take, starts=starts)
        return found

    async def _ask(self, account: Account) -> None:
        adapter = account.adapter
        assert isinstance(adapter, ReportsQuotas)
        try:
            told = await within(self._clock, self._settings.request_s_max, adapter.daily_quotas())
        except TimeoutError:
            log.warning("daily quotas not told", extra={"account": account.account_id, "reason": "too-slow"})
            return
        if not isinstance(told, DailyQuotas):
            log.warning("daily quotas not told", extra={"account": account.account_id, "reason": told.reason})
            return
        for quota in told.quotas:
            account.told_quota(quota.operation, quota.remaining, quota.calls)
            facts = {"account": account.account_id, "operation": quota.operation, "calls": quota.calls}
            log.info("daily quota told", extra={**facts, "left": quota.remaining})


def revised_by_others(
    reports: Iterable[ChannelReport], accounts: Accounts, account: Account, worker: str
) -> list[tuple[int, Mapping[str, int]]]:
    """What workers other than this one told of how often the account's listings were written, and when."""
    return [
        (report.at_ms, report.revised)
        for report in reports
        if report.revised and report.worker != worker and accounts.of(report.channel) is account
    ]


def used_by_others(
    reports: Iterable[ChannelReport], accounts: Accounts, account: Account, operation: str, worker: str
) -> float:
    """Tokens of the operation used today by workers other than this one, by their newest reports."""
    used: dict[str, int] = {}
    for report in reports:
        if report.worker != worker and accounts.of(report.channel) is account:
            used[report.worker] = max(used.get(report.worker, 0), report.quota_used.get(operation, 0))
    return float(sum(used.values()))


def spoke_of(reports: Iterable[ChannelReport], accounts: Accounts, account: Account, worker: str) -> bool:
    """Whether a worker other than this one reported on the account."""
    return any(report.worker != worker and accounts.of(report.channel) is account for report in reports)
