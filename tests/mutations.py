"""Spoils DER: at random bytes, and in the tree of its TLVs, with the lengths around put right so that a change gets far.

It knows TLVs and random numbers, no types and nothing of cmpcodec. Everything follows from the `random.Random` that it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

_DEEPEST = 40

LENGTHS = (
    b"\x00", b"\x01", b"\x7f", b"\x80", b"\x81\x00", b"\x81\x7f", b"\x81\x80", b"\x82\x00\x80", b"\x82\xff\xff", b"\x83\x01\x00\x00",
    b"\x84\x7f\xff\xff\xff", b"\x84\x80\x00\x00\x00", b"\x84\xff\xff\xff\xff", b"\x85\x01\x00\x00\x00\x00", b"\x88" + b"\xff" * 8,
    b"\x8a" + b"\x01" * 10, b"\xfe" + b"\xff" * 126, b"\xff" + b"\xff" * 127,
)  # fmt: skip
_UNUSUAL_TAGS = (
    "00 01 02 03 04 05 06 0a 0c 12 13 14 16 17 18 1a 1c 1e 30 31 20 21 24 2c 10 11 23 28 40 60 c0 e0 ff 1f1f 1f1e 3f8100 bf1f bf8001 bf1e "
    "bfffffff7f bfffffffff7f 9f81808000"
)
TAGS = (
    *map(bytes.fromhex, _UNUSUAL_TAGS.split()),
    *(bytes((octet,)) for octet in range(0x80, 0x9F)),
    *(bytes((octet,)) for octet in range(0xA0, 0xBF)),
)
CONTENTS = (
    b"", b"\x00", b"\x01", b"\x7f", b"\x80", b"\xff", b"\x00\x00", b"\x00\x7f", b"\x00\x80", b"\xff\x7f", b"\xff\x80", b"\x08\x00", b"\x07\x80",
    b"\x07\x81", b"\x07", b"\x00\x01", b"\x01" + b"\x00" * 8, b"\x80" + b"\x00" * 8, b"\x7f" * 21, b"\x01" * 2048, b"\x01" * 2049,
    b"\x2a\x03\x04\x01", b"\x2a\x03\x04\x80\x01", b"\x2a\x03\x04\x0a", b"\x88\x37\x03", b"\x2a\x80\x01", b"\x2a\x81", b"\x2a" + b"\xff" * 19 + b"\x7f",
    b"\x2a" + b"\xff" * 20 + b"\x7f", b"\x2a" * 128, b"\x2a" * 129, b"\x81" * 8 + b"\x01", b"\x2a\x03\x01", b"\x2a\x03\x02", b"\x2a\x03\x05", b"\x2a\x03\x09",
    b"19700101000000Z", b"20240229235959Z", b"20230229000000Z", b"00000101000000Z", b"99991231235959.999999Z", b"20200101000000.5Z",
    b"20200101000000.50Z", b"20200101000000.Z", b"20200101000000.1234567Z", b"20200101000060Z", b"20200101240000Z", b"202001010000Z", b"20200101000000",
    b"20200101000000+0100", b"20200101000000.1-2359", b"20200101000000+2400", b"20200101000000.1234567+2400", b"20200101000000,5Z", b"500101000000Z",
    b"491231235959Z", b"991301000000Z", b"9912310000Z", b"991231235959+0000", b"caf\xc3\xa9", b"caf\xe9", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
    b"\xf0\x9f\x98\x80", b"\xd8\x00\xdc\x00", b"\x00\x00\xd8\x00", b"\x00\x11\x00\x00", b"\x00A\x00", b"a*b", b"12 34", b"A\x00B", b"%s%n\r\n\x1b",
)  # fmt: skip


class Element:
    """One TLV: identifier octets, and either content octets or the elements inside."""

    __slots__ = ("content", "inner", "length", "tag")

    def __init__(self, tag: bytes, content: bytes = b"", inner: list[Element] | None = None) -> None:
        self.tag = tag
        self.content = content
        self.inner = inner
        self.length: bytes | None = None  # to write in place of the right length

    def encode(self) -> bytes:
        """The element's bytes, lengths minimal unless they were spoilt."""
        content = self.content if self.inner is None else b"".join([one.encode() for one in self.inner])
        return self.tag + (length_octets(len(content)) if self.length is None else self.length) + content

    def walk(self, found: list[Element]) -> list[Element]:
        """This element and all below it."""
        found.append(self)
        for one in self.inner or ():
            one.walk(found)
        return found

    def copy(self) -> Element:
        """Another element with the same bytes."""
        return Element(self.tag, self.content, None if self.inner is None else [one.copy() for one in self.inner])


def length_octets(length: int) -> bytes:
    """A length in its shortest form."""
    if length < 0x80:
        return bytes((length,))
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def tlv(tag: int, *contents: bytes) -> bytes:
    """One TLV with a short tag."""
    content = b"".join(contents)
    return bytes((tag,)) + length_octets(len(content)) + content


def parse(data: bytes, start: int = 0, end: int | None = None, depth: int = 0) -> list[Element] | None:
    """The elements that fill data[start:end], None if it is no series of TLVs."""
    end = len(data) if end is None else end
    found = []
    while start < end:
        at = start + 1
        if data[start] & 0x1F == 0x1F:
            while at < end and data[at] & 0x80:
                at += 1
            at += 1
        if at >= end:
            return None
        length, tag = data[at], data[start:at]
        at += 1
        if length & 0x80:
            octets = length & 0x7F
            length, at = int.from_bytes(data[at : at + octets], "big"), at + octets
        if at + length > end:
            return None
        inner = parse(data, at, at + length, depth + 1) if tag[0] & 0x20 and depth < _DEEPEST else None
        found.append(Element(tag, data[at : at + length], inner))
        start = at + length
    return found


