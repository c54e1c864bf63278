"""Hostile input costs time and memory in proportion to its size, and nothing but a DecodeError comes of it.

No clock decides here: quadratic work at these sizes would take minutes of CPU time, which the system then cuts off, or would show in the number
of calls. How the time grows from one size to twice that is measured by benchmarks.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cmpcodec
from cmpcodec import Limits
from tests.hostile import FAMILIES, WIDE, work

ROOT = Path(__file__).resolve().parent.parent
SIZE, SECONDS = {"cython": (800_000, 15), "python": (300_000, 25)}[cmpcodec.engine]

every_family = pytest.mark.parametrize("family", FAMILIES)
on_unix = pytest.mark.skipif(sys.platform == "win32", reason="needs limits of CPU time")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs fork() and kilobytes in ru_maxrss")


def program(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run tests.hostile with this engine."""
    environment = os.environ | {"CMPCODEC_ENGINE": cmpcodec.engine}
    command = [sys.executable, "-m", "tests.hostile", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)


def test_there_are_enough_families() -> None:
    assert len(FAMILIES) >= 24


@on_unix
def test_time() -> None:
    done = program("time", SIZE, SECONDS)
    assert done.returncode == 0, f"more than {SECONDS} s of CPU time, or worse: {done.stdout}{done.stderr}"
    assert done.stdout.splitlines() == [*FAMILIES, "done"]


@every_family
def test_number_of_calls(family: str) -> None:
    """Twice the size means at most 2.5 times the calls, in Python and from it into C; the compiled engine has few."""
    key, make = FAMILIES[family]

    def calls(size: int) -> int:
        data = make(size)
        work(key, data, WIDE)
        return count(lambda: work(key, data, WIDE))

    assert calls(40_000) <= 2.5 * calls(20_000) + 100


def count(call: Callable[[], Any]) -> int:
    calls = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(before)
    return calls


@every_family
@pytest.mark.parametrize("size", [0, 1, 2, 3, 10, 100, 1000, 10_000])
def test_nothing_but_decode_errors(family: str, size: int) -> None:
    key, make = FAMILIES[family]
    data = make(size)
    for limits in (
        Limits(),
        WIDE,
        Limits(max_depth=3),
        Limits(max_nodes=50),
        Limits(max_repeat=1),
        Limits(max_size=size),
    ):
        for cut in {len(data), len(data) - 1, len(data) // 2, 2, 1}:
            work(key, data[: max(cut, 0)], limits)


@on_linux
def test_memory(tmp_path: Path) -> None:
    """Decoding takes at most 20 times the size of the input and 2 MiB."""
    expected = {}
    for number, (key, make) in enumerate(FAMILIES.values()):
        for size in (20_000, 260_000):
            file = tmp_path / f"{key},default,{number}-{size}"
            file.write_bytes(make(size))
            expected[file] = len(make(size))
    densest = name_of_many_attributes()
    file = tmp_path / "pkix.Name,default,densest"
    file.write_bytes(densest)
    expected[file] = len(densest)
    if cmpcodec.engine == "cython":  # the reference engine keeps its promise within the default limits only
        key, make = FAMILIES["many small values"]
        file = tmp_path / f"{key},wide,-"
        file.write_bytes(make(4_000_000))
        expected[file] = 4_000_000
    done = program("memory", *expected)
    assert done.returncode == 0, done.stdout + done.stderr
    grown = [int(line.split()[0]) for line in done.stdout.splitlines()]
    assert len(grown) == len(expected)
    for (file, size), growth in zip(expected.items(), grown, strict=True):
        assert growth <= 20 * size + 2 * 1024 * 1024, f"{file.name}: {growth} octets for {size}"
    assert max(grown) > 100_000, "nothing was measured"


def name_of_many_attributes() -> bytes:
    """As many elements as a record may have, in as few octets as the schema lets them have."""
    from tests.mutations import tlv

    attributes = [tlv(0x30, tlv(6, bytes((n,))), tlv(5)) for n in range(16)]
    return tlv(0x30, tlv(0x31, *attributes) * 64)
