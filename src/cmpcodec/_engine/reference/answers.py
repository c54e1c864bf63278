"""What the compiled engine asks the reference engine, answered without exceptions.

An `except` clause in compiled code cannot stand a call that fails without an exception, which CPython's own functions
do when memory runs out in the wrong moment; in Python it can.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..ops import Op, Part
from ..values import Limits
from .leaves import Unfit, write
from .tree import Refused, grow_all


def why(part: Part, data: bytes, limits: Limits, allow: Collection[str]) -> tuple[str, str, int] | None:
    """Path, problem and offset of what is wrong with an input; None if nothing is."""
    try:
        grow_all(part, data, limits, allow)
    except Refused as refused:
        return refused.path, refused.problem, refused.offset
    return None


def octets(op: Op, value: Any) -> bytes | None:
    """Content octets of a value of a primitive type; None if it does not fit."""
    try:
        return write(op, value)
    except Unfit:
        return None
