"""Build the headline ir from plain values and serialise it; the bytes must be those of the real message."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import suite
from benchmarks.bench import PEERS, timed

_LOOPS = suite.loops(suite.build_loop, PEERS)


@pytest.mark.parametrize("name", _LOOPS)
def test_build(benchmark: Any, name: str) -> None:
    assert suite.build_problems(PEERS[name]) == []
    timed(benchmark, "build", _LOOPS[name])
