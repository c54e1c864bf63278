"""Messages of any size: honest ones, to see whether the cost per byte stays flat, and hostile ones.

Builds bytes from one real ir without any codec that is under test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.der import header, split, tlv
from benchmarks.messages import MAIN

_HEADER, _BODY, _PROTECTION = split(MAIN.data)
_REQUEST = split(split(_BODY)[0])[0]
_FIELDS = split(_HEADER)
_UNKNOWN = bytes.fromhex("06092b0601040182371514")


def _message(header_fields: list[bytes], body: bytes) -> bytes:
    return tlv(0x30, tlv(0x30, b"".join(header_fields)) + body + _PROTECTION)


def _info(info_type: bytes, value: bytes) -> bytes:
    """A message whose generalInfo holds one element."""
    return _message([*_FIELDS, tlv(0xA8, tlv(0x30, tlv(0x30, info_type + value)))], _BODY)


def requests(size: int) -> bytes:
    """An ir with as many requests as fit."""
    return _message(_FIELDS, tlv(0xA0, tlv(0x30, _REQUEST * max(1, size // len(_REQUEST)))))


def nonce(size: int) -> bytes:
    """A senderNonce of that size."""
    return _message([*_FIELDS[:-1], tlv(0xA5, tlv(0x04, bytes(size)))], _BODY)


def texts(size: int) -> bytes:
    """A freeText of many short strings, with letters outside ASCII."""
    return _message([*_FIELDS, tlv(0xA7, tlv(0x30, tlv(0x0C, "žluťoučký kůň".encode()) * (size // 20)))], _BODY)


def nested_messages(size: int) -> bytes:
    """A message in a message in a message, as deep as fits."""
    prefixes, total = [], len(MAIN.data)
    while total < size:
        body = header(0xB4, len(header(0x30, total)) + total) + header(0x30, total)
        prefixes.append(header(0x30, len(_HEADER) + len(body) + total) + _HEADER + body)
        total += len(prefixes[-1])
    return b"".join(reversed(prefixes)) + MAIN.data


def deep_value(size: int) -> bytes:
    """An infoValue of SEQUENCEs within SEQUENCEs, each holding only the next."""
    return _info(_UNKNOWN, deep_message(size))


def deep_message(size: int) -> bytes:
    """SEQUENCEs within SEQUENCEs from the first byte on."""
    layers, total = [], 0
    while total < size:
        layers.append(header(0x30, total))
        total += len(layers[-1])
    return b"".join(reversed(layers))


def many_arcs(size: int) -> bytes:
    """An OBJECT IDENTIFIER with that many small arcs."""
    return _info(tlv(0x06, b"\x2b" + b"\x01" * size), b"\x05\x00")


def long_arc(size: int) -> bytes:
    """An OBJECT IDENTIFIER with one arc of that many bytes."""
    return _info(tlv(0x06, b"\x2b" + b"\xff" * size + b"\x01"), b"\x05\x00")


def huge_pvno(size: int) -> bytes:
    """A pvno of that many bytes."""
    return _message([tlv(0x02, b"\x01" * size), *_FIELDS[1:]], _BODY)


def huge_serial(size: int) -> bytes:
    """A revocation request for a serial number of that many bytes."""
    template = tlv(0x30, tlv(0x81, b"\x01" * size))
    return _message(_FIELDS, tlv(0xAB, tlv(0x30, tlv(0x30, template))))


def truncated(size: int) -> bytes:
    """The honest message of many requests without its last byte."""
    return requests(size)[:-1]


def cut_inside(size: int) -> bytes:
    """Many requests, the last of which ends too early inside correct outer lengths."""
    count = max(1, size // len(_REQUEST))
    short = tlv(0x30, _REQUEST[4:-60])
    return _message(_FIELDS, tlv(0xA0, tlv(0x30, _REQUEST * (count - 1) + short)))


def wrong_last_tag(size: int) -> bytes:
    """Many requests, then one whose first tag is wrong: all has to be read before it shows."""
    count = max(1, size // len(_REQUEST))
    bad = bytearray(_REQUEST)
    bad[4] = 0x27
    return _message(_FIELDS, tlv(0xA0, tlv(0x30, _REQUEST * (count - 1) + bytes(bad))))


def wrong_first_tag(size: int) -> bytes:
    """A mistake in the first field of a large message."""
    whole = bytearray(requests(size))
    whole[whole.index(b"\x02\x01\x02")] = 0x27
    return bytes(whole)


def rdn_set(size: int) -> bytes:
    """A name whose one RDN is a SET of many attributes in the right order."""
    return _message([_FIELDS[0], _sender(range(max(2, size // 17))), *_FIELDS[2:]], _BODY)


def rdn_set_wrong(size: int) -> bytes:
    """The same SET in the wrong order."""
    return _message([_FIELDS[0], _sender(range(max(2, size // 17), 0, -1)), *_FIELDS[2:]], _BODY)


def _sender(numbers: range) -> bytes:
    common_name = bytes.fromhex("0603550403")
    pairs = [tlv(0x30, common_name + tlv(0x0C, f"{number:08d}".encode())) for number in numbers]
    return tlv(0xA4, tlv(0x30, tlv(0x31, b"".join(pairs))))


@dataclass(frozen=True)
class Family:
    """A way to make a message of about any size."""

    name: str
    make: Callable[[int], bytes]
    honest: bool


FAMILIES = [
    Family("many requests", requests, True),
    Family("long OCTET STRING", nonce, True),
    Family("many UTF-8 strings", texts, True),
    Family("large SET OF", rdn_set, True),
    Family("nested messages", nested_messages, False),
    Family("deep value of an unknown type", deep_value, False),
    Family("deep from the first byte", deep_message, False),
    Family("OID of many arcs", many_arcs, False),
    Family("OID of one long arc", long_arc, False),
    Family("huge pvno", huge_pvno, False),
    Family("huge serial number", huge_serial, False),
    Family("truncated", truncated, False),
    Family("ends early inside", cut_inside, False),
    Family("wrong tag at the end", wrong_last_tag, False),
    Family("wrong tag at the start", wrong_first_tag, False),
    Family("SET OF in the wrong order", rdn_set_wrong, False),
]
