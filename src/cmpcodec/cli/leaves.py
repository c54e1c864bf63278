"""Values without components as one line of text: numbers, octets, text, times, object identifiers.

Knows how people like to read them, and that octets may be long. The strings are styled, see `terminal`.
"""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum
from typing import Any

from .. import oids
from .._engine.ops import Op
from .._engine.values import BitString, NamedBits, ObjectIdentifier
from ..errors import counted
from .names import rfc_member
from .terminal import dim, quoted, safe

SHORT_OCTETS = 32
SHORT_TEXT = 200
_LARGE = 1 << 32


def leaf(value: Any, op: Op | None, full: bool) -> str:
    """A value that is no record. `op` is its type where known, `full` shows all of what is long."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, NamedBits):
        return ", ".join(map(rfc_member, value.names)) or "none"
    if isinstance(value, IntEnum):
        return f"{rfc_member(value.name)} {dim(f'({value.value})')}"
    if isinstance(value, int):
        unknown = f" {dim('(unknown)')}" if op is not None and op.named is not None else ""
        return integer(value, full) + unknown
    if isinstance(value, ObjectIdentifier):
        return object_identifier(value)
    if isinstance(value, str):
        return text(value, full)
    if isinstance(value, bytes):
        return octets(value, full)
    if isinstance(value, BitString):
        unused = dim(f", {counted(value.unused_bits, 'bit')} unused") if value.unused_bits else ""
        return octets(value.data, full) + unused
    assert isinstance(value, datetime)
    return time(value)


def integer(value: int, full: bool) -> str:
    """Decimal, or hexadecimal where it is large."""
    if abs(value) < _LARGE:
        return str(value)
    sign = "-" if value < 0 else ""
    size = (abs(value).bit_length() + 7) // 8
    return f"{sign}0x{octets(abs(value).to_bytes(size, 'big'), full)}"


def serial_number(value: int) -> str:
    """A serial number the way certificate tools show it: decimal if short, and hexadecimal."""
    sign = "-" if value < 0 else ""
    digits = f"{sign}0x{abs(value):x}"
    if abs(value) < 10:
        return str(value)
    return f"{value} {dim(f'({digits})')}" if abs(value) < _LARGE else digits


def octets(value: bytes, full: bool) -> str:
    """Hexadecimal, cut where it is long, with the length; as text too if it is ASCII."""
    if not value:
        return dim("empty")
    if len(value) > SHORT_OCTETS and not full:
        return f"{value[: SHORT_OCTETS // 2].hex()}… {dim(f'({len(value)} bytes)')}"
    ascii_text = ""
    if value.isascii():
        decoded = value.decode("ascii")
        ascii_text = f" {quoted(decoded)}" if decoded.isprintable() else ""
    size = f"({counted(len(value), 'byte')})"
    return f"{value.hex()}{ascii_text} {dim(size)}"


def text(value: str, full: bool) -> str:
    """Text in quotation marks, cut where it is long."""
    if len(value) > SHORT_TEXT and not full:
        return f"{quoted(value[:SHORT_TEXT])}… {dim(f'({len(value)} characters)')}"
    return quoted(value)


def time(value: datetime) -> str:
    """ISO 8601, with Z for UTC."""
    return value.isoformat().replace("+00:00", "Z")


def object_identifier(value: str) -> str:
    """The RFC's name, if known, and the numbers."""
    name = oids.name(value)
    return f"{name} {dim(f'({value})')}" if name else value


def ip_address(value: bytes) -> str:
    """An address of either version, or an address and its mask, as a name constraint has them."""
    if len(value) not in (4, 8, 16, 32):
        return octets(value, full=True)
    from ipaddress import ip_address as address

    if len(value) in (4, 16):
        return str(address(value))
    half = len(value) // 2
    return f"{address(value[:half])}/{address(value[half:])}"


def distinguished_name(rfc4514: str, full: bool) -> str:
    """A name after RFC 4514; the one without RDNs by RFC 9483's word for it."""
    shown = safe(rfc4514)
    if len(shown) > 2 * SHORT_TEXT and not full:
        return f"{shown[: 2 * SHORT_TEXT]}… {dim(f'({len(shown)} characters)')}"
    return shown or dim("NULL-DN")
