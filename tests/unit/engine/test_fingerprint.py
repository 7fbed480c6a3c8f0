"""Whether two policies are the same."""

from __future__ import annotations

import subprocess
import sys

from inventory_domain.identifiers import ChannelId
from inventory_domain.policies import AllocationPolicy, Strategy
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
    ]

    assert len({fingerprint(policy) for policy in policies}) == len(policies)
