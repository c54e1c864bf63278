"""What the fuzz targets share: seeds, a mutator that edits the tree of TLVs, and a parent that doubts every campaign.

libFuzzer leaves its process without a word to Python. So a target runs in a child; the parent repeats what the child
prints, and afterwards demands numbers: executions, accepted inputs, mutations, instrumented modules, coverage. A
campaign that fuzzed nothing fails. Knows atheris and processes, nothing of CMP.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple

from fuzz import instrumented
from fuzz._guide import Atheris, Blind, Guide
from fuzz._mutator import elements, mutant

ROOT = Path(__file__).resolve().parents[1]
FUZZ = ROOT / "fuzz"
VECTORS = sorted(ROOT.joinpath("tests/vectors").glob("*.der"))
LASTING = ROOT / "build/fuzz"
"""Where the inputs that campaigns found stay, by target."""
CRASHES = LASTING / "crashes"
"""Where inputs are written that broke an invariant."""
NATIVE = ("decode", "structured")
"""Targets of the instrumented engine; the others, whose own work is in Python, run with the one that is installed."""
DICTIONARY = FUZZ / "cmp.dict"
LONGEST_INPUT = 20_000
SECONDS = 60
_TALLY = "CMPCODEC_FUZZ_TALLY"  # set in the child: the file in which it counts
_CELLS = ("executions", "accepted", "mutations")

Check = Callable[[bytes], bool]
"""A target's function: looks at one input, tells whether it was accepted, raises if the invariant is broken."""


class Floors(NamedTuple):
    """What a campaign has to reach; else it is taken for a broken harness."""

    per_second: int
    """Executions per second, far below what any machine does."""
    coverage: int
    """Edges and places that libFuzzer saw reached."""
    modules: int = 0
    """Instrumented Python modules of cmpcodec."""


def vectors() -> dict[str, bytes]:
    """The messages of tests/vectors."""
    assert len(VECTORS) > 300, "the vectors are not where they should be"
    return {file.name: file.read_bytes() for file in VECTORS}


def kept(target: str) -> dict[str, bytes]:
    """The seeds that campaigns have found."""
    return {file.name: file.read_bytes() for file in sorted(FUZZ.glob(f"corpus/{target}/*"))}


def findings(target: str) -> dict[str, bytes]:
    """Inputs that a bug was found with, kept as tests. What they are worth now need not be "accepted"."""
    return {file.name: file.read_bytes() for file in sorted(FUZZ.glob(f"findings/{target}/*"))}


@dataclass(frozen=True)
class Target:
    """A fuzz target."""

    name: str
    prepare: Callable[[Guide], Check]
    """Loads what is to be fuzzed, and returns the function that looks at an input."""
    floors: Floors
    seeds: Callable[[], Mapping[str, bytes]] = vectors
    """Inputs that have to be accepted, before anything is fuzzed."""
    edges: Callable[[], Mapping[str, bytes]] = dict
    """Those that stand at a limit, accepted too: what is beyond is near, so they are mutated more often."""
    others: Callable[[], Mapping[str, bytes]] = dict
    """Further inputs to begin with, accepted or not."""
    refuses_more: bool = True
    """Whether an octet behind a seed makes it refused: shows that "accepted" means something."""

    def all_seeds(self) -> dict[str, bytes]:
        """Everything that a campaign begins with."""
        return {**self.seeds(), **self.edges(), **self.others(), **kept(self.name), **findings(self.name)}

    def checked(self, guide: Guide | None = None) -> Check:
        """The function, after it has shown what it can tell apart."""
        check = self.prepare(guide or Blind())
        seeds = {**self.seeds(), **self.edges()}
        assert seeds
        for name, data in seeds.items():
            assert check(data), f"seed {name} is not accepted"
            assert not (self.refuses_more and check(data + b"\0")), f"seed {name} with an octet behind it is accepted"
        return check


def run(target: Target) -> int:
    """Run a target with libFuzzer's arguments, those of this program; without the parent inside ClusterFuzz."""
    if _TALLY in os.environ or "CMPCODEC_FUZZ_ALONE" in os.environ:
        _fuzz(target)
    if os.environ.get("CMPCODEC_ENGINE") != "cython":
        print(f"{target.name}: set CMPCODEC_ENGINE=cython; nothing else is worth fuzzing", file=sys.stderr)
        return 2
    if target.name in NATIVE and instrumented.folder() is None:
        print(f"{target.name}: needs the instrumented engine; see fuzz/README.md", file=sys.stderr)
        return 2
    arguments = sys.argv[1:]
    inputs = [argument for argument in arguments if not argument.startswith("-") and Path(argument).is_file()]
    with tempfile.TemporaryDirectory() as folder:
        tally = Path(folder, "tally")
        if inputs:
            return _watch(target, arguments, tally, judge=False)
        mine = [argument for argument in arguments if not argument.startswith("-")]
        if not mine:
            mine = [str(LASTING / target.name)]
            Path(mine[0]).mkdir(parents=True, exist_ok=True)
        seeds = Path(folder, "seeds")
        seeds.mkdir()
        for data in target.all_seeds().values():
            seeds.joinpath(hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)
        options = [argument for argument in arguments if argument.startswith("-")]
        merging = "-merge=1" in options
        return _watch(target, [*options, *_defaults(target, options), *mine, str(seeds)], tally, judge=not merging)


