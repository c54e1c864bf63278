"""Decode each real message and read each of its fields, down to plain values."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import suite
from benchmarks.bench import BY_LABEL, ENGINES, PEERS, READABLE, timed


@pytest.mark.parametrize("name", READABLE)
@pytest.mark.parametrize("label", BY_LABEL)
def test_read_all(benchmark: Any, label: str, name: str) -> None:
    """By attributes and subscripts, as a person would write it."""
    message = BY_LABEL[label]
    timed(benchmark, f"decode and read: {message.title}", suite.read_loop(PEERS[name], message.data))


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("label", BY_LABEL)
def test_walk(benchmark: Any, label: str, name: str) -> None:
    """By `children()`, as a generic tool would."""
    message = BY_LABEL[label]
    timed(benchmark, f"decode and walk: {message.title}", suite.walk_loop(PEERS[name], message.data))
