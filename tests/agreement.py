"""Do two engines agree? Decodes the same bytes, or makes the same record, with both, and compares all that a caller can see.

Knows how to read any record and nothing of messages. Raises AssertionError with what is needed to see the difference again.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from tests.engines import Engine

LONGEST_TEXT = 1200
"""Characters that the text of an error may have, whatever the input."""


class Pair:
    """Two engines that have to agree; `count` says on how many inputs they did, `accepted` how many of them were valid."""

    def __init__(self, left: Engine, right: Engine) -> None:
        self.left = left
        self.right = right
        self.count = 0
        self.accepted = 0

    def decode(self, key: str, data: bytes, limits: tuple[Any, ...] = (), allow: Collection[str] = ()) -> bool:
        """Decode with both; tell whether the input was valid."""
        left, right = (_outcome(engine, key, data, limits, allow) for engine in (self.left, self.right))
        try:
            if isinstance(left, tuple) or isinstance(right, tuple):
                assert left == right
                assert 0 <= left[3] <= len(data), "offset outside of the input"
                assert len(left[4]) <= LONGEST_TEXT, "a long text"
                assert left[4] == f"{left[1]}: {left[2]}, at byte {left[3]}"
            else:
                assert left.der == right.der == data
                self.values(left, right, key)
                if not allow:
                    make = rebuild if self.count % 3 else rebuild_from_plain_values
                    assert make(self.left, left).der == make(self.right, right).der == data
                self.accepted += 1
        except AssertionError as error:
            raise AssertionError(
                f"{error}\n{key}.decode(bytes.fromhex({data.hex()!r}), limits=Limits{limits!r}, allow={allow!r})"
                f"\n{self.left.name}: {left!r}\n{self.right.name}: {right!r}"
            ) from error
        self.count += 1
        return not isinstance(left, tuple)

    def values(self, left: Any, right: Any, path: str) -> None:
        """Compare two values down to the leaves, with all ways to get at them."""
        assert type(left).__name__ == type(right).__name__, path
        if not hasattr(left, "der"):
            assert left == right, path
            if isinstance(left, datetime):
                assert left.isoformat() == right.isoformat(), path
            return
        op = type(left)._op
        assert self.left.key(type(left)) == self.right.key(type(right)), path
        assert left.der == right.der, path
        lefts, rights = self.left.package.children(left), self.right.package.children(right)
        assert [(one.name, one.start, one.end) for one in lefts] == [
            (one.name, one.start, one.end) for one in rights
        ], path
        for number, (one, other) in enumerate(zip(lefts, rights, strict=True)):
            self.values(one.value, other.value, f"{path}.{one.name or number}")
        shape = op.kind.name
        if shape in ("SEQUENCE", "CHOICE"):
            present = {one.name: (one.value, other.value) for one, other in zip(lefts, rights, strict=True)}
            for part in op.parts:
                mine, other = getattr(left, part.name), getattr(right, part.name)
                if part.name in present:
                    assert mine is present[part.name][0], path
                    assert other is present[part.name][1], path
                else:
                    self.values(mine, other, f"{path}.{part.name}")
            if shape == "CHOICE":
                assert left.name == right.name == lefts[0].name, path
                assert left.value is lefts[0].value, path
                assert right.value is rights[0].value, path
        elif shape == "ANY":
            assert (left.tag, left.content) == (right.tag, right.content), path
        elif shape != "NULL":
            assert len(left) == len(right) == len(lefts), path
            assert all(one is other.value for one, other in zip(left, lefts, strict=True)), path
            assert all(one is other.value for one, other in zip(right, rights, strict=True)), path

    def construct(self, key: str, args: tuple[Any, ...], components: dict[str, Any]) -> bool:
        """Call a constructor of both engines with the same arguments (records of the left engine); tell whether it worked."""
        left = _made(self.left, key, args, components)
        right = _made(
            self.right, key, self.translate(args), {name: self.translate(value) for name, value in components.items()}
        )
        try:
            if isinstance(left, tuple) or isinstance(right, tuple):
                assert left == right
                assert len(left[1]) <= LONGEST_TEXT, "a long text"
            else:
                assert left.der == right.der
                self.values(left, right, key)
        except AssertionError as error:
            raise AssertionError(
                f"{error}\n{key}(*{args!r}, **{components!r})\n{self.left.name}: {left!r}\n{self.right.name}: {right!r}"
            ) from error
        self.count += 1
        return not isinstance(left, tuple)

    def translate(self, value: Any) -> Any:
        """The right engine's equivalent of a left engine's value."""
        if isinstance(value, type):
            return self.right.types.get(self.left.key(value), value)
        if hasattr(type(value), "decode") and hasattr(value, "der"):
            cls = self.right.types[self.left.key(type(value))]
            return cls.decode(value.der, limits=self.right.room("_engine.reference.tree").UNLIMITED)
        if type(value).__module__.startswith("cmpcodec") and isinstance(value, tuple):
            return getattr(self.right.room("asn1"), type(value).__name__)._make(value)
        if type(value) in (list, tuple):
            return type(value)(self.translate(one) for one in value)
        return value


def _outcome(engine: Engine, key: str, data: bytes, limits: tuple[Any, ...], allow: Collection[str]) -> Any:
    """The record, or the error as (class, path, problem, offset, text). Any other exception is a failure by itself."""
    package = engine.package
    try:
        if limits:
            return engine.types[key].decode(data, limits=package.Limits(*limits), allow=allow)
        return engine.types[key].decode(data, allow=allow)
    except package.DecodeError as error:
        return type(error).__name__, error.path, error.problem, error.offset, str(error)


def _made(engine: Engine, key: str, args: tuple[Any, ...], components: dict[str, Any]) -> Any:
    try:
        return engine.types[key](*args, **components)
    except engine.package.EncodeError as error:
        assert str(error) == f"{error.path}: {error.problem}"
        return type(error).__name__, str(error)
    except TypeError as error:
        return "TypeError", str(error)


def rebuild(engine: Engine, value: Any) -> Any:
    """The record made anew from its parts, with the constructors only."""
    if not hasattr(value, "der"):
        return value
    cls = type(value)
    found = engine.package.children(value)
    kind = cls._op.kind.name
    if kind == "ANY":
        return cls(value.der)
    if kind == "NULL":
        return cls()
    if kind in ("SEQUENCE", "CHOICE"):
        return cls(**{child.name: rebuild(engine, child.value) for child in found})
    return cls([rebuild(engine, child.value) for child in found])


def rebuild_from_plain_values(engine: Engine, value: Any) -> Any:
    """The record made with one call, everything inside it given as dicts and lists."""
    given = _plain(engine, value)
    if isinstance(given, dict):
        return type(value)(**given)
    return type(value)(given) if isinstance(given, list) else given


def _plain(engine: Engine, value: Any) -> Any:
    if not hasattr(value, "der"):
        return value
    kind = type(value)._op.kind.name
    found = engine.package.children(value)
    if kind in ("SEQUENCE", "CHOICE"):
        return {child.name: _plain(engine, child.value) for child in found}
    return value if kind in ("ANY", "NULL") else [_plain(engine, child.value) for child in found]


def read(engine: Engine, value: Any) -> int:
    """Read everything in every way that needs no comparison; the number of values."""
    if not hasattr(value, "der"):
        return 1
    repr(value)
    hash(value)
    return 1 + sum(read(engine, child.value) for child in engine.package.children(value))
