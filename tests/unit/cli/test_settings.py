"""One settings file: every default in it, every fault of it named with its path, no secret in it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from inventory_cli.connecting import connection
from inventory_cli.documents import SecretSource, parse_document
from inventory_cli.policy_words import policy_words, withheld_words
from inventory_cli.settings import Settings, load, read
from inventory_cli.showing import shown
from inventory_cli.template import settings_text, starting_draft
from inventory_domain.buffers import BufferPolicy
from inventory_domain.errors import ConfigError
from inventory_domain.identifiers import ChannelId, Marketplace
from inventory_domain.risk import RiskPolicy
from inventory_domain.surges import HighVelocity, Peak
from inventory_domain.velocity import DAY_MS

ENV = {
    "AMAZON_NA_CLIENT_SECRET": "canary-amazon-secret",
    "AMAZON_NA_REFRESH_TOKEN": "canary-amazon-token",
    "EBAY_CLIENT_SECRET": "canary-ebay-secret",
    "EBAY_REFRESH_TOKEN": "canary-ebay-token",
    "WALMART_CLIENT_SECRET": "canary-walmart-secret",
    "SHOP_ACCESS_TOKEN": "canary-shop-token",
}
MINIMAL = """
kafka: {bootstrap_servers: "localhost:9092"}
schema_registry: {url: "http://localhost:8081"}
accounts:
  amazon-na:
    marketplace: amazon
    seller_id: YOUR-SELLER-ID
    client_id: YOUR-LWA-CLIENT-ID
    client_secret: {env: AMAZON_NA_CLIENT_SECRET}
    refresh_token: {env: AMAZON_NA_REFRESH_TOKEN}
  ebay:
    marketplace: ebay
    client_id: YOUR-APP-ID
    client_secret: {env: EBAY_CLIENT_SECRET}
    refresh_token: {env: EBAY_REFRESH_TOKEN}
  walmart:
    marketplace: walmart
    client_id: YOUR-CLIENT-ID
    client_secret: {env: WALMART_CLIENT_SECRET}
  shop:
    marketplace: shopify
    shop: your-shop
    access_token: {env: SHOP_ACCESS_TOKEN}
channels:
  amazon-us: {account: amazon-na, locations: [main], marketplace_id: ATVPDKIKX0DER}
  amazon-ca: {account: amazon-na, locations: [main], marketplace_id: A2EUQ1WTGCTBG2}
  ebay-us: {account: ebay, locations: [main]}
  walmart-us: {account: walmart, locations: [main]}
  shop: {account: shop, locations: [main]}
"""

LARGEST = "policy.largest_share.margin-first"
PEAK = "{name: x, from: 2026-11-27, until: 2026-11-27}"
PEAK_ELSEWHERE = "{name: x, from: 2026-11-27, until: 2026-11-27, channels: [etsy]}"
PEAK_FOR_EVER = "{name: x, from: 2026-11-27, until: 9999-12-31}"


def settings_of(text: str, env: Mapping[str, str] = ENV) -> Settings:
    return read(parse_document(text), env, SecretSource(env, Path()))


def faults_of(text: str, env: Mapping[str, str] = ENV) -> dict[str, str]:
    with pytest.raises(ConfigError) as raised:
        settings_of(text, env)
    return {fault.path: fault.message for fault in raised.value.faults}


def with_change(old: str, new: str) -> str:
    assert old in MINIMAL
    return MINIMAL.replace(old, new)


def test_each_channel_has_its_marketplaces_deadline_unless_it_says_another() -> None:
    """Amazon needs up to 15 minutes to show a number, Shopify none."""
    usual = settings_of(MINIMAL).deadlines_s
    own = settings_of(with_change("account: ebay, ", "account: ebay, seen_within_s: 400, ")).deadlines_s
    wrong = faults_of(with_change("account: ebay, ", "account: ebay, seen_within_s: 0, "))

    assert {str(name): seconds for name, seconds in usual.items()} == {
        "amazon-us": 1_350.0,
        "amazon-ca": 1_350.0,
        "ebay-us": 300.0,
        "walmart-us": 900.0,
        "shop": 130.0,
    }
    assert own == {**usual, ChannelId("ebay-us"): 400.0}
    assert list(wrong) == ["channels.ebay-us.seen_within_s"]


def test_the_written_file_says_exactly_the_defaults() -> None:
    """A default that is written into the file and differs from the real one would be a silent change of behavior."""
    written = settings_of(settings_text(starting_draft("localhost:9092", "http://localhost:8081")))

    assert shown(written) == shown(settings_of(MINIMAL))


def test_the_written_file_explains_itself() -> None:
    text = settings_text(starting_draft("localhost:9092", "http://localhost:8081"))

    assert text.count("#") > 60
    assert max(len(line) for line in text.splitlines() if "allowed_hosts" not in line) <= 120


def test_each_marketplace_has_the_buffer_of_the_profile() -> None:
    guide = settings_of(MINIMAL).policy.channels
    simple = settings_of(MINIMAL + "policy: {profile: simple}\n").policy.channels

    def buffers(channels: Mapping[ChannelId, object]) -> dict[str, tuple[int, int]]:
        return {
            str(name): (one.buffer.units, one.buffer.percent)  # type: ignore[attr-defined]
            for name, one in channels.items()
        }

    assert buffers(guide) == {
        "amazon-us": (5, 15),
        "amazon-ca": (5, 15),
        "ebay-us": (3, 10),
        "walmart-us": (5, 12),
        "shop": (0, 5),
    }
    assert buffers(simple) == {
        "amazon-us": (0, 15),
        "amazon-ca": (0, 15),
        "ebay-us": (0, 10),
        "walmart-us": (0, 5),
        "shop": (0, 5),
    }


def test_a_written_file_needs_but_another_profile_to_have_its_buffers() -> None:
    """Seen: the file wrote every channel's buffer out, and its profile changed nothing."""
    text = settings_text(starting_draft("localhost:9092", "http://localhost:8081"))

    simple = settings_of(text.replace("profile: guide", "profile: simple")).policy.channels

    assert simple[ChannelId("walmart-us")].buffer == BufferPolicy(percent=5)


