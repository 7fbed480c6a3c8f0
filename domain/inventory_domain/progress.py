"""How far the engine has read, so that everybody else knows how old its word is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inventory_domain.identifiers import SourceId


@dataclass(frozen=True, slots=True)
class EngineProgress:
    """One partition's progress. All input up to `complete_until_ms` is in the targets that are written.

    `sources`: per source, when its newest word on this partition occurred. `uncounted`: listings left alone because
    a location of theirs was never counted. `skus`: how many are known.
    """

    partition: int
    complete_until_ms: int
    written_at_ms: int
    catching_up: bool
    uncounted: int
    skus: int
    sources: Mapping[SourceId, int]
