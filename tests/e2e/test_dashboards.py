"""Dashboards and metrics pages against real processes that a real Prometheus scrapes."""

import subprocess
from pathlib import Path
from random import Random

import httpx
import pytest
import yaml

from deploy.sources.dashboards import boards_of
from deploy.sources.roles import ROLES
from inventory_sandbox.stack.ports import pick_free
from tests.support.asking import local
from tests.support.commands import Started, first_line, run_command, wait_until
from tests.support.programs import installed
from tests.support.prometheus import has_data, prometheus

EVERY = ("kafka_client_messages_sent_total", "kafka_client_round_trip_seconds_max")
CONSUMERS = ("kafka_client_messages_received_total", "kafka_client_lag_records", "kafka_client_lag_seconds")
DELIVERY = (
    "freshness_accepted_seconds_bucket",
    "freshness_late_total",
    "freshness_objective_seconds",
    "queue_listings",
    "queue_age_seconds_max",
    "call_listings_bucket",
    "throttle_tokens_used_total",
    "throttle_tokens_allowed_per_second",
    "pushes_total",
    "channel_state",
    "channel_failures_in_a_row",
    "channel_stop_sale_in_seconds",
    "takeover_seconds",
)
OF_DELIVERY = (*EVERY, *CONSUMERS, *(f"delivery_{one}" for one in DELIVERY))
ENGINE = (
    "lag_records",
    "lag_seconds",
    "recovery_seconds",
    "batch_records_bucket",
    "over_shown_units",
    "oversell_risk_units",
    "faust_messages_received_total",
)
TOKEN = "delivery_token_age_seconds"
QUOTA = tuple(f"delivery_quota_{one}" for one in ("left_calls", "lasts_seconds", "day_left_seconds"))
SHOWN_BY = {
    "engine": (*EVERY, *(f"engine_{one}" for one in ENGINE)),
    "deliver-amazon": (*OF_DELIVERY, TOKEN),
    "deliver-ebay": (*OF_DELIVERY, TOKEN, *QUOTA),
    "deliver-walmart": (*OF_DELIVERY, TOKEN),
    "deliver-shopify": OF_DELIVERY,
    "reconcile": (*CONSUMERS, "reconcile_token_age_seconds", "reconcile_quota_left_calls", "reconcile_cycles_total"),
    "signals": CONSUMERS,
    "ledger": (*CONSUMERS, "ledger_lag_records", "ledger_batch_records_bucket"),
}
"""What each process must show a value of, by the names without their beginning."""
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.timeout(900)
def test_every_panel_shows_something_and_every_process_drains_when_asked_to_end(
    kafka: str, registry_url: str, topic_prefix: str, application_id: str, tmp_path: Path, started: Started
) -> None:
    announced = started.start("sandbox", "sandbox", "--json", "--skus", "5", "--factor", "0.001")
    first_line(announced)
    ports = _settings_file(tmp_path, announced, kafka, registry_url, topic_prefix, application_id)
    for command in (("topics", "apply"), ("schemas", "register")):
        _done(tmp_path, *command, "--config", "sync.yaml")
    processes: dict[str, tuple[str, ...]] = {role.process: role.arguments[:-2] for role in ROLES}
    for name, command in processes.items():
        started.start(name, *command, "--config", "sync.yaml", env={"CONSOLE_OPERATOR": "not-a-secret-here"})

    with prometheus(tmp_path, {name: ports[name] for name in processes}) as client:
        missing = [
            (board.uid, panel.title, panel.query)
            for board in boards_of()
            for row in board.rows.values()
            for panel in row
        ]

        def all_seen() -> bool:
            missing[:] = [one for one in missing if not has_data(client, _now(one[2]))]
            return not missing

        _done(tmp_path, "produce", str(EXAMPLES / "03_events.jsonl"), "--config", "sync.yaml")
        try:
            wait_until(all_seen, "every panel has data", 300)
        except AssertionError as late:
            raise AssertionError(f"no data: {missing}") from late
    _assert_pages_are_well_formed(processes, ports)
    for name in SHOWN_BY:
        _assert_shown(name, ports[name])
    assert {name: status for name, status in started.end().items() if status != 0} == {}, "not drained at SIGTERM"


def _now(query: str) -> str:
    return query.replace("$__rate_interval", "3m").replace("$channel", ".*")


def _assert_pages_are_well_formed(processes: dict[str, tuple[str, ...]], ports: dict[str, int]) -> None:
    promtool = installed("promtool")
    for name in processes:
        wait_until(lambda name=name: _serves(ports[name]), f"{name} serves its page")  # type: ignore[misc]
        page = local().get(f"http://127.0.0.1:{ports[name]}/metrics").text
        assert "SKU-00002" not in page, f"{name} tells of a SKU"
        if promtool is not None:
            done = subprocess.run(
                [promtool, "check", "metrics"], input=page, capture_output=True, text=True, check=False
            )
            said = [line for line in (done.stdout + done.stderr).splitlines() if "inventory_sync" in line]
            assert said == [], name


def _assert_shown(process: str, port: int) -> None:
    """Each metric has a value. What Kafka's clients say of themselves comes every 15 s."""
    missing = list(SHOWN_BY[process])

    def all_shown() -> bool:
        page = local().get(f"http://127.0.0.1:{port}/metrics").text.splitlines()
        names = {line.partition("{")[0].partition(" ")[0] for line in page if not line.startswith("#")}
        missing[:] = [one for one in missing if f"inventory_sync_{one}" not in names]
        return not missing

    try:
        wait_until(all_shown, f"{process} shows its metrics", 60)
    except AssertionError as late:
        raise AssertionError(f"{process} does not show {missing}") from late


def _serves(port: int) -> bool:
    try:
        return local().get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _settings_file(
    folder: Path, announced: Path, kafka: str, registry_url: str, prefix: str, application: str
) -> dict[str, int]:
    addresses = ("--bootstrap-servers", kafka, "--schema-registry", registry_url)
    _done(folder, "config", "init", "sync.yaml", "--sandbox", str(announced), *addresses)
    settings = yaml.safe_load((folder / "sync.yaml").read_text())
    settings["application_id"], settings["topics"]["prefix"] = application, prefix
    ports: dict[str, int] = {}
    for name in settings["probes"]["ports"]:
        ports[name] = pick_free(set(ports.values()), Random())
    settings["probes"]["ports"], settings["signals"]["port"], settings["console"]["port"] = ports, 0, 0
    settings["console"]["operators"] = {"operator": {"env": "CONSOLE_OPERATOR"}}
    (folder / "sync.yaml").write_text(yaml.safe_dump(settings))
    return ports


def _done(folder: Path, *arguments: str) -> None:
    done = run_command(*arguments, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
