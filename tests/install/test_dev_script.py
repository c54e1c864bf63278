"""The parts of `./dev` that a well-equipped machine never reaches.

Knows the script's functions; the package index that it meets here is one of its own.
"""

from __future__ import annotations

import ast
import hashlib
import http.server
import importlib.machinery
import importlib.util
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "dev"
WHEEL = b"bytes of a wheel"
RIGHT, WRONG = hashlib.sha256(WHEEL).hexdigest(), hashlib.sha256(b"others").hexdigest()


@pytest.fixture(scope="module")
def dev() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("dev_script", str(SCRIPT))
    spec = importlib.util.spec_from_loader("dev_script", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder that a package index on this machine serves, and make it pip's index."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(tmp_path))  # type: ignore[arg-type]  # passed through

        def log_message(self, *arguments: object) -> None: ...

    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "files").mkdir()
    (tmp_path / "simple/pip").mkdir(parents=True)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple/")
        yield tmp_path
        server.shutdown()
        thread.join()


def offer(index: Path, *entries: str) -> None:
    """List links in the index; every file that they name has the same bytes."""
    (index / "simple/pip/index.html").write_text("\n".join(f"<a {entry}>a file</a>" for entry in entries))


def link(version: str, checksum: str = RIGHT) -> str:
    return f'href="../../files/pip-{version}-py3-none-any.whl#sha256={checksum}"'


def test_an_old_python_can_read_the_script_far_enough_to_find_a_newer_one() -> None:
    ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 7))


def test_the_newest_pip_that_suits_is_fetched(dev: ModuleType, index: Path, tmp_path: Path) -> None:
    offer(
        index,
        link("9.0.3"),
        link("26.1.2") + ' data-requires-python="&gt;=3.9"',
        link("26.1.10").replace("py3-none-any.whl", "tar.gz"),
        link("26.2") + ' data-yanked="broken"',
        link("99.0") + ' data-requires-python="&gt;=3.99"',
    )
    (index / "files/pip-26.1.2-py3-none-any.whl").write_bytes(WHEEL)
    wheel = dev.fetch_pip(tmp_path)
    assert wheel.name == "pip-26.1.2-py3-none-any.whl"
    assert wheel.read_bytes() == WHEEL


def test_a_pip_with_another_checksum_is_refused(dev: ModuleType, index: Path, tmp_path: Path) -> None:
    offer(index, link("26.1", WRONG))
    (index / "files/pip-26.1-py3-none-any.whl").write_bytes(WHEEL)
    with pytest.raises(dev.Problem, match="is not the file that the package index promises"):
        dev.fetch_pip(tmp_path)
    assert not list(tmp_path.glob("*.whl"))


def test_an_index_that_does_not_answer_is_told(dev: ModuleType, index: Path, tmp_path: Path) -> None:
    (index / "simple/pip").rmdir()
    with pytest.raises(dev.Problem, match=r"404.*\n.*python3-venv"):
        dev.fetch_pip(tmp_path)


def test_pip_settings_come_from_the_environment_or_pips_files(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://index.example/simple\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    assert dev.pip_setting("index-url") == "https://index.example/simple"
    monkeypatch.setenv("PIP_INDEX_URL", "https://other.example/simple")
    assert dev.pip_setting("index-url") == "https://other.example/simple"


@pytest.mark.skipif(os.name == "nt", reason="needs Unix")
def test_tools_that_nobody_may_install_are_told(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain user of a machine without sudo, with and without a compiler."""
    monkeypatch.setattr(dev.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(dev.shutil, "which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None)
    monkeypatch.setattr(dev, "missing_tools", lambda: ["gcc", "libc6-dev"])
    with pytest.raises(dev.Problem, match=r"apt-get install .* gcc libc6-dev\n.*as root or by sudo"):
        dev.need_compiler(True, "openssl")
    monkeypatch.setattr(dev, "missing_tools", list)
    dev.need_compiler(True, "openssl")
