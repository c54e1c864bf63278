"""Check the password-based MAC of the headline ir; each contestant raises if it computes another MAC."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import pbm
from benchmarks.bench import PEERS, timed

_LOOPS = pbm.loops(PEERS)


@pytest.mark.parametrize("name", _LOOPS)
def test_pbm(benchmark: Any, name: str) -> None:
    timed(benchmark, "PBM, 500 x SHA-256", _LOOPS[name])
