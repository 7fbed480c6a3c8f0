"""What an operator reads and writes on a broker: dead letters, held mass changes, what a shadow would change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from confluent_kafka import Message, Producer
from typer.testing import CliRunner, Result

from inventory_adapters.catalog import MARKETPLACES
from inventory_cli import mass_change, shadow_report
from inventory_cli.connecting import connection
from inventory_cli.console_letters import DeskLetters
from inventory_cli.dead_letters import app
from inventory_cli.letter_desk import Desk
from inventory_cli.schemas import register_schemas
from inventory_cli.topics import apply_topics
from inventory_console.letters import Decision, LetterPlace
from inventory_domain.changes import StockCounted
from inventory_domain.commands import Restate
from inventory_domain.exposure import Confirmed, Exposure, Proof
from inventory_domain.identifiers import Marketplace
from inventory_domain.operations import OperatorAction
from inventory_domain.sku_state import SkuState
from inventory_domain.targets import Target
from inventory_schemas.codec import Serde
from inventory_schemas.records import (
    INVENTORY_CHANGE,
    LISTING_EXPOSURE,
    LISTING_TARGET,
    OPERATOR_COMMAND,
    PRODUCT,
    SKU_COMMAND,
    SKU_STATE,
)
from inventory_schemas.registry import ConfluentRegistry
from inventory_streams.delivery.codecs import codecs_of
from inventory_streams.delivery.records import Records
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.kafka.reading import read_to_end
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Topics
from tests.support.delivery import a_target
from tests.support.stock import SKU, a_change, a_product, a_stock

AMAZON = Marketplace("amazon")


@dataclass
class Letters:
    """A broker with topics, targets and dead letters of one partition."""

    kafka: KafkaSettings
    topics: Topics
    registry: ConfluentRegistry
    config: Path

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--config", str(self.config)])

    def target(self, own_id: str, version: int, quantity: int = 5) -> Target:
        """The engine's newest target of a listing."""
        target = replace(a_target(own_id, quantity, version=version), marketplace=AMAZON)
        codec = Serde(LISTING_TARGET, f"{self.topics.targets(AMAZON)}-value", self.registry)
        self.write(self.topics.targets(AMAZON), target.listing_id.encode(), codec.encode(target))
        return target

    def letter(self, target: Target, reason: str) -> None:
        """What delivery writes when it gives a target up."""
        settings = DeliverySettings("app", AMAZON, self.kafka, self.topics)
        records = Records(settings, codecs_of(self.topics, AMAZON, self.registry))
        codec = Serde(LISTING_TARGET, f"{self.topics.targets(AMAZON)}-value", self.registry)
        raw = codec.encode(target)
        error = "90000900 The attributes are invalid"
        write = records.dead_letter(0, 7, target.listing_id.encode(), raw, reason=reason, error=error, attempts=2)
        self.write(write.topic, write.key or b"", raw, dict(write.headers))

    def write(self, topic: str, key: bytes, value: bytes | None, headers: dict[str, bytes] | None = None) -> None:
        producer = Producer({"bootstrap.servers": self.kafka.bootstrap_servers})
        producer.produce(topic, key=key, value=value, partition=0, headers=headers)  # type: ignore[arg-type]
        assert producer.flush(30) == 0

    def read(self, topic: str) -> list[Message]:
        found: list[Message] = []
        read_to_end(self.kafka, [(topic, 0)], found.extend)
        return found


@pytest.fixture
def letters(kafka: str, registry_url: str, topic_prefix: str, tmp_path: Path) -> Iterator[Letters]:
    config = tmp_path / "sync.yaml"
    config.write_text(
        f"kafka: {{bootstrap_servers: '{kafka}'}}\nschema_registry: {{url: '{registry_url}'}}\n"
        f"topics: {{prefix: '{topic_prefix}', partitions: 1, replication: 1}}\n"
    )
    settings = KafkaSettings(kafka)
    topics = Topics(tuple(MARKETPLACES), topic_prefix)
    apply_topics(settings, topics, 1, 1)
    register_schemas(registry_url, topics)
    registry = ConfluentRegistry(registry_url)
    yield Letters(settings, topics, registry, config)
    registry.close()


