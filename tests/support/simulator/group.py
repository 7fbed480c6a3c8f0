"""A consumer group: who reads which partitions, what is committed for it, and what a rebalance does to its members."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.support.simulator.kafka import Place
from tests.support.simulator.virtual_time import VirtualLoop

SESSION_S = 6.0
GATHER_S = 0.3


@dataclass(frozen=True, slots=True)
class Given:
    """A member's partitions of each topic, and whether it reads the topic that has only one."""

    partitions: tuple[int, ...]
    owns_single: bool


@dataclass(eq=False)
class Member:
    """A consumer as the group sees it. `waiting` is answered when everybody has joined; None: it was expelled."""

    name: str
    seen_s: float = 0.0
    generation: int = 0
    waiting: asyncio.Future[Given | None] | None = None


@dataclass
class Group:
    """The classic protocol, eager, with the range assignor: a rebalance takes everything from everybody first.

    `gone`: its broker answers nobody.
    """

    loop: VirtualLoop
    partitions: int
    members: dict[str, Member] = field(default_factory=dict)
    offsets: dict[Place, int] = field(default_factory=dict)
    generation: int = 0
    rebalances: int = 0
    gone: bool = False
    _gathering: bool = False

    async def join(self, member: Member) -> Given | None:
        """Wait for everybody; the member's partitions of each topic then. None: it was expelled while it waited."""
        member.seen_s = self.loop.time()
        self.members[member.name] = member
        waiting = member.waiting = self.loop.create_future()
        self._gather()
        return await waiting

    def is_current(self, member: Member) -> bool:
        """Whether it may go on; else it has to give up what it has and join again, or has lost it already."""
        return not self._gathering and member.generation == self.generation and not self.is_expelled(member)

    def is_expelled(self, member: Member) -> bool:
        """Whether the group goes on without it."""
        return self.members.get(member.name) is not member

    def beat(self, member: Member) -> bool:
        """The member's client says that it is alive; False where nobody hears it."""
        if not self.gone:
            member.seen_s = self.loop.time()
        return not self.gone

    def comes_back(self) -> None:
        """The broker answers again: sessions begin anew."""
        self.gone = False
        for member in self.members.values():
            member.seen_s = self.loop.time()
        if self._gathering:
            self._gather()

    def leave(self, member: Member) -> None:
        """It goes of its own accord."""
        if self.members.pop(member.name, None) is not None:
            self._gather()

    def expel_silent(self) -> None:
        """Members that were not heard of for a session are none any more."""
        for member in list(self.members.values()) if not self.gone else ():
            if self.loop.time() - member.seen_s > SESSION_S:
                del self.members[member.name]
                if member.waiting is not None and not member.waiting.done():
                    member.waiting.set_result(None)
                self._gather()

    def commit(self, member: Member, offsets: Mapping[Place, int]) -> bool:
        """Offsets of its partitions; refused from a member of another generation."""
        if self.gone or member.generation != self.generation or self.is_expelled(member):
            return False
        self.offsets |= offsets
        return True

    def _gather(self) -> None:
        self._gathering = True
        self.loop.outside(GATHER_S, self._complete)

    def _complete(self) -> None:
        names = sorted(self.members)
        waiting = [self.members[name].waiting for name in names]
        if self.gone or not self._gathering or not all(one is not None and not one.done() for one in waiting):
            return  # whoever joins last, or goes, brings this about again
        self._gathering = False
        self.generation += 1
        self.rebalances += 1
        for index, (name, one) in enumerate(zip(names, waiting, strict=True)):
            member = self.members[name]
            member.generation, member.waiting = self.generation, None
            member.seen_s = self.loop.time()
            assert one is not None
            one.set_result(Given(self._range(index, len(names)), index == 0))

    def _range(self, index: int, members: int) -> tuple[int, ...]:
        each, more = divmod(self.partitions, members)
        first = index * each + min(index, more)
        return tuple(range(first, first + each + (index < more)))
