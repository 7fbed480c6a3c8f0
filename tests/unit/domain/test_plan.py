"""What a policy says of a product whatever its stock is found once, and never outlives the policy or the product."""

from __future__ import annotations

from dataclasses import replace

from inventory_domain.buffers import BufferPolicy
from inventory_domain.catalog import Fulfillment
from inventory_domain.identifiers import LocationId
from inventory_domain.targets import plan_of
from tests.support.stock import a_channel, a_listing, a_policy, a_product


def test_a_plan_is_found_once_for_a_product() -> None:
    product, policy = a_product(), a_policy()

    assert plan_of(product, policy) is plan_of(product, policy)


def test_another_policy_has_another_plan_at_once() -> None:
    """Settings that were changed hold from the next decision on."""
    product = a_product()
    before = plan_of(product, a_policy(a_channel(units=2)))
    after = plan_of(product, a_policy(a_channel(units=5)))

    assert [one.buffer.units for one in before.channels.values()] == [2]
    assert [one.buffer.units for one in after.channels.values()] == [5]


def test_a_product_that_was_changed_does_not_keep_its_plan() -> None:
    product, policy = a_product(), a_policy()
    plan_of(product, policy)

    changed = replace(product, locations=())

    assert changed.plan is None
    assert [one.locations for one in plan_of(changed, policy).channels.values()] == [frozenset()]
    assert [one.locations for one in plan_of(product, policy).channels.values()] == [{LocationId("dallas")}]


def test_a_plan_is_no_part_of_the_product() -> None:
    known, new = a_product(), a_product()
    plan_of(known, a_policy())

    assert known == new
    assert repr(known) == repr(new)


def test_products_alike_have_in_common_what_holds_for_them_unless_one_has_a_buffer_of_its_own() -> None:
    """Thousands of products are kept in memory with their plans."""
    one, other = a_product(), replace(a_product(), sku="other")
    policy = a_policy()
    assert plan_of(one, policy).channels is plan_of(other, policy).channels

    channel = replace(a_channel(units=2), buffer_by_sku={other.sku: BufferPolicy(units=9)})
    own = a_policy(channel)
    assert [held.buffer.units for held in plan_of(one, own).channels.values()] == [2]
    assert [held.buffer.units for held in plan_of(other, own).channels.values()] == [9]
    assert [held.buffer.units for held in plan_of(replace(one, category="x"), own).channels.values()] == [2]


def test_listings_that_are_not_written_are_in_no_plan() -> None:
    held = replace(a_listing(), fulfillment=Fulfillment.MARKETPLACE)

    assert plan_of(a_product(held), a_policy()).written == ()
