"""Runs the command line: in this process, which is quick, or as a program, which is what users do."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from cmpcodec.cli import main

ROOT = Path(__file__).resolve().parents[2]


class Result(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line in this process; `stdin` is bytes."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str, stdin: bytes = b"", encoding: str = "utf-8") -> Result:
        out, err = io.BytesIO(), io.BytesIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            patch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding, newline="\n"))
            patch.setattr(sys, "stderr", io.TextIOWrapper(err, encoding, newline="\n"))
            code = main(arguments, prog="cmpcodec")
            sys.stdout.flush()
            sys.stderr.flush()
            return Result(code, out.getvalue().decode(encoding), err.getvalue().decode(encoding))

    return call


@pytest.fixture
def program() -> Run:
    """The command line as `python -m cmpcodec`, with more environment variables as keywords."""

    def call(*arguments: str, stdin: bytes = b"", **variables: str) -> Result:
        environment = {name: value for name, value in os.environ.items() if not name.endswith("_COLOR")}
        done = subprocess.run(
            [sys.executable, "-m", "cmpcodec", *arguments],
            input=stdin,
            capture_output=True,
            env=environment | {"PYTHONUTF8": "1"} | variables,
            check=False,
        )
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    return call
