"""A record as JSON values, by the rules that docs/json.md promises; a change of them is a new version.

Mechanical, from the op table, with a few additions that spare readers a decoder of their own (names as text,
summaries of certificates, opened extensions). Writes nothing.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import IntEnum
from typing import Any

from .. import cms, oids, pkix
from .._engine import children
from .._engine.ops import Op, Part
from .._engine.values import BitString, NamedBits, ObjectIdentifier
from ..asn1 import TLV, Null, Record, SequenceOf, SetOf
from .certificates import describe_key, read_certificate, read_crl
from .leaves import time
from .names import rfc_member, rfc_name
from .opening import Leniency
from .tree import MAX_LEVELS

VERSION = 1
"""Goes up when a program that reads the old form could misread the new one."""
_SAFE_INTEGER = (1 << 53) - 1


class Encoder:
    """Turns a record into what `json.dumps` takes; byte ranges by JSON pointer go to `offsets`."""

    def __init__(self, leniency: Leniency, offsets: dict[str, list[int]] | None) -> None:
        self._leniency = leniency
        self._offsets = offsets

    def encode(self, record: Record) -> Any:
        """The JSON value of a whole record."""
        return self._value(record, record._op, "", 0, 0)

    def _value(self, value: Any, op: Op | None, pointer: str, base: int, level: int) -> Any:
        if not isinstance(value, Record):
            return _leaf(value, op)
        if isinstance(value, pkix.Certificate):
            return _certificate(value)
        if isinstance(value, pkix.CertificateList):
            return _crl(value)
        if isinstance(value, TLV) or level > MAX_LEVELS:
            return {"der": value.der.hex()}
        if isinstance(value, Null):
            return None
        if isinstance(value, SequenceOf | SetOf):
            return self._repeated(value, pointer, base, level)
        return self._components(value, pointer, base, level)

    def _note(self, pointer: str, start: int, end: int) -> None:
        if self._offsets is not None:
            self._offsets[pointer] = [start, end]

    def _repeated(self, value: Any, pointer: str, base: int, level: int) -> Any:
        name = isinstance(value, pkix.Name)
        inner = f"{pointer}/rdnSequence" if name else pointer
        op = type(value)._op.parts[0].op
        array = []
        for number, child in enumerate(children(value)):
            place = f"{inner}/{number}"
            self._note(place, base + child.start, base + child.end)
            array.append(self._value(child.value, op, place, base, level + 1))
        return {"rdnSequence": array, "rfc4514": value.rfc4514()} if name else array

    def _components(self, value: Any, pointer: str, base: int, level: int) -> Any:
        """A SEQUENCE, or a CHOICE as an object with one member."""
        parts: dict[str | None, Part] = {part.name: part for part in type(value)._op.parts}
        found: dict[str, Any] = {}
        for child in children(value):
            part = parts[child.name]
            place = f"{pointer}/{rfc_name(part.name)}"
            start = base + child.start
            self._note(place, start, base + child.end)
            if part.opens is not None:
                json = self._open(value, part, child.value, place, base, level)
            elif type(value) in _ATTRIBUTES and part.name in ("values", "attr_values"):
                json = self._attribute_values(value, child.value, place, base, level)
            else:
                json = self._value(child.value, part.op, place, base, level + 1)
            found[rfc_name(part.name)] = json
        if isinstance(value, pkix.Extension):
            found |= self._extension(value, f"{pointer}/opened", base, level)
        elif isinstance(value, pkix.SubjectPublicKeyInfo):
            found["description"] = describe_key(value)
        return found

    def _open(self, record: Any, part: Part, value: Any, pointer: str, base: int, level: int) -> Any:
        oid = getattr(record, type(record)._op.parts[part.by].name)
        opened = part.opens.part(oid)
        json = self._value(value, opened.op if opened else None, pointer, base, level + 1)
        problem = self._leniency.problem(part, oid, value)
        return json | {"problem": problem} if problem else json

    def _extension(self, value: pkix.Extension, pointer: str, base: int, level: int) -> dict[str, Any]:
        opened = self._leniency.open(pkix.EXTENSION_VALUES, value.extn_id, value.extn_value)
        if opened.problem:
            return {"problem": opened.problem}
        if opened.op is None:
            return {}
        start = base + children(value)[-1].end - len(value.extn_value)
        self._note(pointer, start, start + len(value.extn_value))
        return {"opened": self._value(opened.value, opened.op, pointer, start, level + 1)}

    def _attribute_values(self, attribute: Any, values: Any, pointer: str, base: int, level: int) -> Any:
        oid = getattr(attribute, _ATTRIBUTES[type(attribute)])
        array = []
        for number, child in enumerate(children(values)):
            place, start = f"{pointer}/{number}", base + child.start
            self._note(place, start, base + child.end)
            opened = self._leniency.open(pkix.ATTRIBUTE_VALUES, oid, child.value.der)
            if opened.problem:
                array.append({"der": child.value.der.hex(), "problem": opened.problem})
            else:
                array.append(self._value(opened.value, opened.op, place, start, level + 1))
        return array


_ATTRIBUTES: dict[type, str] = {pkix.Attribute: "type", cms.Attribute: "attr_type"}


def _leaf(value: Any, op: Op | None) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, NamedBits):
        return [rfc_member(name) for name in value.names]
    if isinstance(value, int):
        if op is not None and op.named is not None:
            name = rfc_member(value.name) if isinstance(value, IntEnum) else None
            return {"number": integer(int(value)), "name": name}
        return integer(value)
    if isinstance(value, ObjectIdentifier):
        return {"oid": str(value), "name": oids.name(value)}
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, BitString):
        return {"hex": value.data.hex(), "unusedBits": value.unused_bits}
    assert isinstance(value, datetime)
    return time(value)


def integer(value: int) -> int | str:
    """A number, or a hexadecimal string where JSON's readers would lose digits."""
    return value if abs(value) <= _SAFE_INTEGER else hex(value)


def _certificate(certificate: pkix.Certificate) -> dict[str, Any]:
    found = read_certificate(certificate)
    json = {"der": certificate.der.hex(), "sha256": hashlib.sha256(certificate.der).hexdigest()}
    if isinstance(found, str):
        return json | {"problem": found}
    return json | {
        "subject": found.subject.rfc4514(),
        "issuer": found.issuer.rfc4514(),
        "serialNumber": integer(found.serial_number),
        "notBefore": time(found.not_before),
        "notAfter": time(found.not_after),
        "publicKey": found.public_key,
    }


def _crl(crl: pkix.CertificateList) -> dict[str, Any]:
    found = read_crl(crl)
    json = {"der": crl.der.hex(), "sha256": hashlib.sha256(crl.der).hexdigest()}
    if isinstance(found, str):
        return json | {"problem": found}
    return json | {
        "issuer": found.issuer.rfc4514(),
        "thisUpdate": time(found.this_update),
        "nextUpdate": None if found.next_update is None else time(found.next_update),
        "revoked": found.revoked,
    }
