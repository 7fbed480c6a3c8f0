"""The transitions of a channel's health: a report, an operator's word, the platform's word, and time."""

from __future__ import annotations

from dataclasses import replace

from inventory_domain.bulk import Condition
from inventory_domain.errors import InvariantBroken
from inventory_domain.health import (
    ANSWERS,
    NO_REPORT,
    NOTHING_WRITTEN,
    SYSTEM,
    TRANSITIONS,
    UNAUTHORIZED,
    ChannelHealth,
    ChannelReport,
    ChannelState,
    HealthRules,
    Pause,
    Stop,
)
from inventory_domain.operations import OperatorAction, OperatorCommand
from inventory_domain.retry import delay_s


def reported(health: ChannelHealth, report: ChannelReport, rules: HealthRules) -> ChannelHealth:
    """After one more report of one of the channel's workers."""
    known = [at for at in (health.last_success_ms, report.last_success_ms) if at is not None]
    after = replace(health, last_success_ms=max(known, default=None))
    failed = sum(report.failures.values())
    if report.successes:
        after = _proven(after, report, rules)
    elif failed:
        in_a_row = health.failures_in_a_row + failed
        after = replace(after, failures_in_a_row=in_a_row, rounds=_rounds(health, report, rules), half_open=False)
    elif report.reads_answered:
        after = _answered(after, report)
    if _lost(report):
        after = replace(after, credentials_lost=True, half_open=False)
    if report.flooded and after.flooded_ms is None:
        after = replace(after, flooded_ms=report.at_ms)
    if after.reason in (NO_REPORT, NOTHING_WRITTEN):
        after = replace(after, reason=NOTHING_WRITTEN if after.last_success_ms is None else ANSWERS)
    begins = after.is_failing(rules) and not health.is_failing(rules)
    from_ms = report.at_ms if report.probes_failed or begins else None
    return _settled(health, after, rules, report.at_ms, _reason(after, report, rules), probe_from_ms=from_ms)


def _lost(report: ChannelReport) -> bool:
    """Whether our credentials were refused, and nothing has gone through since."""
    return bool(report.failures.get(UNAUTHORIZED)) and report.failures_since_success > 0


def _reason(health: ChannelHealth, report: ChannelReport, rules: HealthRules) -> str:
    if health.credentials_lost:
        return "the marketplace refuses our credentials"
    if not health.is_failing(rules):
        return "writes go through again"
    worst = max(report.failures, key=lambda kind: report.failures[kind], default="failure")
    return f"{health.failures_in_a_row} failures in a row: {worst}"


def _rounds(health: ChannelHealth, report: ChannelReport, rules: HealthRules) -> int:
    """The place in the schedule: it begins at the listing that failed most often, and moves with each failed probe."""
    begun_at = 0 if health.is_failing(rules) else report.rounds
    return max(1, begun_at, health.rounds + report.probes_failed)


def _proven(health: ChannelHealth, report: ChannelReport, rules: HealthRules) -> ChannelHealth:
    """A write went through; what is left of failures in the same report came after it."""
    failed_since = report.failures_since_success
    after = replace(
        health,
        failures_in_a_row=failed_since,
        rounds=max(1, report.rounds) if failed_since else 0,
        credentials_lost=False,
        known_outage=False,
        outage_disproved=health.outage_disproved or health.known_outage,
        half_open=False,
    )
    stop = health.stop
    if stop is not None and health.known_outage:
        return replace(after, half_open=True)  # the zeros that waited are the next writes; their success restores
    if stop is not None and not stop.held and not after.is_failing(rules) and not _lost(report):
        return replace(after, stop=None, restoring=True, recovered_ms=report.at_ms)
    if stop is None and _was_held(health):
        return replace(after, recovered_ms=report.at_ms)
    return after


def _was_held(health: ChannelHealth) -> bool:
    return health.state in (ChannelState.FAILING, ChannelState.OUTAGE)


def _answered(health: ChannelHealth, report: ChannelReport) -> ChannelHealth:
    """A read was answered. Where nothing has failed that is all that can be known; else writes must show it."""
    if health.failures_in_a_row == 0 and not health.credentials_lost and not health.known_outage:
        return replace(health, last_success_ms=max(health.last_success_ms or 0, report.at_ms))
    return replace(health, half_open=not health.known_outage, rounds=max(1, health.rounds))


