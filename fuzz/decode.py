"""Invariant: any bytes are refused by the compiled engine with a DecodeError that can be read, or become a message
whose `der` is those bytes and whose every attribute can be read.

The compiled engine gives no coverage. The reference engine's tree, instrumented, looks at each input first and so shows
libFuzzer the way; where the two differ the target fails, as a difference is a bug too.
"""

from __future__ import annotations

import sys
from typing import Any

from fuzz._harness import Check, Floors, Places, run


def prepare() -> Check:
    import atheris

    with atheris.instrument_imports(include=["cmpcodec"]):
        import cmpcodec
        from cmpcodec import _engine
        from cmpcodec._engine.reference import tree
        from cmpcodec.asn1 import Choice, compile_type
    assert cmpcodec.engine == "cython"
    assert _engine.View.__module__ == "cmpcodec._engine.fast"
    places = Places()
    root, limits = compile_type(cmpcodec.PKIMessage).root, cmpcodec.Limits()

    def read(message: Any) -> None:
        """Read everything, without recursion: a deep message must not be this function's problem."""
        unread = [message]
        while unread:
            record = unread.pop()
            der, found = record.der, cmpcodec.children(record)
            assert type(der) is bytes
            places.record(record, found)
            for child in found:
                assert 0 <= child.start < child.end
                if isinstance(child.value, cmpcodec.Record):
                    unread.append(child.value)
            components = {name: getattr(record, name) for name in record._component_names}
            for child in found:
                assert child.name is None or components[child.name] is child.value
            if isinstance(record, Choice):
                assert [name for name, value in components.items() if value is not None] == [record.name]
                assert record.value is components[record.name]
            elif isinstance(record, cmpcodec.TLV):
                assert der.endswith(record.content)
                assert record.tag == der[0]
            elif hasattr(record, "__len__"):
                assert [child.value for child in found] == list(record)
                assert len(found) == len(record)

    def check(data: bytes) -> bool:
        try:
            tree.grow_all(root, data, limits, ())
            expected = None
        except tree.Refused as refused:
            expected = refused
        try:
            message = cmpcodec.decode(data)
        except cmpcodec.DecodeError as error:
            assert expected is not None, f"only the compiled engine refuses: {error}"
            assert (error.path, error.problem, error.offset) == (expected.path, expected.problem, expected.offset)
            assert isinstance(error, cmpcodec.LimitExceeded) is expected.limit
            assert 0 <= error.offset <= len(data)
            assert str(error) == f"{error.path}: {error.problem}, at byte {error.offset}"
            places.refusal(error.path, error.problem)
            return False
        assert expected is None, f"only the reference engine refuses: {expected}"
        assert message.der == data
        read(message)
        return True

    return check


if __name__ == "__main__":
    sys.exit(run("fuzz.decode", prepare, Floors(per_second=100, coverage=500, modules=15)))
