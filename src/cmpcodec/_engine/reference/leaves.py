"""Primitive contents: check them, read them as Python values, write them. X.690 clauses 8 and 11.

`check` raises Flaw for octets that are not DER, `read` turns checked octets into a value and cannot fail, `write`
turns a value into octets or raises Unfit. Nothing here knows tags of the context or where in a message it works.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NoReturn, TypeVar

from ...errors import counted
from ..ops import (
    TAG_BMP,
    TAG_GENERALIZED_TIME,
    TAG_IA5,
    TAG_NAMES,
    TAG_NUMERIC,
    TAG_PRINTABLE,
    TAG_TELETEX,
    TAG_UNIVERSAL,
    TAG_UTC_TIME,
    TAG_UTF8,
    TAG_VISIBLE,
    Kind,
    Op,
)
from ..values import (
    MAX_ARC_OCTETS,
    MAX_INTEGER_OCTETS,
    MAX_OID_ARCS,
    MAX_OID_OCTETS,
    TIME_OFFSET,
    BitString,
    ObjectIdentifier,
)

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Flaw(Exception):
    """What is wrong with the input and where; `limit` if it is well-formed but more than is allowed."""

    def __init__(self, problem: str, offset: int, limit: bool = False) -> None:
        super().__init__(problem, offset, limit)
        self.problem = problem
        self.offset = offset
        self.limit = limit


class Unfit(Exception):
    """Why a Python value does not fit, and where inside it (`path`, to be added to that of the value)."""

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem, path)
        self.problem = problem
        self.path = path


def _by_kind(functions: dict[Kind, _Function]) -> list[_Function | Callable[..., NoReturn]]:
    """The functions as a list, which Python looks up faster by an IntEnum than a dict."""
    return [functions.get(kind, _never) for kind in Kind]


def _never(*arguments: object) -> NoReturn:
    raise AssertionError("no primitive type")


# --- check ---------------------------------------------------------------------------------------------------------


def _check_integer(op: Op, data: bytes, start: int, end: int, allow: Collection[str]) -> None:
    if start == end:
        raise Flaw(f"{op.name} without content", start)
    if end - start > MAX_INTEGER_OCTETS:
        raise Flaw(f"{op.name} of {end - start} octets, more than {MAX_INTEGER_OCTETS}", start, limit=True)
    if end - start > 1 and (
        (data[start] == 0 and data[start + 1] < 0x80) or (data[start] == 0xFF and data[start + 1] >= 0x80)
    ):
        raise Flaw(f"{op.name} is not in its shortest form", start)


def _check_octets(op: Op, data: bytes, start: int, end: int, allow: Collection[str]) -> None:
    _check_size(op, end - start, "octet", start)


def _check_bits(op: Op, data: bytes, start: int, end: int, allow: Collection[str]) -> None:
    if start == end:
        raise Flaw("BIT STRING without content", start)
    if op.named is not None and end - start > MAX_INTEGER_OCTETS:
        raise Flaw(f"named bits of {end - start} octets, more than {MAX_INTEGER_OCTETS}", start, limit=True)
    unused = data[start]
    if unused > 7 or (unused and end - start == 1):
        raise Flaw(
            f"BIT STRING cannot leave {counted(unused, 'bit')} of {counted(end - start - 1, 'octet')} unused", start
        )
    if data[end - 1] & ((1 << unused) - 1) and end - start > 1:
        raise Flaw("unused bits of the BIT STRING are not zero", end - 1)
    if op.named is not None and end - start > 1 and not data[end - 1] >> unused & 1:
        raise Flaw("named bits end with a zero bit, which DER leaves out", end - 1)


def _check_oid(op: Op, data: bytes, start: int, end: int, allow: Collection[str]) -> None:
    # Nearly all are complete, have no octet that could pad an arc, and are shorter than any limit.
    if start < end <= start + MAX_ARC_OCTETS and data[end - 1] < 0x80 and data.find(0x80, start, end) < 0:
        return
    if start == end:
        raise Flaw("OBJECT IDENTIFIER without content", start)
    if end - start > MAX_OID_OCTETS:
        raise Flaw(f"OBJECT IDENTIFIER of {end - start} octets, more than {MAX_OID_OCTETS}", start, limit=True)
    arcs, arc = 0, start
    for at in range(start, end):
        if at == arc:
            if data[at] == 0x80:
                raise Flaw("arc of an OBJECT IDENTIFIER is not in its shortest form", at)
        elif at - arc == MAX_ARC_OCTETS:
            raise Flaw(f"arc of more than {MAX_ARC_OCTETS} octets in an OBJECT IDENTIFIER", arc, limit=True)
        if data[at] < 0x80:
            arcs, arc = arcs + 1, at + 1
            if arcs > MAX_OID_ARCS:
                raise Flaw(f"OBJECT IDENTIFIER of more than {MAX_OID_ARCS} arcs", start, limit=True)
    if arc != end:
        raise Flaw("last arc of the OBJECT IDENTIFIER is cut off", arc)


_REPERTOIRES = {
    TAG_NUMERIC: re.compile(rb"[0-9 ]*"),
    TAG_PRINTABLE: re.compile(rb"[A-Za-z0-9 '()+,\-./:=?]*"),
    TAG_IA5: re.compile(rb"[\x00-\x7f]*"),
    TAG_VISIBLE: re.compile(rb"[\x20-\x7e]*"),
}


def _check_text(op: Op, data: bytes, start: int, end: int, allow: Collection[str]) -> None:
    tag, characters = op.tag, end - start
    if tag == TAG_UTF8:
        try:
            characters = len(data[start:end].decode("utf-8"))
        except UnicodeDecodeError as error:
            raise Flaw("not valid UTF-8", start + error.start) from None
    elif tag in _REPERTOIRES:
        match = _REPERTOIRES[tag].match(data, start, end)
        if match is None or match.end() != end:
            at = start if match is None else match.end()
            raise Flaw(f"octet 0x{data[at]:02x} is not allowed in {TAG_NAMES[tag]}", at)
    elif tag in (TAG_BMP, TAG_UNIVERSAL):
        width = 2 if tag == TAG_BMP else 4
        if (end - start) % width:
            raise Flaw(f"{TAG_NAMES[tag]} is not a multiple of {width} octets", start)
        characters = (end - start) // width
        for at in range(start, end, width):
            point = int.from_bytes(data[at : at + width], "big")
            if 0xD800 <= point <= 0xDFFF or point > 0x10FFFF:
                raise Flaw(f"U+{point:04X} is not a character", at)
    _check_size(op, characters, "character", start)


def _check_size(op: Op, count: int, unit: str, offset: int) -> None:
    if count < op.low or (op.high is not None and count > op.high):
        raise Flaw(wrong_size(op, count, unit), offset)


def wrong_size(op: Op, count: int, unit: str) -> str:
    """What is wrong with a number of units that does not fit the SIZE of a type."""
    if op.low == op.high:
        wanted = f"exactly {op.low}"
    else:
        wanted = f"{op.low} or more" if op.high is None else f"{op.low} to {op.high}"
    return f"{counted(count, unit)} where {wanted} {'is' if wanted == 'exactly 1' else 'are'} required"


_TIME = {
    TAG_GENERALIZED_TIME: re.compile(
        rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d*[1-9]))?(?:Z|([+-])(\d\d)(\d\d))\Z"
    ),
    TAG_UTC_TIME: re.compile(rb"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)()Z()()()\Z"),
}
_CERTAIN = {  # whole seconds of days that every month has
    TAG_GENERALIZED_TIME: re.compile(
        rb"[12]\d{3}(?:0[1-9]|1[012])(?:0[1-9]|1\d|2[0-8])(?:[01]\d|2[0-3])[0-5]\d[0-5]\dZ"
    ),
    TAG_UTC_TIME: re.compile(rb"\d\d(?:0[1-9]|1[012])(?:0[1-9]|1\d|2[0-8])(?:[01]\d|2[0-3])[0-5]\d[0-5]\dZ"),
}


def _check_time(op: Op, data: bytes, start: int, end: int, allow: Collection[str]) -> None:
    if _CERTAIN[op.tag].fullmatch(data, start, end):
        return
    match = _TIME[op.tag].match(data[start:end]) if end - start <= 40 else None
    if match is None or (match[8] and TIME_OFFSET not in allow):
        form = "YYYYMMDDHHMMSS[.f]Z" if op.tag == TAG_GENERALIZED_TIME else "YYMMDDHHMMSSZ"
        raise Flaw(f"{TAG_NAMES[op.tag]} is not of the form {form}", start)
    if match[7] and len(match[7]) > 6:
        raise Flaw("time is finer than a microsecond", start, limit=True)
    if match[8] and (match[9] > b"23" or match[10] > b"59"):
        raise Flaw("time zone is off by a day or more", start)
    try:
        read_time(op, data, start, end)
    except ValueError:
        raise Flaw("no such date or time of day", start) from None


def _check_null(op: Op, data: bytes, start: int, end: int, allow: Collection[str]) -> None:
    if start != end:
        raise Flaw("NULL with content", start)


def _check_boolean(op: Op, data: bytes, start: int, end: int, allow: Collection[str]) -> None:
    if end - start != 1 or data[start] not in (0, 0xFF):
        raise Flaw("BOOLEAN is neither 00 nor FF", start)


check = _by_kind(
    {
        Kind.INTEGER: _check_integer,
        Kind.OCTETS: _check_octets,
        Kind.BITS: _check_bits,
        Kind.OID: _check_oid,
        Kind.TEXT: _check_text,
        Kind.TIME: _check_time,
        Kind.NULL: _check_null,
        Kind.BOOLEAN: _check_boolean,
    }
)


# --- read ----------------------------------------------------------------------------------------------------------


def _read_integer(op: Op, data: bytes, start: int, end: int) -> Any:
    value = int.from_bytes(data[start:end], "big", signed=True)
    return value if op.named is None else op.named._value2member_map_.get(value, value)


def _read_octets(op: Op, data: bytes, start: int, end: int) -> bytes:
    return data[start:end]


def read_bits(op: Op, data: bytes, start: int, end: int) -> Any:
    """A BitString, or the NamedBits that the op names."""
    if op.named is None:
        return BitString(data[start + 1 : end], data[start])
    if end - start == 1:
        return op.named(0)
    return op.named(int(f"{int.from_bytes(data[start + 1 : end], 'big'):0{8 * (end - start - 1)}b}"[::-1], 2))


def read_oid(op: Op, data: bytes, start: int, end: int) -> ObjectIdentifier:
    """Dotted text of any OBJECT IDENTIFIER, arcs of any size."""
    arcs: list[int] = []
    arc = 0
    for octet in data[start:end]:
        arc = arc << 7 | octet & 0x7F
        if octet < 0x80:
            arcs.append(arc)
            arc = 0
    root = min(arcs[0] // 40, 2)
    return ObjectIdentifier(".".join(map(str, (root, arcs[0] - 40 * root, *arcs[1:]))))


_CODECS = {TAG_UTF8: "utf-8", TAG_BMP: "utf-16-be", TAG_UNIVERSAL: "utf-32-be", TAG_TELETEX: "latin-1"}


def read_text(op: Op, data: bytes, start: int, end: int) -> str:
    """The characters of any string type; TeletexString is taken as Latin-1."""
    return data[start:end].decode(_CODECS.get(op.tag, "ascii"))


def read_time(op: Op, data: bytes, start: int, end: int) -> datetime:
    """An aware datetime; ValueError if the calendar or the clock has no such moment."""
    match = _TIME[op.tag].match(data[start:end])
    assert match is not None
    year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
    if op.tag == TAG_UTC_TIME:
        year += 2000 if year < 50 else 1900
    zone = UTC
    if match[8]:
        minutes = 60 * int(match[9]) + int(match[10])
        zone = timezone(timedelta(minutes=-minutes if match[8] == b"-" else minutes))
    return datetime(year, month, day, hour, minute, second, int((match[7] or b"").ljust(6, b"0")), zone)


def _read_boolean(op: Op, data: bytes, start: int, end: int) -> bool:
    return data[start] != 0


read = _by_kind(
    {
        Kind.INTEGER: _read_integer,
        Kind.OCTETS: _read_octets,
        Kind.BITS: read_bits,
        Kind.OID: read_oid,
        Kind.TEXT: read_text,
        Kind.TIME: read_time,
        Kind.BOOLEAN: _read_boolean,
    }
)


# --- write ---------------------------------------------------------------------------------------------------------


def _expect(value: object, *types: type) -> None:
    if not issubclass(type(value), types) or (type(value) is bool and bool not in types):
        raise Unfit(f"expected {types[0].__name__}, not {type(value).__name__}")


def _write_integer(op: Op, value: Any) -> bytes:
    _expect(value, int)
    octets = int(value).to_bytes(
        value.bit_length() // 8 + 1 if value >= 0 else (value + 1).bit_length() // 8 + 1, "big", signed=True
    )
    if len(octets) > MAX_INTEGER_OCTETS:
        raise Unfit(f"integer of {len(octets)} octets, more than {MAX_INTEGER_OCTETS}")
    return octets


def _write_octets(op: Op, value: Any) -> bytes:
    _expect(value, bytes)
    return bytes(value)


def _write_bits(op: Op, value: Any) -> bytes:
    if op.named is not None:
        _expect(value, int)
        if value < 0:
            raise Unfit("named bits cannot be negative")
        length = value.bit_length()
        if length > 8 * (MAX_INTEGER_OCTETS - 1):
            raise Unfit(f"{length} named bits, more than {8 * (MAX_INTEGER_OCTETS - 1)}")
        if not length:
            return b"\0"
        octets = (length + 7) // 8
        return bytes([8 * octets - length]) + int(f"{int(value):0{8 * octets}b}"[::-1], 2).to_bytes(octets, "big")
    _expect(value, BitString)
    if len(value) != 2:
        raise Unfit("a BitString has data and unused_bits")
    _expect(value.data, bytes)
    _expect(value.unused_bits, int)
    if not 0 <= value.unused_bits <= 7 or (value.unused_bits and not value.data):
        raise Unfit(f"unused_bits is not between 0 and {7 if value.data else 0}")
    if value.data and value.data[-1] & ((1 << value.unused_bits) - 1):
        raise Unfit("unused bits are not zero")
    return bytes([value.unused_bits]) + bytes(value.data)


_DOTTED = re.compile(r"(?:[01]\.(?:[0-9]|[123][0-9])|2\.(?:0|[1-9][0-9]*))(?:\.(?:0|[1-9][0-9]*))*\Z")


def write_oid(op: Op, value: Any) -> bytes:
    """Content octets of dotted text."""
    _expect(value, str)
    if len(value) > 8 * MAX_OID_OCTETS or not _DOTTED.match(value):
        raise Unfit(f"not an object identifier in dotted decimal form: {str(value)[:60]!r}")
    texts = value.split(".")
    if any(len(text) > 3 * MAX_ARC_OCTETS for text in texts):
        raise Unfit(f"arc of more than {MAX_ARC_OCTETS} octets in an object identifier")
    arcs = [int(text) for text in texts]
    arcs[:2] = [40 * arcs[0] + arcs[1]]
    octets = bytearray()
    for arc in arcs:
        groups = max(1, (arc.bit_length() + 6) // 7)
        if groups > MAX_ARC_OCTETS:
            raise Unfit(f"arc of more than {MAX_ARC_OCTETS} octets in an object identifier")
        octets += bytes((arc >> 7 * i & 0x7F) | (0x80 if i else 0) for i in range(groups - 1, -1, -1))
    if len(octets) > MAX_OID_OCTETS or len(arcs) > MAX_OID_ARCS:
        raise Unfit(f"object identifier of more than {MAX_OID_OCTETS} octets or {MAX_OID_ARCS} arcs")
    return bytes(octets)


def write_text(op: Op, value: Any) -> bytes:
    """Octets of a string type, its repertoire and size checked."""
    _expect(value, str)
    octets: bytes
    try:
        octets = value.encode(_CODECS.get(op.tag, "ascii"))
        _check_text(op, octets, 0, len(octets), ())
    except UnicodeEncodeError as error:
        raise Unfit(f"character {error.object[error.start]!a} is not allowed in {TAG_NAMES[op.tag]}") from None
    except Flaw as flaw:
        raise Unfit(flaw.problem) from None
    return octets


def write_time(op: Op, value: Any) -> bytes:
    """UTCTime or GeneralizedTime in UTC, with the fraction only if there is one."""
    _expect(value, datetime)
    if value.utcoffset() is None:
        raise Unfit("datetime without a time zone; add tzinfo=timezone.utc")
    try:
        value = value.astimezone(UTC)
    except OverflowError:
        raise Unfit("datetime leaves the calendar when converted to UTC") from None
    if op.tag == TAG_UTC_TIME:
        if not 1950 <= value.year < 2050 or value.microsecond:
            raise Unfit("UTCTime holds whole seconds of the years 1950 to 2049")
        return f"{value.year % 100:02}{value:%m%d%H%M%S}Z".encode()
    fraction = f".{value.microsecond:06}".rstrip("0") if value.microsecond else ""
    return f"{value.year:04}{value:%m%d%H%M%S}{fraction}Z".encode()


def _write_boolean(op: Op, value: Any) -> bytes:
    _expect(value, bool)
    return b"\xff" if value else b"\0"


_write: dict[Kind, Callable[[Op, Any], bytes]] = {
    Kind.INTEGER: _write_integer,
    Kind.OCTETS: _write_octets,
    Kind.BITS: _write_bits,
    Kind.OID: write_oid,
    Kind.TEXT: write_text,
    Kind.TIME: write_time,
    Kind.BOOLEAN: _write_boolean,
}


def write(op: Op, value: Any) -> bytes:
    """Content octets of a value of a primitive type; Unfit if it does not fit."""
    octets: bytes = _write[op.kind](op, value)
    if op.kind is Kind.OCTETS and not op.low <= len(octets) <= (len(octets) if op.high is None else op.high):
        raise Unfit(wrong_size(op, len(octets), "octet"))
    return octets
