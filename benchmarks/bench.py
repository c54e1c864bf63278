"""What the pytest-benchmark files share: the contestants of this machine, and how one of them is timed.

Each timed call does the operation CALLS times, for all alike: so the times in one group compare, and loops in
C stay loops in C.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks import suite
from benchmarks.messages import MAIN, MESSAGES
from benchmarks.peers import Loop, chosen

CALLS = 20

PEERS, ABSENT = suite.contestants(chosen())
READABLE = list(suite.loops(partial(suite.read_loop, data=MAIN.data), PEERS))
ENGINES = [name for name in ("cython", "python") if name in PEERS]
BY_LABEL = {message.label: message for message in MESSAGES}


def timed(benchmark: Any, group: str, loop: Loop, calls: int = CALLS, rounds: int = 10) -> None:
    """Time one contestant within a group."""
    benchmark.group = f"{group} (x {calls})"
    benchmark.pedantic(loop, args=(calls,), rounds=rounds, warmup_rounds=1)
