"""A server on each of the stores, with a clock that stands still until it is told otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cmpcodec.server.ports import Store
from cmpcodec.store import MemoryStore, SQLiteStore
from tests.server.support import Device, Server


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with closing(MemoryStore() if request.param == "memory" else SQLiteStore(tmp_path / "cmp.db")) as store:
        yield store


@pytest.fixture
def server(store: Store) -> Server:
    return Server(store)


@pytest.fixture
def device(server: Server) -> Device:
    return Device(server)
