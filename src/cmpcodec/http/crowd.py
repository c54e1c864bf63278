"""All open connections of a server, and who has to go: at a deadline, or to make room for a newcomer.

It counts and decides; what going means is the connection's own business. One event loop, one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from .limits import ServerLimits


class Phase(StrEnum):
    """What a connection waits for; each but WORKING has a deadline."""

    HEADER = "header"
    BODY = "body"
    WORKING = "working"
    """For our own answer."""
    SENDING = "send"
    """For the client to take the answer."""
    IDLE = "idle"
    LINGER = "linger"
    """For the client's end, after the last answer."""
    CLOSING = "closing"
    """For what is left to be sent before the end."""


class Member(Protocol):
    """A connection, as the crowd knows it."""

    phase: Phase
    address: str

    def overdue(self) -> None:
        """The deadline of your phase has passed."""
        ...

    def evict(self) -> None:
        """Close at once, without a word."""
        ...


class Crowd:
    """Who is here, in which phase, since when. `most` is the number of connections, `count` is told of events."""

    def __init__(
        self, limits: ServerLimits, most: int, clock: Callable[[], float], count: Callable[[str], None]
    ) -> None:
        self._most = most
        self._most_at_home = limits.connections_per_address
        self._clock = clock
        self._count = count
        self._patience = {
            Phase.HEADER: limits.header,
            Phase.BODY: limits.body,
            Phase.SENDING: limits.send,
            Phase.IDLE: limits.idle,
            Phase.LINGER: limits.linger,
            Phase.CLOSING: limits.linger,
        }
        # Each dict is in the order in which its members entered the phase, so the first is always the oldest.
        self._waiting: dict[Phase, dict[Member, float]] = {phase: {} for phase in self._patience}
        self._homes: dict[str, dict[Member, None]] = {}
        self._here = 0
        self._most_held = limits.held
        self._held: dict[Member, int] = {}
        self._held_by_all = 0

    def __len__(self) -> int:
        return self._here

    @property
    def members(self) -> list[Member]:
        """Everyone who is here."""
        return [member for home in self._homes.values() for member in home]

    @property
    def tick(self) -> float:
        """Seconds after which `close_overdue` should be called again."""
        return min(0.5, min(self._patience.values()) / 8)

    def arrive(self, member: Member) -> bool:
        """Let a new connection in, in its phase; False if there is no room and nobody who could go."""
        home = self._homes.get(member.address, {})
        if self._most_at_home is not None and len(home) >= self._most_at_home:
            oldest = next((one for one in home if one.phase in self._waiting), None)
            if oldest is None:
                return False
            self._evict(oldest)
        if self._here >= self._most:
            longest = self._longest_waiting()
            if longest is None:
                return False
            self._evict(longest)
        self._homes.setdefault(member.address, {})[member] = None
        self._here += 1
        self._count("accepted")
        self._wait(member)
        return True

    def move(self, member: Member, phase: Phase) -> None:
        """A connection goes into a phase, whose deadline begins now."""
        if (waiting := self._waiting.get(member.phase)) is not None:
            waiting.pop(member, None)
        member.phase = phase
        if member in self._homes.get(member.address, ()):
            self._wait(member)

    def hold(self, member: Member, octets: int) -> None:
        """So many octets are kept for a connection, of requests or answers; too much for all, and the first goes."""
        if octets and member in self._homes.get(member.address, ()):
            self._held_by_all += octets - self._held.get(member, 0)
            self._held[member] = octets
        elif self._held:
            self._held_by_all -= self._held.pop(member, 0)
        while self._held_by_all > self._most_held:
            self._evict(next(iter(self._held)))

    def leave(self, member: Member) -> None:
        """A connection is closed; a second time does nothing."""
        home = self._homes.get(member.address, {})
        if member not in home:
            return
        del home[member]
        self._held_by_all -= self._held.pop(member, 0)
        if not home:
            del self._homes[member.address]
        if (waiting := self._waiting.get(member.phase)) is not None:
            waiting.pop(member, None)
        self._here -= 1
        self._count("closed")

    def close_overdue(self) -> None:
        """Tell those whose deadline has passed."""
        now = self._clock()
        for phase, waiting in self._waiting.items():
            latest = now - self._patience[phase]
            late = []
            for member, since in waiting.items():
                if since > latest:
                    break
                late.append(member)
            for member in late:
                self._count(f"timeout_{phase.value}")
                member.overdue()

    def _wait(self, member: Member) -> None:
        if (waiting := self._waiting.get(member.phase)) is not None:
            waiting[member] = self._clock()

    def _longest_waiting(self) -> Member | None:
        oldest = [next(iter(waiting.items())) for waiting in self._waiting.values() if waiting]
        return min(oldest, key=lambda entry: entry[1])[0] if oldest else None

    def _evict(self, member: Member) -> None:
        self._count("evicted")
        self.leave(member)
        member.evict()
