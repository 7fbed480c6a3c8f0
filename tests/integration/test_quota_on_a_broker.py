"""A daily quota over the restart of a delivery worker, by what it has reported on a real broker."""

from __future__ import annotations

from inventory_domain.ports import OperationLimit
from inventory_schemas.codec import Serde
from inventory_schemas.records import CHANNEL_REPORT
from inventory_streams.delivery.run import Delivery
from tests.support.delivery import ACCOUNT, MARKETPLACE, Bus, FakeMarketplace, a_target, delivering, traits, until

A_DAY, RATE_PER_S, BURST, REPORT_S = 20, 4.0, 1.0, 0.5
LIMITS = (OperationLimit("write", RATE_PER_S, BURST, A_DAY), OperationLimit("read", 1000.0, 1000.0))
SETTINGS = {"zero_reserve": 0.2, "report_interval_s": REPORT_S}  # four calls are kept for falls to zero
LIMIT_S = 60.0


def used_by_reports(bus: Bus) -> int:
    """The calls of today that the newest report tells of."""
    serde = Serde(CHANNEL_REPORT, "reports", bus.registry)
    reports = [serde.decode(one.value()) for one in bus.read(bus.topics.reports(MARKETPLACE))]
    return max((one.quota_used.get("write", 0) for one in reports), default=0)


def left_today(delivery: Delivery) -> tuple[bool, bool]:
    """Whether a rise may still be sent today, and whether a fall to zero may."""
    (account,) = [one for one in delivery.worker._accounts.all if one.account_id == ACCOUNT]
    throttle = account.throttles.push
    return throttle._quota_left(1.0, zero=False), throttle._quota_left(1.0, zero=True)


async def test_a_day_goes_on_after_a_restart_and_its_last_calls_are_for_zeros(bus: Bus, application_id: str) -> None:
    market = FakeMarketplace(traits=traits(limits=LIMITS))
    own_ids = [f"L{number}" for number in range(12)]
    bus.send(*(a_target(own_id, 5, version=1) for own_id in own_ids))
    async with delivering(bus, market, application_id, **SETTINGS):
        await until(lambda: used_by_reports(bus) == 12, "twelve calls are reported", LIMIT_S, every_s=0.3)
    market.pushes.clear()

    bus.send(*(a_target(f"R{number}", 5, version=1) for number in range(5)))
    async with delivering(bus, market, application_id, **SETTINGS) as second:
        # What it may have sent after its last report counts as sent: 4 a second for half a second, and a burst.
        rises = A_DAY - 12 - int(BURST + RATE_PER_S * REPORT_S) - 4
        await until(lambda: len(market.pushes) == rises, "what may rise has risen", LIMIT_S)
        for_zeros = left_today(second)
        bus.send(*(a_target(own_id, 0, version=2) for own_id in own_ids[:6]))
        await until(lambda: len(market.pushes) == rises + 4, "zeros go", LIMIT_S)
        at_the_end = left_today(second)

    assert (for_zeros, at_the_end) == ((False, True), (False, False))
    assert [push.quantity for push in market.pushes] == [5] * rises + [0] * 4
