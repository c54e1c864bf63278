"""Turns record classes into op tables, when a class is first used.

Annotations are resolved here and not when a class is made: only so can types contain themselves. Mistakes in a schema
are TypeErrors that name the class, the component and the rule of X.680.
"""

from __future__ import annotations

import types
from datetime import datetime
from enum import IntEnum
from typing import Annotated, Any, NoReturn, Union, get_args, get_origin, get_type_hints

from .._engine import ops
from .._engine.ops import EVERY_TAG, Kind, Op, Part
from .._engine.reference.leaves import Unfit, write
from .._engine.values import BitString, NamedBits, ObjectIdentifier
from .markers import Default, Explicit, Implicit, Open, OpenTypes, Size, UniversalTag
from .records import TLV, Choice, Null, Record, RecordType, SequenceOf, SetOf
from .records import Sequence as SequenceRecord

_PRIMITIVES: dict[type, tuple[Kind, int]] = {
    bool: (Kind.BOOLEAN, ops.TAG_BOOLEAN),
    int: (Kind.INTEGER, ops.TAG_INTEGER),
    bytes: (Kind.OCTETS, ops.TAG_OCTET_STRING),
    str: (Kind.TEXT, ops.TAG_UTF8),
    datetime: (Kind.TIME, ops.TAG_GENERALIZED_TIME),
    ObjectIdentifier: (Kind.OID, ops.TAG_OID),
    BitString: (Kind.BITS, ops.TAG_BIT_STRING),
}


def compile_type(cls: type[Record]) -> Op:
    """The op of a record class, with all that it contains. TypeError for a schema that X.680 does not allow."""
    found = cls.__dict__.get("_op")
    if found is not None:
        return found  # type: ignore[no-any-return]  # the metaclass keeps only ops there
    fresh: dict[type[Record], Op] = {}
    op = _record(cls, fresh)
    for one in fresh.values():
        if one.kind is Kind.CHOICE:
            _select(one, [])
    for one in fresh.values():
        _settle(one)
    # Only now may other threads see them. Two may have compiled the same class: each has a whole table of its own.
    for made, one in fresh.items():
        if made._op is None:
            made._op = one
    return op


def _fail(place: str, problem: str) -> NoReturn:
    raise TypeError(f"{place}: {problem}")


def _record(cls: type[Record], fresh: dict[type[Record], Op]) -> Op:
    found = fresh.get(cls) or cls.__dict__.get("_op")
    if found is not None:
        return found
    kind, tag = _kind(cls)
    op = Op(kind, cls.__name__, tag, cls)
    fresh[cls] = op
    options = cls._options
    op.low, op.high = options.get("size") or (0, None)
    op.limit = options.get("limit")
    op.nesting = options.get("nesting") or 0
    if not 0 <= op.nesting < 0xFF:
        _fail(cls.__name__, "nesting goes up to 254")
    if kind in (Kind.SEQUENCE, Kind.CHOICE):
        hints = get_type_hints(cls, include_extras=True)
        names = cls._component_names
        if kind is Kind.CHOICE and not names:
            _fail(cls.__name__, "a CHOICE needs an alternative (X.680, 29.1)")
        parts = []
        for name in names:
            part = _part(f"{cls.__name__}.{name}", name, hints[name], fresh, names)
            if not part.optional and name in cls._component_defaults:
                _fail(
                    f"{cls.__name__}.{name}",
                    "has a Python default but is neither OPTIONAL (| None) nor Default(...)",
                )
            if part.optional and name not in cls._component_defaults:
                _fail(f"{cls.__name__}.{name}", "is OPTIONAL or DEFAULT; write its Python default too (= None)")
            parts.append(part)
        op.parts = tuple(parts)
    elif kind in (Kind.SEQUENCE_OF, Kind.SET_OF):
        op.parts = (_part(f"{cls.__name__}[]", "", _element(cls), fresh, ()),)
    return op


def _kind(cls: type[Record]) -> tuple[Kind, int]:
    if issubclass(cls, SequenceRecord):
        return Kind.SEQUENCE, ops.TAG_SEQUENCE
    if issubclass(cls, Choice):
        return Kind.CHOICE, 0
    if issubclass(cls, SequenceOf):
        return Kind.SEQUENCE_OF, ops.TAG_SEQUENCE
    if issubclass(cls, SetOf):
        return Kind.SET_OF, ops.TAG_SET
    if issubclass(cls, Null):
        return Kind.NULL, ops.TAG_NULL
    if issubclass(cls, TLV):
        return Kind.ANY, cls._options.get("tag") or 0
    _fail(cls.__name__, "is no Sequence, Choice, SequenceOf, SetOf, Null or TLV")


def _element(cls: type[Any]) -> Any:
    for ancestor in cls.__mro__:
        for base in ancestor.__dict__.get("__orig_bases__", ()):
            if get_origin(base) in (SequenceOf, SetOf):
                return get_args(base)[0]
    _fail(cls.__name__, "says no element type: write SequenceOf[...]")


