"""`doctor`: tells which engine runs and why, helps to get the other, and notices when something is broken."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import pytest

import cmpcodec
from cmpcodec import _engine
from cmpcodec._engine import build_info
from cmpcodec.cli import doctor
from tests.cli.conftest import Run


def rows(out: str) -> dict[str, str]:
    return dict(line.split(maxsplit=1) for line in out.partition("\n\n")[0].splitlines())


def test_all_is_well(run: Run) -> None:
    result = run("doctor")
    assert (result.code, result.err) == (0, "")
    found = rows(result.out)
    assert list(found) == ["cmpcodec", "engine", "build", "PBM", "Python", "hashlib", "cryptography"]
    assert found["cmpcodec"].startswith(f"{cmpcodec.__version__} ")
    assert found["engine"] == f"{cmpcodec.engine}, {_engine.why}"
    assert found["Python"].startswith(sys.version.split()[0])
    assert "\n\nall is well\n" in result.out
    assert run("doctor", "--nix").code == 2


def test_the_engine_that_was_asked_for(program: Run) -> None:
    result = program("doctor", CMPCODEC_ENGINE="python")
    assert result.code == 0
    assert rows(result.out)["engine"] == "python, CMPCODEC_ENGINE=python asks for it"
    assert rows(result.out)["PBM"] == "hashlib, the plain Python engine runs"
    assert result.out.endswith("The Python engine is as asked for; without CMPCODEC_ENGINE the best one runs.\n")


def test_how_to_get_the_compiled_engine(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_engine, "engine", "python")
    monkeypatch.setattr(_engine, "wanted", "")
    monkeypatch.setattr(doctor, "missing_tools", lambda: ["a C compiler"])
    result = run("doctor")
    assert result.code == 0
    assert result.out.endswith(
        "The Python engine gives the same answers as the compiled one, more slowly. To get that:\n"
        f"  install a C compiler\n  in the source folder: {build_info.HOW_TO_COMPILE}\n"
    )


@pytest.mark.parametrize(
    ("info", "shown"),
    [
        (build_info.BuildInfo("", "never built", ""), "never built"),
        (build_info.BuildInfo("python", "CMake was not found", ""), "python: CMake was not found"),
        (build_info.BuildInfo("cython", "", "GNU 12, Cython 3.1"), "cython: GNU 12, Cython 3.1"),
    ],
)
def test_build(run: Run, monkeypatch: pytest.MonkeyPatch, info: build_info.BuildInfo, shown: str) -> None:
    monkeypatch.setattr(doctor, "build_info", lambda: info)
    assert rows(run("doctor").out)["build"] == shown


def test_an_engine_that_is_broken(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_engine, "pbm_key", lambda *arguments: b"")
    monkeypatch.setattr(doctor, "_pbm", lambda: "a test's")
    monkeypatch.setattr(doctor, "_MESSAGE", b"\x30\x00")
    result = run("doctor")
    assert result.code == 1
    assert "the engine refuses a good message: header: " in result.out
    assert "the engine derives a wrong key" in result.out
    assert "all is well" not in result.out


def test_cryptography_that_is_missing_or_old(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cryptography.__version__", "41.0.7")
    result = run("doctor")
    assert result.code == 1
    assert "cryptography 41.0.7 is too old: pip install 'cryptography>=42'" in result.out

    real = builtins.__import__

    def refuse(name: str, *arguments: Any, **more: Any) -> Any:
        if name.startswith("cryptography"):
            raise ImportError("not here")
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    result = run("doctor")
    assert result.code == 1
    assert "cryptography cannot be imported (not here)" in result.out
