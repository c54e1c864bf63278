"""Python values -> DER, by executing the op table. X.690 clauses 8, 10 and 11.

Finished records are copied, never encoded again. The compiled engine calls this file to word its refusals, so both
engines raise the same EncodeError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import EncodeError
from ..ops import MISSING, TAG_NULL, Kind, Op, Part
from ..values import MAX_INPUT, MAX_PLAIN_LEVELS
from .leaves import Unfit, write, wrong_size
from .tree import UNLIMITED, Refused, grow, header


def length_octets(length: int) -> bytes:
    """DER length in its shortest form; Unfit for more than 2 GiB."""
    if length < 0x80:
        return bytes((length,))
    if length > MAX_INPUT:
        raise Unfit(f"{length} octets are more than a record can hold")
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def _tlv(tag: int, content: bytes) -> bytes:
    return bytes((tag,)) + length_octets(len(content)) + content


def arguments(op: Op, args: tuple[Any, ...], components: dict[str, Any]) -> Any:
    """Sort the arguments of a constructor into what `encode` takes; TypeError as for any Python call."""
    name = op.cls.__name__
    if op.kind is Kind.SEQUENCE or op.kind is Kind.CHOICE:
        if args:
            raise TypeError(f"{name}() takes keyword arguments only")
        values = [components.pop(part.name, part.default if part.optional else MISSING) for part in op.parts]
        if components:
            known = ", ".join(part.name for part in op.parts)
            raise TypeError(f"{name}() has no component {next(iter(components))!r}; it has {known}")
        if op.kind is Kind.SEQUENCE:
            lacking = [p.name for p, v in zip(op.parts, values, strict=True) if v is MISSING and not p.optional]
            if lacking:
                raise TypeError(f"{name}() lacks {', '.join(lacking)}")
            return [None if value is MISSING else value for value in values]
        chosen = [(number, value) for number, value in enumerate(values) if value is not None and value is not MISSING]
        if len(chosen) != 1:
            raise TypeError(f"{name}() takes exactly one alternative, {len(chosen)} were given")
        return chosen[0]
    if components or len(args) > 1:
        raise TypeError(
            f"{name}() takes one positional argument" if op.kind is not Kind.NULL else f"{name}() takes none"
        )
    if op.kind is Kind.NULL:
        if args:
            raise TypeError(f"{name}() takes no argument")
        return ()
    if op.kind is Kind.ANY:
        if not args:
            raise TypeError(f"{name}() takes the DER of its value")
        return args[0]
    if args and isinstance(args[0], str | bytes):
        raise TypeError(f"{name}() takes an iterable of its elements, not {type(args[0]).__name__}")
    return list(args[0]) if args else []


def encode(op: Op, values: Any, level: int = 0) -> bytes:
    """DER of a record.

    `values` are, by kind: SEQUENCE a value for each component (None: absent); CHOICE the pair (number of the
    alternative, value); SEQUENCE OF and SET OF the list of elements; ANY its DER; NULL is not looked at. `level` counts
    the dicts and lists around this one. Raises EncodeError.
    """
    path = op.name
    try:
        if op.kind is Kind.SEQUENCE:
            octets = []
            for part, value in zip(op.parts, values, strict=True):
                path = f"{op.name}.{part.name}"
                octets.append(_component(part, value, op, values, level))
            path = op.name
            content = b"".join(octets)
            return _tlv(op.tag, content)
        if op.kind is Kind.CHOICE:
            number, value = values
            path = f"{op.name}.{op.parts[number].name}"
            return _part(op.parts[number], value, level)
        if op.kind is Kind.ANY:
            return _any(op, values)
        if op.kind is Kind.NULL:
            return bytes((TAG_NULL, 0))
        octets = []
        for i, value in enumerate(values):
            path = f"{op.name}[{i}]"
            octets.append(_part(op.parts[0], value, level))
        path = op.name
        if len(octets) < op.low or (op.high is not None and len(octets) > op.high):
            raise Unfit(wrong_size(op, len(octets), "element"))
        return _tlv(op.tag, b"".join(sorted(octets) if op.kind is Kind.SET_OF else octets))
    except Unfit as unfit:
        raise EncodeError(path + unfit.path, unfit.problem) from None


def _any(op: Op, der: Any) -> bytes:
    if not isinstance(der, bytes | bytearray | memoryview):
        raise Unfit(f"expected the DER of one value as bytes, not {type(der).__name__}")
    octets = bytes(der)
    try:
        grow(op.root, octets, 0, len(octets), UNLIMITED)
    except Refused as refused:
        raise Unfit(f"{refused.problem}, at byte {refused.offset}") from None
    return octets


def _component(part: Part, value: Any, op: Op, values: Sequence[Any], level: int) -> bytes:
    if value is None:
        if part.optional:
            return b""
        raise Unfit("required, but None was given")
    if part.opens is not None:
        opened = part.opens.part(values[part.by])
        if opened is not None and type(value) is not part.op.cls:
            return _wrap(part, _part(opened, value, level))
        if not isinstance(getattr(type(value), "_op", None), Op):
            raise Unfit(f"no type is known for the values of {str(values[part.by])[:80]}; give a record or TLV(der)")
        return _wrap(part, value.der)
    octets = _part(part, value, level)
    return b"" if part.default_content is not None and _content(octets, part) == part.default_content else octets


def _content(octets: bytes, part: Part) -> bytes:
    """Content octets of a value with the tags of its place."""
    content, end = header(octets, 0, len(octets))
    if part.outer:
        content, end = header(octets, content, end)
    return octets[content:end]


def _part(part: Part, value: Any, level: int) -> bytes:
    op = part.op
    octets: bytes
    if op.cls is None:
        octets = _tlv(op.tag, write(op, value))
    else:
        octets = value.der if issubclass(type(value), op.cls) else _plain(op, value, level)
    if part.tag != op.tag:
        octets = bytes((part.tag,)) + octets[1:]
    return _wrap(part, octets)


def _wrap(part: Part, octets: bytes) -> bytes:
    return _tlv(part.outer, octets) if part.outer else octets


def _plain(op: Op, value: Any, level: int) -> bytes:
    """DER of a record from plain values: a dict for SEQUENCE and CHOICE, a list or tuple for SEQUENCE OF and SET OF."""
    named = op.kind in (Kind.SEQUENCE, Kind.CHOICE) and type(value) is dict
    if not named and not (op.kind in (Kind.SEQUENCE_OF, Kind.SET_OF) and isinstance(value, list | tuple)):
        raise Unfit(f"expected {op.cls.__name__}, not {type(value).__name__}")
    if level == MAX_PLAIN_LEVELS:
        raise Unfit(f"more than {MAX_PLAIN_LEVELS} dicts and lists inside each other")
    values = _components(op, dict(value)) if named else list(value)
    try:
        return encode(op, values, level + 1)
    except EncodeError as error:
        raise Unfit(error.problem, error.path.removeprefix(op.name)) from None


def _components(op: Op, given: dict[Any, Any]) -> Any:
    """What `encode` takes, from the dict that stands for a SEQUENCE or CHOICE."""
    if not all(isinstance(name, str) for name in given):
        raise Unfit(f"the names of the components of {op.cls.__name__} are texts")
    try:
        return arguments(op, (), given)
    except TypeError as error:
        raise Unfit(str(error)) from None
