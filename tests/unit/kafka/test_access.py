"""Who may do what follows from the declaration of the topics."""

from inventory_domain.identifiers import Marketplace
from inventory_streams.access import ROLES, Grant, Resource, grants, principals
from inventory_streams.topics import Topics

TOPICS = Topics((Marketplace("amazon"), Marketplace("ebay")), "t.")


def granted(process: str) -> dict[str, Grant]:
    (principal,) = [one for one in principals(TOPICS) if one.process == process]
    return {f"{one.resource.value}:{one.name}": one for one in grants(TOPICS, "sync", principal)}


def test_the_scaler_may_ask_for_lag_and_read_nothing() -> None:
    assert {name: one.operations for name, one in granted("keda").items()} == {
        "topic:t.inventory.changes": ("Describe",),
        "group:sync-engine": ("Describe",),
    }


def test_every_role_that_a_topic_names_has_a_user() -> None:
    named = {role for one in TOPICS.declarations() for role in (*one.written_by, *one.read_by)}

    assert named <= set(ROLES)


def test_every_topic_has_a_writer_and_a_reader() -> None:
    assert [one.name for one in TOPICS.declarations() if not one.written_by or not one.read_by] == []


def test_delivery_of_one_marketplace_may_not_touch_the_topics_of_another() -> None:
    names = granted("deliver-amazon")

    assert "topic:t.listing.exposure.amazon" in names
    assert [name for name in names if "ebay" in name] == []


def test_producers_may_write_their_two_topics_and_read_nothing() -> None:
    found = granted("producers")

    assert {name for name, one in found.items() if "Write" in one.operations} == {
        "topic:t.inventory.changes",
        "topic:t.catalog.products",
    }
    assert [name for name, one in found.items() if "Read" in one.operations] == []


def test_only_the_one_who_makes_topics_may_alter_them() -> None:
    for principal in principals(TOPICS):
        altering = [one for one in grants(TOPICS, "sync", principal) if "AlterConfigs" in one.operations]
        assert bool(altering) is (principal.process == "topics")


def test_a_transactional_id_belongs_to_one_user() -> None:
    """Whoever may use another's transactional id can fence its owner; who reconciles by hand is meant to."""
    prefixes = {
        (one.name, principal.process)
        for principal in principals(TOPICS)
        for one in grants(TOPICS, "sync", principal)
        if one.resource is Resource.TRANSACTIONAL_ID
    }

    overlapping = {
        (left[1], right[1])
        for left in prefixes
        for right in prefixes
        if left[1] != right[1] and left[0].startswith(right[0])
    }
    assert overlapping == {("reconcile-by-hand", "reconcile")}


def test_who_reconciles_by_hand_writes_what_the_process_writes_and_joins_no_group() -> None:
    """It may ask the owner of a channel or take its place, and has nothing of counts or held pools."""
    by_hand, process = granted("reconcile-by-hand"), granted("reconcile")

    def writes(found: dict[str, Grant]) -> set[str]:
        return {name for name, one in found.items() if "Write" in one.operations and name.startswith("topic:")}

    assert writes(by_hand) - {"topic:t.operator.commands"} == writes(process) - {"topic:t.inventory.changes"}
    assert by_hand["group:sync-reconcile"].operations == ("Describe",)


def test_the_console_may_do_what_its_buttons_do_and_no_more() -> None:
    found = granted("console")

    assert {name for name, one in found.items() if "Write" in one.operations and name.startswith("topic:")} == {
        "topic:t.operator.commands",
        "topic:t.sku.commands",
        "topic:t.inventory.changes",
        "topic:t.inventory.dead-letters",
        "topic:t.listing.dead-letters.amazon",
        "topic:t.listing.dead-letters.ebay",
    }
