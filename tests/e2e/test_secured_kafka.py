"""TLS, SCRAM and access control, from the topics' declaration to a marketplace, with one user for each role.

The same run plants a secret in every setting that takes one, and looks for them in all that was written (rule 34).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
import yaml
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer, TopicCollection
from confluent_kafka import TopicPartition as Place
from confluent_kafka.admin import AdminClient, OffsetSpec
from sqlalchemy.engine import make_url

from inventory_domain.identifiers import Marketplace
from inventory_sandbox.stack.ports import pick_free
from inventory_streams.access import SCALER, Principal, Resource, grants, principals
from inventory_streams.kafka.acls import apply_grants
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Topics
from tests.support.asking import local
from tests.support.canaries import Canaries, files_of, records_of
from tests.support.commands import Started, first_line, run_command, wait_until
from tests.support.databases import database_with_password, rows_of
from tests.support.guarded_registry import guarded_registry
from tests.support.secured_broker import SecuredBroker, secured_broker
from tests.support.serving import QuietHandler, served

APPLICATION = "shop-sync"
TOPICS = Topics(tuple(Marketplace(name) for name in ("amazon", "ebay", "walmart", "shopify")))
LOGIN = "registry-user:registry-password"
EXAMPLES = Path(__file__).parents[2] / "examples"
OTHERS = {
    "reconcile": ("reconcile", "run"),
    "signals": ("signals", "serve"),
    "ledger": ("ledger",),
    "console": ("console",),
}
SHOWN = {"walmart/SKU-00002": 35, "shopify/50000000002": 38}
SHOWN_LATER = {"walmart/SKU-00002": 15, "shopify/50000000002": 19}
COUNT = {"kind": "StockCounted", "source": "my-erp", "sequence": 9, "sku": "SKU-00002", "location": "dallas"}
OPERATOR, OPERATOR_PASSWORD = "alice", "operator-canary-7f3a9c2e"
SIGNING = {
    "ebay": ("verification_token", "ebay-canary-verification-token-0123456789"),
    "walmart": ("secret", "walmart-canary-signing-secret"),
    "shopify": ("api_secret", "shopify-canary-api-secret"),
}
WEBHOOK = "http://127.0.0.1:1/hooks/webhook-canary-1d2e3f"
COLLECTOR_KEY = "collector-canary-key-55aa"
DATABASE_PASSWORD = "ledger-canary/5e@c1%0f"
WRONG_PASSWORD = "wrong-canary/7d@22%aa"
AWS = {
    "AWS_ACCESS_KEY_ID": "AKIACANARY0123456789",
    "AWS_SECRET_ACCESS_KEY": "aws-canary-secret-access-key/0123456789abcd",
    "AWS_SESSION_TOKEN": "aws-canary-session-token-0123456789abcdef",
    "AWS_EC2_METADATA_DISABLED": "true",
}
PLANTED = {
    "CONSOLE_ALICE": OPERATOR_PASSWORD,
    "ALERT_WEBHOOK": WEBHOOK,
    **{f"SIGNING_{name.upper()}": value for name, (_, value) in SIGNING.items()},
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
    "OTEL_EXPORTER_OTLP_HEADERS": f"x-api-key={COLLECTOR_KEY}",
    **AWS,
}
QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:notifications"
PARTITIONS = 6


@dataclass(frozen=True)
class Secured:
    """The broker with a user for every role, and the address of a registry that asks for a password."""

    broker: SecuredBroker
    registry_url: str
    database: str
    queue: str

    def env(self, process: str, password: str | None = None) -> dict[str, str]:
        """What a process of this name is given to log in with."""
        user = f"{APPLICATION}-{process}"
        login = {"KAFKA_USER": user, "KAFKA_PASSWORD": password or f"{user}-password", "REGISTRY_LOGIN": LOGIN}
        return {**login, **PLANTED, "LEDGER_URL": self.database}

    def security(self, principal: Principal) -> dict[str, str]:
        """The same for a client of the test's own."""
        user = principal.user(APPLICATION)
        return self.broker.security(user, f"{user}-password")


@pytest.fixture(scope="module")
def secured(registry_url: str, postgresql: str) -> Iterator[Secured]:
    with (
        secured_broker() as broker,
        guarded_registry(registry_url, LOGIN, broker.certificates) as url,
        database_with_password(postgresql, DATABASE_PASSWORD) as database,
        served(AnswersWithAllItWasSent) as queue,
    ):
        users = [one.user(APPLICATION) for one in principals(TOPICS)]
        broker.set_passwords({user: f"{user}-password" for user in users})
        by_user = {one.user(APPLICATION): grants(TOPICS, APPLICATION, one) for one in principals(TOPICS)}
        assert apply_grants(KafkaSettings(broker.open_bootstrap_servers), by_user) > 0
        assert apply_grants(KafkaSettings(broker.open_bootstrap_servers), by_user) == 0
        yield Secured(broker, url, database, queue)


