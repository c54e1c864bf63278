"""Any record of the schema out of any octets: a walk along the op table in which the octets decide at each fork.

Nothing here is about one type; a record class is reached the day it is declared. Octets that have run out read as
zeros, and zeros choose what is small, so every input ends. Knows the op table and Python values, no DER.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any

_DEEPEST = 9
_ENOUGH = 400
"""So many values are drawn before only small ones are."""
_ALPHABETS = {
    0x12: "0123456789 ",
    0x13: "ABCxyz0129 '()+,-./:=?",
    0x16: "aZ09\x00\x7f@. ~",
    0x1A: " aZ~09!",
    0x14: "aÿ\x80\x00é ",
    0x1E: "aÿ\u0100\uffff\ud7ffé ",
    0x1C: "aÿ\u0100\U0010ffffé ",
    0x0C: "aÿ\u0100\U0010ffff\x00é€ ",
}


class Draw:
    """Draws values from octets."""

    def __init__(self, data: bytes, engine: Any) -> None:
        self._data = data
        self._at = 0
        self._drawn = 0
        self._ops = engine.room("_engine.ops")
        self._values = engine.room("_engine.values")
        self._tlv = engine.room("asn1").TLV

    def number(self, below: int) -> int:
        """A number from 0 to below - 1."""
        if below <= 1:
            return 0
        octets = (below.bit_length() + 7) // 8
        found = int.from_bytes(self.octets(octets), "big")
        return found % below

    def octets(self, size: int) -> bytes:
        found = self._data[self._at : self._at + size]
        self._at += size
        return found.ljust(size, b"\0")

    def record(self, cls: Any) -> Any:
        """A record of that class: made by its constructor from finished parts, or by from_plain from plain ones."""
        plain = bool(self.number(2))
        given = self._given(cls._op, 0, 0, plain)
        if plain and isinstance(given, (dict, list)):
            return cls.from_plain(given)
        return given

    def _given(self, op: Any, depth: int, nest: int, plain: bool) -> Any:
        self._drawn += 1
        if op.cls is None:
            return self._leaf(op)
        kind, kinds = op.kind, self._ops.Kind
        if op.nesting:
            nest += 1
            depth = _DEEPEST if nest >= op.nesting else depth
        small = depth >= _DEEPEST or self._drawn > _ENOUGH
        if kind is kinds.ANY:
            return self._any(op)
        if kind is kinds.NULL:
            return op.cls()
        found: Any
        if kind is kinds.SEQUENCE:
            found = self._components(op, depth + 1, nest, plain, small)
            return found if plain else op.cls(**found)
        if kind is kinds.CHOICE:
            fit = sorted(op.parts, key=lambda part: _height(part.op, 0)) if small else op.parts
            part = fit[0 if small else self.number(len(fit))]
            found = {part.name: self._given(part.op, depth + 1, nest, plain)}
            return found if plain else op.cls(**found)
        size = op.low + (0 if small else min(self.number(4), op.most - op.low))
        found = [self._given(op.parts[0].op, depth + 1, nest, plain) for _ in range(size)]
        return found if plain else op.cls(found)

    def _components(self, op: Any, depth: int, nest: int, plain: bool, small: bool) -> dict[str, Any]:
        opened = {part.by: part.opens for part in op.parts if part.opens is not None}
        found: dict[str, Any] = {}
        for number, part in enumerate(op.parts):
            if part.optional and (small or not self.number(3)):
                continue
            if part.opens is not None:
                oid = found.get(op.parts[part.by].name, op.parts[part.by].default)
                target = part.opens.part(oid)
                if target is None or small or not self.number(5):
                    found[part.name] = self._any(None)
                else:
                    found[part.name] = self._given(target.op, depth, nest, False)
            elif number in opened and self.number(4):
                known = sorted(oid for oid, _ in opened[number].items())
                found[part.name] = self._values.ObjectIdentifier(known[self.number(len(known))] if known else "1.2.3")
            else:
                found[part.name] = self._given(part.op, depth, nest, plain)
        return found

    def _any(self, op: Any) -> Any:
        tag = op.tag if op is not None and op.tag else (0x04, 0x05, 0x0C, 0x80, 0xA3, 0x30, 0x41, 0x9E)[self.number(8)]
        content = b"" if tag == 0x05 else self.octets(self.number(6))
        cls = self._tlv if op is None else op.cls
        return cls(bytes((tag, len(content))) + content)

    def _leaf(self, op: Any) -> Any:
        kinds = self._ops.Kind
        if op.kind is kinds.INTEGER:
            if op.named is not None and self.number(2):
                return list(op.named)[self.number(len(op.named))]
            return int.from_bytes(self.octets((0, 1, 1, 2, 4, 8, 9, 20, 2048)[self.number(9)]), "big", signed=True)
        if op.kind is kinds.OCTETS:
            return self.octets(self._size(op))
        if op.kind is kinds.BITS:
            return self._bits(op)
        if op.kind is kinds.OID:
            return self._oid()
        if op.kind is kinds.TEXT:
            alphabet = _ALPHABETS[op.tag]
            return "".join(alphabet[self.number(len(alphabet))] for _ in range(self._size(op)))
        if op.kind is kinds.TIME:
            return self._time(op)
        assert op.kind is kinds.BOOLEAN
        return bool(self.number(2))

    def _size(self, op: Any) -> int:
        most = 20 if op.high is None else min(20, op.high - op.low)
        return int(op.low) + self.number(most + 1)

    def _bits(self, op: Any) -> Any:
        data = bytearray(self.octets(self.number(8)))
        if op.named is not None:
            return op.named(int.from_bytes(data, "big"))
        unused = self.number(8) if data else 0
        if data:
            data[-1] &= 0xFF << unused & 0xFF
        return self._values.BitString(bytes(data), unused)

    def _oid(self) -> Any:
        root = self.number(3)
        second = int.from_bytes(self.octets(self.number(10)), "big")
        arcs = [int.from_bytes(self.octets((1, 1, 2, 4, 17)[self.number(5)]), "big") for _ in range(self.number(7))]
        return self._values.ObjectIdentifier(".".join(map(str, (root, second if root == 2 else second % 40, *arcs))))

    def _time(self, op: Any) -> datetime:
        zone = timezone(timedelta(minutes=self.number(2879) - 1439)) if self.number(3) == 2 else UTC
        days = timedelta(days=self.number(35_000 if op.tag == 0x17 else 3_650_000), seconds=self.number(86_400))
        moment = datetime(1950 if op.tag == 0x17 else 2, 1, 3) + days
        if op.tag != 0x17:
            moment = moment.replace(microsecond=(0, 1, 10, 500_000, 999_999)[self.number(5)])
        return moment.replace(tzinfo=zone)


@cache
def _height(op: Any, depth: int) -> int:
    """Levels of the smallest value of a type, as far as they matter."""
    if depth > 6 or not op.parts:
        return 1
    if op.kind.name == "CHOICE":
        return 1 + min(_height(part.op, depth + 1) for part in op.parts)
    if op.kind.name in ("SEQUENCE_OF", "SET_OF") and not op.low:
        return 1
    return 1 + max((_height(part.op, depth + 1) for part in op.parts if not part.optional), default=0)
