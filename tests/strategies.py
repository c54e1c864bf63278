"""Hypothesis strategies: a record of any class, and a record with a wrong value in it, by walking the op table.

Nothing here is about one type: a record class is covered the day it is declared. Records are made by their constructors, so that drawing
one is a test of the encoder as well. Works with the classes of the engine that the process runs.
"""

from __future__ import annotations

import string
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any

from hypothesis import strategies as st

from cmpcodec._engine import ops
from cmpcodec._engine.ops import MISSING, Kind, Op, Part
from cmpcodec._engine.values import MAX_ARC_OCTETS, MAX_INTEGER_OCTETS, BitString, ObjectIdentifier
from cmpcodec.asn1 import TLV
from tests.mutations import tlv

_DEEPEST = 7
_PRINTABLE = string.ascii_letters + string.digits + " '()+,-./:=?"

# --- how deep a type has to be ---


@cache
def height(op: Op) -> int:
    """Levels that the smallest value of a type has: what to draw when a record must end."""
    return _height(op, frozenset())


def _height(op: Op, within: frozenset[Op]) -> int:
    if op in within:
        return 1000
    within |= {op}
    if op.kind is Kind.SEQUENCE:
        return 1 + max((_height(part.op, within) for part in op.parts if not part.optional), default=0)
    if op.kind is Kind.CHOICE:
        return 1 + min(_height(part.op, within) for part in op.parts)
    if op.kind in (Kind.SEQUENCE_OF, Kind.SET_OF):
        return 1 if not op.low else 1 + _height(op.parts[0].op, within)
    return 1


# --- plain values ---

_edges = sorted(
    {
        sign * ((1 << bits) + off)
        for bits in (0, 7, 8, 15, 16, 31, 32, 63, 64, 159)
        for off in (-1, 0, 1)
        for sign in (1, -1)
    }
)
_LARGEST = (1 << 8 * MAX_INTEGER_OCTETS - 1) - 1
integers = st.one_of(
    st.integers(-300, 300),
    st.sampled_from(_edges),
    st.integers(-(1 << 200), 1 << 200),
    st.sampled_from((_LARGEST, ~_LARGEST)),
)
_arcs = st.one_of(
    st.integers(0, 200),
    st.sampled_from(
        (127, 128, 16383, 16384, (1 << 32) - 1, 1 << 32, (1 << 64) - 1, 1 << 64, (1 << 7 * MAX_ARC_OCTETS) - 1)
    ),
)
oids = st.one_of(
    st.just("2.999.3"),
    st.just("0.0"),
    st.builds(
        lambda root, second, rest: ".".join(map(str, (root, second if root == 2 else second % 40, *rest))),
        st.integers(0, 2),
        st.one_of(st.integers(0, 130), st.just((1 << 64) + 7)),
        st.lists(_arcs, max_size=6),
    ),
).map(ObjectIdentifier)
_zones = st.one_of(
    st.just(UTC), st.just(UTC), st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
)


@st.composite
def _bits(draw: st.DrawFn) -> BitString:
    data = bytearray(draw(st.binary(max_size=6)))
    unused = draw(st.integers(0, 7)) if data else 0
    if unused:
        data[-1] &= 0xFF << unused & 0xFF
    return BitString(bytes(data), unused)


@st.composite
def _times(draw: st.DrawFn, tag: int) -> datetime:
    if tag == ops.TAG_UTC_TIME:
        moment = draw(st.datetimes(datetime(1950, 1, 3), datetime(2049, 12, 29))).replace(microsecond=0)
    else:
        moment = draw(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)))
        if draw(st.booleans()):
            moment = moment.replace(microsecond=draw(st.sampled_from((0, 1, 10, 500_000, 999_999))))
    return moment.replace(tzinfo=draw(_zones))


