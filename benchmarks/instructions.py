"""Counts machine instructions per operation with valgrind: a figure that a busy machine does not change.

    python -m benchmarks.instructions [NAME ...]

Runs each contestant in a process of its own under valgrind, with two numbers of repetitions; the difference
is what one operation costs. Linux only, and slow: some seconds for each figure.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial

from benchmarks import suite
from benchmarks.messages import MAIN
from benchmarks.peers import Loop, Peer, chosen, load
from benchmarks.report import BUILD, CONSTRUCT, DECODE, READ

_REPEATS = {
    "pyasn1": (2, 12),
    "fasder": (2, 12),
    "asn1crypto": (5, 25),
    "python": (5, 25),
    "asn1tools": (5, 25),
}


_MAKERS: dict[str, Callable[[Peer], Loop]] = {
    DECODE: partial(suite.decode_loop, data=MAIN.data),
    READ: partial(suite.read_loop, data=MAIN.data),
    BUILD: suite.build_loop,
    CONSTRUCT: suite.construct_loop,
}


def _able(peers: dict[str, Peer], section: str) -> dict[str, Peer]:
    made = suite.loops(_MAKERS[section], peers)
    return {name: peer for name, peer in peers.items() if name in made}


def count(name: str, section: str) -> int:
    """Instructions of one operation, by difference."""
    few, many = _REPEATS.get(name, (100, 600))
    return (_refs(name, section, many) - _refs(name, section, few)) // (many - few)


def _refs(name: str, section: str, repeats: int) -> int:
    command = [
        "valgrind",
        "--tool=cachegrind",
        "--cache-sim=no",
        "--cachegrind-out-file=/dev/null",
        sys.executable,
    ]
    command += ["-m", "benchmarks.instructions", "--run", name, section, str(repeats)]
    environment = dict(os.environ, PYTHONHASHSEED="0")
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    if found is None:
        raise RuntimeError("valgrind gave no count: " + done.stderr[-300:])
    return int(found[1].replace(",", ""))


def main() -> int:
    """Print a table; with --run, be the process that valgrind watches."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="contestants; by default all but the slowest")
    parser.add_argument("--run", nargs=3, metavar=("NAME", "SECTION", "REPEATS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        name, section, repeats = options.run
        _MAKERS[section](load(name))(int(repeats))
        return 0
    if shutil.which("valgrind") is None:
        print("valgrind is not installed")
        return 1
    peers, _ = suite.contestants(options.names or [name for name in chosen() if name not in ("pyasn1", "fasder")])
    for section in (DECODE, READ, BUILD, CONSTRUCT):
        print(f"{section}, {MAIN.title}: thousand instructions")
        for name, peer in _able(peers, section).items():
            print(f"  {peer.title:34}{count(name, section) / 1000:12,.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
