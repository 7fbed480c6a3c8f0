"""When buffers are wider than usual, and that a trembling rate does not make targets rise and fall."""

from __future__ import annotations

from dataclasses import replace

from inventory_domain.buffers import BufferPolicy
from inventory_domain.changes import StockCounted
from inventory_domain.decisions import decide
from inventory_domain.identifiers import ChannelId
from inventory_domain.policies import AllocationPolicy
from inventory_domain.risk import RiskPolicy, risk_units
from inventory_domain.sku_state import SkuState
from inventory_domain.surges import HighVelocity, Peak, is_high, names_now, next_change_ms, widest
from inventory_domain.targets import proposals
from inventory_domain.velocity import ChannelDemand, Demand
from tests.support.stock import NOW_MS, SKU, a_channel, a_policy, a_product, a_stock, after

US = ChannelId("market-us")
RULE = HighVelocity(begins_percent=300, ends_percent=200, least_milli_per_day=20_000, widened_percent=150)


def selling(per_day: int, usual: int | None = 10) -> Demand:
    """So many units a day on one channel."""
    return Demand({US: ChannelDemand(per_day * 1000, None if usual is None else usual * 1000)})


def test_a_period_begins_at_its_multiple_of_the_usual_rate() -> None:
    assert not is_high(False, selling(29), RULE)
    assert is_high(False, selling(30), RULE)


def test_a_period_ends_only_below_the_lower_multiple() -> None:
    """Between the two it stays what it was, so a rate that trembles about either changes nothing."""
    assert is_high(True, selling(20), RULE)
    assert not is_high(True, selling(19), RULE)
    assert not is_high(False, selling(25), RULE)


def test_a_few_sales_of_a_slow_product_are_no_period() -> None:
    assert not is_high(False, selling(19, usual=1), RULE)


def test_a_period_goes_on_while_rates_are_not_known() -> None:
    """A window may be lost at a restart; the wider buffer is the safe side of not knowing."""
    for before in (True, False):
        assert is_high(before, None, RULE) is before
        assert is_high(before, selling(500, usual=None), RULE) is before


def test_without_a_rule_there_are_no_periods() -> None:
    assert not is_high(True, selling(900), None)


def test_targets_do_not_flap_while_the_rate_swings_between_the_two_thresholds() -> None:
    """Seen with one threshold: every swing wrote every listing twice."""
    policy = replace(a_policy(a_channel(units=4)), high_velocity=RULE)
    state = SkuState(SKU, a_stock(dallas=100), a_product())
    shown = []

    for per_day in (10, 29, 31, 29, 21, 29, 31, 22, 30, 19, 21, 29):
        decision = decide(state, policy, NOW_MS, catching_up=False, cause="test", demand=selling(per_day))
        shown += [target.quantity for target in decision.targets]
        state = decision.state

    assert shown == [96, 94, 96]


def test_the_period_is_remembered_in_the_state() -> None:
    policy = replace(a_policy(a_channel(units=4)), high_velocity=RULE)
    state = SkuState(SKU, a_stock(dallas=100), a_product())

    high = decide(state, policy, NOW_MS, catching_up=False, cause="test", demand=selling(40)).state
    unknown = decide(
        replace(high, stock=after(high.stock, StockCounted(50))), policy, NOW_MS, catching_up=False, cause="test"
    )

    assert high.high_velocity
    assert unknown.targets[0].quantity == 44


BLACK_FRIDAY = Peak("black-friday", NOW_MS + 1_000, NOW_MS + 5_000, 200)
EVENING = Peak("evening", NOW_MS + 2_000, NOW_MS + 3_000, 300, frozenset({US}))


def test_a_peak_holds_from_its_beginning_up_to_its_end() -> None:
    assert [BLACK_FRIDAY.holds(NOW_MS + at) for at in (999, 1_000, 4_999, 5_000)] == [False, True, True, False]


def test_of_two_peaks_the_wider_one_counts_and_only_on_its_channels() -> None:
    peaks = (BLACK_FRIDAY, EVENING)

    assert widest(peaks, US, NOW_MS + 2_500) == EVENING
    assert widest(peaks, ChannelId("shop"), NOW_MS + 2_500) == BLACK_FRIDAY
    assert widest(peaks, US, NOW_MS) is None


def test_the_next_change_is_the_next_edge_of_any_peak() -> None:
    peaks = (BLACK_FRIDAY, EVENING)

    edges = [NOW_MS]
    while (after_it := next_change_ms(peaks, edges[-1])) is not None:
        edges.append(after_it)

    assert [edge - NOW_MS for edge in edges] == [0, 1_000, 2_000, 3_000, 5_000]
    assert [names_now(peaks, edge) for edge in edges] == [
        (),
        ("black-friday",),
        ("black-friday", "evening"),
        ("black-friday",),
        (),
    ]


def test_buffers_are_wider_by_the_period_or_by_the_schedule_whichever_is_more() -> None:
    policy = AllocationPolicy({}, high_velocity=RULE, peaks=(BLACK_FRIDAY,))

    assert policy.widening(US, False, NOW_MS).percent == 100
    assert policy.widening(US, True, NOW_MS).percent == 150
    assert policy.widening(US, True, NOW_MS + 1_000).percent == 200
    assert policy.widening(US, True, NOW_MS + 1_000).why == "black-friday"


def test_rules_that_cannot_work_are_named() -> None:
    assert RULE.faults() == BLACK_FRIDAY.faults() == []
    assert "flap" in HighVelocity(begins_percent=200, ends_percent=200).faults()[0]
    assert len(HighVelocity(begins_percent=100, ends_percent=90, widened_percent=90).faults()) == 3
    assert Peak("x", 5, 5, 90).faults() == ["until is not after from", "widen is 0.9, 1 to 10"]


def test_on_a_peak_day_the_risk_rule_reckons_with_as_many_times_the_sales() -> None:
    """What it withholds follows from sales of late, and on that day more will be sold."""
    channel = replace(
        a_channel(locations=("dallas",)),
        buffer=BufferPolicy(units=0, risk=RiskPolicy(10_000, 900_000)),
        allow_full=True,
    )
    elsewhere = Demand({ChannelId("other"): ChannelDemand(2_000_000, 2_000_000)})
    peak = Peak("black-friday", NOW_MS, NOW_MS + 1, 300)

    def withheld(now_ms: int) -> int:
        policy = replace(a_policy(channel), peaks=(peak,))
        (found,) = proposals(a_product(), a_stock(dallas=999), policy, frozenset(), now_ms, elsewhere).listings
        return found.buffer

    usual = risk_units(RiskPolicy(10_000, 900_000), channel.channel, elsewhere)
    assert withheld(NOW_MS - 1) == withheld(NOW_MS + 1) == usual
    assert withheld(NOW_MS) == risk_units(RiskPolicy(10_000, 900_000), channel.channel, elsewhere, 300) > 2 * usual
