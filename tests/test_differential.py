"""The merge gate: both engines agree on at least 100 000 inputs in verdict, error fields, values and bytes.

Inputs are real messages, their truncations, mutants of them, records of every type, and mutants of those. All of it follows from fixed
seeds, which differ between the runs of the two engines.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

import cmpcodec
from tests import strategies
from tests.agreement import Pair
from tests.engines import ENGINES, Engine, engine, running
from tests.mutations import Element, Mutator

AT_LEAST = 100_000
LENIENT = frozenset(("time-offset",))
VECTORS = Path(__file__).resolve().parent / "vectors"
OTHER = next(name for name in ENGINES if name != cmpcodec.engine)
SEED = os.environ.get("CMPCODEC_TEST_SEED", cmpcodec.engine)

plainly = settings(
    derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck), report_multiple_bugs=False
)


@cache
def other() -> Engine:
    try:
        return engine(OTHER)
    except ImportError as error:
        pytest.skip(f"the {OTHER} engine is not there to compare with: {error}")


def vectors() -> list[bytes]:
    """The real messages, smallest first."""
    entries = json.loads((VECTORS / "manifest.json").read_text(encoding="utf-8"))["vectors"]
    return sorted(((VECTORS / entry["file"]).read_bytes() for entry in entries), key=len)


def conditions(random: Random) -> dict[str, Any]:
    """Now and then other limits, or a leniency."""
    choice = random.randrange(12)
    if choice == 0:
        return {
            "limits": (
                random.choice((50, 300, 1 << 20)),
                random.randrange(12),
                random.randrange(40),
                random.choice((None, 0, 1, 3)),
            )
        }
    if choice == 1:
        return {"limits": (1 << 40, 1 << 40, 1 << 40, 1 << 40), "allow": LENIENT}
    return {"allow": LENIENT} if choice == 2 else {}


def on_vectors(pair: Pair) -> None:
    """Whole, truncated, mutated."""
    messages = vectors()
    for data in messages:
        assert pair.decode("cmp.PKIMessage", data)
    for data in messages[:40]:
        for length in range(len(data)):
            assert not pair.decode("cmp.PKIMessage", data[:length])
    random = Random(f"vectors {SEED}")
    small = messages[: 2 * len(messages) // 3]
    donors: list[Element] = [one for data in small[::7] for one in Mutator(data).elements]
    for data in small:
        mutator = Mutator(data, donors)
        for _ in range(150):
            pair.decode("cmp.PKIMessage", mutator.mutant(random), **conditions(random))


def on_records(pair: Pair, key: str, examples: int, mutants: int) -> None:
    """Records of one type, and mutants of each."""

    @settings(plainly, max_examples=examples)
    @given(strategies.records(pair.left.types[key]))
    def compare(record: Any) -> None:
        random = Random(f"{SEED} {key} {record.der.hex()}")
        assert pair.decode(key, record.der)
        mutator = Mutator(record.der)
        for _ in range(mutants):
            pair.decode(key, mutator.mutant(random), **conditions(random))

    compare()


def test_engines_agree_on_bytes() -> None:
    pair = Pair(running(), other())
    on_vectors(pair)
    for key in sorted(pair.left.types):
        on_records(pair, key, 8, 40)
    assert pair.count >= AT_LEAST
    assert pair.accepted >= AT_LEAST // 50
    assert pair.count - pair.accepted >= AT_LEAST // 2


def test_engines_agree_on_values() -> None:
    """Constructors with a wrong value somewhere: the same record, or the same error."""
    pair = Pair(running(), other())

    for key in sorted(pair.left.types):
        on_wrong_values(pair, key, 16)
    assert pair.count >= 3000


def on_wrong_values(pair: Pair, key: str, examples: int) -> None:
    @settings(plainly, max_examples=examples)
    @given(strategies.wrong_components(pair.left.types[key]))
    def compare(call: tuple[tuple[Any, ...], dict[str, Any]]) -> None:
        pair.construct(key, *call)

    compare()
