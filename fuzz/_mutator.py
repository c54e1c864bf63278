"""A mutator for DER that is quick enough for a fuzzer: it walks down to one TLV, changes it, and puts the lengths of
all that is around right again, except where a wrong length is the change.

Of the levels above only the headers are read, so a mutant costs some ten microseconds. `tests/mutations.py`, which
makes a tree of everything and changes several places of it at once, has the tables of tags, lengths and contents.
Knows TLVs, no types and nothing of cmpcodec.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from tests.mutations import CONTENTS, LENGTHS, TAGS, length_octets, spoil_bytes, tlv

_DEEPEST = 48
_LARGE = (300, 600, 2100, 5000, 15_000)
"""Octets to which contents are blown up, beyond the limits of OIDs, INTEGERs and all that could be quadratic."""


class Place(NamedTuple):
    """Where a TLV is: its identifier octets, the content, the end."""

    start: int
    length: int
    content: int
    end: int


def elements(data: bytes, start: int, end: int) -> list[Place]:
    """The TLVs that fill data[start:end]; empty if it is no series of TLVs."""
    found = []
    at = start
    while at < end:
        begin = at
        at += 1
        if data[begin] & 0x1F == 0x1F:
            while at < end and data[at] & 0x80:
                at += 1
            at += 1
        if at >= end:
            return []
        place, size = at, data[at]
        at += 1
        if size & 0x80:
            octets = size & 0x7F
            size, at = int.from_bytes(data[at : at + octets], "big"), at + octets
        if at + size > end:
            return []
        found.append(Place(begin, place, at, at + size))
        at += size
    return found


Series = Sequence[Place]
Change = Callable[[bytes, Series, int, Random, Sequence[bytes]], tuple[int, int, bytes]]
"""From the data, the TLVs of one level and the number of one: which octets to replace, and by what."""


def _tag(data: bytes, series: Series, which: int, random: Random, donors: Sequence[bytes]) -> tuple[int, int, bytes]:
    one = series[which]
    flipped = bytes((data[one.start] ^ 1 << random.randrange(8),))
    return one.start, one.length, random.choice((random.choice(TAGS), flipped))


def _content(
    data: bytes, series: Series, which: int, random: Random, donors: Sequence[bytes]
) -> tuple[int, int, bytes]:
    one = series[which]
    content = data[one.content : one.end]
    content = spoil_bytes(content, random) if random.random() < 0.5 else random.choice(CONTENTS)
    return one.length, one.end, length_octets(len(content)) + content


def _large(data: bytes, series: Series, which: int, random: Random, donors: Sequence[bytes]) -> tuple[int, int, bytes]:
    one = series[which]
    size = random.choice(_LARGE)
    content = data[one.content : one.end] or b"\x01"
    content = random.choice((content, content[-1:], b"\x81")) * (size // len(content) + 1)
    content = content[:size] + random.choice((b"", b"\x01"))
    return one.length, one.end, length_octets(len(content)) + content


def _length(data: bytes, series: Series, which: int, random: Random, donors: Sequence[bytes]) -> tuple[int, int, bytes]:
    one = series[which]
    size = one.end - one.content
    wrong = (
        b"\x81" + bytes((size & 0xFF,)),
        b"\x82" + (size & 0xFFFF).to_bytes(2, "big"),
        length_octets(size + 1),
        length_octets(max(size - 1, 0)),
        random.choice(LENGTHS),
    )
    if random.random() < 0.1:  # indefinite, with its end
        return one.length, one.end, b"\x80" + data[one.content : one.end] + b"\0\0"
    return one.length, one.content, random.choice(wrong)


def _delete(data: bytes, series: Series, which: int, random: Random, donors: Sequence[bytes]) -> tuple[int, int, bytes]:
    return series[which].start, series[which].end, b""


def _repeat(data: bytes, series: Series, which: int, random: Random, donors: Sequence[bytes]) -> tuple[int, int, bytes]:
    one = series[which]
    times = random.choice((1, 1, 2, 40))
    return one.end, one.end, data[one.start : one.end] * times


def _order(data: bytes, series: Series, which: int, random: Random, donors: Sequence[bytes]) -> tuple[int, int, bytes]:
    parts = [data[one.start : one.end] for one in series]
    if random.random() < 0.5:
        random.shuffle(parts)
    else:
        parts.insert(random.randrange(len(parts)), parts.pop(which))
    return series[0].start, series[-1].end, b"".join(parts)


def _splice(data: bytes, series: Series, which: int, random: Random, donors: Sequence[bytes]) -> tuple[int, int, bytes]:
    one = series[which]
    if random.random() < 0.3:  # from another level of the same data
        at = descend(data, random)
        donor = data[at[1][at[2]].start : at[1][at[2]].end] if at else b""
    else:
        donor = random.choice(donors)
    return one.start, one.end if random.random() < 0.6 else one.start, donor


def _wrap(data: bytes, series: Series, which: int, random: Random, donors: Sequence[bytes]) -> tuple[int, int, bytes]:
    one = series[which]
    inner = data[one.start : one.end]
    for _ in range(random.choice((1, 1, 2, 5, 35))):
        inner = tlv(random.choice((0x30, 0x31, 0xA0, 0x04, data[one.start])), inner)
    return one.start, one.end, inner


def _nest(data: bytes, series: Series, which: int, random: Random, donors: Sequence[bytes]) -> tuple[int, int, bytes]:
    """Put the whole series in place of one of its TLVs, again and again: what is recursive gets deep."""
    one = series[which]
    header, inner = data[one.start : one.length], data[one.start : one.end]
    before, after = data[series[0].start : one.start], data[one.end : series[-1].end]
    for _ in range(random.choice((1, 2, 8, 30))):
        size = len(before) + len(inner) + len(after)
        inner = header + length_octets(size) + before + inner + after
    return one.start, one.end, inner


def _unwrap(data: bytes, series: Series, which: int, random: Random, donors: Sequence[bytes]) -> tuple[int, int, bytes]:
    one = series[which]
    return one.start, one.end, data[one.content : one.end]


_CHANGES: tuple[Change, ...] = (
    _tag, _tag, _content, _content, _content, _content, _length, _delete, _delete, _repeat, _order, _splice, _splice,
    _splice, _wrap, _nest, _nest, _unwrap, _large,
)  # fmt: skip


def descend(data: bytes, random: Random) -> tuple[list[Place], list[Place], int] | None:
    """A way down: the TLVs around, a series of TLVs, and which of them; None if data is no series of TLVs."""
    around: list[Place] = []
    series = elements(data, 0, len(data))
    if not series:
        return None
    while True:
        which = random.randrange(len(series))
        if not data[series[which].start] & 0x20 and random.random() < 0.5:  # a second chance to get deeper
            which = random.randrange(len(series))
        one = series[which]
        first = data[one.start]
        if not (first & 0x20 or first in (0x03, 0x04)) or len(around) > _DEEPEST or random.random() < 0.12:
            return around, series, which
        hidden = first == 0x03 and one.end > one.content and data[one.content] == 0
        inner = elements(data, one.content + hidden, one.end)  # OCTET and BIT STRINGs often hide DER
        if not inner:
            return around, series, which
        around.append(one)
        series = inner


def mutant(data: bytes, random: Random, donors: Sequence[bytes]) -> bytes:
    """A variant of the data; a few octets are spoilt where it is no series of TLVs."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        found = descend(data, random)
        if found is None:
            return spoil_bytes(data, random)
        around, series, which = found
        start, end, new = random.choice(_CHANGES)(data, series, which, random, donors)
        data = _replaced(data, around, start, end, new)
    if random.random() < 0.08:
        data = spoil_bytes(data, random)
    return data


def _replaced(data: bytes, around: list[Place], start: int, end: int, new: bytes) -> bytes:
    """Replace data[start:end], and say the new lengths of what is around."""
    more = len(new) - (end - start)
    for one in reversed(around):
        new = length_octets(one.end - one.content + more) + data[one.content : start] + new + data[end : one.end]
        start, end = one.length, one.end
        more = len(new) - (end - start)
    return data[:start] + new + data[end:]
