"""The ways to install the package, each in a fresh virtual environment under a path with spaces.

Knows pip, wheels and sdists; of CMP, only that the shipped example decodes alike everywhere. Runs when
it is named (`./dev test --installs`), with the dependency group "build" in the environment that runs it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = "examples/ir-pbm.der"
NO_COMPILER = {"CC": "/bin/false"}
PURE = {"CMPCODEC_PURE": "1"}
REQUIRE = {"CMPCODEC_REQUIRE_CYTHON": "1"}


@dataclass(frozen=True)
class Ran:
    """What a program printed, and its exit code."""

    code: int
    output: str


def run(*command: object, cwd: Path, path: str | None = None, **variables: str) -> Ran:
    """Run a program without the settings of the process that runs the tests."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("CMPCODEC_", "PYTHON", "VIRTUAL_ENV", "CC"))}
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env["PATH"]]) if path is None else path
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return Ran(done.returncode, done.stdout)


def succeed(*command: object, cwd: Path, path: str | None = None, **variables: str) -> str:
    ran = run(*command, cwd=cwd, path=path, **variables)
    assert ran.code == 0, ran.output
    return ran.output


@dataclass(frozen=True)
class Installation:
    """A fresh virtual environment into which something of ours was installed."""

    python: Path
    folder: Path

    def engine(self) -> str:
        """Return the engine that runs, imported from a folder where only the installation can be found."""
        code = "import cmpcodec, importlib.metadata as m; print(cmpcodec.engine)\n"
        code += "assert cmpcodec.__version__ == m.version('cmpcodec'), cmpcodec.__version__"
        return succeed(self.python, "-W", "error", "-c", code, cwd=self.folder).strip()

    def doctor(self) -> str:
        return succeed(self.python, "-m", "cmpcodec", "doctor", cwd=self.folder)

    def decode(self) -> str:
        secret = ("--secret", "pass:mySecret")
        return succeed(self.python, "-m", "cmpcodec", "decode", *secret, ROOT / EXAMPLE, cwd=self.folder)


