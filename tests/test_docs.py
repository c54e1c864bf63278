"""Runs the Python in the documents: every ```python block of README.md and docs/, in order, one namespace per file.

A comment behind a print() is what it has to print. Knows nothing of what the examples show.
"""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

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


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # examples may open a file in passing
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
    runpy.run_path(str(script), init_globals={"print": note})
    expected = {number: found[1] for number, line in enumerate(lines, 1) if (found := EXPECTED.search(line))}
    assert {number: printed.get(number) for number in expected} == expected


def test_examples_are_found() -> None:
    found = {path.name: python_of(path.read_text(encoding="utf-8")).strip() for path in DOCUMENTS}
    assert found["embedding.md"].count("cmp.decode") >= 3
    assert found["strictness.md"]
