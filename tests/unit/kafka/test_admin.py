"""What a topic's settings are when there are three copies of it, which one broker cannot show."""

from __future__ import annotations

from inventory_domain.identifiers import Marketplace
from inventory_streams.kafka.admin import settings_for
from inventory_streams.topics import Topics

DECLARATION = Topics((Marketplace("ebay"),)).declarations()[0]


def test_with_three_copies_one_broker_may_be_away_and_no_stale_copy_may_lead() -> None:
    settings = settings_for(DECLARATION, 3)

    assert settings["min.insync.replicas"] == "2"
    assert settings["unclean.leader.election.enable"] == "false"
    assert settings.items() >= DECLARATION.config().items()


def test_with_fewer_copies_writes_do_not_wait_for_a_second_one() -> None:
    assert settings_for(DECLARATION, 1) == settings_for(DECLARATION, 2) == DECLARATION.config()
