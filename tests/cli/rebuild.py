"""The way back from the JSON of `decode`: builds the record again, by what docs/json.md says.

If the result has the same DER, the JSON had lost nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cmpcodec import cms, pkix
from cmpcodec._engine import children
from cmpcodec._engine.ops import Kind, Op, Part
from cmpcodec._engine.values import BitString, ObjectIdentifier
from cmpcodec.asn1 import TLV, Record, compile_type
from cmpcodec.cli.names import rfc_member, rfc_name

ATTRIBUTES = {pkix.Attribute: ("type", "values"), cms.Attribute: ("attr_type", "attr_values")}


def rebuild(cls: type[Record], json: Any) -> Any:
    """The record of a class that has this JSON."""
    return value(compile_type(cls), json)


def integer(json: int | str) -> int:
    return int(json, 16) if isinstance(json, str) else json


def value(op: Op, json: Any) -> Any:
    kind, cls = op.kind, op.cls
    if kind is Kind.NULL:
        assert json is None
        return cls()
    if kind is Kind.ANY:
        return cls(bytes.fromhex(json["der"]))
    if kind in (Kind.SEQUENCE_OF, Kind.SET_OF):
        elements = json["rdnSequence"] if cls is pkix.Name else json
        return cls([value(op.parts[0].op, one) for one in elements])
    if kind is Kind.CHOICE:
        ((name, content),) = json.items()
        (part,) = [one for one in op.parts if rfc_name(one.name) == name]
        return cls(**{part.name: value(part.op, content)})
    if kind is Kind.SEQUENCE:
        return sequence(op, json)
    return leaf(op, json)


def sequence(op: Op, json: Any) -> Any:
    found: dict[str, Any] = {}
    for part in op.parts:
        name = rfc_name(part.name)
        if name in json:
            if part.opens is not None:
                found[part.name] = opened(part, found[op.parts[part.by].name], json[name])
            elif op.cls in ATTRIBUTES and part.name == ATTRIBUTES[op.cls][1]:
                oid = found[ATTRIBUTES[op.cls][0]]
                found[part.name] = part.op.cls([closed(oid, one) for one in json[name]])
            else:
                found[part.name] = value(part.op, json[name])
    return op.cls(**found)


def opened(part: Part, oid: str, json: Any) -> Any:
    known = part.opens.part(oid)
    if known is None or (isinstance(json, dict) and "problem" in json and "sha256" not in json):
        return TLV(bytes.fromhex(json["der"]))
    return value(known.op, json)


def closed(oid: str, json: Any) -> TLV:
    """The value of an attribute as it stands in its SET OF."""
    kind = pkix.ATTRIBUTE_VALUES.part(oid)
    if kind is None or (isinstance(json, dict) and "problem" in json):
        return TLV(bytes.fromhex(json["der"]))
    pair = pkix.AttributeTypeAndValue(type=oid, value=value(kind.op, json))
    return TLV(pair.der[children(pkix.AttributeTypeAndValue.decode(pair.der))[1].start :])


def leaf(op: Op, json: Any) -> Any:
    if op.kind is Kind.BITS and op.named is not None:
        bits = {rfc_member(name): getattr(op.named, name) for name in op.named._bit_names.values()}
        return op.named(sum(bits[one] if one in bits else 1 << int(one.split()[1]) for one in json))
    if op.kind is Kind.INTEGER and op.named is not None:
        number = integer(json["number"])
        members = {int(one): rfc_member(one.name) for one in op.named}
        assert json["name"] == members.get(number)
        return number
    if op.kind is Kind.INTEGER:
        return integer(json)
    if op.kind is Kind.OCTETS:
        return bytes.fromhex(json)
    if op.kind is Kind.BITS:
        return BitString(bytes.fromhex(json["hex"]), json["unusedBits"])
    if op.kind is Kind.OID:
        return ObjectIdentifier(json["oid"])
    if op.kind is Kind.TIME:
        return datetime.fromisoformat(json)
    assert op.kind in (Kind.TEXT, Kind.BOOLEAN)
    return json