def commanded(health: ChannelHealth, command: OperatorCommand, rules: HealthRules) -> ChannelHealth:
    """After an operator's word. One that changes nothing leaves the health as it is."""
    at_ms, who = command.at_ms, command.by
    reason = f"{command.action.value}: {command.why}"
    after = health
    match command.action:
        case OperatorAction.PAUSE:
            pause = Pause(who, command.why, at_ms, command.falls_too)
            clock_ms = health.clock_from_ms
            if command.falls_too and health.stop_at_ms is None:
                clock_ms = max(clock_ms, at_ms)
            after = replace(health, pause=pause, clock_from_ms=clock_ms)
        case OperatorAction.RESUME if health.pause is not None:
            clock_ms = health.clock_from_ms if health.is_failing(rules) else max(health.clock_from_ms, at_ms)
            after = replace(health, pause=None, clock_from_ms=clock_ms, flooded_ms=None)
        case OperatorAction.RESUME if health.flooded_ms is not None:
            after = replace(health, flooded_ms=None)
        case OperatorAction.STOP_SALE:
            at = health.stop.at_ms if health.stop is not None else at_ms
            after = replace(health, stop=Stop(who, command.why, at, held=True))
        case OperatorAction.RESTORE if health.stop is not None:
            after = _released(health, at_ms)
        case _:
            return health
    return _settled(health, after, rules, at_ms, reason, by=who, probe_from_ms=None)


def _released(health: ChannelHealth, at_ms: int) -> ChannelHealth:
    """No operator wants it stopped any more: it is restored when a push has gone through since, else by the next.

    A pause of rises goes on until it is resumed; one of everything, after which nothing could be restored, ends.
    """
    assert health.stop is not None
    pause = health.pause if health.pause is not None and not health.pause.falls_too else None
    proven = (
        health.failures_in_a_row == 0
        and not health.credentials_lost
        and not health.known_outage
        and (health.last_success_ms or 0) >= health.stop.at_ms
    )
    if proven:
        return replace(health, stop=None, pause=pause, restoring=True, recovered_ms=at_ms)
    return replace(health, stop=replace(health.stop, held=False), pause=pause, probe_at_ms=at_ms)


def told(health: ChannelHealth, condition: Condition, at_ms: int, rules: HealthRules) -> ChannelHealth:
    """After the platform's own word of how it is."""
    if condition is Condition.OUTAGE:
        if health.known_outage or health.outage_disproved:
            return health
        after = replace(health, known_outage=True, half_open=False)
        return _settled(health, after, rules, at_ms, "the platform says that it is down", probe_from_ms=at_ms)
    if condition is Condition.UNKNOWN:
        return health
    after = replace(health, outage_disproved=False)
    if health.known_outage:
        rounds = 1 if health.failures_in_a_row else 0
        after = replace(after, known_outage=False, rounds=rounds, probe_at_ms=at_ms, recovered_ms=at_ms)
    return _settled(health, after, rules, at_ms, "the platform says that it is up", probe_from_ms=None)


def passed(health: ChannelHealth, now_ms: int, rules: HealthRules, *, anything_to_sell: bool) -> ChannelHealth:
    """After time alone. Where there is no listing to sell, nothing can be vouched for wrongly, and the clock rests."""
    health = _not_in_future(health, now_ms, rules)
    if health.stop is not None:
        return health
    if not anything_to_sell or health.is_not_live:
        return _planned(replace(health, clock_from_ms=max(health.clock_from_ms, now_ms)), rules, None)
    silent_s = (now_ms - health.without_success_since_ms) / 1000
    if silent_s >= rules.stop_after_s:
        return _stopped(health, now_ms, rules, f"no success for {_span(silent_s)}")
    trigger = rules.stop_after_failures
    if trigger and health.failures_in_a_row >= trigger and silent_s >= rules.stop_after_failures_s:
        why = f"{health.failures_in_a_row} failures in a row and no success for {_span(silent_s)}"
        return _stopped(health, now_ms, rules, why)
    near = health.stop_at_ms is not None and health.stop_at_ms - now_ms <= rules.warn_before_s * 1000
    return replace(health, warned=True) if near and not health.warned else _planned(health, rules, None)


def _not_in_future(health: ChannelHealth, now_ms: int, rules: HealthRules) -> ChannelHealth:
    """By a clock that was set back since, or one that was ahead, nothing is waited for longer than from now on."""

    def past(at_ms: int | None) -> int | None:
        return None if at_ms is None else min(at_ms, now_ms)

    probe_at_ms, longest_s = health.probe_at_ms, max(rules.idle_probe_s, rules.outage_probe_s, *rules.probe.waits_s)
    if probe_at_ms is not None and probe_at_ms > now_ms + longest_s * 1000:
        probe_at_ms = now_ms
    return replace(
        health,
        clock_from_ms=min(health.clock_from_ms, now_ms),
        last_success_ms=past(health.last_success_ms),
        recovered_ms=past(health.recovered_ms),
        probe_at_ms=probe_at_ms,
    )


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"


def _stopped(health: ChannelHealth, now_ms: int, rules: HealthRules, why: str) -> ChannelHealth:
    """Stop-sale by time. After a pause of everything only an operator knows when its reason is over."""
    pause = health.pause
    held = pause is not None and pause.falls_too
    by = pause.by if held and pause is not None else SYSTEM
    if health.credentials_lost:
        why += ", the marketplace refuses our credentials"
    after = replace(health, stop=Stop(by, why, now_ms, held=held))
    return _settled(health, after, rules, now_ms, why, by=by, probe_from_ms=None)


