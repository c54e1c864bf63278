"""A record as a tree of lines: field names as the RFC writes them, what belongs together on one line.

Knows which types people read as one thing (names, algorithms, keys, certificates, extensions, pairs of OID
and value); all else follows from the op table. Must not write, nor let text through unescaped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from .. import cms, pkix
from .._engine import children
from .._engine.ops import MISSING, Op, Part
from .._engine.values import ObjectIdentifier
from ..asn1 import TLV, Choice, Null, Record, SequenceOf, SetOf
from . import leaves
from .certificates import describe_key, read_certificate, read_crl
from .names import rfc_name, rfc_type
from .opening import Leniency
from .terminal import bad, dim, label, plain, safe

MAX_LEVELS = 64
"""Opened values start anew to count the decoder's levels; here is the end of that."""
_INLINE_WIDTH = 80
_NAME_WIDTH = 24

_ATTRIBUTES: dict[type, tuple[str, str]] = {
    pkix.Attribute: ("type", "values"),
    cms.Attribute: ("attr_type", "attr_values"),
}
_SERIAL_NUMBERS = ("serial_number", "authority_cert_serial_number")


class Line:
    """One line of the tree and those below it; `start` is -1 where it stands for no octets of the message."""

    __slots__ = ("below", "end", "name", "start", "text")

    def __init__(self, name: str, text: str, start: int = -1, end: int = -1, below: list[Line] | None = None) -> None:
        self.name = name
        self.text = text
        self.start = start
        self.end = end
        self.below = below or []


