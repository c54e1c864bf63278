"""View and Field: a record is its DER, seen through its op.

A view keeps the bytes it was decoded from (or encoded to) and the node that says where it lies in them. Values are
made when an attribute is first read, and kept. Nothing about a view can change.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, NoReturn, Self

from ...errors import DecodeError, LimitExceeded, counted
from ..ops import MISSING, Kind, Op, Part
from ..values import LENIENCIES, Limits
from .encoding import arguments, encode, length_octets
from .leaves import read
from .tree import UNLIMITED, Place, Refused, grow, grow_all, part_of

_DEFAULT_LIMITS = Limits()
_set = object.__setattr__
"""What fills a new view; its own __setattr__ refuses."""


class Child(NamedTuple):
    """A present component of a record: its name (None for an element), value, and place in the decoded bytes."""

    name: str | None
    value: Any
    start: int
    end: int


class _Source:
    """Bytes that views share, and what applied when they were decoded."""

    __slots__ = ("allow", "data", "limits")

    def __init__(self, data: bytes, limits: Limits, allow: Collection[str]) -> None:
        self.data = data
        # For what it opens later. A record made here is trusted, what it opens is not: nobody checked it.
        self.limits = _DEFAULT_LIMITS if limits is UNLIMITED else limits
        self.allow = () if limits is UNLIMITED else allow


def checked_input(data: Any, allow: Collection[str]) -> bytes:
    """`data` as bytes that nobody else can change; TypeError or ValueError for arguments that make no sense."""
    if allow and (isinstance(allow, str) or not LENIENCIES.issuperset(allow)):
        raise ValueError(f"allow takes a collection of these names: {', '.join(sorted(LENIENCIES))}")
    if type(data) is bytes:
        return data
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"expected bytes, bytearray or memoryview, not {type(data).__name__}")
    return bytes(data)


class View:
    """Base of every record class."""

    __slots__ = ("_node", "_source", "_values")

    _op: ClassVar[Any] = None
    _component_names: ClassVar[tuple[str, ...]]
    if TYPE_CHECKING:  # because the schema language looks up the annotations of a record class
        _node: Place | None
        _source: _Source
        _values: dict[int, Any]

    def __init__(self, *args: Any, **components: Any) -> None:
        if hasattr(self, "_source"):
            raise TypeError(f"a {type(self).__name__} cannot change; use replace()")
        op = operation(type(self))
        _fill(self, _Source(encode(op, arguments(op, args, components)), UNLIMITED, ()), None)

    @classmethod
    def from_plain(cls, plain: Any) -> Self:
        """A record from plain values: a dict for a SEQUENCE or CHOICE, a list for a SEQUENCE OF, and so on inside.

        Finished records may stand anywhere among them. All is encoded in one go, without a record for each level:
        the quickest way to build a message. Raises EncodeError or TypeError like the constructor.
        """
        return cls(**plain) if isinstance(plain, dict) else cls(plain)

    @classmethod
    def decode(
        cls,
        data: bytes | bytearray | memoryview,
        *,
        limits: Limits = _DEFAULT_LIMITS,
        allow: Collection[str] = (),
    ) -> Self:
        """Decode strict DER: all of `data` has to be one value of this type.

        After it returns, reading attributes cannot fail. `limits` bound the cost, `allow` names leniencies (see
        docs/strictness.md). Raises DecodeError, or LimitExceeded where only a limit stands against the input.
        """
        octets, allow = checked_input(data, allow), frozenset(allow)
        op = operation(cls)
        try:
            node = grow_all(op.root, octets, limits, allow)
        except Refused as refused:
            error = LimitExceeded if refused.limit else DecodeError
            raise error(refused.path, refused.problem, refused.offset) from None
        view = cls.__new__(cls)
        _fill(view, _Source(octets, limits, allow), node)
        return view

    @property
    def der(self) -> bytes:
        """The exact DER of this record, with the tag of its type (not the IMPLICIT tag of the place it stood at)."""
        data, node = self._source.data, self._node
        if node is None:
            return data
        op, start, _, end, *_ = node
        if op.tag and data[start] != op.tag:
            return bytes((op.tag,)) + data[start + 1 : end]
        return data[start:end]

    def _tree(self) -> Place:
        node = self._node
        if node is None:
            data = self._source.data
            node = grow(operation(type(self)).root, data, 0, len(data), UNLIMITED, LENIENCIES)
            _set(self, "_node", node)
        return node

    def _child(self, number: int) -> Any:
        """The value at a place of the node, None if it is empty; made once."""
        try:
            return self._values[number]
        except KeyError:
            return self._values.setdefault(number, self._made(number))

    def _made(self, number: int) -> Any:
        op, *_, children = self._tree()
        child = children[number]
        if op.kind is Kind.SEQUENCE:
            part = op.parts[number]
            if child is None:
                return None if part.default is MISSING else part.default
            if part.opens is not None:
                child = self._opened(part, child)
        assert child is not None
        return _make(self._source, child)

    def _opened(self, part: Part, child: Place) -> Place:
        """The node of the value of an open type; that of its TLV if the type is not known or the value is not of it."""
        opened = part.opens.part(self._child(part.by))
        if opened is None:
            return child
        source = self._source
        _, start, _, end, depth, nest, _ = child
        try:
            return grow(opened, source.data, start, end, source.limits, source.allow, depth - 1, nest)
        except Refused:
            return child

    def _replaced(self, components: dict[str, Any]) -> Self:
        """A SEQUENCE like this one, but for these components."""
        kept = {name: getattr(self, name) for name in self._component_names}
        return type(self)(**(kept | components))

    def _choice(self) -> tuple[str, Any]:
        """Name and value of the alternative that a CHOICE holds."""
        return part_of(self._tree(), 0, self._source.data).name, self._child(0)

    def _raw(self) -> tuple[int, bytes]:
        """First identifier octet and content octets of a TLV."""
        data = self._source.data
        op, start, skipped, end, *_ = self._tree()
        return op.tag or data[start], data[start + skipped : end]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, View) or type(self) is not type(other):
            return NotImplemented
        return self is other or self.der == other.der

    def __hash__(self) -> int:
        return hash(self.der)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, tuple[type, bytes]]:
        return restore, (type(self), self.der)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} cannot change; use replace()")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} cannot change; use replace()")


class Items(View):
    """Base of the records that are a SEQUENCE OF or SET OF: an immutable sequence."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._tree()[-1])

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return tuple(self._child(i) for i in range(*index.indices(len(self))))
        size, index = len(self), operator.index(index)
        at = index + size if index < 0 else index
        if not 0 <= at < size:
            raise IndexError(f"{type(self).__name__} has {counted(size, 'element')}, there is no [{index}]")
        return self._child(at)

    def __iter__(self) -> Iterator[Any]:
        return (self._child(i) for i in range(len(self)))