class AnswersWithAllItWasSent(QuietHandler):
    """What AWS does where a signature does not fit: it says what it would have signed, the session's token among it."""

    def do_POST(self) -> None:
        sent = f"{dict(self.headers.items())} {self.rfile.read(int(self.headers['Content-Length'] or 0))!r}"
        said = json.dumps({"__type": "com.amazonaws.sqs#SignatureDoesNotMatch", "message": sent}).encode()
        self.send_response(403)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)


@pytest.mark.timeout(900)
def test_every_role_works_with_its_own_user_and_nothing_but_it(
    secured: Secured, tmp_path: Path, started: Started
) -> None:
    announced = started.start("sandbox", "sandbox", "--json", "--skus", "5", "--factor", "0.001")
    facts = json.loads(first_line(announced))
    ports = _settings_file(tmp_path, announced, secured)

    _done(tmp_path, secured, "topics", "topics", "apply", "--config", "sync.yaml")
    _done(tmp_path, secured, "topics", "schemas", "register", "--config", "sync.yaml")
    started.start("engine", "engine", "--config", "sync.yaml", env=secured.env("engine"))
    for name in ("walmart", "shopify"):
        process = f"deliver-{name}"
        started.start(process, "deliver", name, "--config", "sync.yaml", env=secured.env(process))
    _done(tmp_path, secured, "producers", "produce", str(EXAMPLES / "03_events.jsonl"), "--config", "sync.yaml")

    wait_until(lambda: _shown(facts["control_url"]) == SHOWN, f"both marketplaces show {SHOWN}")
    alone = _reconciled(tmp_path, secured, "--sku", "SKU-00002")
    for name, command in OTHERS.items():
        started.start(name, *command, "--config", "sync.yaml", env=secured.env(name))

    for name in OTHERS:
        wait_until(lambda name=name: _ready(ports[name]), f"{name} is ready")  # type: ignore[misc]
    wait_until(lambda: "SignatureDoesNotMatch" in started.log("signals").read_text(), "the queue refuses us")
    asked = _reconciled(tmp_path, secured)
    assert (alone["read"], alone["cycle"]) == ({"shop/SKU-00002": "38"}, None)
    assert asked["cycle"]["phase"] == "complete"
    _make_trouble(facts["control_url"], secured, tmp_path)
    said = [*_said(secured, ports, tmp_path), *_said_of_a_wrong_password(secured, tmp_path, started)]
    issued = local().get(f"{facts['control_url']}/tokens").json()["issued"]
    assert {name: status for name, status in started.end().items() if status != 0} == {}
    replayed = _done(tmp_path, secured, "operators", "replay", "--config", "sync.yaml")
    assert replayed.splitlines()[-1].startswith("1 SKUs from ") and replayed.endswith(": 0 differ\n"), replayed
    _assert_refused_what_is_not_its_own(secured)
    _assert_the_scaler_sees_the_lag_and_nothing_more(secured)
    _assert_no_secret_was_written(secured, {**_of_sandbox(facts), **_on_the_wire(issued)}, tmp_path, said)


@pytest.mark.parametrize("process", ["engine", "deliver-shopify", "topics"])
def test_a_wrong_password_ends_the_process_and_is_told(
    secured: Secured, tmp_path: Path, started: Started, process: str
) -> None:
    """Kafka's clients would say for ever that nobody answers (rule 37)."""
    _settings_file(tmp_path, None, secured)
    env = {**secured.env(process, "wrong"), "SHOP_ACCESS_TOKEN": "none"}
    command = {"deliver-shopify": ("deliver", "shopify"), "topics": ("topics", "apply")}.get(process, (process,))

    done = run_command(*command, "--config", "sync.yaml", folder=tmp_path, env=env)

    assert done.returncode == 2
    assert f"refuses the user '{APPLICATION}-{process}'" in done.stderr
    assert "wrong" not in done.stderr + done.stdout