def new_environment(folder: Path) -> Path:
    """Make an environment with no pip in it, which works where Debian has left ensurepip out."""
    succeed(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install(what: Path, folder: Path) -> Installation:
    """Install a wheel and its dependencies in a fresh environment."""
    python = new_environment(folder / "an environment")
    succeed(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", what, cwd=folder)
    return Installation(python, folder)


def build_wheel(source: Path, folder: Path, path: str | None = None, **variables: str) -> Path:
    """Build a wheel with the tools of this environment: quick, and what `pip install` does in isolation."""
    command = ("-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps", "--wheel-dir", folder)
    succeed(sys.executable, *command, source, cwd=folder, path=path, **variables)
    return only(folder, "*.whl")


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return an empty folder whose path has spaces."""
    folder = tmp_path / "a path with spaces"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the repository as a clone has it, so that no build sees another's leftovers."""
    folder = tmp_path_factory.mktemp("source") / "a copy"
    ignored = shutil.ignore_patterns(".git", ".venv", "build", "dist", ".*_cache", "__pycache__", "*.so", "*.pyd")
    shutil.copytree(ROOT, folder, ignore=ignored)
    return folder


@pytest.fixture(scope="session")
def compiled(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel with the compiled engine."""
    return build_wheel(source, tmp_path_factory.mktemp("compiled wheel"), **REQUIRE)


@pytest.fixture(scope="session")
def decoded(compiled: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what `decode` prints with the compiled engine."""
    return install(compiled, tmp_path_factory.mktemp("reference installation")).decode()


@pytest.mark.parametrize(
    ("variables", "engine", "reason"),
    [
        pytest.param({}, "cython", "Cython 3", id="plain"),
        pytest.param(NO_COMPILER, "python", "the build of the compiled engine failed", id="no-compiler"),
        pytest.param(PURE, "python", "CMPCODEC_PURE was set", id="pure"),
    ],
)
def test_pip_install_of_the_source(
    source: Path, place: Path, decoded: str, variables: dict[str, str], engine: str, reason: str
) -> None:
    """`pip install .` as a user types it: with build isolation, in an environment with nothing but pip."""
    if variables == NO_COMPILER and os.name == "nt":
        pytest.skip("CMake finds Visual Studio whatever CC says")
    python = new_environment(place / "an environment")
    succeed(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "pip", cwd=place)
    path = os.pathsep.join([str(python.parent), os.environ["PATH"]])
    succeed(python, "-m", "pip", "install", "--quiet", ".", cwd=source, path=path, **variables)
    installation = Installation(python, place)
    assert installation.engine() == engine
    assert engine in installation.doctor()
    assert reason in installation.doctor()
    assert installation.decode() == decoded


def test_without_cmake_there_is_still_a_wheel(source: Path, place: Path, decoded: str) -> None:
    wheel = build_wheel(source, place, path=str(place))
    assert wheel.name.endswith("-py3-none-any.whl")
    installation = install(wheel, place)
    assert installation.engine() == "python"
    assert "CMake was not found" in installation.doctor()
    assert installation.decode() == decoded


@pytest.mark.parametrize("variables", [REQUIRE, REQUIRE | PURE], ids=["required", "required-and-unwanted"])
def test_a_required_engine_that_cannot_be_built_is_an_error(
    source: Path, place: Path, variables: dict[str, str]
) -> None:
    if os.name == "nt":
        pytest.skip("CMake finds Visual Studio whatever CC says")
    command = (
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-build-isolation",
        "--no-deps",
        "--wheel-dir",
        place,
    )
    ran = run(*command, source, cwd=place, **NO_COMPILER, **variables)
    assert ran.code != 0
    assert "/bin/false" in ran.output, "the compiler's own trouble is shown"
    assert "CMPCODEC_REQUIRE_CYTHON is set" in ran.output
    assert not list(place.glob("*.whl"))


def test_an_engine_that_is_asked_for_and_missing_is_an_error(source: Path, place: Path) -> None:
    installation = install(build_wheel(source, place, **PURE), place)
    ran = run(installation.python, "-c", "import cmpcodec", cwd=place, CMPCODEC_ENGINE="cython")
    assert ran.code != 0
    assert "ImportError" in ran.output


def test_the_engine_can_be_chosen(compiled: Path, place: Path) -> None:
    installation = install(compiled, place)
    code = "import cmpcodec; print(cmpcodec.engine)"
    for engine in ("cython", "python"):
        output = succeed(installation.python, "-c", code, cwd=place, CMPCODEC_ENGINE=engine)
        assert output.strip() == engine


def test_sdist_to_wheel_to_installation(source: Path, place: Path, decoded: str) -> None:
    succeed(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", place, source, cwd=place)
    sdist = only(place, "*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        archive.extractall(place / "unpacked", filter="data")
    needed = {"CMakeLists.txt", "README.md", "CHANGELOG.md", "dev", EXAMPLE, "tests/conftest.py"}
    assert needed <= names
    assert {f"src/cmpcodec/_engine/{name}" for name in ("fast.pyx", "fast_pbm.pyx")} <= names
    assert not [name for name in names if name.endswith((".so", ".pyd", ".c", ".pyc")) and name.startswith("src")]

    wheel = build_wheel(only(place / "unpacked", "*"), place, **REQUIRE)
    installation = install(wheel, place)
    assert installation.engine() == "cython"
    assert installation.decode() == decoded


def test_the_wheel_holds_our_files_and_links_to_nothing(compiled: Path, place: Path) -> None:
    with zipfile.ZipFile(compiled) as wheel:
        names = wheel.namelist()
        wheel.extractall(place)
    assert all(name.startswith(("cmpcodec/", "cmpcodec-")) for name in names)
    assert not [name for name in names if "crypto" in name.rpartition("/")[2].lower()]
    assert not [name for name in names if name.endswith((".pyx", ".pxi", ".pxd", ".c", ".h"))]
    modules = [place / name for name in names if name.endswith((".so", ".pyd"))]
    assert sorted(module.name.partition(".")[0] for module in modules) == ["fast", "fast_pbm"]
    if sys.platform == "linux" and shutil.which("readelf"):
        for module in modules:
            dynamic = succeed("readelf", "--dynamic", "--wide", module, cwd=place, LC_ALL="C")
            libraries = {line.split("[")[1].rstrip("]") for line in dynamic.splitlines() if "(NEEDED)" in line}
            assert libraries <= {"libc.so.6", "libpthread.so.0", "libdl.so.2"}, module.name
