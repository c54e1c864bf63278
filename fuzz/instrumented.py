"""The compiled engine with sanitizers and coverage counters, taken from the folder where `./dev` built it.

Such modules need their runtime loaded before anything else, so they are kept out of every installation. Here is what
finds them (also for pytest: `-p fuzz.instrumented`) and what a process that uses them needs in its environment. Knows
file names, LD_PRELOAD and the options of the sanitizers; imports nothing of cmpcodec.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

FOLDER = "CMPCODEC_INSTRUMENTED"
"""The variable that names the folder."""
LINKS = "CMPCODEC_PRELOADED"
"""In a process that was started for the runtime: the folder through which it was found, or nothing."""
MODULES = ("cmpcodec._engine.fast", "cmpcodec._engine.fast_pbm")
OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=0:quarantine_size_mb=8:malloc_context_size=0:allocator_may_return_null=1:"
    "handle_sigfpe=1:symbolize=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "PYTHONMALLOC": "malloc",  # else Python's pools hide where one object ends
    "CMPCODEC_ENGINE": "cython",
}


class _Finder(MetaPathFinder):
    """Finds the two modules in the folder, before any installation is asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in MODULES:
            return None
        file = self._folder / (name.rpartition(".")[2] + sysconfig.get_config_var("EXT_SUFFIX"))
        if not file.exists():
            raise ImportError(f"{FOLDER}: there is no {file.name} in {self._folder}")
        return importlib.util.spec_from_file_location(name, file)


def folder() -> Path | None:
    """The folder that the environment names."""
    named = os.environ.get(FOLDER)
    return Path(named) if named else None


def libraries() -> list[str]:
    """What has to be preloaded: the runtimes of ASan, UBSan and libFuzzer in one, and where libFuzzer finds mutators.

    libFuzzer looks for a mutator while it is loaded; it takes atheris' only if that is loaded as well.
    """
    found = importlib.util.find_spec("atheris")
    if found is None or found.origin is None:
        raise ImportError("the package atheris is missing")
    package = Path(found.origin).parent
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    names = (package.parent / "asan_with_fuzzer.so", package / f"custom_mutator{suffix}")
    for name in names:
        if not name.exists():
            raise ImportError(f"this atheris has no {name}")
    return [str(name) for name in names]


def environment() -> dict[str, str]:
    """The environment for a process with the instrumented engine; options that are set already come last and win."""
    env = dict(os.environ)
    for name, value in OPTIONS.items():
        given = env.get(name) if name.endswith("_OPTIONS") else None
        env[name] = f"{value}:{given}" if given else value
    return env | preloading(libraries())


def preloading(names: Sequence[str]) -> dict[str, str]:
    """The variables that preload the libraries: through links where a name has what LD_PRELOAD takes for its end."""
    folder = ""
    if any(mark in name for name in names for mark in " :"):
        folder = tempfile.mkdtemp(prefix="cmpcodec-preload-")
        links = [str(Path(folder) / Path(name).name) for name in names]
        for name, link in zip(names, links, strict=True):
            os.symlink(name, link)
        names = links
    return {"LD_PRELOAD": " ".join(names), LINKS: folder}


def is_preloaded() -> bool:
    """Whether this process has the runtime."""
    return hasattr(ctypes.CDLL(None), "__asan_init")


def install() -> None:
    """Have the instrumented modules imported from now on; starts the process anew if the runtime is not there yet."""
    where = folder()
    if where is None:
        return
    if "cmpcodec._engine" in sys.modules:
        raise ImportError("cmpcodec is imported already, with an engine that is not instrumented")
    links = os.environ.pop(LINKS, None)
    preload = os.environ.pop("LD_PRELOAD", "")  # not for children: symbolizers, openssl, other Pythons
    if links:
        shutil.rmtree(links, ignore_errors=True)
    if not is_preloaded():
        if links is not None:
            raise ImportError(f"the runtime of the sanitizers was not loaded, though LD_PRELOAD was {preload!r}")
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment())
    sys.meta_path.insert(0, _Finder(where))


def import_plainly(source: Path) -> None:
    """Have Python's own finder import the package from `source`, where it is installed in development mode.

    What atheris instruments it has to load itself; of the loader of such an installation it gets nothing.
    """
    for finder in sys.meta_path[:]:
        if type(finder).__module__.startswith("_editable") and hasattr(finder, "find_spec"):
            found = finder.find_spec(MODULES[0], None)
            if found is not None and found.origin is not None:
                sys.meta_path.remove(finder)
                sys.meta_path.append(_Finder(Path(found.origin).parent))
                sys.path.insert(0, str(source))


def check(fast: ModuleType) -> None:
    """Make sure that the engine `fast` is the instrumented one."""
    where = folder()
    assert where is not None
    assert fast.__file__ is not None
    assert Path(fast.__file__).parent.samefile(where), f"the engine is {fast.__file__}, not the instrumented one"


if __name__ != "__main__":
    install()
