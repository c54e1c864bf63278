#!/usr/bin/env -S python3 -P
"""Invariant: whatever the bytes, limits and leniencies, both engines accept or both refuse; the errors are alike in
class, path, problem and offset, the records in every value, place and byte, and constructors make the same bytes again.

Each engine has a copy of the package of its own; that of the reference engine is instrumented and guides libFuzzer.
"""

from __future__ import annotations

import sys
import zlib
from typing import Any

from fuzz import instrumented
from fuzz._edges import edges
from fuzz._guide import Guide, components, refusal
from fuzz._harness import Check, Floors, Target, run

VARIANTS: tuple[tuple[tuple[Any, ...], tuple[str, ...]], ...] = (
    ((), ()),
    ((), ("time-offset",)),
    ((), ()),
    ((600, 11, 150, 3), ()),
)
"""Limits and leniencies to decode with, before the default ones. The checksum of an input chooses, so that it can be
repeated."""


def prepare(guide: Guide) -> Check:
    instrumented.install()
    from tests.agreement import Pair
    from tests.engines import engine, running

    fast = running()
    with guide.instrument():
        slow = engine("python" if fast.name == "cython" else "cython")
    fast, slow = (fast, slow) if fast.name == "cython" else (slow, fast)
    for one, name, module in ((fast, "cython", "fast"), (slow, "python", "reference.records")):
        assert one.package.engine == one.name == name
        assert one.types["cmp.PKIMessage"].__mro__[-2].__module__ == f"cmpcodec._engine.{module}"
    pair, package = Pair(fast, slow), fast.package

    def count(record: Any) -> None:
        found = package.children(record)
        components(guide, record, found)
        for child in found:
            if isinstance(child.value, package.Record):
                count(child.value)

    def check(data: bytes) -> bool:
        limits, allow = VARIANTS[zlib.crc32(data) % len(VARIANTS)]
        if limits or allow:
            pair.decode("cmp.PKIMessage", data, limits, allow)
        try:
            count(package.decode(data))
        except package.DecodeError as error:
            refusal(guide, error.path, error.problem)
        return pair.decode("cmp.PKIMessage", data)

    return check


TARGET = Target("engines", prepare, Floors(per_second=20, coverage=1000, modules=15), edges=edges)

if __name__ == "__main__":
    sys.exit(run(TARGET))
