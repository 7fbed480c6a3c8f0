from __future__ import annotations

from inventory_domain.exposure import Confirmed, Exposure, Proof
from inventory_domain.modes import ChannelMode, Mode
from inventory_domain.shadow import shadow_changes
from inventory_domain.targets import Target
from tests.support.delivery import a_target


def seen(target: Target, quantity: int) -> Exposure:
    return Exposure(target.listing_id, target.sku, Confirmed(quantity, 0, 0, Proof.READ))


def test_what_would_change_is_told_the_largest_change_first() -> None:
    targets = [a_target("A", 5), a_target("B", 0), a_target("C", 7), a_target("D", 1)]
    shown = {"A": 3, "B": 9, "C": 7}
    exposures = {one.listing_id: seen(one, shown[one.sku]) for one in targets if one.sku in shown}

    changes = shadow_changes(targets, exposures, ChannelMode(Mode.SHADOW))

    assert [(one.sku, one.kind, one.units) for one in changes] == [
        ("B", "falls", -9),
        ("A", "rises", 2),
        ("C", "stays", 0),
        ("D", "unknown", 0),
    ]


def test_what_a_canary_writes_is_not_in_its_report() -> None:
    mode = ChannelMode(Mode.CANARY, 40.0)
    targets = [a_target(f"L{number}", 5) for number in range(50)]

    reported = {one.sku for one in shadow_changes(targets, {}, mode)}

    assert reported == {target.sku for target in targets if not mode.writes(target.sku)}
    assert 0 < len(reported) < 50
