"""Build the headline ir from values and serialise it, both ways; the bytes must be those of the real message."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import suite
from benchmarks.bench import PEERS, timed

_LOOPS = suite.loops(suite.build_loop, PEERS)
_CONSTRUCT = suite.loops(suite.construct_loop, PEERS)


@pytest.mark.parametrize("name", _LOOPS)
def test_build(benchmark: Any, name: str) -> None:
    assert suite.build_problems(PEERS[name]) == []
    timed(benchmark, "build", _LOOPS[name])


@pytest.mark.parametrize("name", _CONSTRUCT)
def test_construct(benchmark: Any, name: str) -> None:
    timed(benchmark, "build record by record", _CONSTRUCT[name])