def test_a_password_changed_while_a_process_runs_ends_it(secured: Secured, tmp_path: Path, started: Started) -> None:
    """An open connection lives on; it is refused when it has to be made again, and then nobody may wait for ever."""
    process = "deliver-ebay"
    announced = started.start("sandbox", "sandbox", "--json", "--skus", "0", "--factor", "0.001")
    first_line(announced)
    _settings_file(tmp_path, announced, secured)
    _done(tmp_path, secured, "topics", "topics", "apply", "--config", "sync.yaml")
    _done(tmp_path, secured, "topics", "schemas", "register", "--config", "sync.yaml")
    started.start(process, "deliver", "ebay", "--config", "sync.yaml", env=secured.env(process))
    wait_until(lambda: "partitions taken over" in started.log(process).read_text(), "the delivery owns its partitions")

    secured.broker.set_passwords({f"{APPLICATION}-{process}": "another"})
    secured.broker.restart()

    assert started.status_of(process) == 75
    assert "invalid credentials" in started.log(process).read_text()


def _make_trouble(control_url: str, secured: Secured, folder: Path) -> None:
    """What goes wrong is told at length: tokens taken back, answers nobody understands, records nobody can read."""
    for marketplace, mode in (("walmart", "unauthorized"), ("shopify", "html")):
        fault = {"marketplace": marketplace, "mode": mode, "count": 2}
        local().post(f"{control_url}/faults", json=fault).raise_for_status()
    broken = Producer({"bootstrap.servers": secured.broker.open_bootstrap_servers})
    broken.produce(TOPICS.inventory_changes, b"garbage", b"SKU-00002", partition=0)
    assert broken.flush(30) == 0
    (folder / "count.jsonl").write_text(json.dumps({**COUNT, "on_hand": 21}))
    _done(folder, secured, "producers", "produce", "count.jsonl", "--config", "sync.yaml")
    wait_until(lambda: _shown(control_url) == SHOWN_LATER, f"both marketplaces show {SHOWN_LATER}")


def _said(secured: Secured, ports: dict[str, int], folder: Path) -> list[tuple[str, bytes]]:
    """What is said to people: pages of metrics, the operations page, and commands about what happened."""
    running = ("engine", "deliver-walmart", "deliver-shopify", *OTHERS)
    found = [
        (f"{name} {path}", local().get(f"http://127.0.0.1:{ports[name]}{path}").content)
        for name in running
        for path in ("/metrics", "/livez", "/readyz")
    ]
    address = f"http://127.0.0.1:{ports['console page']}"
    with httpx.Client(base_url=address, headers={"origin": address}, follow_redirects=True) as browser:
        signed_in = browser.post("/sign-in", data={"operator": OPERATOR, "password": OPERATOR_PASSWORD, "to": "/"})
        assert signed_in.status_code == 200
        for path in ("/", "/channels/shop", "/skus/SKU-00002", "/dead-letters", "/discrepancies"):
            found.append((f"console {path}", browser.get(path).content))
    asked = {
        ("explain", "SKU-00002"): "SKU-00002",
        ("explain", "SKU-00002", "--json"): "SKU-00002",
        ("dead-letters", "list"): "SKU-00002",
        ("report", "daily", "--date", f"{datetime.now(UTC):%Y-%m-%d}", "--out", "reports"): ".html",
        ("doctor",): "credentials",
        ("signals", "status", "shop"): "INVENTORY_LEVELS_UPDATE",
        ("config", "show"): "***",
    }
    for arguments, words in asked.items():
        done = run_command(*arguments, "--config", "sync.yaml", folder=folder, env=secured.env("operators"))
        found.append((" ".join(arguments), (done.stdout + done.stderr).encode()))
        assert words in done.stdout, done.stdout + done.stderr
    return found


def _said_of_a_wrong_password(secured: Secured, folder: Path, started: Started) -> list[tuple[str, bytes]]:
    """Commands, and processes, that the database refuses; each tells that it is refused, and the logs are searched."""
    wrong = make_url(secured.database).set(password=WRONG_PASSWORD).render_as_string(hide_password=False)
    refused = "password authentication failed"
    found: list[tuple[str, bytes]] = []
    for arguments in (("explain", "SKU-00002"), ("report", "daily"), ("ledger", "migrate")):
        env = {**secured.env("operators"), "LEDGER_URL": wrong}
        done = run_command(*arguments, "--config", "sync.yaml", folder=folder, env=env)
        assert done.returncode != 0 and refused in done.stderr, done.stdout + done.stderr
        found.append((f"{' '.join(arguments)}, refused", (done.stdout + done.stderr).encode()))
    for name in ("ledger", "console"):
        assert started.end_one(name) == 0
        env = {**secured.env(name), "LEDGER_URL": wrong}
        started.start(f"{name}-refused", *OTHERS[name], "--config", "sync.yaml", env=env)
    assert started.status_of("ledger-refused") == 2
    wait_until(lambda: refused in started.log("console-refused").read_text(), "the console is refused and waits")
    started.kill("ledger-refused", "console-refused")
    for name in ("ledger-refused", "console-refused"):
        said = started.log(name).read_text()
        assert refused in said and "Traceback" not in said, said
    return found


