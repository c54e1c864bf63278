"""Record types for tests only: each shape of the schema language that CMP itself uses rarely or never.

engines.py loads this file once per engine, with cmpcodec being that engine's copy. It must not import anything else.
"""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum
from typing import Annotated

from cmpcodec.asn1 import (
    TLV,
    BitString,
    BMPString,
    Choice,
    Default,
    Enumerated,
    Explicit,
    IA5String,
    Implicit,
    NamedBits,
    Null,
    NumericString,
    ObjectIdentifier,
    Open,
    OpenTypes,
    PrintableString,
    Record,
    Sequence,
    SequenceOf,
    SetOf,
    Size,
    TeletexString,
    UniversalString,
    UTCTime,
    VisibleString,
    bit,
)


class Colour(IntEnum):
    """Named numbers, one of them negative."""

    RED = 0
    GREEN = 1
    ULTRAVIOLET = 1 << 70
    INFRARED = -1


class Flags(NamedBits):
    """Named bits with a gap."""

    FIRST = bit(0)
    SECOND = bit(1)
    NINTH = bit(8)
    LAST = bit(70)


class Leaves(Sequence):
    """One component of each primitive type."""

    boolean: Annotated[bool | None, Explicit(0)] = None
    integer: Annotated[int | None, Explicit(1)] = None
    octets: Annotated[bytes | None, Explicit(2)] = None
    bits: Annotated[BitString | None, Explicit(3)] = None
    oid: Annotated[ObjectIdentifier | None, Explicit(4)] = None
    utf8: Annotated[str | None, Explicit(5)] = None
    numeric: Annotated[str | None, NumericString, Explicit(6)] = None
    printable: Annotated[str | None, PrintableString, Explicit(7)] = None
    teletex: Annotated[str | None, TeletexString, Explicit(8)] = None
    ia5: Annotated[str | None, IA5String, Explicit(9)] = None
    visible: Annotated[str | None, VisibleString, Explicit(10)] = None
    universal: Annotated[str | None, UniversalString, Explicit(11)] = None
    bmp: Annotated[str | None, BMPString, Explicit(12)] = None
    utc: Annotated[datetime | None, UTCTime, Explicit(13)] = None
    generalized: Annotated[datetime | None, Explicit(14)] = None
    colour: Annotated[Colour | int | None, Explicit(15)] = None
    enumerated: Annotated[Colour | int | None, Enumerated, Explicit(16)] = None
    flags: Annotated[Flags | None, Explicit(17)] = None
    null: Annotated[Null | None, Explicit(18)] = None
    any: Annotated[TLV | None, Explicit(19)] = None


class Sizes(Sequence):
    """SIZE on everything that can have one."""

    octets: Annotated[bytes | None, Size(2, 4), Implicit(0)] = None
    exact: Annotated[bytes | None, Size(3, 3), Implicit(1)] = None
    open_end: Annotated[bytes | None, Size(2), Implicit(2)] = None
    text: Annotated[str | None, Size(1, 3), Implicit(3)] = None
    wide: Annotated[str | None, UniversalString, Size(1, 2), Implicit(4)] = None
    half_wide: Annotated[str | None, BMPString, Size(1, 2), Implicit(5)] = None


class Small(SequenceOf[int], size=(1, 3)):
    """At least one element, at most three by its SIZE."""


class Bounded(SequenceOf[bool], limit=4):
    """At most four elements by our own bound."""


class Numbers(SetOf[int]):
    """A SET OF of plain values."""


class Repeated(Sequence):
    """SEQUENCE OF and SET OF, tagged in each way."""

    small: Annotated[Small | None, Implicit(0)] = None
    bounded: Annotated[Bounded | None, Explicit(1)] = None
    numbers: Annotated[Numbers | None, Implicit(2)] = None
    plain: Numbers | None = None


class Inner(Choice):
    """A CHOICE that stands untagged inside another."""

    number: int | None = None
    text: Annotated[str | None, Implicit(3)] = None
    nothing: Null | None = None


class Outer(Choice):
    """Alternatives: untagged CHOICE, IMPLICIT record, EXPLICIT CHOICE, EXPLICIT ANY, recursion."""

    inner: Inner | None = None
    small: Annotated[Small | None, Implicit(0)] = None
    wrapped: Annotated[Inner | None, Explicit(1)] = None
    any: Annotated[TLV | None, Explicit(2)] = None
    again: Annotated[Outer | None, Explicit(4)] = None
    tree: Annotated[Tree | None, Implicit(5)] = None
    certificate: Annotated[Boxed | None, Implicit(6)] = None


class Boxed(TLV, tag=0x30):
    """A TLV that has to begin with 30."""


class Tree(Sequence):
    """Contains itself; its label has a DEFAULT."""

    label: Annotated[str, Default("leaf")] = "leaf"
    left: Annotated[Tree | None, Implicit(0)] = None
    right: Annotated[Tree | None, Explicit(1)] = None


class Chain(Sequence):
    """Contains itself and nothing else: a level takes two octets at least."""

    next: Annotated[Chain | None, Implicit(0)] = None


