"""What is due without any input: clocks, owed rises, sweeps, demands that changed, and sources that fell silent."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from inventory_domain.clock import Clock
from inventory_domain.identifiers import Sku, SourceId
from inventory_domain.silence import standing
from inventory_domain.sku_state import SkuState
from inventory_streams.engine.budget import Budget
from inventory_streams.engine.computing import Work
from inventory_streams.engine.partition import Partition
from inventory_streams.engine.settings import JUDGE_INTERVAL_S, SWEEP_LOG_S, WAKE_CHUNK, EngineSettings
from inventory_streams.engine.velocity import SalesVelocity
from inventory_streams.engine.waking import NO_MARK, InForce, Sweep, next_wake_ms

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """What was added to a computation: the mark that the progress then has, and which sources are silent then.

    `applied`: None where it stays. `ends`: a sweep has looked at every SKU then.
    """

    applied: str | None
    ends: bool
    silent: frozenset[SourceId]


class DueWork:
    """Adds to a computation what is due in its partition. Nothing here writes or waits."""

    def __init__(self, settings: EngineSettings, velocity: SalesVelocity, clock: Clock, in_force: InForce) -> None:
        self._settings = settings
        self._grace_ms = settings.unknown_sku_grace_ms
        self._velocity = velocity
        self._clock = clock
        self._in_force = in_force
        self._sweeping = Budget(settings.sweep_skus_per_s)
        self._sweep_told_s = float("-inf")

    def add(self, partition: Partition, work: Work, until: Callable[[], int | None]) -> Due:
        """`until` says up to when all input of the partition is known; None when that cannot be told.

        By the time that the computation decides by: what came due since it began would be looked at too early, and not
        again.
        """
        now_ms = work.now_ms
        put_off, partition.put_off = partition.put_off, {}
        for sku, cause in put_off.items():
            work.wake(sku, cause)
        for sku in partition.timers.due(now_ms, WAKE_CHUNK):
            work.wake(sku, "reservation-expired")
        if not work.catching_up:
            for sku in partition.owing.first(WAKE_CHUNK):
                work.wake(sku, "caught-up")
            for sku in self._velocity.changed(partition.number, now_ms):
                work.wake(sku, "velocity")
        silent = partition.progress.silent
        applied, ends = self._swept(partition, work, now_ms)
        return Due(applied, ends, silent if work.catching_up else self._judged(partition, until, now_ms))

    def _swept(self, partition: Partition, work: Work, now_ms: int) -> tuple[str | None, bool]:
        """The next SKUs of a sweep: the mark that becomes the partition's, if another one does, and whether it ends.

        While SKUs are decided by another mark than the last the partition has none: should the last one hold again
        before the sweep ends (a rollback, a source that speaks again), or the process end, all are swept once more.
        """
        known, mark = partition.progress.policy, self._in_force.mark(now_ms, partition.progress.silent)
        if partition.sweep is None and known != mark:
            partition.start_sweep(mark)
        sweep = partition.sweep
        if sweep is None:
            return None, False
        sweep.steady = sweep.steady and mark == sweep.mark
        wanted = min(WAKE_CHUNK, sweep.left)
        if sweep.cause is not None:
            wanted = self._sweeping.take(wanted, self._clock.monotonic_s())
        for sku in sweep.chunk(wanted):
            self._look_at(partition, work, now_ms, sku, sweep)
        self._tell(partition, sweep)
        if sweep.left:
            return None if known in (mark, NO_MARK) else NO_MARK, False
        return sweep.mark if sweep.steady else NO_MARK, True

    def _look_at(self, partition: Partition, work: Work, now_ms: int, sku: Sku, sweep: Sweep) -> None:
        """What a state owes, when it must be looked at again, and whether it is one that the sweep is about."""
        known = sku in partition.states  # else it was forgotten since the sweep began
        state = partition.states.peek(sku) if known else SkuState(sku)
        partition.timers.set(sku, next_wake_ms(state, now_ms, self._grace_ms))
        partition.totals.look_at(state)
        partition.unreported.note(sku, state)
        partition.held.note(sku, state)
        partition.given_up.look_at(state)
        for target in state.targets.values():
            if target.guard is not None:
                partition.mass.restore(target, now_ms)
        if sweep.cause is not None and sweep.concerns(state):
            work.wake(sku, sweep.cause)
        elif state.owes_rise or state.lacks_a_target:
            work.wake(sku, "caught-up")

    def _tell(self, partition: Partition, sweep: Sweep) -> None:
        if sweep.cause is None or not sweep.total:
            return
        facts = {"partition": partition.number, "cause": sweep.cause, "skus": sweep.total}
        now_s = self._clock.monotonic_s()
        if not sweep.left:
            log.info("all SKUs decided anew", extra=facts)
        elif now_s - self._sweep_told_s >= SWEEP_LOG_S:
            self._sweep_told_s = now_s
            log.info("deciding SKUs anew", extra={**facts, "left": sweep.left})

    def _judged(self, partition: Partition, until: Callable[[], int | None], now_ms: int) -> frozenset[SourceId]:
        """The sources that count as silent once this is committed; then the SKUs of which they tell are swept."""
        before, now_s = partition.progress.silent, self._clock.monotonic_s()
        if partition.watched_ms is None or partition.watched_ms > now_ms:  # the clock was set back since
            partition.watched_ms = now_ms
        if not partition.progress.heard or now_s - partition.judged_s < JUDGE_INTERVAL_S:
            return before
        until_ms = until()
        if until_ms is None:
            return before
        partition.judged_s = now_s
        found = standing(partition.progress.heard, before, self._settings.silence, until_ms, partition.watched_ms)
        partition.standing = found
        for sources, text in (
            (found.silent - before, "source fell silent: its stock counts as 0"),
            (before - found.silent, "source speaks again: its stock counts"),
        ):
            if sources:
                log.warning(text, extra={"partition": partition.number, "sources": sorted(sources)})
        return found.silent
