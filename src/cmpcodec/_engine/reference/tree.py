"""DER -> a checked tree of nodes, by executing the op table. X.690 clauses 8, 10 and 11.

The tree is grown level by level, never by recursion: the children of the oldest unfinished node are placed one after
the other, then those of the next. The compiled engine works in the same order, so both meet the same flaw first.
Values are not made here; a node only says where its octets are. Nodes are plain tuples and `grow` is one loop
without calls for what most values look like, because objects and calls are what takes time in Python.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import repeat
from typing import NamedTuple, TypeAlias

from ...errors import counted
from ..ops import CONSTRUCTED, EVERY_TAG, TAG_NAMES, WHOLE_TAGS, Kind, Op, Part
from ..values import MAX_DEPTH, MAX_INPUT, MAX_TAG_OCTETS, Limits
from .leaves import Flaw, check, wrong_size

UNLIMITED = Limits(max_size=MAX_INPUT, max_depth=MAX_INPUT, max_nodes=MAX_INPUT, max_repeat=MAX_INPUT)
"""For bytes that our own encoder made."""

Place: TypeAlias = "tuple[Op, int, int, int, int, int, list[Place | None]]"
"""A node: op, start, header, end, depth, nest, children; `Node` says what they are."""

_SEQUENCE, _SET_OF, _CHOICE, _ANY = Kind.SEQUENCE, Kind.SET_OF, Kind.CHOICE, Kind.ANY
_WHOLE = Op(Kind.ANY, "", 0)
"""Stands for the surroundings of the root, as if they were a type with the root as its only part."""
_NOTHING = -1
"""Read where an identifier octet was looked for and no octet is left."""
_CONSTRUCTED_UNIVERSAL = frozenset((8, 11, 16, 17, 29))
_NOT_DER_TAGS = frozenset(
    octet
    for octet in range(0x40)
    if octet & 0x1F != 0x1F and bool(octet & 0x20) != (octet & 0x1F in _CONSTRUCTED_UNIVERSAL)
)
"""Universal types as primitive where DER has them constructed, or the other way round."""
_LEAF: list[Place | None] = []
"""The children of all nodes that have none; nobody adds to it."""


class Node(NamedTuple):
    """One value in the input: its TLV is data[start:end], of which the first `header` octets are tag and length.

    `start` lies behind any EXPLICIT tag, except for a CHOICE, which is its alternative with all tags. `children`
    has a place for each component of a SEQUENCE (None: absent), for each element of a SEQUENCE OF, or for the one
    alternative of a CHOICE. `depth` counts the TLVs from the outside to here, `nest` how many ancestors, itself
    included, are of a type that limits its nesting.
    """

    op: Op
    start: int
    header: int
    end: int
    depth: int
    nest: int
    children: list[Place | None]

    @property
    def content(self) -> int:
        """Where the content begins."""
        return self.start + self.header


def header(data: bytes, pos: int, end: int) -> tuple[int, int]:
    """Read identifier and length octets at `pos`; return where the content begins and ends (at most `end`)."""
    at = pos + 1 if data[pos] in WHOLE_TAGS else _behind_tag(data, pos, end)
    if at >= end:
        raise Flaw("header is cut off", pos)
    length = data[at]
    at += 1
    if length >= 0x80:
        count = length & 0x7F
        if not count:
            raise Flaw("indefinite length, which DER forbids", pos)
        if at + count > end:
            raise Flaw("header is cut off", pos)
        length = data[at]
        if not length:
            raise Flaw("length is not in its shortest form", pos)
        if count == 2:
            length = length << 8 | data[at + 1]
        elif count > 2:
            length = int.from_bytes(data[at : at + count], "big")
        if length < 0x80:
            raise Flaw("length is not in its shortest form", pos)
        at += count
    stop = at + length
    if stop > end:
        shown = counted(length, "octet") if length <= 0xFFFF_FFFF else "more than 4 GiB of octets"
        raise Flaw(f"{shown} announced, {end - at} there", pos)
    return at, stop


def _behind_tag(data: bytes, pos: int, end: int) -> int:
    if not data[pos] & 0xDF:
        raise Flaw("tag 0 is reserved", pos)
    at = pos + 1
    while at < end and data[at] >= 0x80:
        if at - pos == MAX_TAG_OCTETS:
            raise Flaw(f"tag number of more than {MAX_TAG_OCTETS} octets", pos, limit=True)
        at += 1
    if at < end and (data[pos + 1] == 0x80 or (at == pos + 1 and data[at] < 0x1F)):
        raise Flaw("tag number is not in its shortest form", pos)
    return at + 1


def tag_name(octet: int) -> str:
    """How an identifier octet reads in an error."""
    if octet >> 6 == 2 and octet in WHOLE_TAGS:
        return f"tag [{octet & 0x1F}]"
    if octet ^ CONSTRUCTED in TAG_NAMES:
        return f"{TAG_NAMES[octet ^ CONSTRUCTED]} {_form(octet)}"
    return TAG_NAMES.get(octet) or f"tag 0x{octet:02x}"


def _form(octet: int) -> str:
    return f"in {'constructed' if octet & CONSTRUCTED else 'primitive'} form"


def expected(first: frozenset[int]) -> str:
    """How a set of acceptable identifier octets reads in an error, with runs of context tags in short."""
    if first is EVERY_TAG:
        return "a value"
    texts = [tag_name(octet) for octet in sorted(first) if octet >> 6 != 2]
    runs: list[list[int]] = []
    for number in sorted({octet & 0x1F for octet in first if octet >> 6 == 2}):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    tags = [f"[{run[0]}] to [{run[-1]}]" if len(run) > 2 else ", ".join(f"[{one}]" for one in run) for run in runs]
    if tags:
        texts.append("tag " + ", ".join(tags))
    return ("one of " if len(first) > 1 else "") + ", ".join(texts)


def found(octet: int, first: frozenset[int]) -> str:
    """How an identifier octet reads that is none of `first`."""
    return f"{tag_name(octet)} {_form(octet)}" if octet >> 6 == 2 and octet ^ CONSTRUCTED in first else tag_name(octet)


def _unwrapped(part: Part, data: bytes, pos: int, end: int) -> tuple[int, int, int]:
    """Start, content and end of a value inside the EXPLICIT tag at `pos`."""
    start, stop = header(data, pos, end)
    if start >= stop:
        raise Flaw(f"{tag_name(part.outer)} is empty", pos)
    if data[start] not in part.inner:
        raise Flaw(f"expected {expected(part.inner)}, found {found(data[start], part.inner)}", start)
    content, inner = header(data, start, stop)
    if inner != stop:
        raise Flaw(f"data after the value inside {tag_name(part.outer)}", inner)
    return start, content, stop


class Refused(Exception):
    """Not what it should be: path, problem, offset, and whether only a limit stands against it."""

    def __init__(self, path: str, problem: str, offset: int, limit: bool) -> None:
        super().__init__(path, problem, offset)
        self.path = path
        self.problem = problem
        self.offset = offset
        self.limit = limit


def grow(
    whole: Part,
    data: bytes,
    start: int,
    end: int,
    limits: Limits,
    allow: Collection[str] = (),
    depth: int = 0,
    nest: int = 0,
) -> Node:
    """Check that data[start:end] is exactly one `whole`, and return its tree; raise Refused otherwise.

    `depth` and `nest` are what the surroundings have used up already (for a value that is opened later).
    """
    if start == end:
        raise Refused(whole.op.name, f"expected {expected(whole.first)}, found no data", start, False)
    max_nodes, max_depth, max_repeat = limits.max_nodes, min(limits.max_depth, MAX_DEPTH), limits.max_repeat
    top: Place = (_WHOLE, start, 0, end, depth, nest, [])
    node = top
    unfinished: list[Place] = [top]
    part: Part | None = None  # what is looked for in `node`; None if `node` is looked at itself
    count = before = 0
    try:
        for node in unfinished:
            op, pos, content, end, depth, nest, children = node
            content += pos
            kind = op.kind
            parts: Iterable[Part]
            if kind is _SEQUENCE:
                parts, pos = op.parts, content
            elif kind is _CHOICE:
                parts = (op.parts[op.select[data[pos]]],)
            elif op is _WHOLE:
                parts = (whole,)
            else:
                parts, pos = repeat(op.parts[0], _most(op, max_repeat)), content
            octet = data[pos] if pos < end else _NOTHING
            for part in parts:
                # Where is the value? Nearly all headers are an octet of tag and one of length.
                content = pos + 2
                if (
                    octet in part.plain
                    and content <= end
                    and data[pos + 1] < 0x80
                    and (stop := content + data[pos + 1]) <= end
                ):
                    start = pos
                elif octet in part.first:
                    if part.outer:
                        start, content, stop = _unwrapped(part, data, pos, end)
                    else:
                        start = pos
                        content, stop = header(data, pos, end)
                elif kind is not _SEQUENCE and octet == _NOTHING:
                    break  # behind the last element
                elif kind is _SEQUENCE and part.optional:
                    children.append(None)
                    continue
                else:
                    there = found(octet, part.first) if octet != _NOTHING else f"the end of {op.name}"
                    raise Flaw(f"expected {expected(part.first)}, found {there}", pos)
                # May there be such a value here?
                below, level, inside = part.op, depth + part.levels, nest
                count += 1
                if count > max_nodes:
                    raise Flaw(f"more than {counted(max_nodes, 'element')}", start, limit=True)
                if level > max_depth:
                    raise Flaw(f"more than {counted(max_depth, 'level')}", start, limit=True)
                if below.nesting:
                    inside += 1
                    if inside > below.nesting and limits is not UNLIMITED:
                        raise Flaw(f"more than {below.nesting} {below.name} inside each other", start, limit=True)
                # Is it all right, as far as can be told without its own parts?
                child: Place
                if below.holds:
                    child = (below, start, content - start, stop, level, inside, [])
                    unfinished.append(child)
                else:
                    child = (below, start, content - start, stop, level, inside, _LEAF)
                    if not below.free:
                        check[below.kind](below, data, content, stop, allow)
                    elif below.kind is _ANY and data[start] in _NOT_DER_TAGS:
                        raise Flaw(f"tag 0x{data[start]:02x} is not the DER form of its type", start)
                if part.default_content is not None and data[content:stop] == part.default_content:
                    raise Flaw("holds its DEFAULT, which DER leaves out", start)
                if kind is _SET_OF:
                    if children and data[pos:stop] < data[before:pos]:
                        raise Flaw("elements of the SET OF are not in ascending order", pos)
                    before = pos
                children.append(child)
                pos = stop
                octet = data[pos] if pos < end else _NOTHING
            if pos < end:
                part = None
                raise _surplus(op, data, pos, end, len(children), max_repeat)
            if len(children) < op.low and kind is not _SEQUENCE and kind is not _CHOICE:
                part = None
                raise Flaw(wrong_size(op, len(children), "element"), end)
    except Flaw as flaw:
        raise Refused(_path(top, node, part, data) or whole.op.name, flaw.problem, flaw.offset, flaw.limit) from None
    (root,) = top[-1]
    assert root is not None
    return Node(*root)


def _most(op: Op, max_repeat: int | None) -> int:
    """How many elements a SEQUENCE OF or SET OF may have."""
    if max_repeat is None:
        return op.most
    return max(0, min(max_repeat, MAX_INPUT if op.high is None else op.high))


def _surplus(op: Op, data: bytes, pos: int, end: int, count: int, max_repeat: int | None) -> Flaw:
    """What is wrong with octets at `pos`, behind all parts that a value may have."""
    if op is _WHOLE:
        return Flaw(f"{counted(end - pos, 'octet')} after the end of the value", pos)
    if op.kind is _SEQUENCE:
        return Flaw(f"no component of {op.name} fits {tag_name(data[pos])} here", pos)
    if count == op.high:
        return Flaw(f"more than {counted(count, 'element')}, its SIZE", pos)
    most = op.most if max_repeat is None else max_repeat
    return Flaw(f"more than {counted(most, 'element')}", pos, limit=True)


def part_of(node: Place, number: int, data: bytes) -> Part:
    """What the child of that number is in its node."""
    op = node[0]
    if op.kind is _SEQUENCE:
        return op.parts[number]
    return op.parts[op.select[data[node[1]]] if op.kind is _CHOICE else 0]


def _path(top: Place, node: Place, part: Part | None, data: bytes) -> str:
    """A Python expression on the record for the `part` of `node` that is worked on, or for `node` itself."""
    text = ""
    here = top
    while here is not node:
        # The way to the node leads through the child that has its octets.
        number, below = next(
            (number, child)
            for number, child in enumerate(here[-1])
            if child is not None and child[1] <= node[1] and node[3] <= child[3]
        )
        if here is not top:
            text += _step(here[0], part_of(here, number, data), number)
        here = below
    if node is not top and part is not None:
        text += _step(node[0], part, len(node[-1]))
    return text.removeprefix(".")


def _step(op: Op, part: Part, number: int) -> str:
    return f".{part.name}" if op.kind is _SEQUENCE or op.kind is _CHOICE else f"[{number}]"


def grow_all(part: Part, data: bytes, limits: Limits, allow: Collection[str]) -> Node:
    """Check that an input as a whole is one `part` and not longer than `limits` admit; raise Refused otherwise."""
    most = min(limits.max_size, MAX_INPUT)
    if len(data) > most:
        raise Refused(part.op.name, f"{counted(len(data), 'octet')}, more than {most}", max(most, 0), True)
    return grow(part, data, 0, len(data), limits, allow)
