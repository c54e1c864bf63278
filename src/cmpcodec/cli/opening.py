"""Opens values that the decoder leaves closed: extensions, attributes, and open types that do not conform.

Where a value is not of the type that its OBJECT IDENTIFIER announces, it says why. It works on DER that
stands alone: the offsets in what it opens count from the start of that DER.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._engine.ops import Kind, Op, Part
from .._engine.reference.leaves import read
from .._engine.reference.tree import Refused, grow
from .._engine.values import Limits
from ..asn1 import TLV, OpenTypes, Record
from ..errors import DecodeError


class Opened(NamedTuple):
    """What an open type holds; as TLV if its type is unknown, or if there is a problem."""

    value: Any
    op: Op | None = None
    problem: str = ""


class Leniency(NamedTuple):
    """What was allowed for the message as a whole holds for its opened values too."""

    limits: Limits
    allow: frozenset[str]

    def open(self, types: OpenTypes, oid: str, der: bytes) -> Opened:
        """The value in `der` as the type that `types` has for `oid`."""
        part = types.part(oid)
        try:
            if part is None:
                return Opened(TLV.decode(der, limits=self.limits, allow=self.allow))
            if part.op.cls is not None:
                record: type[Record] = part.op.cls
                return Opened(record.decode(der, limits=self.limits, allow=self.allow), part.op)
            node = grow(part, der, 0, len(der), self.limits, self.allow)
            return Opened(read[part.op.kind](part.op, der, node.content, node.end), part.op)
        except (DecodeError, Refused) as error:
            where = "" if part is None or error.path == part.op.name else f"{error.path}: "
            expected = "not DER" if part is None else f"no {_name(part.op)}"
            return Opened(None, None, f"{expected}: {where}{error.problem}")

    def problem(self, part: Part, oid: str, value: Any) -> str:
        """Why the value at `part`, an open type, is a TLV although its type is known; "" if all is well."""
        if type(value) is not TLV or oid not in part.opens:
            return ""
        opens = part.opens.part(oid)
        if opens.op.kind is Kind.ANY and opens.op.cls is TLV:
            return ""
        return self.open(part.opens, oid, value.der).problem or "more levels than the limits allow here"


def _name(op: Op) -> str:
    return "NULL" if op.kind is Kind.NULL else op.name.replace("_", "-")