_ALPHABETS = {
    ops.TAG_NUMERIC: st.sampled_from(string.digits + " "),
    ops.TAG_PRINTABLE: st.sampled_from(_PRINTABLE),
    ops.TAG_IA5: st.characters(max_codepoint=0x7F),
    ops.TAG_VISIBLE: st.characters(min_codepoint=0x20, max_codepoint=0x7E),
    ops.TAG_TELETEX: st.characters(max_codepoint=0xFF),
    ops.TAG_BMP: st.characters(max_codepoint=0xFFFF, exclude_categories=("Cs",)),
    ops.TAG_UNIVERSAL: st.characters(exclude_categories=("Cs",)),
    ops.TAG_UTF8: st.characters(exclude_categories=("Cs",)),
}


def _up_to(op: Op, usual: int) -> dict[str, int]:
    return {"min_size": op.low, "max_size": op.low + usual if op.high is None else min(op.high, op.low + usual)}


@cache
def leaves(op: Op) -> st.SearchStrategy[Any]:
    """Values of a primitive type, extremes included."""
    if op.kind is Kind.INTEGER:
        return integers if op.named is None else st.one_of(st.sampled_from(list(op.named)), integers)
    if op.kind is Kind.OCTETS:
        return st.binary(**_up_to(op, 24))
    if op.kind is Kind.BITS:
        return (
            _bits()
            if op.named is None
            else st.integers(0, 1 << 40).map(op.named) | st.integers(0, 9).map(lambda n: op.named(1 << n))
        )
    if op.kind is Kind.OID:
        return oids
    if op.kind is Kind.TEXT:
        return st.text(_ALPHABETS[op.tag], **_up_to(op, 8))
    if op.kind is Kind.TIME:
        return _times(op.tag)
    assert op.kind is Kind.BOOLEAN
    return st.booleans()


# --- records ---

_TYPICAL = tuple(
    bytes.fromhex(each)
    for each in [
        "0500",
        "020105",
        "0c0141",
        "130141",
        "3000",
        "06022a03",
        "0403010203",
        "a0020500",
        "9f1f00",
        "3100",
        "030100",
    ]
)


@st.composite
def _raw(draw: st.DrawFn, op: Op) -> Any:
    if op.tag:
        return op.cls(tlv(op.tag, draw(st.binary(max_size=12))))
    der = draw(
        st.one_of(
            st.sampled_from(_TYPICAL),
            st.builds(tlv, st.sampled_from((0x04, 0x30, 0x80, 0xA3, 0x41)), st.binary(max_size=140)),
        )
    )
    return op.cls(der)


@st.composite
def _value(draw: st.DrawFn, op: Op, depth: int, nest: int) -> Any:
    if op.cls is None:
        return draw(leaves(op))
    if op.nesting:
        nest += 1
        if nest >= op.nesting:
            depth = _DEEPEST
    if op.kind is Kind.ANY:
        return draw(_raw(op))
    if op.kind is Kind.NULL:
        return op.cls()
    if op.kind is Kind.SEQUENCE:
        return op.cls(**draw(_components(op, depth, nest)))
    if op.kind is Kind.CHOICE:
        least = min(height(part.op) for part in op.parts)
        fit = [part for part in op.parts if depth < _DEEPEST or height(part.op) == least]
        part = draw(st.sampled_from(fit))
        return op.cls(**{part.name: draw(_value(part.op, depth + 1, nest))})
    usual = 0 if depth >= _DEEPEST else 3
    bounds = _up_to(op, usual)
    if op.limit is not None:
        bounds["max_size"] = min(op.limit, bounds["max_size"])
    count = draw(st.integers(bounds["min_size"], bounds["max_size"]))
    return op.cls([draw(_value(op.parts[0].op, depth + 1, nest)) for _ in range(count)])


