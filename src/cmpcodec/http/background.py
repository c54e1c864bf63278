"""Threads behind an HTTP server: the crew that answers requests, the sweeper, and what is made once for all of them.

It knows threads and the calls that they make, and that a call comes from some source; nothing of HTTP or CMP.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from .sources import source_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Job(Generic[T]):
    """A call that a crew has taken on; `future` gets its result."""

    source: str
    call: Callable[[], T]
    future: Future[T] = field(default_factory=Future)

    def run(self) -> None:
        """Make the call, unless the future was cancelled."""
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self.call()
        except BaseException as error:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


class Crew:
    """A fixed number of threads, and a fixed number of calls that may wait for one; of one source at most some of them.

    Sources whose calls wait have their turns one after the other, so nobody waits for all that another one has sent.
    The queue is ours and not that of the pool, because a call can be withdrawn from it: nothing of it is left then.
    """

    def __init__(self, threads: int, waiting: int, waiting_per_source: int | None = None) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="cmp")
        self._threads = threads
        self._most = waiting
        self._most_per_source = waiting if waiting_per_source is None else waiting_per_source
        self._lock = threading.Lock()
        self._working = 0
        """Threads that make calls, or are about to."""
        self._waiting = 0
        self._queues: dict[str, dict[Job[Any], None]] = {}
        """The jobs that wait, by source; the source whose turn is next comes first. None is empty."""

    def submit(self, address: str, call: Callable[[], T]) -> Job[T] | None:
        """Have a thread make the call; None if all are busy and enough calls wait already, or enough of this source.

        An address that is not known, "", has no limit of its own.
        """
        job = Job(source_of(address), call)
        with self._lock:
            if self._working >= self._threads:
                queue = self._queues.get(job.source, {})
                if self._waiting >= self._most or (job.source and len(queue) >= self._most_per_source):
                    return None
                queue[job] = None
                self._queues[job.source] = queue
                self._waiting += 1
                return job
            self._working += 1
        self._pool.submit(self._work, job)
        return job

    def withdraw(self, job: Job[Any]) -> bool:
        """Cancel a job that waits for a thread; False if it does not, because a thread has it or it is done."""
        with self._lock:
            queue = self._queues.get(job.source, {})
            if job not in queue:
                return False
            del queue[job]
            if not queue:
                del self._queues[job.source]
            self._waiting -= 1
        job.future.cancel()
        return True

    @property
    def busy(self) -> bool:
        """Whether any call runs or waits."""
        return self._working > 0

    @property
    def waiting(self) -> int:
        """How many calls wait for a thread."""
        return self._waiting

    def _work(self, job: Job[Any] | None) -> None:
        """Make that call, and then those that wait."""
        while job is not None:
            try:
                job.run()
            except BaseException:  # of a callback of the future: the thread has others to serve
                logging.getLogger(__name__).exception("the result of a call could not be passed on")
            job = self._next()

    def _next(self) -> Job[Any] | None:
        """Take the first job of the source whose turn it is; without any, the thread is free."""
        with self._lock:
            source = next(iter(self._queues), None)
            if source is None:
                self._working -= 1
                return None
            queue = self._queues.pop(source)
            job = next(iter(queue))
            del queue[job]
            if queue:
                self._queues[source] = queue  # behind all others
            self._waiting -= 1
            return job

    def close(self, wait: bool = True) -> None:
        """Drop the calls that wait for a thread, and let those that run finish; `wait` for that."""
        with self._lock:
            jobs = [job for queue in self._queues.values() for job in queue]
        for job in jobs:
            self.withdraw(job)
        self._pool.shutdown(wait=wait, cancel_futures=True)


class SingleFlight(Generic[T]):
    """Makes something at most once at a time for each key, however many threads want it.

    While it is made, the others get what was made before, if that is at most `fresh` seconds old, else they wait for
    the new one. It fails for all that wait together.
    """

    def __init__(self, fresh: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._fresh = fresh
        self._clock = clock
        self._lock = threading.Lock()
        self._flights: dict[str, Future[T]] = {}
        self._made: dict[str, tuple[T, float]] = {}

    def get(self, key: str, make: Callable[[], T]) -> T:
        """What `make` returns, or has returned to another thread. Raises what it raises."""
        mine: Future[T] = Future()
        with self._lock:
            flight = self._flights.setdefault(key, mine)
            if flight is not mine and key in self._made and self._clock() - self._made[key][1] <= self._fresh:
                return self._made[key][0]
        if flight is not mine:
            return flight.result()
        try:
            made = make()
        except BaseException as error:
            with self._lock:
                del self._flights[key]
            mine.set_exception(error)
            raise
        with self._lock:
            self._made[key] = made, self._clock()
            del self._flights[key]
        mine.set_result(made)
        return made


class Sweeper:
    """Calls something every so many seconds, in a thread of its own, until it is stopped.

    A failure is logged and does not end it. `problem` tells about the last round, for /healthz.
    """

    def __init__(self, sweep: Callable[[], object], seconds: float) -> None:
        self._sweep = sweep
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.problem: str | None = None

    def start(self) -> None:
        """Begin; the first round is at once, for what became due while nobody swept."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="cmp-sweeper", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End, after the round that may be running."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while True:
            try:
                self._sweep()
            except BaseException:  # a panic of an extension module is no Exception
                self.problem = "housekeeping failed; the log says why"
                logging.getLogger(__name__).exception("housekeeping failed")
            else:
                self.problem = None
            if self._stop.wait(self._seconds):
                return
