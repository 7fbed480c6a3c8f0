"""Whether two policies are the same, across processes and orders of writing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum

from inventory_domain.policies import AllocationPolicy


def fingerprint(policy: AllocationPolicy) -> str:
    """A short text that differs when any number, channel or location of the policy does."""
    text = json.dumps(_plain(policy), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: object) -> object:
    """The value as JSON has it; sets are sorted, since their order differs from process to process."""
    if is_dataclass(value):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, frozenset):
        return sorted(str(one) for one in value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Enum):
        return str(value.value)
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"a policy has a {type(value).__name__}, of which no fingerprint is made")
