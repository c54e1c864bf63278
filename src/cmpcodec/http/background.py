"""Threads behind an HTTP server: a bounded crew that answers requests, and the sweeper that does what is due.

It knows threads and the two calls that it makes; nothing of HTTP or CMP.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Crew:
    """A fixed number of threads, and a fixed number of calls that may wait for one."""

    def __init__(self, threads: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="cmp")
        self._most = threads + waiting
        self._taken = 0
        self._lock = threading.Lock()

    def submit(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T] | None:
        """Have a thread make the call; None if all threads are busy and enough calls wait already."""
        with self._lock:
            if self._taken >= self._most:
                return None
            self._taken += 1
        future = self._pool.submit(call, *args, **kwargs)
        future.add_done_callback(self._left)
        return future

    @property
    def busy(self) -> bool:
        """Whether any call runs or waits."""
        return self._taken > 0

    def _left(self, future: Future[T]) -> None:
        with self._lock:
            self._taken -= 1

    def close(self, wait: bool = True) -> None:
        """Drop the calls that wait for a thread, and let those that run finish; `wait` for that."""
        self._pool.shutdown(wait=wait, cancel_futures=True)


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
            except Exception:
                self.problem = "housekeeping failed; the log says why"
                logging.getLogger(__name__).exception("housekeeping failed")
            else:
                self.problem = None
            if self._stop.wait(self._seconds):
                return
