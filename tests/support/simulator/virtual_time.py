"""An event loop whose time passes only when nothing is left to do, and processes that can be frozen or killed in it."""

from __future__ import annotations

import asyncio
import heapq
from asyncio import base_events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any

KILL_ROUNDS_MAX = 100
TURNS_MAX = 20_000  # at one moment


class TimeStandsStill(AssertionError):
    """The loop turns and turns, and no time passes: somebody does the same again and again."""


@dataclass(eq=False)
class Stoppable:
    """A process as far as time goes: frozen, it does nothing until it is woken; killed, it never does anything again.

    `woken_turn`: in which turn of the loop it went on for the last time.
    """

    name: str
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    parked: deque[asyncio.Handle] = field(default_factory=deque)
    frozen: bool = False
    woken_turn: int = -1
    dead: bool = False


class _Task(asyncio.Task[Any]):
    """Hashed by its number in the run. By its address, tasks would be cancelled in another order in each process: those
    of a killed process, and of a task group that ends. What they do then rolls the dice that others roll after them."""

    def __init__(self, number: int, coro: Any, loop: VirtualLoop, context: Context | None) -> None:
        self._number = number
        super().__init__(coro, loop=loop, context=context)

    def __hash__(self) -> int:
        return self._number


_RUNS_IN: ContextVar[Stoppable | None] = ContextVar("runs_in", default=None)


class VirtualLoop(base_events.BaseEventLoop):
    """Runs what is ready; when nothing is, it is at once as late as the next timer. Without sockets and threads."""

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0
        self._any_frozen = 0
        self.turns = 0
        self._turned = 0
        self._tasks_made = 0
        self.set_task_factory(self._made)

    def time(self) -> float:
        return self._now_s

    def spawn(self, process: Stoppable, run: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run this as a part of the process; whatever it begins is a part of it too."""
        context = copy_context()
        context.run(_RUNS_IN.set, process)
        return self.create_task(run, context=context)

    def outside(self, seconds: float, call: Callable[..., object], *arguments: object) -> None:
        """Have this called later as a part of no process: what is on its way arrives, whoever sent it."""
        context = copy_context()
        context.run(_RUNS_IN.set, None)
        self.call_later(seconds, call, *arguments, context=context)

    def freeze(self, process: Stoppable) -> None:
        """The process stands still, and time goes on without it (SIGSTOP)."""
        if not process.frozen and not process.dead:
            process.frozen = True
            self._any_frozen += 1

    def wake(self, process: Stoppable) -> None:
        """It goes on with what it had begun, which may be long over for everybody else."""
        if process.frozen:
            process.frozen = False
            self._any_frozen -= 1
            process.woken_turn = self.turns + 1
            self._ready.extend(process.parked)  # type: ignore[attr-defined]  # the queue of BaseEventLoop
            process.parked.clear()

    async def kill(self, process: Stoppable) -> None:
        """End it in the middle of whatever it does. `dead` is set before, so that nothing of it reaches anybody."""
        process.dead = True
        self.wake(process)
        for _ in range(KILL_ROUNDS_MAX):
            left = [task for task in process.tasks if not task.done()]
            if not left:
                return
            for task in left:
                task.cancel()
            await asyncio.sleep(0)
        raise AssertionError(f"{process.name} does not end: {[task for task in process.tasks if not task.done()]}")

    def _made(self, loop: Any, coro: Any, context: Any = None) -> asyncio.Task[Any]:
        self._tasks_made += 1
        task = _Task(self._tasks_made, coro, loop, context)
        process = _RUNS_IN.get() if context is None else context.get(_RUNS_IN)
        if process is not None:
            process.tasks.add(task)
            task.add_done_callback(process.tasks.discard)
        return task

    def _run_once(self) -> None:
        ready: deque[asyncio.Handle] = self._ready  # type: ignore[attr-defined]
        self.turns += 1
        if not ready:
            self._turned = self.turns
            self._pass_time(ready)
        elif self.turns - self._turned > TURNS_MAX:
            raise TimeStandsStill(f"{TURNS_MAX} turns at {self._now_s:.2f} s: {ready[0]!r}")
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            if self._any_frozen:
                process = handle._context.get(_RUNS_IN)  # type: ignore[attr-defined]
                if process is not None and process.frozen:
                    process.parked.append(handle)
                    continue
            handle._run()

    def _pass_time(self, ready: deque[asyncio.Handle]) -> None:
        timers: list[tuple[float, asyncio.TimerHandle]] = self._scheduled  # type: ignore[attr-defined]
        while timers:
            when, first = heapq.heappop(timers)
            first._scheduled = False  # type: ignore[attr-defined]
            if first._cancelled:
                continue
            self._now_s = max(self._now_s, when)
            ready.append(first)
            return
        raise AssertionError("everybody waits, and nothing will ever come")

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As the loop has it, with timers that need no Python to be compared."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._scheduled, (when, timer))  # type: ignore[attr-defined]
        timer._scheduled = True
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Cancelled timers are passed over when their time has come."""

    def _write_to_self(self) -> None:
        """Nobody is outside who would have to be woken."""

    def _process_events(self, event_list: object) -> None:
        """There are none."""


@dataclass
class LoopClock:
    """The loop's time as a process sees it; its wall clock may be wrong by `skew_ms`."""

    loop: VirtualLoop
    start_ms: int
    skew_ms: int = 0

    def now_ms(self) -> int:
        return self.start_ms + self.skew_ms + round(self.loop.time() * 1000)

    def monotonic_s(self) -> float:
        return self.loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
