"""Writes cmpcodec's own compiled schema as ASN.1 text, for peers that read ASN.1.

So no text of an RFC has to lie here. Identifiers are our attribute names with hyphens. Knows the op table.
"""

from __future__ import annotations

from typing import Any

from cmpcodec._engine.ops import CONTEXT, MISSING, TAG_ENUMERATED, TAG_NAMES, Kind, Op, Part

_PLAIN = {
    Kind.INTEGER: "INTEGER",
    Kind.OCTETS: "OCTET STRING",
    Kind.BITS: "BIT STRING",
    Kind.OID: "OBJECT IDENTIFIER",
    Kind.NULL: "NULL",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.ANY: "ANY",
}

_OPAQUE = "SEQUENCE { ... }"
"""Stands for an opaque TLV where the notation allows no ANY; a peer that reads it loses its content."""


class Notation:
    """Collects types and writes one module that holds them all."""

    def __init__(self) -> None:
        self._names: dict[Op, str] = {}
        self._bodies: dict[str, str] = {}

    def add(self, op: Op) -> str:
        """Add a type with all that it contains; gives the name it has in the module."""
        found = self._names.get(op)
        if found is not None:
            return found
        name = _type_name(op)
        if op.cls is None and name in self._bodies:
            return name
        while name in self._bodies:
            name += "-2"
        self._names[op] = name
        self._bodies[name] = ""
        self._bodies[name] = self._body(op)
        for part in op.parts:
            if part.opens is not None:
                for oid in dict(part.opens.items()):
                    self.add(part.opens.part(oid).op)
        return name

    def module(self, name: str) -> str:
        """Give the text."""
        lines = "\n".join(f"{type_name} ::= {body}" for type_name, body in self._bodies.items())
        return f"{name} DEFINITIONS EXPLICIT TAGS ::= BEGIN\n{lines}\nEND\n"

    def _body(self, op: Op) -> str:
        if op.kind in (Kind.SEQUENCE, Kind.CHOICE):
            components = ",\n".join(
                f"  {identifier(part.name)} {self._use(part, op.kind)}{_presence(part, op.kind)}" for part in op.parts
            )
            return f"{op.kind.name} {{\n{components}\n}}"
        if op.kind in (Kind.SEQUENCE_OF, Kind.SET_OF):
            size = f" SIZE ({op.low}..MAX)" if op.low else ""
            return f"{op.kind.name.split('_')[0]}{size} OF {self._use(op.parts[0], op.kind)}"
        return _plain(op)

    def _use(self, part: Part, within: Kind) -> str:
        """A type with its tag, as it stands in a component."""
        inner = self.add(part.op) if part.op.cls is not None else _plain(part.op)
        if part.outer:
            return f"[{part.outer & 0x1F}] EXPLICIT {inner}"
        opaque = part.op.kind is Kind.ANY
        if part.tag & CONTEXT:
            return f"[{part.tag & 0x1F}] IMPLICIT {_OPAQUE if opaque else inner}"
        return _OPAQUE if opaque and within is Kind.CHOICE else inner


def identifier(name: str) -> str:
    """Our attribute name as an ASN.1 identifier."""
    return name.strip("_").replace("_", "-")


def _type_name(op: Op) -> str:
    if op.cls is None:
        return "Plain-" + _plain(op).replace(" ", "-")
    return op.name.strip("_").replace("_", "-")


def _plain(op: Op) -> str:
    if op.kind in (Kind.TEXT, Kind.TIME):
        return TAG_NAMES[op.tag]
    if op.tag == TAG_ENUMERATED:
        return f"[UNIVERSAL {TAG_ENUMERATED}] IMPLICIT INTEGER"
    return _PLAIN[op.kind]


def _presence(part: Part, within: Kind) -> str:
    default: Any = part.default
    if within is Kind.CHOICE:
        return ""
    if default is MISSING:
        return " OPTIONAL" if part.optional else ""
    if isinstance(default, bool):
        return f" DEFAULT {str(default).upper()}"
    if isinstance(default, int):
        return f" DEFAULT {int(default)}"
    return " OPTIONAL"
