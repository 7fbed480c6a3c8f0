"""Topics brought to a real broker: created as declared, kept, altered, and never repartitioned."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType  # type: ignore[attr-defined]
from typer.testing import CliRunner

from inventory_cli.topics import app
from inventory_domain.errors import ConfigError
from inventory_domain.identifiers import Marketplace
from inventory_streams.kafka import admin as of_topics
from inventory_streams.kafka.admin import TopicChange, TopicsNotApplied, apply, plan
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Topics
from tests.support.commands import wait_until


@pytest.fixture
def admin(kafka: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": kafka})


@pytest.fixture
def topics(topic_prefix: str) -> Topics:
    return Topics((Marketplace("ebay"),), topic_prefix)


def settings_of(admin: AdminClient, topic: str) -> dict[str, str]:
    """The topic's settings as the broker has them."""
    futures = admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)])
    return {name: entry.value for name, entry in next(iter(futures.values())).result(10).items()}


def partitions_of(admin: AdminClient, topic: str) -> int:
    return len(admin.list_topics(topic, timeout=10).topics[topic].partitions)


def test_every_topic_is_created_as_it_is_declared(kafka: str, admin: AdminClient, topics: Topics) -> None:
    findings = apply(KafkaSettings(kafka), topics.declarations(), 4)

    assert {one.change for one in findings} == {TopicChange.NEW}
    for declaration in topics.declarations():
        has = settings_of(admin, declaration.name)
        assert {name: has[name] for name in declaration.config()} == declaration.config()
    assert partitions_of(admin, topics.inventory_changes) == 4
    assert partitions_of(admin, topics.channel_health) == 1
    assert settings_of(admin, topics.inventory_changes)["message.timestamp.type"] == "LogAppendTime"


def test_applying_again_changes_nothing(kafka: str, topics: Topics) -> None:
    apply(KafkaSettings(kafka), topics.declarations(), 2)

    again = apply(KafkaSettings(kafka), topics.declarations(), 2)

    assert {one.change for one in again} == {TopicChange.KEPT}
    assert all(one.altered == () for one in again)


def test_a_setting_that_differs_is_altered_and_the_others_are_left_alone(
    kafka: str, admin: AdminClient, topics: Topics
) -> None:
    own = {"retention.ms": "1000", "retention.bytes": "1048576", "segment.bytes": "1048576"}
    created = admin.create_topics([NewTopic(topics.inventory_changes, 2, 1, config=own)])
    created[topics.inventory_changes].result(10)

    findings = {one.name: one for one in apply(KafkaSettings(kafka), topics.declarations(), 2)}

    altered = findings[topics.inventory_changes]
    assert altered.change is TopicChange.ALTERED
    assert "retention.ms 1000 -> 604800000" in altered.altered
    assert "retention.bytes 1048576 -> -1" in altered.altered  # seven days are promised, however much that is
    has = settings_of(admin, topics.inventory_changes)
    assert (has["retention.ms"], has["segment.bytes"]) == ("604800000", "1048576")


