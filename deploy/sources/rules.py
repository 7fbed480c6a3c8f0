"""Alerts as the files that Prometheus, its operator and promtool read."""

from __future__ import annotations

from typing import Any, Final

from deploy.sources.alerts import RUNBOOKS, Alert, alerts
from deploy.sources.workloads import Manifest

LABELS: Final = {"app.kubernetes.io/name": "inventory-sync", "role": "alert-rules"}


def groups() -> dict[str, Any]:
    """The plain rules file."""
    return {"groups": [{"name": "inventory-sync", "interval": "1m", "rules": [_rule(one) for one in alerts()]}]}


def operator_rule() -> Manifest:
    """The same for the Prometheus operator."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "inventory-sync", "labels": LABELS},
        "spec": groups(),
    }


def tests() -> dict[str, Any]:
    """For `promtool test rules`: each alert fires, does not fire before, and resolves."""
    return {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "tests": [_test(one) for one in alerts()],
    }


def _annotations(alert: Alert) -> dict[str, str]:
    return {"summary": alert.summary, "runbook_url": f"{RUNBOOKS}/{alert.runbook}.md"}


def _rule(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        "for": alert.lasts,
        "labels": {"severity": alert.severity},
        "annotations": _annotations(alert),
    }


def _test(alert: Alert) -> dict[str, Any]:
    example = alert.example
    summary = alert.summary
    for name, value in example.labels.items():
        summary = summary.replace(f"{{{{ $labels.{name} }}}}", value)
    firing = {
        "exp_labels": {"severity": alert.severity, **example.labels},
        "exp_annotations": {**_annotations(alert), "summary": summary},
    }
    before, after = example.quiet_at
    return {
        "name": alert.name,
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in example.series.items()],
        "alert_rule_test": [
            {"eval_time": before, "alertname": alert.name, "exp_alerts": []},
            {"eval_time": example.fires_at, "alertname": alert.name, "exp_alerts": [firing]},
            {"eval_time": after, "alertname": alert.name, "exp_alerts": []},
        ],
    }
