"""How often a listing may be written in a day, over the restart of a delivery worker and on a real broker."""

from __future__ import annotations

from dataclasses import replace

from inventory_domain.ports import OperationLimit, RevisionLimit
from inventory_domain.targets import Target
from inventory_schemas.codec import Serde
from inventory_schemas.records import CHANNEL_REPORT
from tests.support.delivery import MARKETPLACE, Bus, FakeMarketplace, a_target, delivering, traits, until

LIMITS = (OperationLimit("write", 1_000.0, 1_000.0), OperationLimit("read", 1_000.0, 1_000.0))
REVISIONS = RevisionLimit("group", per_day=8, reserve=2)  # six rises, and two kept for falls
LIMIT_S = 60.0


def a_variation(own_id: str, quantity: int, version: int) -> Target:
    """A target of one variation of the listing G."""
    return replace(a_target(own_id, quantity, version), marketplace_ids={"id": own_id, "group": "G"})


def told(bus: Bus) -> int:
    """Writes of the listing that reports tell of, all together."""
    serde = Serde(CHANNEL_REPORT, "reports", bus.registry)
    reports = [serde.decode(one.value()) for one in bus.read(bus.topics.reports(MARKETPLACE))]
    return sum(one.revised.get("G", 0) for one in reports)


async def test_a_listing_that_was_written_often_is_not_written_anew_after_a_restart(
    bus: Bus, application_id: str
) -> None:
    market = FakeMarketplace(traits=traits(limits=LIMITS, revisions=REVISIONS))
    bus.send(*(a_variation(f"V{number}", 5, version=1) for number in range(6)))
    async with delivering(bus, market, application_id, report_interval_s=0.5):
        await until(lambda: told(bus) == 6, "six writes are told", LIMIT_S, every_s=0.3)
    market.pushes.clear()

    bus.send(a_variation("V6", 5, version=1), a_variation("V0", 0, version=2), a_target("L", 5, version=1))
    async with delivering(bus, market, application_id, report_interval_s=0.5) as second:
        await until(lambda: len(market.pushes) == 2, "the zero and the other listing go", LIMIT_S)
        (account,) = [one for one in second.worker._accounts.all if one.revisions._others]
        known = sum(account.revisions._others["G"].values())

    assert sorted((push.listing_id.rpartition("/")[2], push.quantity) for push in market.pushes) == [
        ("L", 5),
        ("V0", 0),
    ]
    assert known == 6
