"""Whether two policies are the same."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

from inventory_domain.buffers import BufferPolicy
from inventory_domain.identifiers import ChannelId
from inventory_domain.policies import AllocationPolicy, Strategy
from inventory_domain.risk import RiskPolicy
from inventory_domain.surges import HighVelocity, Peak
from inventory_streams.engine.fingerprint import fingerprint
from tests.support.stock import a_channel, a_policy

PROGRAM = """
from tests.support.stock import a_channel, a_policy
from inventory_streams.engine.fingerprint import fingerprint
print(fingerprint(a_policy(a_channel(locations=("a", "b", "c", "d", "e")))))
"""


def test_it_is_the_same_in_every_process() -> None:
    """Sets are in another order in each process; a policy that seems to change would be swept at each start."""
    outputs = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert outputs == {fingerprint(a_policy(a_channel(locations=("a", "b", "c", "d", "e")))) + "\n"}


def test_the_order_of_channels_does_not_matter() -> None:
    one, two = a_channel("one"), a_channel("two")

    assert fingerprint(a_policy(one, two)) == fingerprint(a_policy(two, one))


def test_every_number_and_name_matters() -> None:
    policies = [
        a_policy(),
        a_policy(a_channel(units=1)),
        a_policy(a_channel(percent=1)),
        a_policy(a_channel(locations=("reno",))),
        a_policy(a_channel("other")),
        a_policy(strategy=Strategy.FIXED_PERCENTAGE),
        AllocationPolicy(a_policy().channels, by_sku={"SKU-1": Strategy.FIXED_PERCENTAGE}),
        AllocationPolicy({ChannelId("x"): a_channel()}),
        a_policy(replace(a_channel(), largest_percent=50)),
        a_policy(replace(a_channel(), buffer=BufferPolicy(1, 0, RiskPolicy(1_000, 60_000)))),
        a_policy(replace(a_channel(), buffer=BufferPolicy(1, 0, RiskPolicy(1_000, 60_001)))),
        a_policy(replace(a_channel(), buffer_by_category={"shoes": BufferPolicy(1)})),
        a_policy(replace(a_channel(), buffer_by_sku={"shoes": BufferPolicy(1)})),
        replace(a_policy(), largest_percent={Strategy.MARGIN_FIRST: 70}),
        replace(a_policy(), smallest_percent=6),
        replace(a_policy(), margin_horizon_days=6),
        replace(a_policy(), high_velocity=HighVelocity()),
        replace(a_policy(), peaks=(Peak("a", 1, 2, 150),)),
        replace(a_policy(), peaks=(Peak("a", 1, 2, 150, frozenset({ChannelId("x")})),)),
    ]

    assert len({fingerprint(policy) for policy in policies}) == len(policies)
