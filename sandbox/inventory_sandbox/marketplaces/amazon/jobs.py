"""What feeds and reports have in common: they wait in a queue, are worked on, and end, by the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from inventory_sandbox.marketplaces.clock import iso_time
from inventory_sandbox.marketplaces.http import Call
from inventory_sandbox.marketplaces.world import World

QUEUED_S: Final = (30.0, 120.0)
WORKED_S: Final = (30.0, 180.0)
"""Ours: Amazon promises nothing, and minutes are usual."""
MAX_JOBS: Final = 10_000
FINAL: Final = frozenset({"DONE", "FATAL", "CANCELLED"})


@dataclass(slots=True)
class Job:
    """A feed or a report on its way."""

    job_id: str
    kind: str
    marketplaces: tuple[str, ...]
    created_at: float
    status: str = "IN_QUEUE"
    started_at: float | None = None
    ended_at: float | None = None
    document_id: str = ""


class Queue:
    """Jobs one after the other for each kind; the work is done when its turn comes, by the clock."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._free_at: dict[str, float] = {}
        self._numbers = 50_000_000_000
        self.jobs: dict[str, Job] = {}

    def add(
        self, kind: str, marketplaces: tuple[str, ...], work: Callable[[Job, float], None], stuck: bool = False
    ) -> Job:
        """Queues a job; `work` is told the job and when it is done, and sets its final status and document."""
        world, now = self._world, self._world.clock.now()
        self._numbers += 1
        job = Job(str(self._numbers), kind, marketplaces, now)
        self.jobs[job.job_id] = job
        if len(self.jobs) > MAX_JOBS:
            del self.jobs[next(iter(self.jobs))]
        factor = world.settings.factor
        starts_at = max(now + world.draw(*QUEUED_S) * factor, self._free_at.get(kind, 0.0))
        ends_at = starts_at + world.draw(*WORKED_S) * factor
        world.stock.schedule(starts_at, lambda at: _start(job, at))
        if not stuck:
            self._free_at[kind] = ends_at
            world.stock.schedule(ends_at, lambda at: _end(job, at, work))
        return job

    def get(self, job_id: str) -> Job | None:
        """The job with that id, as of now."""
        self._world.stock.settle()
        return self.jobs.get(job_id)

    def page(self, call: Call, name: str) -> dict[str, object] | str:
        """The newest jobs of the types asked for, a page of them; else the text that says what is wrong."""
        types, token = f"{name}Types", call.query.get("nextToken", "")
        place, _, kept = token.partition(".")  # a token is sent alone, so it holds the types too
        wanted = [one for one in (kept if token else call.query.get(types, "")).split(",") if one]
        if not wanted and not token:
            return f"'{types}' or 'nextToken' is required."
        size = call.whole("pageSize", 10)
        if size is None or not 1 <= size <= 100:
            return "'pageSize' must be from 1 to 100."
        if token and not (wanted and place.isascii() and place.isdigit() and len(place) < 12):
            return "'nextToken' is not one that was given."
        start = int(place or 0)
        self._world.stock.settle()
        found = [one for one in reversed(self.jobs.values()) if one.kind in wanted]
        answer: dict[str, object] = {f"{name}s": [job_json(one, name) for one in found[start : start + size]]}
        if start + size < len(found):
            answer["nextToken"] = f"{start + size}.{','.join(wanted)}"
        return answer

    def cancel(self, job: Job) -> bool:
        """Takes a job out of the queue; False when its turn has come."""
        if job.status != "IN_QUEUE":
            return False
        job.status = "CANCELLED"
        job.ended_at = self._world.clock.now()
        return True


def job_json(job: Job, name: str) -> dict[str, object]:
    """A job as the API shows it; `name` is "feed" or "report"."""
    shown: dict[str, object] = {
        f"{name}Id": job.job_id,
        f"{name}Type": job.kind,
        "marketplaceIds": list(job.marketplaces),
        "createdTime": iso_time(job.created_at),
        "processingStatus": job.status,
    }
    if job.started_at is not None:
        shown["processingStartTime"] = iso_time(job.started_at)
    if job.ended_at is not None:
        shown["processingEndTime"] = iso_time(job.ended_at)
    if job.document_id:
        shown["resultFeedDocumentId" if name == "feed" else "reportDocumentId"] = job.document_id
    return shown


def _start(job: Job, at: float) -> None:
    if job.status == "IN_QUEUE":
        job.status, job.started_at = "IN_PROGRESS", at


def _end(job: Job, at: float, work: Callable[[Job, float], None]) -> None:
    if job.status == "IN_PROGRESS":
        work(job, at)
        job.ended_at = at
