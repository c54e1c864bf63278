"""Python values of the ASN.1 types that Python itself has no type for, and the limits of a decode.

Both engines, the schema language and its users share these classes. They know nothing of DER.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple, Self, TypeVar


class ObjectIdentifier(str):
    """An OBJECT IDENTIFIER: its dotted decimal text (``1.3.6.1.5.5.7.4.13``), equal to the same plain str."""

    __slots__ = ()


class BitString(NamedTuple):
    """A BIT STRING: its octets, and how many bits at the end of the last one do not count (0 to 7; they are zero)."""

    data: bytes
    unused_bits: int = 0


class bit(int):
    """Declares one named bit of a NamedBits class by its ASN.1 number; read there, it is a value of that class."""

    __slots__ = ()

    def __get__(self, obj: object, owner: type[_Bits]) -> _Bits:
        return owner(1 << self)


class NamedBits(int):
    """A BIT STRING with named bits, as an int: bit i of the ASN.1 type is ``1 << i``.

    Unknown bits are kept. Combine with ``|``, test with ``in``, iterate over the single bits that are set. (Not an
    enum.IntFlag: that class remembers every combination it ever met, which a peer could use to fill the memory.)
    """

    __slots__ = ()
    _bit_names: ClassVar[dict[int, str]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._bit_names = {int(value): name for name, value in vars(cls).items() if isinstance(value, bit)}

    def __new__(cls, value: int = 0) -> Self:
        """The bits of `value`; ValueError if it is negative."""
        if value < 0:
            raise ValueError(f"{cls.__name__} cannot be negative")
        return super().__new__(cls, value)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the bits that are set, lowest first; a bit without a name reads ``bit 31``."""
        return tuple(self._bit_names.get(i, f"bit {i}") for i in self._numbers())

    def _numbers(self) -> Iterator[int]:
        return (i for i, digit in enumerate(reversed(f"{int(self):b}")) if digit == "1")

    def __or__(self, other: int) -> Self:
        return type(self)(int(self) | int(other))

    def __and__(self, other: int) -> Self:
        return type(self)(int(self) & int(other))

    __ror__ = __or__
    __rand__ = __and__

    def __contains__(self, other: int) -> bool:
        return int(self) & int(other) == int(other)

    def __iter__(self) -> Iterator[Self]:
        return (type(self)(1 << i) for i in self._numbers())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'|'.join(self.names) or '0'}>"


_Bits = TypeVar("_Bits", bound=NamedBits)


class Limits(NamedTuple):
    """What one decode may cost. The defaults fit real CMP traffic with room to spare.

    Real messages reach 12 levels, about 500 elements and, with post-quantum chains, tens of kilobytes.
    """

    max_size: int = 256 * 1024
    """Length of the whole input, in bytes."""
    max_depth: int = 32
    """Levels of TLVs inside each other, values opened by their OID included."""
    max_nodes: int = 10_000
    """Elements of one record that the decoder tells apart."""
    max_repeat: int | None = None
    """Elements of one SEQUENCE OF or SET OF; None leaves the schema's own bounds in force (32 extraCerts, ...)."""


MAX_INTEGER_OCTETS = 2048
MAX_OID_OCTETS = 512
MAX_OID_ARCS = 128
MAX_ARC_OCTETS = 20
MAX_TAG_OCTETS = 4
MAX_INPUT = 0x7FFF_FFFF
MAX_DEPTH = 1024
"""Sizes that no Limits can raise: beyond them, values are costly and no peer sends them."""

MAX_PLAIN_LEVELS = 64
"""Dicts and lists inside each other that a constructor follows: enough for all that `Limits` admit by default.

A level of TLVs is written as a dict or list at most, and as one more if it is an alternative of a CHOICE.
"""

TIME_OFFSET = "time-offset"
LENIENCIES = frozenset({TIME_OFFSET})
"""Names that `allow` accepts. time-offset: a GeneralizedTime that ends in +hhmm or -hhmm instead of Z."""