def test_a_topic_that_the_broker_does_not_tell_of_yet_is_altered_like_any_other(
    kafka: str, admin: AdminClient, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has made it a moment ago, and what the broker lists is older than that."""
    before = admin.list_topics(timeout=10)
    created = admin.create_topics([NewTopic(topics.inventory_changes, 2, 1, config={"retention.ms": "1000"})])
    created[topics.inventory_changes].result(10)
    monkeypatch.setattr(of_topics, "_contacted", lambda *_: (admin, before))

    findings = {one.name: one for one in apply(KafkaSettings(kafka), topics.declarations(), 2)}

    assert findings[topics.inventory_changes].change is TopicChange.ALTERED
    assert findings[topics.sku_state].change is TopicChange.NEW
    assert settings_of(admin, topics.inventory_changes)["retention.ms"] == "604800000"


def test_another_partition_count_is_refused_for_all_topics_before_anything_is_done(
    kafka: str, admin: AdminClient, topics: Topics
) -> None:
    """The records of a SKU would go to another partition, and meet another owner and another state."""
    there = {topics.inventory_changes, topics.sku_state}
    for name in there:
        admin.create_topics([NewTopic(name, 3, 1)])[name].result(10)
    wait_until(lambda: admin.list_topics(timeout=10).topics.keys() >= there, "the broker tells of both")

    with pytest.raises(ConfigError) as caught:
        apply(KafkaSettings(kafka), topics.declarations(), 6)

    assert {fault.path for fault in caught.value.faults} == there
    assert "has 3 partitions and is declared with 6" in str(caught.value)
    assert topics.catalog_products not in admin.list_topics(timeout=10).topics


def test_a_plan_changes_nothing(kafka: str, admin: AdminClient, topics: Topics) -> None:
    findings = plan(KafkaSettings(kafka), topics.declarations(), 2)

    assert {one.change for one in findings} == {TopicChange.NEW}
    assert topics.inventory_changes not in admin.list_topics(timeout=10).topics


def test_with_fewer_than_three_brokers_there_are_as_many_copies_as_brokers(
    kafka: str, admin: AdminClient, topics: Topics
) -> None:
    brokers = len(admin.list_topics(timeout=10).brokers)

    findings = apply(KafkaSettings(kafka), topics.declarations(), 2)

    assert {one.replication for one in findings} == {min(3, brokers)}


def test_more_copies_than_brokers_is_refused_with_the_topic(kafka: str, topics: Topics) -> None:
    with pytest.raises(TopicsNotApplied, match=r"inventory\.changes was not created: .*eplication"):
        apply(KafkaSettings(kafka), topics.declarations(), 2, replication=9)


def test_two_who_apply_at_the_same_time_both_succeed(kafka: str, topics: Topics) -> None:
    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(apply, KafkaSettings(kafka), topics.declarations(), 2) for _ in range(3)]

    for one in running:
        assert len(one.result()) == len(topics.declarations())


def test_a_broker_that_is_away_is_told_and_not_waited_for_forever() -> None:
    with pytest.raises(TopicsNotApplied, match=r"Kafka at 127\.0\.0\.1:9 does not answer"):
        plan(KafkaSettings("127.0.0.1:9"), Topics(()).declarations(), 1, contact_limit_s=0.5)


def test_the_command_says_what_is_to_do_and_does_it(kafka: str, topics: Topics, topic_prefix: str) -> None:
    arguments = ["--bootstrap-servers", kafka, "--topic-prefix", topic_prefix, "--marketplace", "ebay"]
    run = CliRunner().invoke

    before = run(app, ["list", *arguments])
    done = run(app, ["apply", *arguments])
    after = run(app, ["list", *arguments])

    assert (before.exit_code, done.exit_code, after.exit_code) == (1, 0, 0)
    count = len(topics.declarations())
    assert f"{count} topics: {count} created or altered, 0 kept" in done.output
    assert topics.exposure(Marketplace("ebay")) in after.output


def test_the_command_refuses_another_partition_count(kafka: str, topic_prefix: str) -> None:
    arguments = ["--bootstrap-servers", kafka, "--topic-prefix", topic_prefix, "--marketplace", "ebay"]
    CliRunner().invoke(app, ["apply", *arguments, "--partitions", "2"])

    refused = CliRunner().invoke(app, ["list", *arguments, "--partitions", "3"])

    assert isinstance(refused.exception, ConfigError)
    assert "has 2 partitions and is declared with 3" in str(refused.exception)


def test_the_command_takes_names_and_numbers_from_the_settings_file(
    kafka: str, registry_url: str, admin: AdminClient, topic_prefix: str, tmp_path: Path
) -> None:
    """And no secret of a marketplace is needed for it."""
    file = tmp_path / "settings.yaml"
    file.write_text(
        f"kafka: {{bootstrap_servers: '{kafka}'}}\n"
        f"schema_registry: {{url: '{registry_url}'}}\n"
        f"topics: {{prefix: '{topic_prefix}', partitions: 3, replication: 1}}\n",
        encoding="utf-8",
    )

    done = CliRunner().invoke(app, ["apply", "--config", str(file)])

    assert done.exit_code == 0, done.output
    assert partitions_of(admin, f"{topic_prefix}catalog.products") == 3
    assert partitions_of(admin, f"{topic_prefix}listing.targets.shopify") == 3
