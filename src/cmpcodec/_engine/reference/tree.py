"""DER -> a checked tree of Nodes, by executing the op table. X.690 clauses 8, 10 and 11.

The tree is grown level by level, never by recursion: the children of the oldest unfinished node are placed one after
the other, then those of the next. The compiled engine works in the same order, so both meet the same flaw first.
Values are not made here; a Node only says where its octets are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from ..ops import EVERY_TAG, TAG_NAMES, Kind, Op, Part
from ..values import MAX_DEPTH, MAX_INPUT, MAX_TAG_OCTETS, Limits
from .leaves import Flaw, check

UNLIMITED = Limits(max_size=MAX_INPUT, max_depth=MAX_INPUT, max_nodes=MAX_INPUT, max_repeat=MAX_INPUT)
"""For bytes that our own encoder made."""

_CONSTRUCTED_UNIVERSAL = frozenset((8, 11, 16, 17, 29))


class Node:
    """One value in the input: its TLV is data[start:end], its content data[content:end].

    `start` lies behind any EXPLICIT tag, except for a CHOICE, which is its alternative with all tags. `children`
    has a place for each component of a SEQUENCE (None: absent), for each element of a SEQUENCE OF, or for the one
    alternative, number `chosen`, of a CHOICE. `key` is the node's own place in its parent. `depth` counts the TLVs from the outside to here, `nest` how many
    ancestors, itself included, are of a type that limits its nesting.
    """

    __slots__ = ("children", "chosen", "content", "depth", "end", "key", "nest", "op", "parent", "start")

    def __init__(self, op: Op, start: int, content: int, end: int, parent: Node | None, key: int) -> None:
        self.op = op
        self.start = start
        self.content = content
        self.end = end
        self.parent = parent
        self.key = key
        self.chosen = 0
        self.depth = 0
        self.nest = 0
        self.children: list[Node | None] = []


def header(data: bytes, pos: int, end: int) -> tuple[int, int]:
    """Read identifier and length octets at `pos`; return where the content begins and ends (at most `end`)."""
    at = pos + 1
    if data[pos] & 0x1F == 0x1F:
        at = _long_tag(data, pos, end)
    elif not data[pos] & 0xDF:
        raise Flaw("tag 0 is reserved", pos)
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
        if not data[at]:
            raise Flaw("length is not in its shortest form", pos)
        length = int.from_bytes(data[at : at + count], "big")
        if length < 0x80:
            raise Flaw("length is not in its shortest form", pos)
        at += count
    if length > end - at:
        shown = length if length <= 0xFFFF_FFFF else "more than 4 GiB of"
        raise Flaw(f"{shown} octets announced, {end - at} there", pos)
    return at, at + length


def _long_tag(data: bytes, pos: int, end: int) -> int:
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
    return TAG_NAMES.get(octet) or (f"tag [{octet & 0x1F}]" if octet >> 6 == 2 else f"tag 0x{octet:02x}")


def expected(first: frozenset[int]) -> str:
    """How a set of acceptable identifier octets reads in an error."""
    if first is EVERY_TAG:
        return "a value"
    return ("one of " if len(first) > 1 else "") + ", ".join(tag_name(octet) for octet in sorted(first))


class _Growth:
    """One run over the input: where it is, what it may cost, and the nodes that still wait for their children."""

    def __init__(self, data: bytes, limits: Limits, allow: Collection[str]) -> None:
        self.data = data
        self.limits = limits
        self.allow = allow
        self.count = 0
        self.waiting: deque[Node] = deque()
        self.at: tuple[Node | None, str] = (None, "")
        """The place that is worked on: a node, and what to add to its path."""

    def place(self, part: Part, pos: int, end: int, parent: Node | None, key: int, depth: int, nest: int) -> Node:
        """Make the node of the value at `pos`, which has to be a `part` and to fit before `end`."""
        data, op = self.data, part.op
        if pos >= end:
            raise Flaw(f"expected {expected(part.first)}, found nothing", pos)
        if data[pos] not in part.first:
            raise Flaw(f"expected {expected(part.first)}, found {tag_name(data[pos])}", pos)
        content, stop = header(data, pos, end)
        start = pos
        if part.outer:
            depth += 1
            start = content
            if start >= stop:
                raise Flaw(f"{tag_name(part.outer)} is empty", pos)
            if op.kind is not Kind.CHOICE and (part.tag and data[start] != part.tag):
                raise Flaw(f"expected {tag_name(part.tag)}, found {tag_name(data[start])}", start)
            if op.kind is Kind.CHOICE and data[start] not in op.select:
                raise Flaw(f"expected {expected(op.first)}, found {tag_name(data[start])}", start)
            content, inner = header(data, start, stop)
            if inner != stop:
                raise Flaw(f"data after the value inside {tag_name(part.outer)}", inner)
        node = Node(op, start, content, stop, parent, key)
        node.depth = depth if op.kind is Kind.CHOICE else depth + 1
        node.nest = nest
        self.count += 1
        if self.count > self.limits.max_nodes:
            raise Flaw(f"more than {self.limits.max_nodes} elements", start, limit=True)
        if node.depth > min(self.limits.max_depth, MAX_DEPTH):
            raise Flaw(f"more than {min(self.limits.max_depth, MAX_DEPTH)} levels", start, limit=True)
        if op.nesting:
            node.nest += 1
            if node.nest > op.nesting and self.limits is not UNLIMITED:
                raise Flaw(f"more than {op.nesting} {op.name} inside each other", start, limit=True)
        if op.kind <= Kind.CHOICE:
            self.waiting.append(node)
        elif op.kind is Kind.ANY:
            octet = data[start]
            if octet < 0x40 and bool(octet & 0x20) != (octet & 0x1F in _CONSTRUCTED_UNIVERSAL) and octet & 0x1F != 0x1F:
                raise Flaw(f"tag 0x{octet:02x} is not the DER form of its type", start)
        else:
            check[op.kind](op, data, content, stop, self.allow)
        if part.default_content is not None and data[content:stop] == part.default_content:
            raise Flaw("holds its DEFAULT, which DER leaves out", start)
        return node

    def grow(self, node: Node) -> None:
        """Place the children of a node."""
        if node.op.kind is Kind.SEQUENCE:
            self._sequence(node)
        elif node.op.kind is Kind.CHOICE:
            node.chosen = node.op.select[self.data[node.start]]
            part = node.op.parts[node.chosen]
            self.at = (node, f".{part.name}")
            node.children = [self.place(part, node.start, node.end, node, 0, node.depth, node.nest)]
        else:
            self._repeated(node)

    def _sequence(self, node: Node) -> None:
        data, end, parts, pos, k = self.data, node.end, node.op.parts, node.content, 0
        node.children = [None] * len(parts)
        while pos < end:
            while k < len(parts) and parts[k].optional and data[pos] not in parts[k].first:
                k += 1
            if k == len(parts):
                self.at = (node, "")
                raise Flaw(f"no component of {node.op.name} fits {tag_name(data[pos])} here", pos)
            self.at = (node, f".{parts[k].name}")
            child = self.place(parts[k], pos, end, node, k, node.depth, node.nest)
            node.children[k] = child
            pos, k = child.end, k + 1
        while k < len(parts):
            if not parts[k].optional:
                self.at = (node, f".{parts[k].name}")
                raise Flaw(f"expected {expected(parts[k].first)}, found the end of {node.op.name}", end)
            k += 1

    def _repeated(self, node: Node) -> None:
        op, data, pos, element = node.op, self.data, node.content, node.op.parts[0]
        bound = op.limit if self.limits.max_repeat is None else self.limits.max_repeat
        before = b""
        while pos < node.end:
            if len(node.children) == op.high:
                self.at = (node, "")
                raise Flaw(f"more than {op.high} elements, its SIZE", pos)
            if bound is not None and len(node.children) >= bound:
                self.at = (node, "")
                raise Flaw(f"more than {bound} elements", pos, limit=True)
            self.at = (node, f"[{len(node.children)}]")
            child = self.place(element, pos, node.end, node, len(node.children), node.depth, node.nest)
            node.children.append(child)
            if op.kind is Kind.SET_OF:
                encoded = data[pos : child.end]
                if encoded < before:
                    raise Flaw("elements of the SET OF are not in ascending order", pos)
                before = encoded
            pos = child.end
        if len(node.children) < op.low:
            self.at = (node, "")
            raise Flaw(f"{len(node.children)} elements where {op.low} or more are required", node.end)

    def path(self) -> str:
        """A Python expression on the record for the place that is worked on."""
        node, text = self.at
        while node is not None and node.parent is not None:
            parent = node.parent
            if parent.op.kind is Kind.SEQUENCE:
                text = f".{parent.op.parts[node.key].name}{text}"
            elif parent.op.kind is Kind.CHOICE:
                text = f".{parent.op.parts[parent.chosen].name}{text}"
            else:
                text = f"[{node.key}]{text}"
            node = parent
        return text.removeprefix(".")


class Refused(Exception):
    """Not what it should be: path, problem, offset, and whether only a limit stands against it."""

    def __init__(self, path: str, problem: str, offset: int, limit: bool) -> None:
        super().__init__(path, problem, offset)
        self.path = path
        self.problem = problem
        self.offset = offset
        self.limit = limit


def grow(
    part: Part,
    data: bytes,
    start: int,
    end: int,
    limits: Limits,
    allow: Collection[str] = (),
    depth: int = 0,
    nest: int = 0,
) -> Node:
    """Check that data[start:end] is exactly one `part`, and return its tree; raise Refused otherwise.

    `depth` and `nest` are what the surroundings have used up already (for a value that is opened later).
    """
    growth = _Growth(data, limits, allow)
    try:
        if start == end:
            raise Flaw(f"expected {expected(part.first)}, found no data", start)
        root = growth.place(part, start, end, None, 0, depth, nest)
        if root.end != end:
            raise Flaw(f"{end - root.end} octets after the end of the value", root.end)
        while growth.waiting:
            growth.grow(growth.waiting.popleft())
    except Flaw as flaw:
        raise Refused(growth.path() or part.op.name, flaw.problem, flaw.offset, flaw.limit) from None
    return root


def grow_all(part: Part, data: bytes, limits: Limits, allow: Collection[str]) -> Node:
    """Check that an input as a whole is one `part` and not longer than `limits` admit; raise Refused otherwise."""
    most = min(limits.max_size, MAX_INPUT)
    if len(data) > most:
        raise Refused(part.op.name, f"{len(data)} octets, more than {most}", max(most, 0), True)
    return grow(part, data, 0, len(data), limits, allow)
