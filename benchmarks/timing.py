"""Times several ways of doing one thing, interleaved, so that drift of the machine hits all alike.

Each round runs every contestant once (A B C A B C ...), in batches long enough for the clock. Time is the CPU
time of this thread, garbage collection is off while a batch runs. Knows nothing of what is timed.
"""

from __future__ import annotations

import gc
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

Loop = Callable[[int], object]


@dataclass
class Timing:
    """Seconds for one operation, one entry per round."""

    number: int
    rounds: list[float] = field(default_factory=list)

    @property
    def min(self) -> float:
        """Best round."""
        return min(self.rounds)

    @property
    def median(self) -> float:
        """Middle round."""
        return statistics.median(self.rounds)


@dataclass(frozen=True)
class Effort:
    """How long to measure: rounds, and how many seconds one batch should take at least."""

    rounds: int
    batch: float

    @classmethod
    def quick(cls) -> Effort:
        """Enough for a first look."""
        return cls(rounds=5, batch=0.002)

    @classmethod
    def full(cls) -> Effort:
        """Enough to publish."""
        return cls(rounds=25, batch=0.01)


def race(contestants: Mapping[str, Loop], effort: Effort) -> dict[str, Timing]:
    """Time all contestants; each loop does its operation as often as it is told."""
    with _no_collection():
        timings = {name: Timing(_batch_size(loop, effort.batch)) for name, loop in contestants.items()}
        for _ in range(effort.rounds):
            for name, loop in contestants.items():
                timings[name].rounds.append(_seconds(loop, timings[name].number) / timings[name].number)
            gc.collect()
    return timings


def _seconds(loop: Loop, number: int) -> float:
    start = time.thread_time_ns()
    loop(number)
    return (time.thread_time_ns() - start) / 1e9


def _batch_size(loop: Loop, batch: float) -> int:
    loop(1)
    number = 1
    while True:
        took = _seconds(loop, number)
        if took >= batch / 4:
            return max(1, round(number * batch / took))
        number *= 4


@contextmanager
def _no_collection() -> Iterator[None]:
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def two_threads(loop: Loop, effort: Effort, seconds: float = 0.1) -> float:
    """Give how much more two threads do than one in the same time on the wall, by the best rounds of each."""
    number = _batch_size(loop, seconds)
    alone, both = [], []
    with _no_collection():
        for _ in range(2 * effort.rounds):
            alone.append(_wall([threading.Thread(target=loop, args=(number,))]))
            both.append(_wall([threading.Thread(target=loop, args=(number,)) for _ in range(2)]))
    return 2 * min(alone) / min(both)


def _wall(threads: list[threading.Thread]) -> float:
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start


class Progress:
    """One line on a terminal that says what runs now; silent elsewhere."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()

    def say(self, text: str) -> None:
        """Replace the line."""
        if self._shown:
            print(f"\r\x1b[K{text[:100]}", end="", file=sys.stderr, flush=True)

    def done(self) -> None:
        """Remove the line."""
        self.say("")