def test_dead_letters_are_listed_shown_replayed_and_discarded(letters: Letters) -> None:
    """One broker, one story: a current letter, a stale one, and input of the engine."""
    current, stale = letters.target("A", 3), letters.target("B", 3)
    letters.letter(current, "listing-invalid")
    letters.letter(stale, "listing-invalid")
    letters.target("B", 4)
    origin = {"reason": b"bad-avro", "error": b"too short", "attempts": b"1", "origin-partition": b"0"}
    origin |= {"origin-topic": letters.topics.inventory_changes.encode(), "origin-offset": b"5"}
    origin |= {"resolves": b"the producer's own"}
    letters.write(letters.topics.inventory_dead_letters, b"SKU-9", b"raw input", origin)

    listed = [json.loads(line) for line in letters.run("list", "--json").stdout.splitlines()]
    ids = {one["of"]: one["id"] for one in listed}
    shown = letters.run("show", ids["harbor-us/A"])
    rehearsed = letters.run("replay", "--from", "amazon", "--dry-run", "--why", "repaired")
    untouched = letters.read(letters.topics.sku_commands)
    replayed = letters.run("replay", "--from", "amazon", "--why", "repaired", "--by", "ann")
    again = letters.run("replay", ids["SKU-9"], "--why", "producer was repaired")
    left = [json.loads(line)["of"] for line in letters.run("list", "--json").stdout.splitlines()]
    discarded = letters.run("discard", "--listing", "B", "--why", "superseded", "--by", "ann")
    none_left = letters.run("list")
    everything = letters.run("list", "--all", "--json").stdout.splitlines()

    assert {one["reason"] for one in listed} == {"listing-invalid", "bad-avro"}
    assert (listed[0]["attempts"], listed[0]["error"]) == (2, "90000900 The attributes are invalid")
    assert "version 3, 5 units, SKU A" in shown.stdout and "is still the newest" in shown.stdout
    assert "1 would be replayed, 1 refused" in rehearsed.stdout and untouched == []
    assert (replayed.exit_code, "stale: version 3 was followed by 4" in replayed.stdout) == (1, True)
    (command,) = letters.read(letters.topics.sku_commands)
    sent = Serde(SKU_COMMAND, f"{letters.topics.sku_commands}-value", letters.registry).decode(command.value() or b"")
    assert (sent.sku, sent.issued_by, sent.kind) == ("A", "ann", Restate(current.listing_id, 3, "replayed"))
    assert again.exit_code == 0
    (input_again,) = letters.read(letters.topics.inventory_changes)
    assert (input_again.key(), input_again.value()) == (b"SKU-9", b"raw input")
    assert left == ["harbor-us/B"]
    assert "1 discarded" in discarded.stdout
    assert (none_left.exit_code, none_left.stdout) == (0, "no dead letters\n")
    decided = {json.loads(line)["of"]: json.loads(line)["decided"] for line in everything}
    assert decided["harbor-us/A"] == "replayed by ann: repaired"
    assert decided["harbor-us/B"] == "discarded by ann: superseded"


def test_input_that_would_undo_what_came_after_it_is_not_replayed(letters: Letters) -> None:
    """Nothing tells the engine that a count without a sequence is an old one: 20 would be on sale again, of 5."""
    topics = letters.topics
    state = Serde(SKU_STATE, f"{topics.sku_state}-value", letters.registry)
    letters.write(topics.sku_state, SKU.encode(), state.encode(SkuState(SKU, a_stock(dallas=5), a_product())))
    products = Serde(PRODUCT, f"{topics.catalog_products}-value", letters.registry)
    for product in (a_product(category="old"), a_product()):
        letters.write(topics.catalog_products, SKU.encode(), products.encode(product))
    changes = Serde(INVENTORY_CHANGE, f"{topics.inventory_changes}-value", letters.registry)
    given_up = {
        "old count": (topics.inventory_changes, changes.encode(a_change(StockCounted(20)))),
        "numbered count": (topics.inventory_changes, changes.encode(a_change(StockCounted(20), sequence=1))),
        "count elsewhere": (topics.inventory_changes, changes.encode(a_change(StockCounted(20), location="reno"))),
        "old product": (topics.catalog_products, products.encode(a_product(category="old"))),
    }
    for reason, (topic, raw) in given_up.items():
        origin = {"origin-topic": topic, "origin-partition": "0", "origin-offset": "0", "reason": reason}
        letters.write(topics.inventory_dead_letters, SKU.encode(), raw, {k: v.encode() for k, v in origin.items()})

    told = {name: letters.run("replay", "--reason", name, "--dry-run", "--why", "x") for name in given_up}

    assert {name: one.exit_code for name, one in told.items()} == {
        "old count": 1,
        "numbered count": 0,
        "count elsewhere": 0,
        "old product": 1,
    }
    assert "older than the 5 units counted at dallas" in told["old count"].stdout
    assert "stale: a newer record of the product followed it" in told["old product"].stdout


def test_nothing_is_replayed_without_being_chosen(letters: Letters) -> None:
    unchosen = letters.run("replay", "--why", "all of it")
    unknown = letters.run("replay", "amazon/0/99", "--why", "x")
    nowhere = letters.run("list", "--from", "etsy")

    assert unchosen.exit_code == 2 and "by their ids" in unchosen.output
    assert unknown.exit_code == 2 and "no such letter" in unknown.output
    assert nowhere.exit_code == 2 and "'etsy' is not one of amazon" in nowhere.output


