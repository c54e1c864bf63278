"""Messages from 1 kB to 1 MB, honest and hostile, on our engines: the cost per byte has to stay flat.

10 MB and the peers are in `python -m benchmarks.report`.
"""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import scaling
from benchmarks.bench import ENGINES, PEERS, timed
from benchmarks.families import FAMILIES

_BY_NAME = {family.name: family for family in FAMILIES}


@pytest.mark.parametrize("size", scaling.SIZES[:4])
@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("family", _BY_NAME)
def test_scaling(benchmark: Any, family: str, name: str, size: int) -> None:
    package: Any = PEERS[name].package  # type: ignore[attr-defined]  # ours has it
    data = _BY_NAME[family].make(size)
    assert _BY_NAME[family].honest <= scaling.accepts(package, data)
    benchmark.extra_info["bytes"] = len(data)
    timed(benchmark, f"{family}, {name}", scaling.large_loop(package, data), calls=1, rounds=5)
