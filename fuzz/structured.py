#!/usr/bin/env -S python3 -P
"""Invariant: whatever record of the schema is built out of the input, decoding its DER gives an equal record, whose
values are those that it was built of; and building it again from its parts gives the same bytes.

The engine is the instrumented one. The input says which type and which values; see `_drawing.py`.
"""

from __future__ import annotations

import sys
from random import Random
from typing import Any

from fuzz import instrumented
from fuzz._guide import Guide, components
from fuzz._harness import Check, Floors, Target, run


def seeds() -> dict[str, bytes]:
    """Octets enough for some records of every type."""
    return {f"random {number}": Random(number).randbytes(40 + 5 * number) for number in range(400)}


def prepare(guide: Guide) -> Check:
    instrumented.install()
    from fuzz._drawing import Draw
    from tests.agreement import rebuild, rebuild_from_plain_values
    from tests.engines import running

    engine = running()
    package: Any = engine.package
    classes = [engine.types[key] for key in sorted(engine.types)]
    wide = engine.room("_engine.reference.tree").UNLIMITED

    def same(left: Any, right: Any) -> None:
        """Both records have the same values, and count what they have."""
        assert type(left) is type(right)
        assert left == right
        if not isinstance(left, package.Record):
            return
        lefts, rights = package.children(left), package.children(right)
        components(guide, left, lefts)
        assert len(lefts) == len(rights)
        for one, other in zip(lefts, rights, strict=True):
            assert one[0] == other[0]
            assert one[2:] == other[2:]
            same(one.value, other.value)

    def check(data: bytes) -> bool:
        draw = Draw(data, engine)
        cls = classes[draw.number(len(classes))]
        record = draw.record(cls)
        der = record.der
        again = cls.decode(der, limits=wide)
        assert again.der == der
        same(record, again)
        make = rebuild if len(data) & 1 else rebuild_from_plain_values
        assert make(engine, again).der == der
        return True

    return check


TARGET = Target("structured", prepare, Floors(per_second=50, coverage=1300), seeds=seeds, refuses_more=False)

if __name__ == "__main__":
    sys.exit(run(TARGET))
