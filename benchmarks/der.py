"""A few lines of DER, so that test messages need no codec that is under test. One-byte tags only."""

from __future__ import annotations


def tlv(tag: int, content: bytes) -> bytes:
    """Encode one TLV with a one-byte tag."""
    return header(tag, len(content)) + content


def header(tag: int, size: int) -> bytes:
    """Encode tag and length for content of that size."""
    if size < 128:
        return bytes((tag, size))
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 128 | len(octets))) + octets


def split(der: bytes) -> list[bytes]:
    """Give the TLVs that a constructed TLV contains."""
    parts, at, end = [], *_bounds(der, 0)
    while at < end:
        _, after = _bounds(der, at)
        parts.append(der[at:after])
        at = after
    return parts


def _bounds(der: bytes, at: int) -> tuple[int, int]:
    size, start = der[at + 1], at + 2
    if size >= 128:
        start += size - 128
        size = int.from_bytes(der[at + 2 : start], "big")
    return start, start + size


def object_identifier(dotted: str) -> bytes:
    """Encode an OBJECT IDENTIFIER."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    octets = bytearray()
    for arc in (40 * first + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(arc & 0x7F | 0x80)
        octets += bytes(reversed(groups))
    return tlv(0x06, bytes(octets))


def content(der: bytes) -> bytes:
    """Give the content of a TLV."""
    start, end = _bounds(der, 0)
    return der[start:end]