@st.composite
def _components(draw: st.DrawFn, op: Op, depth: int, nest: int) -> dict[str, Any]:
    opened = {part.by: part.opens for part in op.parts if part.opens is not None}
    found: dict[str, Any] = {}
    for number, part in enumerate(op.parts):
        if part.optional and (depth >= _DEEPEST or draw(st.integers(0, 5 + depth)) > 3):
            continue
        if part.opens is not None:
            found[part.name] = draw(
                _opened(part, found.get(op.parts[part.by].name, op.parts[part.by].default), depth, nest)
            )
        elif number in opened and draw(st.integers(0, 3)):
            known = sorted(oid for oid, _ in opened[number].items())
            found[part.name] = ObjectIdentifier(draw(st.sampled_from(known or ["1.2.3.4"])))
        elif part.default is not MISSING and draw(st.booleans()):
            found[part.name] = part.default
        else:
            found[part.name] = draw(_value(part.op, depth + 1, nest))
    return found


@st.composite
def _opened(draw: st.DrawFn, part: Part, oid: str, depth: int, nest: int) -> Any:
    target = part.opens.part(oid)
    if target is None or (depth >= _DEEPEST and height(target.op) > 3) or not draw(st.integers(0, 5)):
        return TLV(draw(st.sampled_from(_TYPICAL)))
    return draw(_value(target.op, depth + 1, nest))


def records(cls: Any) -> st.SearchStrategy[Any]:
    """Records of one class, as deep and as wide as keeps them small; they are within the default Limits."""
    return _value(cls._op, 0, 0)


# --- wrong values ---


class Liar:
    """An object that is nothing, with what a careless check would look for."""

    _op = "op"
    der = "der"
    data = "data"
    unused_bits = 0

    def __repr__(self) -> str:
        return "Liar()"


_NONSENSE = (
    None, True, 0, -1, 1 << 70, -(1 << 70), 10**6000, -(10**6000), 1.5, "", "text", "\ud800", "1.2.3", "3.1", "1.40.1", "1.2.", "01.2", "2.1.-1", b"", b"\x05\x00",
    b"\x00", [], {}, (), [1], [[[]]], ["a", 2], object, Liar(), Liar, BitString(b"", 1), BitString(b"\xff", 1), BitString(b"\0", 8),
    BitString(b"\0", -1), BitString(b"", 10**6000), BitString("a"), datetime(2020, 1, 1), datetime(1900, 1, 1, tzinfo=UTC),  # type: ignore[arg-type]
    datetime.min.replace(tzinfo=timezone(timedelta(hours=1))), datetime(2020, 1, 1, 0, 0, 0, 5, UTC), "é", "x" * 5000, b"x" * 5000,
    ObjectIdentifier("1.2." + "9" * 61), "2." + "9" * 5000, "1.2" + ".1" * 200, "1.2" + ".16384" * 127 + ".1" * 3,
)  # fmt: skip
nonsense = st.sampled_from(_NONSENSE)


@st.composite
def wrong_components(draw: st.DrawFn, cls: Any) -> Any:
    """Arguments for a constructor, one of them exchanged for something that probably does not fit: (args, components)."""
    op: Op = cls._op
    if op.kind is Kind.SEQUENCE:
        components = draw(_components(op, _DEEPEST - 2, 0))
        for _ in range(draw(st.integers(1, 2))):
            components[draw(st.sampled_from([part.name for part in op.parts]))] = draw(nonsense)
        if components and not draw(st.integers(0, 9)):
            del components[draw(st.sampled_from(sorted(components)))]
        return (), components
    if op.kind is Kind.CHOICE:
        names = st.sampled_from([part.name for part in op.parts])
        return (), dict.fromkeys([draw(names), draw(names)][: draw(st.integers(1, 2))], draw(nonsense))
    if op.kind in (Kind.SEQUENCE_OF, Kind.SET_OF):
        items = [draw(_value(op.parts[0].op, _DEEPEST - 2, 0)) for _ in range(draw(st.integers(0, 2)))]
        items.insert(draw(st.integers(0, len(items))), draw(nonsense))
        return (items if draw(st.booleans()) else tuple(items),), {}
    return (draw(nonsense),), {}
