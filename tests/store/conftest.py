"""The stores that every test of the contract runs with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cmpcodec.server.ports import Store
from cmpcodec.store import MemoryStore, SQLiteStore


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store = MemoryStore() if request.param == "memory" else SQLiteStore(tmp_path / "cmp.db")
    yield made
    made.close()