def test_a_buffer_that_names_one_number_means_that_one_alone() -> None:
    changed = with_change(
        "ebay-us: {account: ebay, locations: [main]}", "ebay-us: {account: ebay, locations: [main], buffer: {units: 2}}"
    )

    buffer = settings_of(changed).policy.channels[ChannelId("ebay-us")].buffer

    assert (buffer.units, buffer.percent) == (2, 0)


@pytest.mark.parametrize(
    ("old", "new", "path", "words"),
    [
        ("bootstrap_servers:", "bootstrap_server:", "kafka.bootstrap_servers", "missing"),
        ("bootstrap_servers:", "bootstrap_server:", "kafka.bootstrap_server", "not a setting here"),
        ('"http://localhost:8081"', "localhost", "schema_registry.url", "http://"),
        ("marketplace: ebay", "marketplace: etsy", "accounts.ebay.marketplace", "one of amazon"),
        ("seller_id: YOUR-SELLER-ID", "seller_id: 7", "accounts.amazon-na.seller_id", "must be text"),
        ("client_id: YOUR-APP-ID", "client: YOUR-APP-ID", "accounts.ebay.client_id", "missing"),
        ("client_id: YOUR-APP-ID", "client_id: a\n    timeout_s: 20", "accounts.ebay.timeout_s", "15"),
        ("shop: {account: shop", "shop: {account: shopp", "channels.shop.account", "'shopp'"),
        ("shop: {account: shop", "shop: {account: shopp", "accounts.shop", "no channel"),
        ("ebay-us: {account: ebay,", "ebay-us: {", "channels.ebay-us.account", "missing"),
        (
            "{account: walmart, locations: [main]",
            "{account: walmart, locations: [main, 7]",
            "channels.walmart-us.locations",
            "7 in it is none; a number stands in quotes",
        ),
        (
            "{account: walmart, locations: [main]",
            "{account: walmart, locations: []",
            "channels.walmart-us.locations",
            "empty",
        ),
        (
            "{account: walmart, locations: [main]",
            "{account: walmart, locations: [main], buffer: {percent: 101}",
            "channels.walmart-us.buffer",
            "101",
        ),
        (
            "{account: walmart, locations: [main]",
            "{account: walmart, locations: [main], buffer: {percent: 0}",
            "channels.walmart-us.buffer",
            "allow_full",
        ),
        (
            "{account: walmart, locations: [main]",
            "{account: walmart, locations: [main], bufer: {}",
            "channels.walmart-us.bufer",
            "not a setting here",
        ),
        (
            "{account: walmart, locations: [main]",
            "{account: walmart, locations: [main], percent: 120",
            "channels.walmart-us.percent",
            "120",
        ),
        ("channels:", "policy: {strategy: best}\nchannels:", "policy.strategy", "fixed-percentage"),
        ("channels:", "policy: {by_category: {shoes: 3}}\nchannels:", "policy.by_category.shoes", "text"),
        ("channels:", "policy: {strategy: fixed-percentage}\nchannels:", "channels.*.percent", "all 0"),
        ("channels:", "policy: {largest_share: {margin-first: 100}}\nchannels:", LARGEST, "allow_full"),
        ("channels:", "policy: {smallest_share: 60}\nchannels:", "policy.smallest_share", "0 to 50"),
        ("channels:", "policy: {margin_horizon_days: 0}\nchannels:", "policy.margin_horizon_days", "1 to 365"),
        ("channels:", "policy: {high_velocity: {ends: 3}}\nchannels:", "policy.high_velocity", "flap"),
        ("channels:", "policy: {time_zone: Mars}\nchannels:", "policy.time_zone", "'Mars'"),
        ("channels:", "policy: {peaks: {name: x}}\nchannels:", "policy.peaks", "list of mappings"),
        ("channels:", "policy: {peaks: [{name: x, from: soon}]}\nchannels:", "policy.peaks.0.from", "'soon'"),
        ("channels:", "policy: {peaks: [{name: x}]}\nchannels:", "policy.peaks.0.until", "missing"),
        ("channels:", f"policy: {{peaks: [{PEAK_FOR_EVER}]}}\nchannels:", "policy.peaks.0.until", "9999-12-31"),
        ("channels:", f"policy: {{peaks: [{PEAK}, {PEAK}]}}\nchannels:", "policy.peaks.1.name", "like another"),
        ("channels:", f"policy: {{peaks: [{PEAK_ELSEWHERE}]}}\nchannels:", "policy.peaks.0.channels", "'etsy'"),
        ("ebay-us: {", "ebay-us: {largest_share: 100, ", "channels.ebay-us.largest_share", "allow_full"),
        ("ebay-us: {", "ebay-us: {buffer: {show: 85, percent: 15}, ", "channels.ebay-us.buffer.show", "one of them"),
        ("ebay-us: {", "ebay-us: {buffer: {show: 100}, ", "channels.ebay-us.buffer", "allow_full"),
        ("ebay-us: {", "ebay-us: {buffer: {percent: 9, risk: {}}, ", "channels.ebay-us.buffer", "units"),
        ("ebay-us: {", "ebay-us: {buffer_by_sku: {A: {}}, ", "channels.ebay-us.buffer_by_sku.A", "allow_full"),
        ("ebay-us: {", "ebay-us: {buffer_by_sku: {4711: {units: 2}}, ", "channels.ebay-us.buffer_by_sku", "4711 in it"),
        (
            "ebay-us: {",
            "ebay-us: {buffer: {units: 1, risk: {chance: 2}}, ",
            "channels.ebay-us.buffer.risk.chance",
            "0.5",
        ),
        ("channels:", "topics: {partitions: 0}\nchannels:", "topics.partitions", "1"),
        ("channels:", "topics: {prefix: 'a b'}\nchannels:", "topics.prefix", "letters"),
        ("channels:", "delivery: {retry: {first_s: [0]}}\nchannels:", "delivery.retry", "above 0"),
        ("channels:", "delivery: {handover_wait_s: 3}\nchannels:", "delivery.handover_wait_s", "former owner"),
        ("channels:", "engine: {batch_records_max: many}\nchannels:", "engine.batch_records_max", "whole number"),
        ("channels:", "engine: {event_ids_max: 15}\nchannels:", "engine.event_ids_max", "15"),
        ("channels:", "engine: {event_ids_max: 1025}\nchannels:", "engine.event_ids_max", "1025"),
        ("channels:", "engine: {micro_batches: 1}\nchannels:", "engine.micro_batches", "true or false"),
        ("channels:", "probes: {ports: {engin: 1}}\nchannels:", "probes.ports.engin", "not a setting here"),
        ("channels:", "logs: {level: LOUD}\nchannels:", "logs.level", "DEBUG"),
        ("channels:", "colour: red\nchannels:", "colour", "not a setting here"),
    ],
)
def test_a_fault_is_named_with_its_path(old: str, new: str, path: str, words: str) -> None:
    faults = faults_of(with_change(old, new))

    assert path in faults
    assert words in faults[path]