def _of_sandbox(facts: dict[str, dict[str, str]]) -> dict[str, str]:
    """What the sandbox announced: long-lived credentials."""
    names = ("client_secret", "refresh_token", "access_token")
    return {
        f"{marketplace} {name}": facts[marketplace][name]
        for marketplace in ("amazon", "ebay", "walmart", "shopify")
        for name in names
        if name in facts[marketplace]
    }


def _on_the_wire(issued: dict[str, list[str]]) -> dict[str, str]:
    """Every access token that it issued since."""
    assert {"amazon", "ebay", "walmart"} <= {name for name, all_of in issued.items() if all_of}, issued
    return {f"{name}, issued {number}": token for name, all_of in issued.items() for number, token in enumerate(all_of)}


def _assert_no_secret_was_written(
    secured: Secured, of_sandbox: dict[str, str], folder: Path, said: list[tuple[str, bytes]]
) -> None:
    planted = {name: value.rpartition("=")[2] for name, value in PLANTED.items() if "canary" in value.lower()}
    planted |= {"database": DATABASE_PASSWORD, "wrong for the database": WRONG_PASSWORD}
    planted |= {user: f"{user}-password" for user in (one.user(APPLICATION) for one in principals(TOPICS))}
    planted["registry"] = LOGIN.partition(":")[2]
    canaries = Canaries({**planted, **of_sandbox})
    files = list(files_of(folder, without={"sandbox.out", "sync.secrets"}))
    records = list(records_of(KafkaSettings(secured.broker.open_bootstrap_servers), TOPICS, PARTITIONS))
    rows = list(rows_of(secured.database))

    assert canaries.found_in([*files, *records, *rows, *said]) == {}
    # It would have been found: what the sandbox announced is, and all that is searched has something in it.
    announced = [name for name in of_sandbox if "issued" not in name]
    assert len(canaries.found_in(files_of(folder, without=()))["sandbox.out"]) == len(announced)
    searched = {name.partition("/")[0] for name, _ in files}
    assert {"engine.log", "deliver-walmart.log", "console.log", "ledger-refused.log", "reports"} <= searched
    assert b"SKU-00002" in dict(rows)["table listings"]
    assert b"garbage" in dict(records)[f"topic {TOPICS.inventory_dead_letters}"]
    assert b"push failed and waits" in dict(files)["deliver-shopify.log"]


def _assert_the_scaler_sees_the_lag_and_nothing_more(secured: Secured) -> None:
    """KEDA asks how far the engine's group is behind."""
    (principal,) = [one for one in principals(TOPICS) if one.role == SCALER]
    settings = {"bootstrap.servers": secured.broker.bootstrap_servers, **secured.security(principal), "log_level": 0}
    admin = AdminClient(settings)

    def committed(group: str) -> list[Place]:
        asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], request_timeout=30)
        found: list[Place] = asked[group].result(40).topic_partitions
        return found

    changes = [one for one in committed(f"{APPLICATION}-engine") if one.topic == TOPICS.inventory_changes]
    ends = admin.list_offsets({Place(one.topic, one.partition): OffsetSpec.latest() for one in changes})
    behind = {place.partition: ends[place].result(40).offset - place.offset for place in changes}

    assert behind, "the group has committed nothing that the scaler may see"
    assert all(lag >= 0 for lag in behind.values())
    with pytest.raises(KafkaException) as refused:
        committed(f"{APPLICATION}-delivery-shopify")
    assert refused.value.args[0].code() == KafkaError.GROUP_AUTHORIZATION_FAILED