class Tree:
    """Makes lines of records. `full` cuts nothing short and takes names and keys apart."""

    def __init__(self, leniency: Leniency, full: bool) -> None:
        self._leniency = leniency
        self._full = full

    def root(self, record: Record) -> Line:
        """The tree of a whole message or of any other record."""
        text, below = self._show(record, record._op, 0, 0)
        return Line(rfc_type(type(record)), text, 0, len(record.der), below)

    def _show(self, value: Any, op: Op | None, base: int, level: int) -> tuple[str, list[Line]]:
        """Text and lines below it of a value; `base` is added to its offsets."""
        if not isinstance(value, Record):
            return leaves.leaf(value, op, self._full), []
        if level > MAX_LEVELS:
            return f"{leaves.octets(value.der, self._full)} {dim('not shown: too many levels')}", []
        if isinstance(value, TLV):
            if isinstance(value, pkix.Certificate):
                return self._certificate(value)
            if isinstance(value, pkix.CertificateList):
                return self._crl(value)
            return f"{leaves.octets(value.der, self._full)} {dim(f'DER, tag 0x{value.tag:02x}')}", []
        if isinstance(value, Null):
            return "NULL", []
        if isinstance(value, Choice):
            return self._choice(value, base, level)
        if isinstance(value, SequenceOf | SetOf):
            return self._repeated(value, base, level)
        return self._sequence(value, base, level)

    def _choice(self, value: Choice, base: int, level: int) -> tuple[str, list[Line]]:
        (child,) = children(value)
        part = _parts(value)[child.name or ""]
        if type(value) is pkix.GeneralName and child.name == "ip_address":
            return f"iPAddress: {leaves.ip_address(child.value)}", []
        text, below = self._show(child.value, part.op, base, level + 1)
        name = rfc_name(child.name or "")
        return (f"{name}: {text}" if text else name), below

    def _repeated(self, value: Any, base: int, level: int) -> tuple[str, list[Line]]:
        below: list[Line] = []
        op = _op(value).parts[0].op
        for number, child in enumerate(children(value)):
            text, lower = self._show(child.value, op, base, level + 1)
            below.append(Line(f"[{number}]", text, base + child.start, base + child.end, lower))
        if isinstance(value, pkix.Name):
            return leaves.distinguished_name(value.rfc4514(), self._full), below if self._full else []
        if not below:
            return dim("empty"), []
        if op.cls is None:
            joined = ", ".join(line.text for line in below)
            if len(plain(joined)) <= _INLINE_WIDTH:
                return joined, []
        return "", below

    def _sequence(self, value: Any, base: int, level: int) -> tuple[str, list[Line]]:
        if type(value) is pkix.Extension:
            return self._extension(value, base, level)
        if type(value) in _ATTRIBUTES:
            return self._attribute(value, base, level)
        present = {child.name: child for child in children(value)}
        parts, below, lifted = _op(value).parts, list[Line](), ""
        for part in parts:
            child = present.get(part.name)
            if child is None:
                if part.default is not MISSING:
                    text, lower = self._show(part.default, part.op, 0, level + 1)
                    below.append(Line(rfc_name(part.name), f"{text} {dim('by default')}", below=lower))
                continue
            if part.opens is not None:
                text, lower = self._open(value, part, child.value, base, level)
                if lifted and len(parts) == 2:  # a pair of OBJECT IDENTIFIER and value
                    separator = ", " if isinstance(value, pkix.AlgorithmIdentifier) else ": "
                    return f"{lifted}{separator}{text}", lower
            elif part is parts[0] and parts[-1].opens is not None and isinstance(child.value, ObjectIdentifier):
                lifted = leaves.object_identifier(child.value)
                continue
            elif isinstance(child.value, int) and part.name in _SERIAL_NUMBERS:
                text, lower = leaves.serial_number(child.value), []
            else:
                text, lower = self._show(child.value, part.op, base, level + 1)
            below.append(Line(rfc_name(part.name), text, base + child.start, base + child.end, lower))
        if isinstance(value, pkix.SubjectPublicKeyInfo):
            return describe_key(value), below
        return lifted or ("" if below else dim("empty")), below

    def _open(self, record: Any, part: Part, value: Any, base: int, level: int) -> tuple[str, list[Line]]:
        """The value of an open type: what it is, or why it is not what it should be."""
        oid = getattr(record, _op(record).parts[part.by].name)
        problem = self._leniency.problem(part, oid, value)
        if problem:
            return self._closed(value.der, problem), []
        opened = part.opens.part(oid)
        text, below = self._show(value, opened.op if opened else None, base, level + 1)
        return text or (rfc_type(type(value)) if below else text), below

    def _extension(self, value: pkix.Extension, base: int, level: int) -> tuple[str, list[Line]]:
        critical = ", critical" if value.critical else ""
        name = leaves.object_identifier(value.extn_id)
        start = base + children(value)[-1].end - len(value.extn_value)
        text, below = self._opened(pkix.EXTENSION_VALUES, value.extn_id, value.extn_value, start, level)
        return f"{name}{critical}: {text}", below

    def _attribute(self, value: Any, base: int, level: int) -> tuple[str, list[Line]]:
        kind, values = _ATTRIBUTES[type(value)]
        oid = getattr(value, kind)
        name = leaves.object_identifier(oid)
        below = []
        for number, child in enumerate(children(getattr(value, values))):
            start = base + child.start
            text, lower = self._opened(pkix.ATTRIBUTE_VALUES, oid, child.value.der, start, level)
            below.append(Line(f"[{number}]", text, start, base + child.end, lower))
        if len(below) == 1:
            return f"{name}: {below[0].text}", below[0].below
        return name, below

    def _opened(self, types: Any, oid: str, der: bytes, start: int, level: int) -> tuple[str, list[Line]]:
        """A value that stands closed in the message, from `start` on."""
        opened = self._leniency.open(types, oid, der)
        if opened.problem:
            return self._closed(der, opened.problem), []
        text, below = self._show(opened.value, opened.op, start, level + 1)
        return text or rfc_type(type(opened.value)), below

    def _closed(self, octets: bytes, problem: str) -> str:
        return f"{leaves.octets(octets, self._full)}, {bad(safe(problem))}"

    def _certificate(self, certificate: pkix.Certificate) -> tuple[str, list[Line]]:
        digest = Line("SHA-256", hashlib.sha256(certificate.der).hexdigest())
        found = read_certificate(certificate)
        if isinstance(found, str):
            return self._closed(certificate.der, f"not readable: {found}"), [digest]
        below = [
            Line("issuer", leaves.distinguished_name(found.issuer.rfc4514(), self._full)),
            Line("serialNumber", leaves.serial_number(found.serial_number)),
            Line("validity", f"{leaves.time(found.not_before)} to {leaves.time(found.not_after)}"),
            Line("publicKey", found.public_key),
            Line("signature", leaves.object_identifier(found.signature_algorithm)),
            digest,
        ]
        if self._full:
            below.append(Line("DER", certificate.der.hex()))
        return leaves.distinguished_name(found.subject.rfc4514(), self._full), below

    def _crl(self, crl: pkix.CertificateList) -> tuple[str, list[Line]]:
        digest = Line("SHA-256", hashlib.sha256(crl.der).hexdigest())
        found = read_crl(crl)
        if isinstance(found, str):
            return self._closed(crl.der, f"not readable: {found}"), [digest]
        following = f", next {leaves.time(found.next_update)}" if found.next_update else ""
        below = [
            Line("thisUpdate", leaves.time(found.this_update) + following),
            Line("revoked", str(found.revoked)),
            digest,
        ]
        if self._full:
            below.append(Line("DER", crl.der.hex()))
        return f"of {leaves.distinguished_name(found.issuer.rfc4514(), self._full)}", below


def _op(value: Any) -> Op:
    op: Op = type(value)._op
    return op


def _parts(value: Any) -> dict[str, Part]:
    return {part.name: part for part in _op(value).parts}


def render(line: Line, offsets: bool) -> Iterator[str]:
    """The lines of a tree as styled text, values aligned among siblings; byte ranges in front on request."""
    digits = len(str(line.end)) if offsets else 0
    yield from _render(line, 0, len(line.name), digits)


def _render(line: Line, indent: int, width: int, digits: int) -> Iterator[str]:
    before = ""
    if digits:
        between = f"{line.start:>{digits}}-{line.end:<{digits}}" if line.start >= 0 else ""
        before = dim(f"{between:{2 * digits + 1}}") + "  "
    gap = " " * (width - len(line.name) + 2)
    yield f"{before}{'  ' * indent}{label(line.name)}{gap + line.text if line.text else ''}"
    names = [len(one.name) for one in line.below if one.text and len(one.name) <= _NAME_WIDTH]
    below = max(names, default=0)
    for one in line.below:
        yield from _render(one, indent + 1, max(below, len(one.name)), digits)