def test_all_faults_are_told_together() -> None:
    text = with_change("marketplace: ebay", "marketplace: etsy").replace("locations: [main]", "locations: main")

    faults = faults_of(text + "topics: {partitions: -1}\nlogs: {level: LOUD}\n")

    assert {"accounts.ebay.marketplace", "channels.shop.locations", "topics.partitions", "logs.level"} <= faults.keys()


def test_a_key_that_stands_twice_is_a_fault() -> None:
    with pytest.raises(ConfigError, match="stands twice"):
        settings_of(MINIMAL + "channels: {}\n")


def test_text_that_is_not_yaml_is_told_with_its_line() -> None:
    with pytest.raises(ConfigError, match="line 2"):
        parse_document("kafka: 1\n  bad: [\n")


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML was built without libyaml")
def test_a_sound_file_is_read_by_libyaml_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a tenth of the time. Where it refuses the file, what is wrong is told as PyYAML tells it."""
    text = settings_text(starting_draft("localhost:9092", "http://localhost:8081"))
    known = yaml.safe_load(text)
    monkeypatch.setattr("inventory_cli.documents._Strict", None)

    assert parse_document(text) == known


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kafka: [1, 2", "line 1, column 13: is not YAML: expected ',' or ']', but got '<stream end>'"),
        ("kafka: *here", "line 1, column 8: is not YAML: found undefined alias 'here'"),
        ("kafka:\tx", "line 1, column 7: is not YAML: found character '\\t' that cannot start any token"),
    ],
)
def test_what_is_no_yaml_is_told_in_plain_words(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_document(text)

    assert [str(fault) for fault in refused.value.faults] == [told]


def test_a_secret_in_plain_text_is_refused_and_not_repeated() -> None:
    faults = faults_of(with_change("{env: WALMART_CLIENT_SECRET}", "hunter2-canary"))

    assert "environment or a file" in faults["accounts.walmart.client_secret"]
    assert "hunter2-canary" not in str(faults)


def test_a_password_of_kafka_in_plain_text_is_refused() -> None:
    text = with_change(
        '{bootstrap_servers: "localhost:9092"}', '{bootstrap_servers: "a:1", security: {sasl.password: x}}'
    )

    assert "environment or a file" in faults_of(text)["kafka.security.sasl.password"]


def test_a_secret_that_cannot_be_had_is_named_by_where_it_should_come_from() -> None:
    env = {name: value for name, value in ENV.items() if name != "SHOP_ACCESS_TOKEN"}
    text = with_change("{env: WALMART_CLIENT_SECRET}", "{file: nowhere/token}")

    faults = faults_of(text, env)

    assert "SHOP_ACCESS_TOKEN is not set" in faults["accounts.shop.access_token"]
    assert "nowhere/token" in faults["accounts.walmart.client_secret"]


def test_a_secret_comes_from_a_file_beside_the_settings(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("canary-from-file\n")
    file = tmp_path / "sync.yaml"
    file.write_text(with_change("{env: SHOP_ACCESS_TOKEN}", "{file: token}"))

    settings = load(file, ENV)

    token = settings.accounts["shop"].access_token  # type: ignore[index,attr-defined]
    assert token.reveal() == "canary-from-file"


def test_what_is_shown_holds_no_secret() -> None:
    text = with_change(
        '{bootstrap_servers: "localhost:9092"}',
        '{bootstrap_servers: "a:1", security: {sasl.password: {env: EBAY_CLIENT_SECRET}, sasl.username: sync}}',
    )

    settings = settings_of(text)

    assert "canary-" not in shown(settings)
    assert "canary-" not in repr(settings)
    assert "'***'" in shown(settings)
    assert "sync" in shown(settings)


def test_the_environment_overrides_the_two_addresses() -> None:
    env = {
        **ENV,
        "INVENTORY_SYNC_BOOTSTRAP_SERVERS": "elsewhere:1",
        "INVENTORY_SYNC_SCHEMA_REGISTRY": "http://elsewhere:2",
    }

    settings = settings_of(MINIMAL, env)

    assert settings.connection.kafka.bootstrap_servers == "elsewhere:1"
    assert settings.connection.schema_registry_url == "http://elsewhere:2"


def test_a_producer_needs_no_secret_of_a_marketplace(tmp_path: Path) -> None:
    file = tmp_path / "sync.yaml"
    file.write_text(MINIMAL + "topics: {prefix: mine.}\n")

    found = connection(file, None, None, {})

    assert found.kafka.bootstrap_servers == "localhost:9092"
    assert found.topics.inventory_changes == "mine.inventory.changes"


def test_secrets_need_not_be_there_where_they_are_not_looked_up(tmp_path: Path) -> None:
    file = tmp_path / "sync.yaml"
    file.write_text(MINIMAL)

    settings = load(file, {}, look_up_secrets=False)

    assert len(settings.accounts) == 4


def with_buffer(text: str) -> BufferPolicy:
    return (
        settings_of(with_change("walmart-us: {", f"walmart-us: {{{text}, "))
        .policy.channels[ChannelId("walmart-us")]
        .buffer
    )


def test_to_show_a_share_is_to_withhold_the_rest() -> None:
    assert with_buffer("buffer: {show: 85}") == BufferPolicy(percent=15)
    assert with_buffer("buffer: {units: 2, show: 90}") == BufferPolicy(2, 10)


def test_the_risk_rule_starts_from_the_declared_settling_time_and_is_stricter_on_walmart() -> None:
    """An oversell costs more there: too many cancellations, and the account is suspended."""
    channels = settings_of(MINIMAL + "policy: {profile: risk}\n").policy.channels

    assert channels[ChannelId("walmart-us")].buffer == BufferPolicy(1, 12, RiskPolicy(1_000, 600_000, 100))
    assert channels[ChannelId("ebay-us")].buffer == BufferPolicy(1, 10, RiskPolicy(10_000, 180_000, 100))


def test_the_risk_rule_can_be_told_its_chance_time_and_dispersion() -> None:
    buffer = with_buffer("buffer: {units: 1, risk: {chance: 0.002, time_to_live_s: 42.5, dispersion: 1.8}}")

    assert buffer.risk == RiskPolicy(2_000, 42_500, 180)


def test_a_buffer_has_exceptions_by_category_and_sku() -> None:
    settings = settings_of(
        with_change("ebay-us: {", "ebay-us: {buffer_by_category: {shoes: {units: 9}}, buffer_by_sku: {A: {show: 70}}, ")
    )

    channel = settings.policy.channels[ChannelId("ebay-us")]
    assert channel.buffer_for("A", "shoes") == BufferPolicy(percent=30)
    assert channel.buffer_for("B", "shoes") == BufferPolicy(units=9)
    assert channel.buffer_for("B", "hats") == BufferPolicy(3, 10)


def test_a_peak_is_from_its_first_midnight_to_the_end_of_its_last_day_in_the_zone_of_the_policy() -> None:
    days = "{name: bf, from: 2026-11-27, until: 2026-11-30, widen: 2, channels: [shop]}"
    settings = settings_of(MINIMAL + f"policy: {{time_zone: America/New_York, peaks: [{days}]}}\n")

    peak = settings.policy.peaks[0]
    start = datetime(2026, 11, 27, 5, tzinfo=UTC).timestamp() * 1000
    assert peak == Peak("bf", round(start), round(start) + 4 * DAY_MS, 200, frozenset({ChannelId("shop")}))


def test_a_peak_may_have_times_of_its_own_zone() -> None:
    times = '{name: x, from: 2026-11-27T09:00:00, until: "2026-11-27T12:00:00+02:00", widen: 1.5}'
    peak = settings_of(MINIMAL + f"policy: {{peaks: [{times}]}}\n").policy.peaks[0]

    assert peak.until_ms - peak.from_ms == 3_600_000


def test_a_widening_of_one_switches_the_rule_for_high_velocity_off() -> None:
    assert settings_of(MINIMAL).policy.high_velocity == HighVelocity()
    assert settings_of(MINIMAL + "policy: {high_velocity: {widen: 1}}\n").policy.high_velocity is None


def test_a_policy_is_told_in_sentences() -> None:
    policy = settings_of(
        with_change(
            "ebay-us: {", "ebay-us: {buffer: {units: 1, percent: 5, risk: {}}, buffer_by_sku: {A: {units: 2}}, "
        )
        + f"policy: {{strategy: margin-first, by_sku: {{A: velocity-weighted}}, peaks: [{PEAK}]}}\n"
    ).policy

    assert withheld_words(policy.channels[ChannelId("ebay-us")]) == (
        "withholds 1 unit or 5 % while sales are not known, else 1 unit or what keeps the chance of an oversell "
        "within 180 s at 0.01 (1 exception)"
    )
    assert list(policy_words(policy)) == [
        "strategy margin-first, and by category or SKU velocity-weighted",
        "margin-first while stock is below the sales expected in 7 days, else shared-pool",
        "buffers x 1.5 from 3 times a SKU's usual rate and 20 units a day, until below 2 times",
        "buffers x 1.5 for x, 2026-11-27 00:00 UTC up to 2026-11-28 00:00 UTC",
    ]


def test_a_process_needs_the_secrets_of_its_own_marketplace_only(tmp_path: Path) -> None:
    """What a process was never given it cannot lose."""
    file = tmp_path / "sync.yaml"
    file.write_text(MINIMAL)

    found = load(file, {"SHOP_ACCESS_TOKEN": "canary-shop-token"}, secrets_at=(Marketplace("shopify"),))
    with pytest.raises(ConfigError) as told:
        load(file, {"SHOP_ACCESS_TOKEN": "canary-shop-token"}, secrets_at=(Marketplace("ebay"),))

    assert len(found.accounts) == 4
    assert {fault.path for fault in told.value.faults} == {
        "accounts.ebay.client_secret",
        "accounts.ebay.refresh_token",
    }


def test_closed_locations_are_those_of_channels() -> None:
    """A name that no channel has is a slip, and the location that was meant would stay open."""
    named = next(iter(next(iter(settings_of(MINIMAL).policy.channels.values())).locations))

    settings = settings_of(MINIMAL + f"policy: {{closed_locations: [{named}]}}\n")

    assert settings.policy.closed_locations == {named}
    with pytest.raises(ConfigError, match=r"policy.closed_locations: 'atlantis' is a location of no channel"):
        settings_of(MINIMAL + "policy: {closed_locations: [atlantis]}\n")


def test_who_uses_no_secret_of_an_account_does_not_fail_by_its_length(tmp_path: Path) -> None:
    """eBay's verification token has a least length; an engine, which is given no marketplace's secrets, must start."""
    signals = "signals: {endpoint: 'https://hooks.example/ebay', verification_token: {env: NOT_SET}}"
    file = tmp_path / "sync.yaml"
    file.write_text(MINIMAL.replace("    marketplace: ebay\n", f"    marketplace: ebay\n    {signals}\n"))

    settings = load(file, {}, secrets_at=())

    assert len(settings.accounts) == 4


REGISTRY = '"http://localhost:8081"'


def test_what_is_shown_has_every_section_and_how_each_channel_is_written() -> None:
    text = with_change(
        "ebay-us: {account: ebay,", "ebay-us: {account: ebay, mode: canary, canary_percent: 7, seen_within_s: 400,"
    )

    tree = yaml.safe_load(shown(settings_of(text + "reconcile: {units: 4, interval_s: 600}\nsignals: {kept_s: 999}\n")))

    channel = tree["channels"]["ebay-us"]
    assert (channel["mode"], channel["canary_percent"], channel["seen_within_s"]) == ("canary", 7.0, 400.0)
    assert (tree["reconcile"]["units"], tree["reconcile"]["interval_s"], tree["signals"]["kept_s"]) == (4, 600.0, 999.0)


def test_a_login_in_the_registrys_address_is_refused_in_the_file_and_shown_nowhere() -> None:
    found = faults_of(with_change(REGISTRY, '"https://me:canary-login@registry:8081"'))
    unframed = faults_of(with_change(REGISTRY, '"me:canary-login@registry:8081"'))
    env = {**ENV, "INVENTORY_SYNC_SCHEMA_REGISTRY": "https://me:canary-login@registry:8081"}

    settings = settings_of(MINIMAL, env)

    assert found == {"schema_registry.url": "holds a login: schema_registry.security takes it as basic.auth.user.info"}
    assert "canary-" not in str(unframed)
    assert "https://***@registry:8081" in shown(settings) and "canary-" not in shown(settings)
    assert settings.connection.schema_registry_url == "https://me:canary-login@registry:8081"


def test_an_address_of_the_environment_is_checked_under_its_own_name() -> None:
    found = faults_of(MINIMAL, {**ENV, "INVENTORY_SYNC_SCHEMA_REGISTRY": "registry:8081"})

    assert list(found) == ["INVENTORY_SYNC_SCHEMA_REGISTRY"]
    assert "'registry:8081'" in found["INVENTORY_SYNC_SCHEMA_REGISTRY"]
