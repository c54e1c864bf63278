"""Runs what the documents show: every ```python block of README.md and docs/, and the session of README.md.

The blocks of a file run in order, in one namespace. A comment behind a print() is what it has to print; an example ends
its threads and closes what it opens. Knows nothing of what the examples show.
"""

from __future__ import annotations

import gc
import re
import runpy
import shlex
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.openssl import needs_openssl
from tests.session.support import Served, in_order, run

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [path for path in (ROOT / "README.md", *sorted(ROOT.joinpath("docs").rglob("*.md"))) if path.exists()]
EXPECTED = re.compile(r"print\(.*\)  # (.+)$")


def python_of(text: str) -> str:
    """The blocks of a document, all other lines blank: line numbers stay those of the document."""
    lines, inside = [], False
    for line in text.splitlines():
        if line.startswith("```"):
            inside = line == "```python"
            line = ""
        lines.append(line if inside else "")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_examples_run(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = python_of(document.read_text(encoding="utf-8"))
    lines = code.splitlines()
    printed: dict[int, str] = {}

    def note(*values: Any, **options: Any) -> None:
        printed[sys._getframe(1).f_lineno] = " ".join(map(str, values))

    script = tmp_path / f"{document.stem}.py"
    script.write_text(code, encoding="utf-8")
    monkeypatch.chdir(ROOT)
    before = set(threading.enumerate())
    runpy.run_path(str(script), init_globals={"print": note})
    gc.collect()  # what is open and forgotten warns now, which is an error
    assert set(threading.enumerate()) == before
    expected = {number: found[1] for number, line in enumerate(lines, 1) if (found := EXPECTED.search(line))}
    assert {number: printed.get(number) for number in expected} == expected


def test_examples_are_found() -> None:
    found = {path.name: python_of(path.read_text(encoding="utf-8")).strip() for path in DOCUMENTS}
    assert found["embedding.md"].count("cmp.decode") >= 3
    assert found["strictness.md"]
    for embedded in ("WSGIApp(", "ASGIApp(", "start_server(", "Server(", "cmp.run(", "cmp.run_async("):
        assert embedded in found["embedding.md"]


def consoles(text: str) -> list[list[str]]:
    """The lines of each ```console block."""
    return [block.splitlines() for block in re.findall(r"^```console\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)]


def patterns(lines: list[str], port: int) -> list[str]:
    """What these lines look like on another day: other numbers and dates; `...` is any number of lines."""
    found = []
    for line in lines:
        line = re.escape(line.strip().replace(":8080", f":{port}"))
        line = re.sub(r"[0-9a-f]{32}|[0-9A-F]{40}", "[0-9a-fA-F]+", line)
        line = re.sub(r"[A-Z][a-z]{2}(\\ |[0-9:])+GMT", ".* GMT", line).replace("engine:\\ cython", "engine: .*")
        if line != re.escape("..."):
            found.append(line)
    return found


@needs_openssl
def test_session_of_readme(tmp_path: Path) -> None:
    """Its commands, typed as they stand, show what it says that they show."""
    start, session = consoles((ROOT / "README.md").read_text(encoding="utf-8"))
    assert start[0] == "$ python -m cmpcodec serve"
    commands = [number for number, line in enumerate(session) if line.startswith("$ ")]
    assert len(commands) >= 8
    with Served(tmp_path, ()) as server:
        assert start[1].startswith("new secret: ")  # a terminal shows it, and no pipe: see tests/session/test_serve.py
        in_order(patterns(start[2:], server.port), "\n".join(server.said))
        variables = ""
        for number, end in zip(commands, [*commands[1:], len(session)], strict=True):
            command = session[number].removeprefix("$ ").replace(":8080", f":{server.port}")
            command = command.replace("python -m", f"{shlex.quote(sys.executable)} -m")
            if re.match(r"\w+=", command):
                variables += command + "\n"
            elif shutil.which(command.split()[0]):
                output = run(["sh", "-c", variables + command], tmp_path, code=None)
                in_order(patterns(session[number + 1 : end], server.port), output)
