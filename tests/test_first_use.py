"""Types are compiled at their first use: several threads may use the same type for the first time at one moment."""

from __future__ import annotations

import sys
import types
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

SCHEMA = """
from __future__ import annotations
from typing import Annotated
from cmpcodec.asn1 import Choice, Explicit, Sequence, SequenceOf

class Inner(Sequence):
    number: int
    outer: Annotated[Outer | None, Explicit(0)] = None

class Either(Choice):
    inner: Annotated[Inner | None, Explicit(0)] = None
    many: Annotated[Many | None, Explicit(1)] = None

class Many(SequenceOf[Either]):
    pass

class Outer(Sequence):
    either: Either
    inner: Annotated[Inner | None, Explicit(1)] = None
"""

DER = bytes.fromhex("300ea005 3003020100 a105 3003020105")


def test_threads_that_meet_at_a_first_use() -> None:
    """All of them decode at once, and afterwards, whichever thread was interrupted while it compiled."""
    threads, before = 4, sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(threads) as pool:
            for _ in range(100):
                module = types.ModuleType("met")
                sys.modules["met"] = module
                exec(SCHEMA, module.__dict__)  # noqa: S102 - classes that nobody has used yet
                barrier = Barrier(threads)

                def use(outer: type = module.Outer, barrier: Barrier = barrier) -> bytes:
                    barrier.wait()
                    return outer.decode(DER).inner.der  # type: ignore[attr-defined, no-any-return]  # made by exec

                for done in [pool.submit(use) for _ in range(threads)]:
                    assert done.result().hex() == "3003020105"
                assert module.Outer.decode(DER).der == DER
    finally:
        sys.setswitchinterval(before)
        sys.modules.pop("met", None)
