"""Settings as text again, after everything was read and filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum

import yaml

from inventory_adapters.secrets import Secret
from inventory_cli.connecting import is_secret
from inventory_cli.settings import Settings
from inventory_domain.identifiers import ChannelId
from inventory_ledger import address
from inventory_schemas import address as registry_address

_LEFT_OUT = frozenset({"kafka", "topics"})  # stand once, at the top; the roles' own copies are empty patterns


def shown(settings: Settings) -> str:
    """The settings as YAML. Secrets print as ***."""
    tree = {
        "kafka": {
            "bootstrap_servers": settings.connection.kafka.bootstrap_servers,
            "security": {name: _security(name, value) for name, value in settings.connection.kafka.security.items()},
        },
        "schema_registry": {
            "url": registry_address.shown(settings.connection.schema_registry_url),
            "security": {name: _security(name, one) for name, one in settings.connection.registry_security.items()},
        },
        "application_id": settings.application_id,
        "topics": {
            "prefix": settings.connection.topics.prefix,
            "partitions": settings.connection.partitions,
            "replication": settings.connection.replication,
        },
        "policy": {"profile": settings.profile, **_tree_of(settings.policy, {"channels"})},
        "accounts": {str(name): _plain(account) for name, account in settings.accounts.items()},
        "channels": {str(name): _channel(settings, name) for name in settings.policy.channels},
        "engine": _tree_of(settings.processes.engine, _LEFT_OUT | {"application", "partitions", *_PROBES}),
        "delivery": {
            **_tree_of(settings.processes.delivery, _LEFT_OUT | {"app", "marketplace", *_PROBES}),
            **_tree_of(settings.processes.told, frozenset()),
        },
        "ledger": {
            "url": address.shown(settings.ledger.url),
            **_tree_of(settings.ledger, _LEFT_OUT | {"group", "url", *_PROBES}),
        },
        "console": {
            "operators": dict.fromkeys(sorted(settings.console.operators), "***"),
            **_tree_of(settings.console, {"operators", *_PROBES}),
        },
        "reconcile": {
            **_tree_of(settings.processes.reconcile, _LEFT_OUT | {"app", "partitions", "policy", *_PROBES}),
            **_tree_of(settings.processes.reconcile.policy, frozenset()),
        },
        "signals": _tree_of(settings.processes.signals, _LEFT_OUT | {"app", "partitions", *_PROBES}),
        "probes": _plain(settings.processes.probes),
        "logs": {"level": settings.processes.log_level, "format": settings.processes.log_format.value},
    }
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=100)


_PROBES = frozenset({"probe_host", "probe_port"})


def _channel(settings: Settings, name: ChannelId) -> dict[str, object]:
    mode = settings.modes[name]
    return {
        **_tree_of(settings.policy.channels[name], frozenset()),
        "mode": mode.mode.value,
        "canary_percent": mode.canary_percent,
        "seen_within_s": settings.deadlines_s[name],
    }


def _security(name: str, value: str) -> str:
    return "***" if is_secret(name) else value


def _tree_of(value: object, left_out: set[str] | frozenset[str]) -> dict[str, object]:
    assert is_dataclass(value)
    return {one.name: _plain(getattr(value, one.name)) for one in fields(value) if one.name not in left_out}


def _plain(value: object) -> object:
    if isinstance(value, Secret):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        return _tree_of(value, frozenset())
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, frozenset):
        return sorted(str(one) for one in value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if isinstance(value, bool | int | float) or value is None else str(value)
