"""What may stand in an annotation beside the Python type: tags, sizes, defaults, string types, open types.

Markers only carry information; `compiler` reads them.
"""

from __future__ import annotations

from collections.abc import ItemsView
from datetime import datetime
from typing import Any, ClassVar

from .._engine import ops
from .._engine.ops import Part
from .._engine.values import ObjectIdentifier


class Tag:
    """A context-specific tag, number 0 to 30. X.680, 31.2."""

    def __init__(self, number: int) -> None:
        if not 0 <= number <= 30:
            raise TypeError(f"tag number {number} is not between 0 and 30")
        self.number = number


class Explicit(Tag):
    """The value with its own tag, inside one with this tag."""


class Implicit(Tag):
    """This tag in place of the value's own. Impossible for CHOICE and ANY (X.680, 31.2.7)."""


class Default:
    """The value that an absent component has; never encoded (X.690, 11.5)."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Size:
    """Bounds on octets, characters or elements, `high` None for MAX. X.680, 51.5."""

    def __init__(self, low: int = 0, high: int | None = None) -> None:
        if low < 0 or (high is not None and high < low):
            raise TypeError(f"SIZE ({low}..{high}) holds nothing")
        self.low = low
        self.high = high


class UniversalTag:
    """Chooses one of several ASN.1 types that share a Python type."""

    def __init__(self, name: str, tag: int, python: type) -> None:
        self.name = name
        self.tag = tag
        self.python = python


def _universal(tag: int, python: type) -> UniversalTag:
    return UniversalTag(ops.TAG_NAMES[tag], tag, python)


UTF8String = _universal(ops.TAG_UTF8, str)
NumericString = _universal(ops.TAG_NUMERIC, str)
PrintableString = _universal(ops.TAG_PRINTABLE, str)
TeletexString = _universal(ops.TAG_TELETEX, str)
IA5String = _universal(ops.TAG_IA5, str)
VisibleString = _universal(ops.TAG_VISIBLE, str)
UniversalString = _universal(ops.TAG_UNIVERSAL, str)
BMPString = _universal(ops.TAG_BMP, str)
UTCTime = _universal(ops.TAG_UTC_TIME, datetime)
GeneralizedTime = _universal(ops.TAG_GENERALIZED_TIME, datetime)
Enumerated = _universal(ops.TAG_ENUMERATED, int)


class OpenTypes:
    """Which type a value has for which OBJECT IDENTIFIER: the information object set of an open type. X.681.

    A mapping that any room may add to: ``PARAMETERS[oids.ID_PASSWORD_BASED_MAC] = PBMParameter``. Types are record
    classes or annotations such as ``datetime``. Once a type was used, it cannot be exchanged.
    """

    compile: ClassVar[Any]
    """The compiler puts itself here when it is imported."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.parts: dict[str, Part] = {}
        """The types that were used so far, compiled; the engines look here first."""
        self._types: dict[str, Any] = {}

    def __setitem__(self, oid: ObjectIdentifier, annotation: Any) -> None:
        if oid in self._types and self._types[oid] is not annotation:
            raise TypeError(f"{self.name} has a type for {oid} already: {self._types[oid]}")
        self._types[oid] = annotation

    def __contains__(self, oid: str) -> bool:
        return oid in self._types

    def items(self) -> ItemsView[str, Any]:
        """(OID, type) pairs, in the order in which they were added."""
        return self._types.items()

    def part(self, oid: str) -> Part | None:
        """The compiled type for an OID, None if there is none."""
        part = self.parts.get(oid)
        if part is None and oid in self._types:
            part = self.parts[oid] = self.compile(self.name, self._types[oid])
        return part


class Open:
    """An ANY DEFINED BY: its type follows from the OBJECT IDENTIFIER in the component named `by`."""

    def __init__(self, by: str, types: OpenTypes) -> None:
        self.by = by
        self.types = types
