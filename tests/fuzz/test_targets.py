"""The fuzz targets without a fuzzer: their seeds are accepted, what was found once is found no more, the planted bugs
still apply, and a run that would fuzz something else than the compiled engine fails at once.

What campaigns reach is measured by `./dev fuzz`; these tests need neither atheris nor clang.
"""

from __future__ import annotations

import _ctypes
import ctypes.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.instrumented import LINKS, preloading

ROOT = Path(__file__).resolve().parents[2]
FUZZ = ROOT / "fuzz"
TARGETS = sorted(file.stem for file in FUZZ.glob("[!_]*.py") if file.stem != "instrumented")
PATCHES = sorted(FUZZ.glob("planted/*.patch"))


def python(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    env = os.environ | {"PYTHONPATH": paths} | variables
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=env, capture_output=True, text=True)


def test_every_target_is_here() -> None:
    assert TARGETS == ["cli", "client", "decode", "engines", "http", "oracle", "protection", "server", "structured"]


@pytest.mark.parametrize("target", TARGETS)
def test_seeds_and_findings(target: str) -> None:
    """Each seed is accepted, and whatever broke the invariant once breaks it no more."""
    if target == "oracle" and ctypes.util.find_library("crypto") is None:
        pytest.skip("no libcrypto is installed that could judge")
    done = python("-m", "fuzz", "--replay", target)
    assert done.returncode == 0, done.stderr[-2000:]
    seeds, again = map(int, re.findall(r"(\d+) (?:seeds|inputs)", done.stdout))
    assert seeds >= 9
    assert again >= len(list(FUZZ.glob(f"findings/{target}/*")))


@pytest.mark.parametrize("target", TARGETS)
def test_the_python_engine_is_not_fuzzed(target: str) -> None:
    """Trap: a campaign that runs the fallback passes, and has tested nothing."""
    done = python("-m", f"fuzz.{target}", "-runs=1000", CMPCODEC_ENGINE="python")
    assert done.returncode == 2
    assert "CMPCODEC_ENGINE=cython" in done.stderr


@pytest.mark.parametrize("target", ["decode", "structured"])
def test_no_native_target_without_the_instrumented_engine(target: str) -> None:
    done = python("-m", f"fuzz.{target}", "-runs=1000", CMPCODEC_ENGINE="cython", CMPCODEC_INSTRUMENTED="")
    assert done.returncode == 2
    assert "needs the instrumented engine" in done.stderr


def test_an_instrumented_engine_that_is_not_there(tmp_path: Path) -> None:
    code = f"""
import os, fuzz.instrumented
fuzz.instrumented.is_preloaded = lambda: True
os.environ["CMPCODEC_INSTRUMENTED"] = {str(tmp_path)!r}
fuzz.instrumented.install()
import cmpcodec
"""
    done = python("-c", code, CMPCODEC_ENGINE="cython", CMPCODEC_INSTRUMENTED="")
    assert done.returncode == 1
    assert "there is no fast" in done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="LD_PRELOAD is Linux's")
def test_the_runtime_is_found_under_any_name(tmp_path: Path) -> None:
    """LD_PRELOAD ends a name at a space and at a colon; folders have both."""
    library = tmp_path / "a folder: with both" / "some.so"
    library.parent.mkdir()
    shutil.copy(_ctypes.__file__, library)
    variables = preloading([str(library)])
    done = python("-c", "print(open('/proc/self/maps').read())", **variables)
    shutil.rmtree(variables[LINKS])
    assert library.name in done.stdout
    assert str(library) in done.stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="LD_PRELOAD is Linux's")
def test_a_runtime_that_does_not_load_is_said_once(tmp_path: Path) -> None:
    """A process is started anew once, not for ever."""
    code = f"""
import os, fuzz.instrumented
fuzz.instrumented.libraries = lambda: [{str(tmp_path / "nothing.so")!r}]
os.environ["CMPCODEC_INSTRUMENTED"] = {str(tmp_path)!r}
fuzz.instrumented.install()
"""
    done = python("-c", code, CMPCODEC_ENGINE="cython", CMPCODEC_INSTRUMENTED="")
    assert done.returncode == 1
    assert "the runtime of the sanitizers was not loaded" in done.stderr
    assert "nothing.so" in done.stderr


def judged(lines: list[str], tally: tuple[int, int, int]) -> list[str]:
    """What the harness says of a campaign that printed these lines and counted so."""
    from fuzz import _harness
    from fuzz._guide import Blind

    target = _harness.Target("t", lambda guide: lambda data: guide is Blind, _harness.Floors(10, 400, 3))
    said = _harness._Said(set())
    for line in lines:
        said.read(line)
    return _harness.shortfalls(target, ["-runs=1000"], tally, said)


ALIVE = [
    "INFO: found LLVMFuzzerCustomMutator (0x1). Disabling -len_control by default.",
    *(f"INFO: Instrumenting cmpcodec.{name}" for name in ("cmp", "crmf", "pkix")),
    "#1000\tDONE   cov: 500 ft: 900 corp: 1/1b",
]


def test_a_campaign_that_lives() -> None:
    assert judged(ALIVE, (1000, 400, 900)) == []


@pytest.mark.parametrize(
    ("lines", "tally", "words"),
    [
        (ALIVE, (999, 400, 900), "fewer than 1000 executions"),
        (ALIVE, (1000, 300, 900), "seeds"),
        (ALIVE[1:], (1000, 400, 900), "mutator"),
        (ALIVE, (1000, 400, 0), "mutator"),
        (ALIVE[:3] + ALIVE[4:], (1000, 400, 900), "modules"),
        (ALIVE[:-1], (1000, 400, 900), "edges"),
    ],
)
def test_a_dead_harness_fails(lines: list[str], tally: tuple[int, int, int], words: str) -> None:
    """Trap: a harness that reaches nothing finds nothing."""
    (found,) = judged(lines, tally)
    assert words in found


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_planted_bugs_apply(patch: Path) -> None:
    text = patch.read_text(encoding="utf-8")
    said = dict(re.findall(r"^(Target|Expect): (.+)$", text, re.MULTILINE))
    assert said["Target"] in TARGETS
    re.compile(said["Expect"])
    done = subprocess.run(["git", "apply", "--check", str(patch)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_target_has_a_planted_bug() -> None:
    assert len(PATCHES) >= 14
    assert {re.search(r"^Target: (.+)$", one.read_text(), re.MULTILINE)[1] for one in PATCHES} == set(TARGETS)  # type: ignore[index]  # all have one
