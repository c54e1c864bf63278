"""The op table: what the schema compiler says and the engines execute.

One `Op` describes how a type looks on the wire, one `Part` how a type is used at a place: as a component of a
SEQUENCE, an alternative of a CHOICE, or the element of a SEQUENCE OF. The table is a graph of plain objects, the same
for both engines; the compiled engine copies it into C structures of its own. This file knows DER's identifier octets
and nothing of any particular type.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final

from .values import MAX_INPUT


class Kind(IntEnum):
    """How the content of a type is built, and so which branch of an engine handles it."""

    SEQUENCE = 0
    SEQUENCE_OF = 1
    SET_OF = 2
    CHOICE = 3
    ANY = 4
    INTEGER = 5
    OCTETS = 6
    BITS = 7
    OID = 8
    TEXT = 9
    TIME = 10
    NULL = 11
    BOOLEAN = 12


CONSTRUCTED: Final = 0x20
CONTEXT: Final = 0x80
EVERY_TAG: Final = frozenset(range(256))
WHOLE_TAGS: Final = frozenset(octet for octet in EVERY_TAG if octet & 0x1F != 0x1F and octet & 0xDF)
"""Identifier octets that are a tag by themselves: no further octets follow, and they are not the reserved tag 0."""

TAG_BOOLEAN: Final = 0x01
TAG_INTEGER: Final = 0x02
TAG_BIT_STRING: Final = 0x03
TAG_OCTET_STRING: Final = 0x04
TAG_NULL: Final = 0x05
TAG_OID: Final = 0x06
TAG_ENUMERATED: Final = 0x0A
TAG_UTF8: Final = 0x0C
TAG_NUMERIC: Final = 0x12
TAG_PRINTABLE: Final = 0x13
TAG_TELETEX: Final = 0x14
TAG_IA5: Final = 0x16
TAG_UTC_TIME: Final = 0x17
TAG_GENERALIZED_TIME: Final = 0x18
TAG_VISIBLE: Final = 0x1A
TAG_UNIVERSAL: Final = 0x1C
TAG_BMP: Final = 0x1E
TAG_SEQUENCE: Final = 0x30
TAG_SET: Final = 0x31

TAG_NAMES: Final = {
    TAG_BOOLEAN: "BOOLEAN",
    TAG_INTEGER: "INTEGER",
    TAG_BIT_STRING: "BIT STRING",
    TAG_OCTET_STRING: "OCTET STRING",
    TAG_NULL: "NULL",
    TAG_OID: "OBJECT IDENTIFIER",
    TAG_ENUMERATED: "ENUMERATED",
    TAG_UTF8: "UTF8String",
    TAG_NUMERIC: "NumericString",
    TAG_PRINTABLE: "PrintableString",
    TAG_TELETEX: "TeletexString",
    TAG_IA5: "IA5String",
    TAG_UTC_TIME: "UTCTime",
    TAG_GENERALIZED_TIME: "GeneralizedTime",
    TAG_VISIBLE: "VisibleString",
    TAG_UNIVERSAL: "UniversalString",
    TAG_BMP: "BMPString",
    TAG_SEQUENCE: "SEQUENCE",
    TAG_SET: "SET",
}


class Op:
    """One type.

    `tag` is the universal identifier octet, 0 for CHOICE and for an ANY of any tag. `cls` is the record class, None
    for types whose values are plain Python objects. `low`, `high` bound the SIZE (elements, octets or characters),
    `limit` is our own bound on elements, `nesting` how many types with such a bound may be inside each other (0: no
    bound). `named` is the IntEnum or NamedBits class of an INTEGER or BIT STRING with names. `select` maps the first
    identifier octet of a CHOICE to the number of the alternative. `root` is the type used on its own. `native` belongs
    to the compiled engine. For the reference engine is worked out beforehand: `holds`, whether values contain values
    of `parts`; `free`, whether any octets at all are a content of the type; `most`, how many elements there may be.
    """

    __slots__ = (
        "cls",
        "free",
        "high",
        "holds",
        "kind",
        "limit",
        "low",
        "most",
        "name",
        "named",
        "native",
        "nesting",
        "parts",
        "root",
        "select",
        "tag",
    )

    def __init__(self, kind: Kind, name: str, tag: int, cls: Any = None) -> None:
        self.kind = kind
        self.name = name
        self.tag = tag
        self.cls = cls
        self.parts: tuple[Part, ...] = ()
        self.low = 0
        self.high: int | None = None
        self.limit: int | None = None
        self.nesting = 0
        self.named: Any = None
        self.select: dict[int, int] = {}
        self.native: Any = None
        self.holds = kind <= Kind.CHOICE
        self.free = False
        self.most = MAX_INPUT
        self.root: Part

    def settle(self) -> None:
        """Finish a type whose parts are all known."""
        self.free = self.kind is Kind.ANY or (self.kind is Kind.OCTETS and not self.low and self.high is None)
        self.most = min(bound for bound in (self.high, self.limit, MAX_INPUT) if bound is not None)
        self.root = Part(self.name, self)
        self.root.settle()

    @property
    def first(self) -> frozenset[int]:
        """Identifier octets that a value of this type can begin with."""
        if self.kind is Kind.CHOICE:
            return frozenset(self.select)
        return frozenset((self.tag,)) if self.tag else EVERY_TAG

    def __repr__(self) -> str:
        return f"<Op {self.name}>"


class Part:
    """One place of a type inside another.

    `outer` is the identifier octet of an EXPLICIT tag, `tag` the identifier octet of the value itself after any
    IMPLICIT tag (0: the op's own choice of tags). `first` holds the octets that announce this part, `inner` those
    that may stand behind an EXPLICIT tag, `plain` those that are all of the tags that a value here has; `levels` is
    how many TLVs inside each other it is. `default` is the DEFAULT value (`MISSING`: none) and `default_content` its
    content octets. `opens` maps the text of the OID in the sibling component number `by` to the Part that the value
    of an open type has then.
    """

    __slots__ = (
        "by",
        "default",
        "default_content",
        "first",
        "inner",
        "levels",
        "name",
        "op",
        "opens",
        "optional",
        "outer",
        "plain",
        "tag",
    )

    def __init__(self, name: str, op: Op, outer: int = 0, tag: int = 0, optional: bool = False) -> None:
        self.name = name
        self.op = op
        self.outer = outer
        self.tag = tag or op.tag
        self.optional = optional
        self.first: frozenset[int] = frozenset()
        self.inner: frozenset[int] = frozenset()
        self.plain: frozenset[int] = frozenset()
        self.levels = (1 if outer else 0) + (0 if op.kind is Kind.CHOICE else 1)
        self.default: Any = MISSING
        self.default_content: bytes | None = None
        self.opens: Any = None
        self.by = 0

    def settle(self) -> None:
        """Compute the sets of octets once the op is complete."""
        self.inner = frozenset((self.tag,)) if self.tag else self.op.first
        self.first = frozenset((self.outer,)) if self.outer else self.inner
        self.plain = frozenset() if self.outer else self.inner & WHOLE_TAGS

    def __repr__(self) -> str:
        return f"<Part {self.name}: {self.op.name}>"


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
