"""Whatever happens to a channel in whatever order, its health stays one that everybody can rely on."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from inventory_domain.bulk import Condition
from inventory_domain.health import TRANSITIONS, ChannelHealth, ChannelState, HealthRules, standing_of
from inventory_domain.health_machine import (
    commanded,
    not_ready,
    passed,
    ready,
    reported,
    state_of,
    taken_over,
    told,
    whole,
)
from inventory_domain.operations import OperatorAction
from tests.support.channels import a_channel, a_command, a_report, at

Step = Callable[[ChannelHealth, float, HealthRules], ChannelHealth]

FAR_MS = 4_000_000_000_000


def step_of(draw: st.DrawFn) -> Step:
    kind = draw(st.sampled_from(("report", "command", "status", "time", "whole", "owner", "ready", "not-ready")))
    number = st.integers(0, 4)
    match kind:
        case "report":
            successes, failures = draw(number), draw(number)
            since = draw(st.integers(0, failures)) if successes else failures
            kind_of = draw(st.sampled_from(("transient", "outage", "unauthorized")))
            probes, reads = draw(st.integers(0, failures)), draw(st.integers(0, 1))
            return lambda health, now_s, rules: reported(
                health,
                a_report(
                    now_s,
                    successes=successes,
                    failures=failures,
                    since_success=since,
                    kind=kind_of,
                    probes_failed=probes,
                    reads_answered=reads,
                ),
                rules,
            )
        case "command":
            action, falls_too = draw(st.sampled_from(OperatorAction)), draw(st.booleans())
            return lambda health, now_s, rules: commanded(health, a_command(action, now_s, falls_too=falls_too), rules)
        case "status":
            condition = draw(st.sampled_from(Condition))
            return lambda health, now_s, rules: told(health, condition, at(now_s), rules)
        case "whole":
            return lambda health, now_s, rules: whole(health, at(now_s), rules)
        case "ready":
            return lambda health, now_s, rules: ready(health, at(now_s), rules)
        case "not-ready":
            return lambda health, now_s, rules: not_ready(health, "why", at(now_s), rules)
        case "owner":
            return lambda health, now_s, rules: taken_over(health, at(now_s), rules)
    anything = draw(st.booleans())
    return lambda health, now_s, rules: passed(health, at(now_s), rules, anything_to_sell=anything)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[float, Step]]:
    waits = draw(st.lists(st.sampled_from((0.0, 1.0, 20.0, 200.0, 1_000.0)), min_size=1, max_size=25))
    return [(wait, step_of(draw)) for wait in waits]


RULES = st.sampled_from((HealthRules(), HealthRules(stop_after_failures=3, stop_after_failures_s=0.0)))


@given(histories(), RULES)
def test_every_order_of_events_keeps_the_states_and_their_meaning(
    history: list[tuple[float, Step]], rules: HealthRules
) -> None:
    """No change of state that is not in the table; the epoch moves with the mask and with nothing else."""
    health, now_s = a_channel(), 0.0
    for wait, step in history:
        now_s += wait
        before, health = health, step(health, now_s, rules)

        assert health.state is state_of(health, rules)
        assert health.state is before.state or health.state in TRANSITIONS[before.state]
        was_masked = standing_of(before, rules, FAR_MS).mask is not None
        is_masked = standing_of(health, rules, FAR_MS).mask is not None
        assert is_masked is (health.state is ChannelState.STOPPED)
        assert health.epoch == before.epoch + (was_masked is not is_masked)
        if health.state in (ChannelState.FAILING, ChannelState.OUTAGE):
            assert health.stop_at_ms is not None and health.probe_at_ms is not None
        assert (health.recovered_ms or 0) >= (before.recovered_ms or 0)


@given(histories(), RULES)
def test_a_channel_is_never_left_on_sale_beyond_the_limit(
    history: list[tuple[float, Step]], rules: HealthRules
) -> None:
    """P5, whatever came before: half an hour without a success, and somebody who looks, is the end of it."""
    health, now_s = a_channel(), 0.0
    for wait, step in history:
        now_s += wait
        health = step(health, now_s, rules)

    limit_s = now_s + rules.stop_after_s
    later = passed(passed(health, at(limit_s), rules, anything_to_sell=True), at(limit_s), rules, anything_to_sell=True)
    # What never went live shows no number of ours, and nothing is written of it, zeros neither.
    assert later.state is (
        ChannelState.NOT_LIVE if health.is_not_live and health.stop is None else ChannelState.STOPPED
    )


@given(histories(), RULES)
def test_what_an_operator_has_stopped_stays_stopped_until_an_operator_says_otherwise(
    history: list[tuple[float, Step]], rules: HealthRules
) -> None:
    health = commanded(a_channel(), a_command(OperatorAction.STOP_SALE), rules)
    now_s = 0.0
    for wait, step in history:
        now_s += wait
        before, health = health, step(health, now_s, rules)
        restored = before.stop is not None and before.stop.held and (health.stop is None or not health.stop.held)
        if restored:
            asked = commanded(before, a_command(OperatorAction.RESTORE, now_s), rules)
            assert health == asked, "nothing but the operator's word"
            return
