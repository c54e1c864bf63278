"""The server of `cases`, for all tests of a file that do not start one of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .cases import CONFIGURATION, make_keys
from .support import Served, Wire


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "cmpcodec.toml").write_text(CONFIGURATION)
    make_keys(folder)
    with Served(folder, ("--config", "cmpcodec.toml")) as served:
        yield served
    log = served.log()
    assert "Traceback" not in log
    for secret in ("mySecret", "secretOf", "severalFirst", "severalSecond", "openFirst", "strictFirst"):
        assert secret not in log


@pytest.fixture
def folder(server: Served, tmp_path: Path) -> Path:
    """A folder with the keys and requests."""
    for file in server.folder.glob("*.[pc][es][mr]"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


@pytest.fixture
def wire(server: Served) -> Iterator[Wire]:
    with Wire(server.port) as wire:
        yield wire
