"""Builds the compiled engine for those who look at it while it works: with sanitizers and counters that guide a fuzzer,
or with gcov's counters. Never into an installation: such modules are found by `instrumented.py` only.

Knows CMake, compilers and folders; the options are those of CMakeLists.txt.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SANITIZERS = "fuzzer-no-link,address,undefined"


class BuildError(Exception):
    """The engine cannot be built; the text says why."""


def clang() -> str:
    """The clang to build with: $CC if it is one, else that in PATH, else the newest of those with a number."""
    names = (os.environ.get("CC", ""), "clang", *(f"clang-{number}" for number in range(30, 12, -1)))
    for name in filter(None, names):
        found = shutil.which(name)
        if found and "clang" in subprocess.run([found, "--version"], capture_output=True, text=True).stdout:
            return found
    raise BuildError(
        "the instrumented engine takes clang, which is not there; on Debian: apt-get install clang libclang-rt-dev\n"
        "(`./dev fuzz --install-tools` does that, as root or by sudo)"
    )


def sanitized(source: Path = ROOT) -> Path:
    """Build the engine of `source` with sanitizers and counters, where that is not done yet; return the folder."""
    return _build(source, "instrumented", clang(), f"-DCMPCODEC_SANITIZE={SANITIZERS}")


def plain(source: Path) -> Path:
    """Build the engine of `source` as it is, but not for speed; return the folder."""
    return _build(source, "plain", clang(), "-DCMAKE_BUILD_TYPE=Debug")


def counted() -> Path:
    """Build the engine with gcov's counters; return the folder."""
    compiler = shutil.which(os.environ.get("CC") or "gcc")
    if compiler is None:
        raise BuildError("the engine with gcov's counters takes gcc")
    return _build(ROOT, "counted", compiler, "-DCMPCODEC_COVERAGE=ON")


def _build(source: Path, name: str, compiler: str, *options: str) -> Path:
    tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    cmake = shutil.which("cmake", path=tools)
    if cmake is None:
        raise BuildError("CMake is missing; `./dev fuzz` installs it")
    folder = source / "build" / f"{name}-{sys.implementation.cache_tag}"
    _run(
        [
            *(cmake, "-S", str(source), "-B", str(folder), "-G", "Ninja"),
            *(f"-DCMAKE_C_COMPILER={compiler}", f"-DPython_EXECUTABLE={sys.executable}", *options),
        ],
        tools,
    )
    _run([cmake, "--build", str(folder)], tools)
    return folder


def _run(command: list[str], path: str) -> None:
    done = subprocess.run(command, env=os.environ | {"PATH": path}, capture_output=True, text=True)
    if done.returncode:
        raise BuildError(f"`{' '.join(command)}` failed:\n{done.stdout}{done.stderr}")
