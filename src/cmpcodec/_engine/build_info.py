"""What the build left behind about the compiled engine, and what a new build on this machine would lack.

Knows the module `_built` that every build writes into the installation (pyproject.toml, CMakeLists.txt).
Must not import an engine, nor choose one. Only `doctor` needs it.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import sysconfig
from typing import NamedTuple

HOW_TO_COMPILE = "CMPCODEC_REQUIRE_CYTHON=1 pip install --force-reinstall --no-deps ."
"""The command that, in the folder of the source, installs the compiled engine or shows why it cannot."""


class BuildInfo(NamedTuple):
    """How this installation was built."""

    engine: str
    """The best engine that was built, "cython" or "python"; "" if the package was never built."""
    reason: str
    """Why it is that one, in a clause such as "the build of the compiled engine failed"."""
    tools: str
    """Compiler, Cython and CMake with their versions; "" for a pure-Python build."""


def build_info() -> BuildInfo:
    """Return what the build of this installation wrote down."""
    try:
        built = importlib.import_module("cmpcodec._engine._built")
    except ModuleNotFoundError:
        return BuildInfo("", "the package runs from its source folder and was never built", "")
    return BuildInfo(built.ENGINE, built.REASON, built.TOOLS)


def missing_tools() -> list[str]:
    """Return what a build of the compiled engine would lack on this machine; empty if it has all of it.

    CMake, Ninja and Cython are not looked for: the installer fetches them.
    """
    missing = []
    if sys.platform != "win32":  # there, CMake finds the compiler in the registry
        compilers = [os.environ["CC"]] if os.environ.get("CC") else ["cc", "gcc", "clang"]
        if not any(map(shutil.which, compilers)):
            missing.append("a C compiler (Debian: gcc and libc6-dev)")
    header = os.path.join(sysconfig.get_path("include"), "Python.h")
    if not os.path.exists(header):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        missing.append(f"Python's header files, {header} (Debian: python{version}-dev)")
    return missing
