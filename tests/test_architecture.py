"""Who may import whom, and what else holds for every source file: read from the files, nothing is imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "cmpcodec"
FILES = sorted(PACKAGE.rglob("*.py"))
COMPILED = sorted([*PACKAGE.rglob("*.pyx"), *PACKAGE.rglob("*.pxi")])

# Rooms from left to right: a file imports from its own room and from those on its left. `_engine.values` has Python values that know nothing
# of the engines; client and server meet only through bytes.
ORDER = (
    "errors", "_engine.values", "oids", "_engine", "asn1", "pkix", "cms", "crmf", "cmp", "protection", "enveloping", "pop", "messages",
    "client", "server", "http", "store", "authority", "adapters", "cli",
)  # fmt: skip
OUTSIDE = ("__init__", "__main__")  # of the package: they see everything, and only cli looks back at them
CORE = ORDER[: ORDER.index("server") + 1]
NOT_IN_CORE = {
    "argparse", "asyncio", "http", "logging", "multiprocessing", "random", "select", "selectors", "signal", "socket", "sqlite3", "ssl",
    "subprocess", "threading", "time", "urllib",
}  # fmt: skip
NOWHERE = {"benchmarks", "fuzz", "pickle", "tests", "xml", "yaml"}
SCHEMA = {"pkix.py", "cms.py", "crmf.py", "cmp.py"}
LONGEST = 510


def dotted(file: Path) -> str:
    """The module that a file is, inside the package: `asn1.records`, `asn1` for its __init__."""
    name = ".".join(file.relative_to(PACKAGE).with_suffix("").parts)
    return name if name in OUTSIDE else name.removesuffix(".__init__")


MODULES = {dotted(file) for file in FILES}


def room(module: str) -> str:
    """The room that a module is in."""
    found = [one for one in (*ORDER, *OUTSIDE) if module == one or module.startswith(one + ".")]
    assert found, f"{module} is in no room: put it into ORDER"
    return max(found, key=len)


def imports(file: Path) -> Iterator[tuple[bool, str]]:
    """Every import of a file, those inside functions too, but not those for type checkers: (is it ours, its dotted name)."""
    here = dotted(file).split(".") if file.name == "__init__.py" else dotted(file).split(".")[:-1]
    if file == PACKAGE / "__init__.py":
        here = []
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                ours = alias.name.split(".")[0] == "cmpcodec"
                yield ours, alias.name.removeprefix("cmpcodec.") if ours else alias.name
        elif isinstance(node, ast.ImportFrom):
            if not node.level and (node.module or "").split(".")[0] != "cmpcodec":
                yield False, node.module or ""
                continue
            base = here[: len(here) - node.level + 1] if node.level else []
            base = [*base, *(node.module or "").removeprefix("cmpcodec").strip(".").split(".")]
            base = [part for part in base if part]
            for alias in node.names:
                inner = ".".join([*base, alias.name])
                yield True, inner if inner in MODULES else ".".join(base) or "__init__"


@pytest.mark.parametrize("file", FILES, ids=dotted)
def test_imports(file: Path) -> None:
    mine = room(dotted(file))
    for ours, name in imports(file):
        top = name.split(".")[0]
        assert top not in NOWHERE, f"imports {name}"
        if not ours:
            assert mine not in CORE or top not in NOT_IN_CORE, f"the core imports {name}"
            assert mine not in ("errors", "_engine.values", "oids", "_engine", "asn1") or top != "cryptography", (
                f"imports {name}"
            )
            continue
        other = room(name)
        if mine in OUTSIDE:
            assert mine == "__main__" or other != "cli", "the package itself imports its program"
        elif other in OUTSIDE:
            assert mine == "cli", f"imports {name}"
        else:
            assert ORDER.index(other) <= ORDER.index(mine), f"{mine} imports {name}, which is on its right"
            assert {mine, other} != {"client", "server"}, "client and server meet only through bytes"


def test_engines_know_nothing_of_each_other() -> None:
    """Only the chooser names the compiled engine; the compiled one asks the reference engine, never the reverse."""
    for file in FILES:
        for ours, name in imports(file):
            if ours and name.startswith("_engine.fast"):
                assert dotted(file) == "_engine", f"{dotted(file)} imports {name}"


@pytest.mark.parametrize("file", COMPILED, ids=lambda file: file.name)
def test_imports_of_compiled_files(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for name in re.findall(r"^ *(?:from|import|cimport) +([\w.]+)", text, re.MULTILINE):
        if name.startswith("cmpcodec"):
            assert name in ("cmpcodec.errors", "cmpcodec._engine") or name.startswith("cmpcodec._engine.reference"), (
                name
            )
        else:
            assert name.split(".")[0] not in NOT_IN_CORE | NOWHERE | {"cryptography"}, name


@pytest.mark.parametrize("file", FILES, ids=dotted)
def test_charter(file: Path) -> None:
    """A file opens by saying what it knows, in one to a dozen lines."""
    charter = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    assert charter, "no charter"
    assert len(charter) >= 40
    assert file.read_text(encoding="utf-8").startswith('"""')


@pytest.mark.parametrize("file", COMPILED, ids=lambda file: file.name)
def test_charter_of_compiled_files(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert re.match(r'(?:#.*\n)+\n?(?:"""|#|cdef|$)|# .{40}', text), "no charter"


@pytest.mark.parametrize("file", [*FILES, *COMPILED], ids=lambda file: file.name)
def test_length(file: Path) -> None:
    if file.name not in SCHEMA:
        assert len(file.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_files_of_tests_have_charters() -> None:
    for folder in ("tests", "fuzz", "benchmarks"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            text = file.read_text(encoding="utf-8")
            assert ast.get_docstring(ast.parse(text.partition("\n")[2] if text.startswith("#!") else text)), file


def test_no_path_of_a_machine() -> None:
    """Nothing in the project names a folder of the machine that it was written on."""
    for file in [*FILES, *COMPILED, *(ROOT / "tests").rglob("*.py"), *(ROOT / "docs").rglob("*.md")]:
        found = re.search(r"/(?:home|root|work|Users)/\w|/tmp/\w+/", file.read_text(encoding="utf-8"))
        assert found is None or file == Path(__file__).resolve(), f"{file}: {found[0]}"
