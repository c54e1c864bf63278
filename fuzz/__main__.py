"""All fuzz targets by one command, `./dev fuzz` or `python -m fuzz`; `--help` tells what it does.

Builds the instrumented engine for the targets that take it, starts each target as a program of its own, and fails where
one of them does. Knows the targets by name only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fuzz import _build, _corpus, _planted
from fuzz._harness import CRASHES, FUZZ, LASTING, NATIVE, ROOT

TARGETS = sorted(file.stem for file in FUZZ.glob("[!_]*.py") if file.stem != "instrumented")
SHORT = {
    "cli": 12_000,
    "client": 10_000,
    "decode": 150_000,
    "engines": 40_000,
    "http": 20_000,
    "oracle": 120_000,
    "protection": 200_000,
    "server": 12_000,
    "structured": 12_000,
}
"""Executions of a short campaign, seeds included: some ten seconds each."""


def environment(target: str, folder: Path | None) -> dict[str, str]:
    """The environment for a target; `folder` has the instrumented engine."""
    chosen = {"CMPCODEC_ENGINE": "cython"}
    if folder is not None and target in NATIVE:
        chosen["CMPCODEC_INSTRUMENTED"] = str(folder)
    return os.environ | chosen


def command(target: str, *arguments: str) -> list[str]:
    """What starts a target."""
    return [sys.executable, "-m", f"fuzz.{target}", *arguments]


def campaign(targets: list[str], seconds: str, options: list[str]) -> int:
    """One target after the other, for so many seconds each."""
    folder = None if "CMPCODEC_INSTRUMENTED" in os.environ else _build.sanitized()
    for target in targets:
        done = subprocess.run(
            command(target, f"-max_total_time={seconds}", *options), cwd=ROOT, env=environment(target, folder)
        )
        if done.returncode:
            return done.returncode
    return 0


def short(targets: list[str]) -> int:
    """Every target for a fixed number of executions, from the seeds only; as many at a time as there are processors."""
    folder = _build.sanitized()
    logs = LASTING / "short"
    logs.mkdir(parents=True, exist_ok=True)

    def one(target: str) -> int:
        log = logs / f"{target}.log"
        with log.open("w") as file, tempfile.TemporaryDirectory() as corpus:
            arguments = (f"-runs={SHORT[target]}", "-seed=1", corpus)
            done = subprocess.run(
                command(target, *arguments), cwd=ROOT, env=environment(target, folder), stdout=file, stderr=file
            )
        lines = log.read_text(errors="replace").splitlines()
        said = [line for line in lines if line.startswith(f"{target}: ")]
        print("\n".join(lines[-40:] if done.returncode else said), flush=True)
        return done.returncode

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        codes = list(pool.map(one, targets))
    failed = [target for target, code in zip(targets, codes, strict=True) if code]
    print(f"fuzz: {len(targets)} targets, {', '.join(failed) or 'none'} failed; inputs of failures are in {CRASHES}")
    return 1 if failed else 0


def main(arguments: list[str]) -> int:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser("fuzz", allow_abbrev=False, description=__doc__)
    verbs = parser.add_mutually_exclusive_group()
    verbs.add_argument(
        "--short", action="store_true", help="every target (or those named) for a fixed number of executions"
    )
    verbs.add_argument(
        "--planted", action="store_true", help="each bug of fuzz/planted (or those named) has to be found"
    )
    verbs.add_argument("--keep", action="store_true", help="TARGET FILE...: keep inputs as regression tests")
    verbs.add_argument("--replay", action="store_true", help="seeds and findings of TARGET... again, without atheris")
    verbs.add_argument("--minimise", action="store_true", help="TARGET...: what campaigns found becomes fuzz/corpus")
    verbs.add_argument("--dictionary", action="store_true", help="write fuzz/cmp.dict anew, from the schema")
    parser.add_argument("words", nargs="*", help="[TARGET...] [SECONDS]: fuzz them, or all of them, 60 seconds each")
    known, options = parser.parse_known_args(arguments)
    words: list[str] = known.words
    try:
        if known.planted:
            return _planted.run(words)
        if known.keep:
            return _corpus.keep(words[0], words[1:])
        if known.dictionary:
            return _corpus.write_dictionary()
        seconds = words.pop() if words and words[-1].isdigit() else "60"
        if unknown := sorted(set(words) - set(TARGETS)):
            raise _build.BuildError(f"no fuzz target is called {', '.join(unknown)}; there are: {', '.join(TARGETS)}")
        targets = words or TARGETS
        if known.replay:
            return _corpus.replay(targets)
        if known.minimise:
            return _corpus.minimise(targets)
        return short(targets) if known.short else campaign(targets, seconds, options)
    except _build.BuildError as error:
        print(f"fuzz: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
