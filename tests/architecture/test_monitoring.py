"""Alerts, dashboards and the page of metrics speak of metrics that there are, and of runbooks that there are."""

import json
import re
import subprocess

import pytest
import yaml

from deploy.sources.alerts import RUNBOOKS, alerts
from deploy.sources.dashboards import boards_of
from deploy.sources.metrics_page import described
from tests.support.programs import installed
from tests.support.sources import ROOT

MONITORING = ROOT / "deploy" / "monitoring"
NAME = re.compile(r"\binventory_sync_[a-z_]+")


def known() -> set[str]:
    found = set()
    for section in described().values():
        for one in section:
            found.add(one.name)
            if one.kind == "histogram":
                found |= {f"{one.name}_{part}" for part in ("bucket", "sum", "count")}
    return found


def test_alerts_ask_for_metrics_that_there_are() -> None:
    asked = {name for alert in alerts() for name in NAME.findall(alert.expr)}

    assert asked - known() == set()


def test_panels_ask_for_metrics_that_there_are() -> None:
    queries = [panel.query for board in boards_of() for row in board.rows.values() for panel in row]

    assert {name for query in queries for name in NAME.findall(query)} - known() == set()


def test_every_alert_has_a_runbook_that_there_is() -> None:
    for alert in alerts():
        assert (ROOT / RUNBOOKS / f"{alert.runbook}.md").is_file(), alert.name


def test_no_metric_has_a_sku_as_its_label() -> None:
    labels = {label for section in described().values() for one in section for label in one.labels}

    assert [label for label in labels if "sku" in label or "listing" in label] == []


def test_the_operator_and_plain_prometheus_have_the_same_rules() -> None:
    plain = yaml.safe_load((MONITORING / "rules.yaml").read_text())
    operator = yaml.safe_load((ROOT / "deploy/k8s/monitoring/rules.yaml").read_text())

    assert operator["spec"] == plain
    assert [rule["alert"] for rule in plain["groups"][0]["rules"]] == [alert.name for alert in alerts()]


def test_every_alert_fires_keeps_quiet_and_resolves() -> None:
    promtool = installed("promtool")
    if promtool is None:
        pytest.skip("needs promtool: run `make tools`")
    done = subprocess.run(
        [promtool, "test", "rules", str(MONITORING / "rules_test.yaml")], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    tested = yaml.safe_load((MONITORING / "rules_test.yaml").read_text())["tests"]
    assert {one["name"] for one in tested} == {alert.name for alert in alerts()}
    for one in tested:
        fires = [bool(moment["exp_alerts"]) for moment in one["alert_rule_test"]]
        assert fires == [False, True, False], f"{one['name']} is not seen quiet, firing and resolved"


def test_dashboards_are_on_disk_as_their_code_makes_them() -> None:
    found = {path.stem: json.loads(path.read_text()) for path in (MONITORING / "dashboards").glob("*.json")}

    assert {one["uid"] for one in found.values()} == {board.uid for board in boards_of()}
    for one in found.values():
        assert one["panels"]