def whole(health: ChannelHealth, now_ms: int, rules: HealthRules) -> ChannelHealth:
    """After every worker has said that all its listings show what they should."""
    if health.state is not ChannelState.RESTORING:
        return health
    after = replace(health, restoring=False)
    return _settled(health, after, rules, now_ms, "every listing shows what it should", probe_from_ms=None)


def ready(health: ChannelHealth, now_ms: int, rules: HealthRules) -> ChannelHealth:
    """After the account was seen to be set as our writes need it."""
    if health.not_ready is None and health.went_live_ms is not None:
        return health
    went_live_ms = now_ms if health.went_live_ms is None else health.went_live_ms
    after = replace(health, not_ready=None, went_live_ms=went_live_ms)
    return _settled(health, after, rules, now_ms, "its account is set as our writes need it", probe_from_ms=None)


def not_ready(health: ChannelHealth, why: str, now_ms: int, rules: HealthRules) -> ChannelHealth:
    """After the account was seen not to be set so, and could not be. A channel that is live already goes on."""
    if health.not_ready is not None:
        return health
    return _settled(health, replace(health, not_ready=why), rules, now_ms, why, probe_from_ms=None)


def taken_over(health: ChannelHealth, now_ms: int, rules: HealthRules) -> ChannelHealth:
    """After a new owner has begun. A countdown goes on; where none ran, nobody has looked since, and it starts anew."""
    if health.stop_at_ms is not None or health.stop is not None:
        return health
    return _planned(replace(health, clock_from_ms=max(health.clock_from_ms, now_ms)), rules, None)


def state_of(health: ChannelHealth, rules: HealthRules) -> ChannelState:
    """The state that these facts are; the first that holds."""
    pause = health.pause
    if health.stop is not None:
        return ChannelState.STOPPED
    if health.is_not_live:
        return ChannelState.NOT_LIVE
    if pause is not None and pause.falls_too:
        return ChannelState.PAUSED
    if health.known_outage:
        return ChannelState.OUTAGE
    if health.is_failing(rules):
        return ChannelState.FAILING
    if pause is not None:
        return ChannelState.PAUSED
    return ChannelState.RESTORING if health.restoring else ChannelState.SELLING


def _settled(
    before: ChannelHealth,
    after: ChannelHealth,
    rules: HealthRules,
    now_ms: int,
    reason: str,
    *,
    by: str = SYSTEM,
    probe_from_ms: int | None,
) -> ChannelHealth:
    """The state of the new facts, with what everybody must be able to see of it."""
    state = state_of(after, rules)
    if state is not before.state:
        if state not in TRANSITIONS[before.state]:
            raise InvariantBroken(f"channel {after.channel}: {before.state.value} cannot become {state.value}")
        stops = (before.state is ChannelState.STOPPED) is not (state is ChannelState.STOPPED)
        epoch = before.epoch + 1 if stops else before.epoch
        after = replace(after, state=state, epoch=epoch, since_ms=now_ms, reason=reason, by=by)
    elif after != before and (by != SYSTEM or (after.credentials_lost and not before.credentials_lost)):
        after = replace(after, reason=reason, by=by)
    return _planned(after, rules, probe_from_ms)


def _planned(health: ChannelHealth, rules: HealthRules, probe_from_ms: int | None) -> ChannelHealth:
    """When stop-sale begins if nothing goes through, and when the next probe is due."""
    pause = health.pause
    paused = pause is not None and pause.falls_too
    silent = health.is_failing(rules) or health.known_outage or paused
    stop_at_ms = None
    if silent and health.stop is None:
        stop_at_ms = health.without_success_since_ms + int(rules.stop_after_s * 1000)
        if rules.stop_after_failures and health.failures_in_a_row >= rules.stop_after_failures:
            soon_ms = health.without_success_since_ms + int(rules.stop_after_failures_s * 1000)
            stop_at_ms = min(stop_at_ms, soon_ms)
    warned = health.warned and stop_at_ms is not None
    return replace(health, stop_at_ms=stop_at_ms, warned=warned, probe_at_ms=_probe_at_ms(health, rules, probe_from_ms))


def _probe_at_ms(health: ChannelHealth, rules: HealthRules, from_ms: int | None) -> int | None:
    """When the next probe is due. `from_ms`: one failed then, or its schedule begins; None: as it was planned."""
    pause = health.pause
    if pause is not None and pause.falls_too and health.stop is None:
        return None  # nothing goes at all
    if health.failures_in_a_row == 0 and not health.credentials_lost and not health.known_outage:
        waits = health.stop is not None and not health.stop.held  # for the push that proves the way
        if not waits or health.probe_at_ms is None:
            return health.without_success_since_ms + int(rules.idle_probe_s * 1000)
        return health.probe_at_ms
    if from_ms is None:
        return health.since_ms if health.probe_at_ms is None else health.probe_at_ms
    wait_s = rules.outage_probe_s if health.known_outage else delay_s(max(1, health.rounds), rules.probe, 0.0)
    return from_ms + int(wait_s * 1000)