def _defaults(target: Target, options: list[str]) -> list[str]:
    flags = {
        f"-max_len={LONGEST_INPUT}",
        f"-artifact_prefix={CRASHES}/{target.name}-",
        "-timeout=5",
        "-rss_limit_mb=2048",
        "-reduce_inputs=0",
        "-print_final_stats=1",
        "-detect_leaks=0",
    }
    if DICTIONARY.exists():
        flags.add(f"-dict={DICTIONARY}")
    if not any(option.startswith(("-runs=", "-max_total_time=", "-merge=")) for option in options):
        flags.add(f"-max_total_time={SECONDS}")
    given = {option.partition("=")[0] for option in options}
    return sorted(flag for flag in flags if flag.partition("=")[0] not in given)


def _number(arguments: list[str], flag: str) -> int:
    found = [int(text.partition("=")[2]) for text in arguments if text.startswith(f"{flag}=")]
    return found[-1] if found else 0


@dataclass
class _Said:
    """What the child's lines tell."""

    python: set[str]
    native: int = 0
    coverage: int = 0
    mutator: bool = False

    def read(self, line: str) -> None:
        self.mutator = self.mutator or "found LLVMFuzzerCustomMutator" in line
        if found := re.match(r"INFO: Instrumenting (cmpcodec\S*)", line):
            self.python.add(found[1])
        if found := re.match(r"INFO: Loaded \d+ modules? .*\((\d+) inline 8-bit counters\)", line):
            self.native = max(self.native, int(found[1]))
        if found := re.search(r"\bcov: (\d+)", line):
            self.coverage = max(self.coverage, int(found[1]))


def _watch(target: Target, arguments: list[str], tally: Path, judge: bool) -> int:
    """Run the child, show what it prints, judge it by its numbers unless it only repeats an input."""
    tally.write_bytes(bytes(8 * len(_CELLS)))
    CRASHES.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {_TALLY: str(tally), "PYTHONUNBUFFERED": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-P", str(FUZZ / f"{target.name}.py"), *arguments]
    said = _Said(set())
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, errors="replace") as child:
        assert child.stderr is not None
        try:
            for line in child.stderr:
                sys.stderr.write(line)
                said.read(line)
        except KeyboardInterrupt:
            child.wait()
    if child.returncode:
        print(f"{target.name}: FAILED with exit code {child.returncode}; the input is in {CRASHES}", file=sys.stderr)
        return 1
    return _judge(target, arguments, tally, said) if judge else 0


def _judge(target: Target, arguments: list[str], tally: Path, said: _Said) -> int:
    executions, accepted, mutations = memoryview(tally.read_bytes()).cast("Q")
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = usage.ru_utime + usage.ru_stime
    native = instrumented.folder() is not None
    print(
        f"{target.name}: {executions} executions in {seconds:.0f} CPU-seconds ({executions / seconds:.0f} each), "
        f"{accepted} inputs accepted, {mutations} mutations of ours; {said.coverage} edges and places, "
        f"{len(said.python)} modules of Python" + (f", {said.native} counters in C" if native else "")
    )
    found = shortfalls(target, arguments, (executions, accepted, mutations), said)
    for text in found:
        print(f"{target.name}: FAILED: {text}", file=sys.stderr)
    return 1 if found else 0


def shortfalls(target: Target, arguments: list[str], tally: tuple[int, int, int], said: _Said) -> list[str]:
    """In what a campaign falls short: what a harness that does nothing would not reach."""
    executions, accepted, mutations = tally
    floors, native = target.floors, instrumented.folder() is not None
    least = max(_number(arguments, "-runs"), floors.per_second * _number(arguments, "-max_total_time"))
    return [
        text
        for text, fine in (
            (f"fewer than {least} executions", executions >= least),
            ("not even the seeds were accepted", accepted >= len(target.seeds())),
            ("libFuzzer did not take the mutator", said.mutator and mutations > executions // 10),
            ("the compiled engine is not instrumented", not native or said.native > 5000),
            (f"fewer than {floors.modules} modules instrumented", len(said.python) >= floors.modules),
            (f"fewer than {floors.coverage} edges reached", said.coverage >= floors.coverage),
        )
        if not fine
    ]


def _fuzz(target: Target) -> None:
    """The child: does not return."""
    import atheris

    instrumented.import_plainly(ROOT / "src")
    check = target.checked(Atheris())
    import cmpcodec
    from cmpcodec import _engine

    assert cmpcodec.engine == "cython", "this would fuzz the Python engine"
    fast = sys.modules[_engine.View.__module__]
    assert fast.__name__ == "cmpcodec._engine.fast"
    if target.name in NATIVE or instrumented.folder() is not None:
        instrumented.check(fast)
    originals = list(target.all_seeds().values())
    edges = list(target.edges().values())
    donors = sorted({part for data in originals for part in _parts(data)}) or originals
    tally = _open_tally()

    def one_input(data: bytes) -> None:
        tally[1] += check(data)
        tally[0] += 1

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        tally[2] += 1
        random = Random(seed)
        way = random.random()
        if way < 0.7:
            if way < 0.1:
                data = random.choice(edges if edges and way < 0.05 else originals)
            spoilt = mutant(data, random, donors)
            if len(spoilt) <= longest:
                return spoilt
        changed: bytes = atheris.Mutate(data, longest)
        return changed

    atheris.Setup(sys.argv, one_input, custom_mutator=mutate)
    atheris.Fuzz()


def _parts(data: bytes) -> Iterator[bytes]:
    """All TLVs inside, to be spliced into others."""
    places = elements(data, 0, len(data))
    while places:
        one = places.pop()
        yield data[one.start : one.end]
        if data[one.start] & 0x20:
            places += elements(data, one.content, one.end)


def _open_tally() -> memoryview:
    if _TALLY not in os.environ:
        return memoryview(bytearray(8 * len(_CELLS))).cast("Q")
    with open(os.environ[_TALLY], "r+b") as file:
        return memoryview(mmap.mmap(file.fileno(), 0)).cast("Q")