def _part(place: str, name: str, hint: Any, fresh: dict[type[Record], Op], siblings: tuple[str, ...]) -> Part:
    hint, markers, optional = _unfold(place, hint)
    default = _only(place, markers, Default)
    opened = _only(place, markers, Open)
    op = _record(TLV, fresh) if opened else _type(place, hint, markers, fresh)
    explicit, implicit = _only(place, markers, Explicit), _only(place, markers, Implicit)
    outer = ops.CONTEXT | ops.CONSTRUCTED | explicit.number if explicit else 0
    tag = 0
    if implicit:
        if explicit:
            _fail(place, "has two tags; CMP needs no more than one, and neither does this compiler")
        if not op.tag:
            _fail(place, f"a {op.kind.name} cannot be tagged IMPLICIT (X.680, 31.2.7)")
        tag = ops.CONTEXT | (op.tag & ops.CONSTRUCTED) | implicit.number
    part = Part(name, op, outer, tag, optional or default is not None)
    if default is not None:
        if not op.tag:
            _fail(place, "a CHOICE or ANY with a DEFAULT is not supported")
        part.default = default.value
        part.default_content = _default_content(place, op, default.value)
    if opened:
        if opened.by not in siblings[: siblings.index(name)]:
            _fail(place, f"is open by {opened.by!r}, which is no component before it")
        part.by = siblings.index(opened.by)
        part.opens = opened.types
    return part


def _unfold(place: str, hint: Any) -> tuple[Any, list[Any], bool]:
    """Python type, markers, and whether None is allowed, of an annotation."""
    markers: list[Any] = []
    while get_origin(hint) is Annotated:
        hint, *more = get_args(hint)
        markers += more
    optional = False
    if get_origin(hint) in (Union, types.UnionType):
        members = [member for member in get_args(hint) if member is not type(None)]
        optional = len(members) < len(get_args(hint))
        if len(members) == 2 and int in members:
            members.remove(int)
            if not (isinstance(members[0], type) and issubclass(members[0], IntEnum)):
                _fail(place, "only an IntEnum may stand beside int")
        if len(members) != 1:
            _fail(place, f"cannot tell which type {hint} is")
        hint = members[0]
        if get_origin(hint) is Annotated:
            hint, more, _ = _unfold(place, hint)
            markers += more
    return hint, markers, optional


def _only(place: str, markers: list[Any], kind: Any) -> Any:
    found = [marker for marker in markers if isinstance(marker, kind)]
    if len(found) > 1:
        _fail(place, f"has more than one {kind.__name__}")
    return found[0] if found else None


def _type(place: str, hint: Any, markers: list[Any], fresh: dict[type[Record], Op]) -> Op:
    if not isinstance(hint, type):
        _fail(place, f"{hint!r} is no type of the schema language")
    size, universal = _only(place, markers, Size), _only(place, markers, UniversalTag)
    if issubclass(hint, Record):
        if size or universal:
            _fail(place, "Size and string types go on plain values; a record class has size= of its own")
        return _record(hint, fresh)
    named = hint if issubclass(hint, IntEnum | NamedBits) else None
    key = BitString if named and issubclass(named, NamedBits) else int if named else hint
    if key not in _PRIMITIVES:
        _fail(place, f"{hint.__name__} is no type of the schema language")
    kind, tag = _PRIMITIVES[key]
    if universal:
        if universal.python is not key:
            _fail(place, f"{universal.name} is a {universal.python.__name__}, not a {hint.__name__}")
        tag = universal.tag
    op = Op(kind, ops.TAG_NAMES[tag], tag)
    op.named = named
    if size:
        if kind not in (Kind.OCTETS, Kind.TEXT):
            _fail(place, "Size goes on bytes and str")
        op.low, op.high = size.low, size.high
    op.settle()
    return op


def _default_content(place: str, op: Op, value: Any) -> bytes:
    if op.cls is not None:
        if not isinstance(value, op.cls):
            _fail(place, f"its Default is no {op.name}")
        _, content = TLV(value.der)._raw()
        return content
    try:
        return write(op, value)
    except Unfit as unfit:
        _fail(place, f"its Default does not fit: {unfit.problem}")


def _select(op: Op, within: list[Op]) -> None:
    """Fill `select`, through CHOICEs inside CHOICEs."""
    if op.select:
        return
    if op in within:
        _fail(op.name, "contains itself without a tag between")
    for number, part in enumerate(op.parts):
        if not part.outer and not part.tag and part.op.kind is Kind.CHOICE:
            _select(part.op, [*within, op])
        part.settle()
        if part.first is EVERY_TAG:
            _fail(f"{op.name}.{part.name}", "an ANY alternative needs an explicit tag")
        for octet in part.first:
            if octet in op.select:
                _fail(f"{op.name}.{part.name}", "begins with the same tag as another alternative (X.680, 29.3)")
            op.select[octet] = number


def _settle(op: Op) -> None:
    op.settle()
    for part in op.parts:
        part.settle()
    if len(op.parts) > 32:
        _fail(op.name, "has more than 32 components or alternatives")
    if op.kind is Kind.SEQUENCE:
        for i, part in enumerate(op.parts):
            j = i
            while op.parts[j].optional and j + 1 < len(op.parts):
                j += 1
                if part.first & op.parts[j].first:
                    _fail(f"{op.name}.{part.name}", f"cannot be told from {op.parts[j].name} (X.680, 25.6)")


def compile_open(name: str, annotation: Any) -> Part:
    """The part for one type of an OpenTypes table."""
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return compile_type(annotation).root
    hint, markers, _ = _unfold(name, annotation)
    op = _type(name, hint, markers, {})
    return op.root


RecordType._compile = compile_type
OpenTypes.compile = staticmethod(compile_open)
