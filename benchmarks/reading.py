"""Writes, for one decoded message of any peer, the straight Python code that reads each of its fields once.

Every peer gets the code that a person would write against its own interface: attributes, subscripts,
conversions to plain values, and a local variable for each record that is visited more than once. So "read
every field" means the same for all. Knows no peer: each describes its own values.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any


@dataclass(frozen=True)
class Leaf:
    """A plain value; `spelling` turns the expression `{}` into it."""

    spelling: str = "{}"


@dataclass(frozen=True)
class Inner:
    """A value with parts, `(spelling, part)` each; `{}` in a spelling is the expression of the whole."""

    parts: list[tuple[str, Any]]


Description = Leaf | Inner


def source(describe: Callable[[Any], Description], message: Any) -> str:
    """Give the text of a function `read(message)` that returns all leaves of such messages, in order."""
    lines: list[str] = []
    leaves: list[str] = []

    def visit(expression: str, value: Any) -> None:
        found = describe(value)
        if isinstance(found, Leaf):
            leaves.append(found.spelling.format(expression))
            return
        if len(found.parts) > 1 and not expression.isidentifier():
            variable = f"v{len(lines)}"
            lines.append(f"    {variable} = {expression}")
            expression = variable
        for spelling, part in found.parts:
            visit(spelling.format(expression), part)

    visit("message", message)
    return "\n".join(["def read(message):", *lines, "    return [", *(f"        {leaf}," for leaf in leaves), "    ]"])


def reader(
    describe: Callable[[Any], Description], message: Any, namespace: dict[str, Any]
) -> Callable[[Any], list[Any]]:
    """Compile that function."""
    module = compile(source(describe, message), "<reader>", "exec")
    code = next(constant for constant in module.co_consts if isinstance(constant, CodeType))
    return FunctionType(code, {"__builtins__": builtins, **namespace})