def _ready(port: int) -> bool:
    try:
        return local().get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _settings_file(folder: Path, announced: Path | None, secured: Secured) -> dict[str, int]:
    sandbox = () if announced is None else ("--sandbox", str(announced))
    addresses = ("--bootstrap-servers", secured.broker.bootstrap_servers, "--schema-registry", secured.registry_url)
    done = run_command("config", "init", "sync.yaml", *sandbox, *addresses, folder=folder)
    assert done.returncode == 0, done.stderr
    settings = yaml.safe_load((folder / "sync.yaml").read_text())
    authority = str(secured.broker.certificates.authority)
    settings["application_id"] = APPLICATION
    settings["kafka"]["security"] = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": {"env": "KAFKA_USER"},
        "sasl.password": {"env": "KAFKA_PASSWORD"},
        "ssl.ca.location": authority,
    }
    settings["schema_registry"]["security"] = {
        "basic.auth.user.info": {"env": "REGISTRY_LOGIN"},
        "ssl.ca.location": authority,
    }
    settings["console"]["operators"] = {OPERATOR: {"env": "CONSOLE_ALICE"}}
    settings["ledger"]["url"] = {"env": "LEDGER_URL"}
    settings["logs"] = {"level": "DEBUG"}  # whoever looks for a fault gets no secret either
    settings["delivery"]["alert_webhook"] = {"env": "ALERT_WEBHOOK"}
    for marketplace, (name, _) in SIGNING.items():
        endpoint = f"http://127.0.0.1:1/{marketplace}"
        for account in settings["accounts"].values():
            if account["marketplace"] == marketplace:
                account["signals"] = {"endpoint": endpoint, name: {"env": f"SIGNING_{marketplace.upper()}"}}
    for account in settings["accounts"].values():
        if account["marketplace"] == "amazon":
            account["signals"] = {"queue_arn": QUEUE_ARN, "endpoint_url": secured.queue, "wait_s": 1}
    ports: dict[str, int] = {}
    for name in (*settings["probes"]["ports"], "console page"):
        ports[name] = pick_free(set(ports.values()), Random())
    settings["console"]["port"], settings["signals"]["port"] = ports["console page"], 0
    settings["probes"]["ports"] = {name: ports[name] for name in settings["probes"]["ports"]}
    (folder / "sync.yaml").write_text(yaml.safe_dump(settings))
    return ports


def _done(folder: Path, secured: Secured, process: str, *arguments: str) -> str:
    done = run_command(*arguments, folder=folder, env=secured.env(process))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _reconciled(folder: Path, secured: Secured, *options: str) -> dict[str, Any]:
    """What a person's reconciliation of the shop said, with the rights that are meant for it."""
    env = secured.env("reconcile-by-hand")
    done = run_command("reconcile", "shop", "--json", "--config", "sync.yaml", *options, folder=folder, env=env)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _shown(control_url: str) -> dict[str, int]:
    return {key: local().get(f"{control_url}/listings/{key}").json()["live_quantity"] for key in SHOWN}


def _assert_refused_what_is_not_its_own(secured: Secured) -> None:
    """Every user may do what the declaration says and nothing else, in the broker's own judgement and in the act."""
    for principal in principals(TOPICS):
        granted = {
            grant.name: set(grant.operations)
            for grant in grants(TOPICS, APPLICATION, principal)
            if grant.resource is Resource.TOPIC and not grant.prefixed
        }
        settings = {"bootstrap.servers": secured.broker.bootstrap_servers, **secured.security(principal)}
        assert _allowed(settings) == granted, principal
        assert _written_by(settings) == {name for name, may in granted.items() if "Write" in may}, principal


def _allowed(settings: dict[str, str]) -> dict[str, set[str]]:
    """What the broker says that this user may do with each topic; a topic that is none of its business is left out."""
    names = [one.name for one in TOPICS.declarations()]
    admin = AdminClient({**settings, "log_level": 0})
    asked = admin.describe_topics(TopicCollection(names), include_authorized_operations=True, request_timeout=30)
    found = {}
    for name, answer in asked.items():
        try:
            operations = answer.result(40).authorized_operations
        except KafkaException as error:
            assert error.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED, (name, error)
            continue
        found[name] = {"".join(part.title() for part in one.name.split("_")) for one in operations}
    return found


def _written_by(settings: dict[str, str]) -> set[str]:
    """Topics that took a record of this user."""
    taken: set[str] = set()
    producer = Producer({**settings, "acks": "all", "enable.idempotence": False, "log_level": 0})

    def delivered(error: KafkaError | None, topic: str) -> None:
        if error is None:
            taken.add(topic)
        else:
            assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED, error

    for declaration in TOPICS.declarations():
        name = declaration.name
        # A tombstone of a key that nobody has: a topic that is compacted takes nothing without a key.
        producer.produce(name, value=None, key=b"nobody", on_delivery=lambda error, _, to=name: delivered(error, to))
    assert producer.flush(60) == 0
    return taken
