#!/usr/bin/env -S python3 -P
"""Invariant: any bytes are refused by the compiled engine with a DecodeError that can be read, or become a message
whose `der` is those bytes and whose every attribute can be read; and either takes no longer than its length allows.

The engine is the instrumented one, alone: an access beyond the input or beyond the nodes ends the process.
"""

from __future__ import annotations

import sys
import time
import zlib
from typing import Any

from fuzz import instrumented
from fuzz._edges import edges
from fuzz._guide import Guide, components, refusal
from fuzz._harness import Check, Floors, Target, run

NANOSECONDS, PER_OCTET = 30_000_000, 3_000
"""CPU time that a decode may take; usual, with sanitizers, is a thousandth of that."""


def prepare(guide: Guide) -> Check:
    instrumented.install()
    import cmpcodec
    from cmpcodec.asn1 import Choice

    deepest = cmpcodec.Limits().max_depth

    def read(message: Any, thoroughly: bool) -> None:
        """Read everything, without recursion: a deep message must not be this function's problem."""
        unread, reached = [(message, 1)], 0
        while unread:
            record, depth = unread.pop()
            reached = max(reached, depth)
            assert depth <= deepest
            der, found = record.der, cmpcodec.children(record)
            assert type(der) is bytes
            for child in found:
                assert 0 <= child.start < child.end
                if isinstance(child.value, cmpcodec.Record):
                    # a CHOICE is no TLV of its own
                    unread.append((child.value, depth + (not isinstance(record, Choice))))
            if not thoroughly:
                continue
            components(guide, record, found)
            values = {name: getattr(record, name) for name in record._component_names}
            for child in found:
                assert child.name is None or values[child.name] is child.value
            if isinstance(record, Choice):
                assert [name for name, value in values.items() if value is not None] == [record.name]
                assert record.value is values[record.name]
            elif isinstance(record, cmpcodec.TLV):
                assert der.endswith(record.content)
                assert record.tag == der[0]
            elif hasattr(record, "__len__"):
                assert [child.value for child in found] == list(record)
                assert len(found) == len(record)
        guide.count(("depth", reached))  # a ladder: nothing else tells a deep message from a flat one

    def decode(data: bytes) -> Any:
        """The message or the error, within bounded CPU time. Only what is too slow three times is too slow."""
        for _ in range(3):
            began = time.thread_time_ns()
            try:
                result: Any = cmpcodec.decode(data)
            except cmpcodec.DecodeError as error:
                result = error
            took = time.thread_time_ns() - began
            if took < NANOSECONDS + PER_OCTET * len(data):
                return result
        raise AssertionError(f"decoding {len(data)} octets took {took // 1_000_000} ms")

    def check(data: bytes) -> bool:
        found, chance = decode(data), zlib.crc32(data)
        if isinstance(found, cmpcodec.Record):
            assert found.der == data
            read(found, thoroughly=not chance & 3)
            return True
        if not chance & 15:  # wording an error costs a hundred times as much as refusing
            assert 0 <= found.offset <= len(data)
            assert str(found) == f"{found.path}: {found.problem}, at byte {found.offset}"
            assert "bug" not in found.problem
            refusal(guide, found.path, found.problem)
        return False

    return check


TARGET = Target("decode", prepare, Floors(per_second=200, coverage=1000), edges=edges)

if __name__ == "__main__":
    sys.exit(run(TARGET))