def adopt(cls: type[View]) -> None:
    """Called once per record class, before it has instances; here, classes need no preparation."""


def restore(cls: type[View], der: bytes) -> View:
    """Make a record from the DER of one (pickle's way back; such DER has been within somebody's limits before)."""
    return cls.decode(der, limits=UNLIMITED, allow=LENIENCIES)


def operation(cls: Any) -> Op:
    """The op of a record class, compiled when first needed."""
    op: Op = cls._compile() if cls._op is None else cls._op
    return op


def _fill(view: View, source: _Source, node: Place | None) -> None:
    _set(view, "_source", source)
    _set(view, "_node", node)
    _set(view, "_values", {})


def _make(source: _Source, node: Place) -> Any:
    op, start, skipped, end, *_ = node
    if op.cls is None:
        return read[op.kind](op, source.data, start + skipped, end)
    view = op.cls.__new__(op.cls)
    _fill(view, source, node)
    return view


class Field:
    """Attribute of a SEQUENCE (a component) or of a CHOICE (an alternative)."""

    __slots__ = ("choice", "name", "number")

    def __init__(self, name: str, number: int, choice: bool) -> None:
        self.name = name
        self.number = number
        self.choice = choice

    def __get__(self, view: View | None, owner: type) -> Any:
        if view is None:
            return self
        if self.choice:
            node = view._tree()
            return view._child(0) if node[0].select[view._source.data[node[1]]] == self.number else None
        try:
            return view._values[self.number]
        except KeyError:
            return view._child(self.number)


def children(view: View) -> tuple[Child, ...]:
    """The present components of a record in the order of the bytes; none for TLV and NULL.

    Offsets count from the start of the bytes that the outermost record was decoded from; explicit tags are included.
    """
    node, data = view._tree(), view._source.data
    op, *_, below = node
    found = []
    for number, child in enumerate(below):
        if child is not None:
            part = part_of(node, number, data)
            _, start, _, end, *_ = child
            if part.outer:
                start -= 1 + len(length_octets(end - start))
            named = op.kind is Kind.SEQUENCE or op.kind is Kind.CHOICE
            found.append(Child(part.name if named else None, view._child(number), start, end))
    return tuple(found)
