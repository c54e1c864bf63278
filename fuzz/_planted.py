"""Proof that the targets see: each patch of fuzz/planted puts one bug into a copy of the project, to be found there.

Above its `---` a patch says in words what it breaks, then `Target:` who has to find it, and `Expect:` a pattern of what
is printed then: another failure does not count. Knows patches and copies; the working tree is left alone.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from fuzz import _build
from fuzz._harness import FUZZ, NATIVE, ROOT

SECONDS = 60
"""A bug that is not found in that time is a bug of the fuzzer."""


class Planted(NamedTuple):
    """A bug that is put in."""

    file: Path
    target: str
    expect: str

    @property
    def native(self) -> bool:
        """Whether it is one of the compiled engine."""
        return bool(re.search(r"^\+\+\+ .*\.(pyx|pxi)$", self.file.read_text(encoding="utf-8"), re.MULTILINE))


def planted(names: list[str]) -> list[Planted]:
    """The patches of those names, or all."""
    found = []
    for file in sorted(FUZZ.glob("planted/*.patch")):
        if names and file.stem not in names:
            continue
        said = dict(re.findall(r"^(Target|Expect): (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE))
        found.append(Planted(file, said["Target"], said["Expect"]))
    if missing := set(names) - {one.file.stem for one in found}:
        raise _build.BuildError(f"no planted bug is called {', '.join(sorted(missing))}")
    return found


def run(names: list[str]) -> int:
    """Plant each bug and look for it."""
    missed = [one.file.stem for one in planted(names) if not _found(one)]
    print(f"fuzz: planted bugs not found: {', '.join(missed) or 'none'}")
    return 1 if missed else 0


def _found(bug: Planted) -> bool:
    with tempfile.TemporaryDirectory(prefix="cmpcodec-planted-") as work:
        copy = Path(work, "copy")
        _copy(copy, bug)
        env = os.environ | {"CMPCODEC_ENGINE": "cython", "PYTHONPATH": os.pathsep.join([str(copy / "src"), str(copy)])}
        env.pop("CMPCODEC_INSTRUMENTED", None)
        if bug.target in NATIVE:
            env["CMPCODEC_INSTRUMENTED"] = str(_build.sanitized(copy))
        elif bug.native:
            _install(_build.plain(copy), copy)
        began = time.monotonic()
        command = [sys.executable, "-m", f"fuzz.{bug.target}", f"-max_total_time={SECONDS}", "-seed=1"]
        done = subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True, errors="replace")
        took = time.monotonic() - began
    printed = done.stdout + done.stderr
    seen = done.returncode != 0 and re.search(bug.expect, printed) is not None
    executions = re.findall(r"^(?:#(\d+)\s|stat::number_of_executed_units: (\d+))", printed, re.MULTILINE)
    count = max((int(one or other) for one, other in executions), default=0)
    verdict = f"found after {count} executions, {took:.0f} s" if seen else "NOT found"
    print(f"{bug.file.stem}: {verdict} ({bug.target})", flush=True)
    if not seen:
        print(printed[-3000:], file=sys.stderr)
    return seen


def _copy(copy: Path, bug: Planted) -> None:
    """What a target needs, with the patch applied, and the compiled modules that are installed."""
    for name in ("src", "tests", "fuzz", "benchmarks", "examples"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "corpus"))
    for name in ("CMakeLists.txt", "pyproject.toml"):
        shutil.copyfile(ROOT / name, copy / name)
    done = subprocess.run(["git", "apply", str(bug.file)], cwd=copy, capture_output=True, text=True)
    if done.returncode:
        raise _build.BuildError(f"{bug.file.name} does not apply any more: {done.stderr}")
    found = importlib.util.find_spec("cmpcodec._engine.fast")
    if found is None or found.origin is None:
        raise _build.BuildError("the compiled engine is not installed")
    _install(Path(found.origin).parent, copy)


def _install(folder: Path, copy: Path) -> None:
    """Have the copy use the compiled modules of a folder."""
    for name in ("fast", "fast_pbm"):
        module = folder / (name + sysconfig.get_config_var("EXT_SUFFIX"))
        shutil.copyfile(module, copy / "src/cmpcodec/_engine" / module.name)