class Guarded(Sequence, nesting=2):
    """May contain itself once."""

    inner: Annotated[Guarded | None, Explicit(0)] = None
    other: Annotated[GuardedToo | None, Explicit(1)] = None
    opened: Annotated[Opened | None, Explicit(2)] = None


class GuardedToo(SequenceOf[Guarded]):
    """A way round to the type that bounds its nesting."""


class Defaults(Sequence):
    """DEFAULTs of every sort."""

    number: Annotated[int, Default(0)] = 0
    colour: Annotated[Colour | int, Enumerated, Default(Colour.GREEN)] = Colour.GREEN
    text: Annotated[str, Default("é")] = "é"
    flag: Annotated[bool, Default(True)] = True
    octets: Annotated[bytes, Implicit(0), Default(b"")] = b""
    flags: Annotated[Flags, Implicit(1), Default(Flags(0))] = Flags(0)
    oid: Annotated[ObjectIdentifier, Explicit(2), Default(ObjectIdentifier("2.999.3"))] = ObjectIdentifier("2.999.3")
    record: Annotated[Small, Implicit(3), Default(Small([1]))] = Small([1])
    bits: Annotated[BitString, Explicit(4), Default(BitString(b"\x80", 7))] = BitString(b"\x80", 7)


OPENED = OpenTypes("Opened.value")
OPENED[ObjectIdentifier("1.2.3.1")] = int
OPENED[ObjectIdentifier("1.2.3.2")] = Annotated[str, PrintableString]
OPENED[ObjectIdentifier("1.2.3.3")] = Small
OPENED[ObjectIdentifier("1.2.3.4")] = Inner
OPENED[ObjectIdentifier("1.2.3.6")] = Null
OPENED[ObjectIdentifier("1.2.3.7")] = TLV
OPENED[ObjectIdentifier("1.2.3.8")] = Guarded
OPENED[ObjectIdentifier("1.2.3.9")] = Flags
OPENED[ObjectIdentifier("1.2.3.10")] = datetime


class Opened(Sequence):
    """An open type, mandatory and optional, untagged and tagged."""

    first: ObjectIdentifier
    first_value: Annotated[object, Open("first", OPENED)]
    second: Annotated[ObjectIdentifier, Default(ObjectIdentifier("1.2.3.1"))] = ObjectIdentifier("1.2.3.1")
    second_value: Annotated[object | None, Explicit(0), Open("second", OPENED)] = None


OPENED[ObjectIdentifier("1.2.3.5")] = Opened


class Times(SequenceOf[datetime]):
    """GeneralizedTimes."""


class Oids(SequenceOf[ObjectIdentifier]):
    """OBJECT IDENTIFIERs."""


class Values(SequenceOf[TLV]):
    """Values of any type."""


class Many(Sequence):
    """As many components as a SEQUENCE can have."""

    c0: Annotated[int | None, Implicit(0)] = None
    c1: Annotated[int | None, Implicit(1)] = None
    c2: Annotated[int | None, Implicit(2)] = None
    c3: Annotated[int | None, Implicit(3)] = None
    c4: Annotated[int | None, Implicit(4)] = None
    c5: Annotated[int | None, Implicit(5)] = None
    c6: Annotated[int | None, Implicit(6)] = None
    c7: Annotated[int | None, Implicit(7)] = None
    c8: Annotated[int | None, Implicit(8)] = None
    c9: Annotated[int | None, Implicit(9)] = None
    c10: Annotated[int | None, Implicit(10)] = None
    c11: Annotated[int | None, Implicit(11)] = None
    c12: Annotated[int | None, Implicit(12)] = None
    c13: Annotated[int | None, Implicit(13)] = None
    c14: Annotated[int | None, Implicit(14)] = None
    c15: Annotated[int | None, Implicit(15)] = None
    c16: Annotated[int | None, Implicit(16)] = None
    c17: Annotated[int | None, Implicit(17)] = None
    c18: Annotated[int | None, Implicit(18)] = None
    c19: Annotated[int | None, Implicit(19)] = None
    c20: Annotated[int | None, Implicit(20)] = None
    c21: Annotated[int | None, Implicit(21)] = None
    c22: Annotated[int | None, Implicit(22)] = None
    c23: Annotated[int | None, Implicit(23)] = None
    c24: Annotated[int | None, Implicit(24)] = None
    c25: Annotated[int | None, Implicit(25)] = None
    c26: Annotated[int | None, Implicit(26)] = None
    c27: Annotated[int | None, Implicit(27)] = None
    c28: Annotated[int | None, Implicit(28)] = None
    c29: Annotated[int | None, Implicit(29)] = None
    c30: Annotated[int | None, Implicit(30)] = None
    last: bool | None = None


def samples() -> list[Record]:
    """Records of each shape, each once made and once decoded."""
    made = [
        Leaves(integer=5, utf8="é"),
        Small([1, 2, 3]),
        Numbers([3, 1, 2]),
        Inner(text="x"),
        Outer(inner=Inner(number=5)),
        Opened(first=ObjectIdentifier("1.2.3.3"), first_value=Small([1])),
        Defaults(),
        TLV(b"\5\0"),
        Boxed(b"0\0"),
        Null(),
        Tree(left=Tree(label="a")),
    ]
    return made + [type(one).decode(one.der) for one in made]
