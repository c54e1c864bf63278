"""Decode each real message: our engines and every peer. First each shows that it gets the message right."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import suite
from benchmarks.bench import BY_LABEL, PEERS, timed


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("label", BY_LABEL)
def test_decode(benchmark: Any, label: str, name: str) -> None:
    message, peer = BY_LABEL[label], PEERS[name]
    expected = suite.leaves(PEERS[suite.REFERENCE], message.data)
    assert suite.problems(peer, message, expected) == []
    timed(benchmark, f"decode: {message.title}", suite.decode_loop(peer, message.data))
