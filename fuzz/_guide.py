"""What shows libFuzzer the way: which Python code is instrumented, and counters for places that code cannot tell apart.

The engines execute a table, so coverage of their code cannot tell a revocation from an enrolment. `Blind` stands in
where nothing is fuzzed: kept inputs are run again without atheris. Knows atheris, and of records their components.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

_PLACES = 8192


class Guide(Protocol):
    """What a target is given to prepare itself with."""

    def instrument(self) -> AbstractContextManager[Any]:
        """Modules of cmpcodec that are imported inside guide the fuzzer."""

    def count(self, place: Hashable) -> None:
        """Tell that this place was reached."""


class Blind:
    """Guides nobody."""

    def instrument(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def count(self, place: Hashable) -> None:
        pass


class Atheris:
    """Guides libFuzzer."""

    def __init__(self) -> None:
        import atheris

        self._atheris = atheris
        self._counters = [atheris._reserve_counter() for _ in range(_PLACES)]
        self._numbers: dict[Hashable, int] = {}

    def instrument(self) -> AbstractContextManager[Any]:
        found: AbstractContextManager[Any] = self._atheris.instrument_imports(include=["cmpcodec"])
        return found

    def count(self, place: Hashable) -> None:
        number = self._numbers.get(place)
        if number is None:
            number = len(self._numbers)
            if number >= _PLACES:
                number = hash(place) % _PLACES
            else:
                self._numbers[place] = number
        self._atheris._trace_branch(self._counters[number])  # looked up each time: Setup() exchanges it


def refusal(guide: Guide, path: str, problem: str) -> None:
    """Count a refusal: the last two steps of its path, whatever the numbers of elements, and its first word."""
    steps = re.sub(r"\d+", "", path).split(".")
    guide.count((*steps[-2:], (re.sub(r"[^a-zA-Z ]+", "", problem).split() or [""])[0]))


def components(guide: Guide, record: Any, children: Any) -> None:
    """Count which components a record has."""
    for child in children:
        guide.count((type(record).__name__, child.name, type(child.value).__name__))
