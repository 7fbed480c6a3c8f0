"""`engine_progress`: how far the engine has read, on the wire."""

from __future__ import annotations

from inventory_domain.progress import EngineProgress
from inventory_schemas.codec import Record, RecordKind
from inventory_schemas.values import flat


def _from_record(record: Record) -> EngineProgress:
    return EngineProgress(**record)


ENGINE_PROGRESS: RecordKind[EngineProgress] = RecordKind("engine_progress", flat(EngineProgress), _from_record)