def spoil_bytes(data: bytes, random: Random) -> bytes:
    """Change, insert, remove or cut off a few bytes."""
    spoilt = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        way, at = random.randrange(6), random.randrange(len(spoilt) + 1)
        if way == 0:
            del spoilt[at:]
        elif way == 1:
            spoilt[at:at] = random.randbytes(random.choice((1, 1, 2, 5)))
        elif way == 2:
            del spoilt[at : at + random.choice((1, 1, 2, 5))]
        elif at < len(spoilt):
            if way == 3:
                spoilt[at] ^= 1 << random.randrange(8)
            else:
                spoilt[at] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
    return bytes(spoilt)


def _change_tag(one: Element, parent: Element, random: Random, others: list[Element]) -> None:
    one.tag = random.choice(
        (random.choice(TAGS), bytes((one.tag[0] ^ 1 << random.randrange(8),)), random.choice(others).tag)
    )


def _change_content(one: Element, parent: Element, random: Random, others: list[Element]) -> None:
    if one.inner is None and random.random() < 0.5:
        one.content = spoil_bytes(one.content, random)
    else:
        one.content, one.inner = random.choice(CONTENTS), None


def _change_length(one: Element, parent: Element, random: Random, others: list[Element]) -> None:
    right = one.encode()[len(one.tag) :]
    size = len(one.content) if one.inner is None else sum(len(each.encode()) for each in one.inner)
    wrong = (
        b"\x81" + bytes((size & 0xFF,)),
        b"\x82" + (size & 0xFFFF).to_bytes(2, "big"),
        length_octets(size + 1),
        length_octets(max(size - 1, 0)),
        b"\x80",
        random.choice(LENGTHS),
    )
    one.length = random.choice(wrong)
    if one.length == b"\x80":  # with the end-of-contents octets that belong to it
        one.content, one.inner = right[len(length_octets(size)) :] + b"\0\0", None


def _delete(one: Element, parent: Element, random: Random, others: list[Element]) -> None:
    assert parent.inner is not None
    parent.inner.remove(one)


def _duplicate(one: Element, parent: Element, random: Random, others: list[Element]) -> None:
    assert parent.inner is not None
    at = parent.inner.index(one)
    parent.inner[at:at] = [one] * random.choice((1, 1, 2, 40))


def _swap(one: Element, parent: Element, random: Random, others: list[Element]) -> None:
    assert parent.inner is not None
    if random.random() < 0.5:
        random.shuffle(parent.inner)
    else:
        at = parent.inner.index(one)
        parent.inner.insert(random.randrange(len(parent.inner)), parent.inner.pop(at))


def _splice(one: Element, parent: Element, random: Random, others: list[Element]) -> None:
    assert parent.inner is not None
    at = parent.inner.index(one)
    parent.inner[at : at + random.randrange(2)] = [random.choice(others).copy()]


def _wrap(one: Element, parent: Element, random: Random, others: list[Element]) -> None:
    assert parent.inner is not None
    outer = one
    for _ in range(random.choice((1, 1, 2, 5, 35))):
        outer = Element(random.choice((b"\x30", b"\x31", b"\xa0", b"\x04", one.tag, random.choice(TAGS))), b"", [outer])
    parent.inner[parent.inner.index(one)] = outer


def _unwrap(one: Element, parent: Element, random: Random, others: list[Element]) -> None:
    assert parent.inner is not None
    at = parent.inner.index(one)
    parent.inner[at : at + 1] = one.inner or []


def _empty(one: Element, parent: Element, random: Random, others: list[Element]) -> None:
    one.content, one.inner = b"", None


_CHANGES: tuple[Callable[[Element, Element, Random, list[Element]], None], ...] = (
    _change_tag, _change_tag, _change_content, _change_content, _change_content, _change_length, _delete, _delete, _duplicate, _swap, _splice,
    _splice, _wrap, _unwrap, _empty,
)  # fmt: skip


class Mutator:
    """Makes variants of one message; `donors` are elements of others, to be spliced in."""

    def __init__(self, data: bytes, donors: list[Element] | None = None) -> None:
        self.data = data
        self.tree = parse(data)
        self.elements: list[Element] = []
        for one in self.tree or ():
            one.walk(self.elements)
        self.donors = donors or self.elements

    def mutant(self, random: Random) -> bytes:
        """One variant. It may happen to equal the original."""
        if not self.elements or random.random() < 0.3:
            return spoil_bytes(self.data, random)
        top = Element(b"", b"", [one.copy() for one in self.tree or ()])
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            parents = [one for one in top.walk([]) if one.inner]
            if not parents:
                break
            parent = random.choice(parents)
            assert parent.inner is not None
            one = random.choice(parent.inner)
            random.choice(_CHANGES)(one, parent, random, self.donors if random.random() < 0.5 else self.elements)
        assert top.inner is not None
        spoilt = b"".join([one.encode() for one in top.inner])
        if random.random() < 0.05:
            spoilt += random.choice((b"\0", b"\0\0", random.randbytes(3)))
        return spoil_bytes(spoilt, random) if random.random() < 0.1 else spoilt