def test_the_console_decides_as_the_command_line_does(letters: Letters) -> None:
    """The same desk: a current target is said once more, a number of the past is refused, nothing is decided twice."""
    current = letters.target("A", 3)
    letters.letter(current, "listing-invalid")
    past = letters.target("B", 3)
    letters.letter(past, "listing-invalid")
    letters.target("B", 4)
    topic = letters.topics.dead_letters(AMAZON)
    places = {one.key(): LetterPlace(topic, one.partition(), one.offset()) for one in letters.read(topic)}
    first, second = (places[one.listing_id.encode()] for one in (current, past))
    desk = Desk(connection(letters.config, None, None), now_ms=lambda: 0)
    console = DeskLetters(desk, letters.topics)

    said = [
        console.decide(first, Decision.REPLAY, "ann", "repaired"),
        console.decide(second, Decision.REPLAY, "ann", "repaired"),
        console.decide(second, Decision.DISCARD, "ann", "superseded"),
        console.decide(second, Decision.REPLAY, "bob", "once more"),
        console.decide(replace(second, offset=99), Decision.DISCARD, "ann", "x"),
        console.decide(replace(second, topic="etsy"), Decision.DISCARD, "ann", "x"),
    ]
    desk.close()

    assert said[0] is said[2] is None
    assert said[1] is not None and "stale: version 3 was followed by 4" in said[1]
    assert said[3] == "discarded by ann before: superseded"
    assert said[4] is not None and "no such letter" in said[4]
    assert said[5] == "etsy is no topic of dead letters"
    (command,) = letters.read(letters.topics.sku_commands)
    sent = Serde(SKU_COMMAND, f"{letters.topics.sku_commands}-value", letters.registry).decode(command.value() or b"")
    assert (sent.sku, sent.issued_by, sent.kind) == ("A", "ann", Restate(current.listing_id, 3, "replayed"))


def test_a_mass_change_is_released_or_held_by_the_command_topic(letters: Letters) -> None:
    letters.config.write_text(f"{letters.config.read_text()}channels: {{amazon-us: {{}}}}\n")
    given = ["--why", "ERP sent an empty file", "--by", "ann", "--config", str(letters.config)]
    held = CliRunner().invoke(mass_change.app, ["hold", "amazon-us", "--until", "2h", *given])
    released = CliRunner().invoke(mass_change.app, ["release", "amazon-us", *given])
    nonsense = CliRunner().invoke(mass_change.app, ["hold", "amazon-us", "--until", "soon", *given])
    misspelled = CliRunner().invoke(mass_change.app, ["hold", "amazon-su", "--until", "2h", *given])

    codec = Serde(OPERATOR_COMMAND, f"{letters.topics.operator_commands}-value", letters.registry)
    first, second = [codec.decode(one.value() or b"") for one in letters.read(letters.topics.operator_commands)]
    assert (held.exit_code, released.exit_code, nonsense.exit_code) == (0, 0, 2)
    assert misspelled.exit_code == 2 and "'amazon-su' is not a channel that is known" in misspelled.output
    assert (first.action, first.channel, first.by) == (OperatorAction.HOLD_MASS_CHANGE, "amazon-us", "ann")
    assert first.until_ms is not None and abs(first.until_ms - first.at_ms - 7_200_000) < 60_000
    assert (second.action, second.until_ms) == (OperatorAction.RELEASE_MASS_CHANGE, None)


def test_a_shadow_report_says_what_would_change(letters: Letters) -> None:
    seen = letters.target("A", 3, quantity=5)
    letters.target("B", 3, quantity=1)
    exposure = Exposure(seen.listing_id, seen.sku, Confirmed(9, 0, 0, Proof.READ))
    codec = Serde(LISTING_EXPOSURE, f"{letters.topics.exposure(AMAZON)}-value", letters.registry)
    letters.write(letters.topics.exposure(AMAZON), seen.listing_id.encode(), codec.encode(exposure))
    settings = letters.config.read_text() + (
        "accounts: {na: {marketplace: amazon, seller_id: S, client_id: C, client_secret: {env: X},"
        " refresh_token: {env: Y}}}\n"
        "channels: {harbor-us: {account: na, locations: [main], marketplace_id: ATVPDKIKX0DER, mode: shadow}}\n"
    )
    letters.config.write_text(settings)
    given = ["harbor-us", "--config", str(letters.config)]

    report = CliRunner().invoke(shadow_report.app, given)
    lines = [json.loads(line) for line in CliRunner().invoke(shadow_report.app, [*given, "--json"]).stdout.splitlines()]
    unknown = CliRunner().invoke(shadow_report.app, ["etsy", "--config", str(letters.config)])
    letters.config.write_text(settings.replace("mode: shadow", "mode: live"))
    live = CliRunner().invoke(shadow_report.app, given)

    assert report.exit_code == 0, report.output
    assert "harbor-us (shadow): 2 of 2 listings are not written: 1 falls, 0 rises, 0 stays, 1 unknown" in report.stdout
    assert [(one["sku"], one["shown"], one["would_show"]) for one in lines] == [("A", 9, 5), ("B", None, 1)]
    assert unknown.exit_code == 2 and "'etsy' is not one of harbor-us" in unknown.output
    assert live.exit_code == 1 and "is live" in live.output
