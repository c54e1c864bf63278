"""What the fuzz targets share: seeds, a mutator that edits the tree of TLVs, and a parent that doubts every campaign.

libFuzzer leaves its process without a word to Python. So a target runs in a child; the parent repeats what the child
prints, and afterwards demands numbers: executions, accepted inputs, mutations, instrumented modules, coverage. A
campaign that fuzzed nothing fails. Knows atheris and processes, nothing of CMP.
"""

from __future__ import annotations

import mmap
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Hashable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from tests.mutations import Mutator, parse

ROOT = Path(__file__).resolve().parents[1]
VECTORS = sorted(ROOT.joinpath("tests/vectors").glob("*.der"))
LONGEST_INPUT = 20_000
SECONDS = 60
_TALLY = "CMPCODEC_FUZZ_TALLY"  # set in the child: the file in which it counts
_CELLS = ("executions", "accepted", "mutations")
_PLACES = 4096

Check = Callable[[bytes], bool]
"""A target's function: looks at one input, tells whether it was accepted, raises if the invariant is broken."""


class Floors(NamedTuple):
    """What a campaign has to reach; else it is taken for a broken harness."""

    per_second: int
    """Executions per second, far below what any machine does."""
    coverage: int
    """Edges of instrumented Python and places of types that were reached."""
    modules: int
    """Instrumented modules of cmpcodec."""


def run(module: str, prepare: Callable[[], Check], floors: Floors) -> int:
    """Run the target `module`; `prepare` loads what is to be fuzzed. Takes libFuzzer's arguments."""
    if _TALLY in os.environ:
        _fuzz(prepare)
    if os.environ.get("CMPCODEC_ENGINE") != "cython":
        print(f"{module}: set CMPCODEC_ENGINE=cython; nothing else is worth fuzzing", file=sys.stderr)
        return 2
    arguments = sys.argv[1:]
    inputs = [argument for argument in arguments if not argument.startswith("-") and Path(argument).is_file()]
    with tempfile.TemporaryDirectory() as folder:
        if not inputs:
            arguments += _defaults(arguments)
            seeds = Path(folder, "seeds")
            seeds.mkdir()
            for vector in VECTORS:
                shutil.copy(vector, seeds)
            new = Path(folder, "new")  # libFuzzer writes what it finds into the first folder
            new.mkdir()
            mine = [argument for argument in arguments if not argument.startswith("-")]
            arguments += [str(folder) for folder in ([seeds] if mine else [new, seeds])]
        return _watch(module, arguments, Path(folder, "tally"), None if inputs else floors)


def _defaults(arguments: list[str]) -> list[str]:
    flags = {f"-max_len={LONGEST_INPUT}", "-timeout=30", "-reduce_inputs=0", "-print_final_stats=1"}
    if not any(argument.startswith(("-runs=", "-max_total_time=")) for argument in arguments):
        flags.add(f"-max_total_time={SECONDS}")
    given = {argument.partition("=")[0] for argument in arguments}
    return sorted(flag for flag in flags if flag.partition("=")[0] not in given)


def _number(arguments: list[str], flag: str) -> int:
    found = [int(text.partition("=")[2]) for text in arguments if text.startswith(f"{flag}=")]
    return found[-1] if found else 0


def _watch(module: str, arguments: list[str], tally: Path, floors: Floors | None) -> int:
    """Run the child, show what it prints, judge it by its numbers (`floors` None: it only reproduces an input)."""
    tally.write_bytes(bytes(8 * len(_CELLS)))
    environment = os.environ | {_TALLY: str(tally), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", module, *arguments]
    modules, coverage, mutator = set(), 0, False
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, errors="replace") as child:
        assert child.stderr is not None
        try:
            for line in child.stderr:
                sys.stderr.write(line)
                mutator = mutator or "found LLVMFuzzerCustomMutator" in line
                if found := re.match(r"INFO: Instrumenting (cmpcodec\S*)", line):
                    modules.add(found[1])
                if found := re.search(r"\bcov: (\d+)", line):
                    coverage = max(coverage, int(found[1]))
        except KeyboardInterrupt:
            child.wait()
    if child.returncode:
        print(f"{module}: FAILED with exit code {child.returncode}; the input is in {ROOT}", file=sys.stderr)
        return 1
    if floors is None:
        return 0
    cells = memoryview(tally.read_bytes()).cast("Q")
    executions, accepted, mutations = cells
    least = max(_number(arguments, "-runs"), floors.per_second * _number(arguments, "-max_total_time"))
    print(
        f"{module}: {executions} executions, {accepted} inputs accepted, {mutations} mutations of ours; "
        f"{coverage} edges in {len(modules)} modules"
    )
    shortfalls = [
        text
        for text, fine in (
            (f"fewer than {least} executions", executions >= least),
            ("not even the seeds were accepted", accepted >= len(VECTORS)),
            ("libFuzzer did not take the mutator", mutator and mutations > executions // 10),
            (f"fewer than {floors.modules} modules instrumented", len(modules) >= floors.modules),
            (f"fewer than {floors.coverage} edges reached", coverage >= floors.coverage),
        )
        if not fine
    ]
    for text in shortfalls:
        print(f"{module}: FAILED: {text}", file=sys.stderr)
    return 1 if shortfalls else 0


class Places:
    """Counters of libFuzzer for whatever a target names: places of types, kinds of refusals.

    The engines execute a table: coverage of their code cannot tell a revocation from an enrolment.
    """

    def __init__(self) -> None:
        import atheris

        self._atheris = atheris
        self._counters = [atheris._reserve_counter() for _ in range(_PLACES)]
        self._numbers: dict[Hashable, int] = {}

    def count(self, place: Hashable) -> None:
        """Tell libFuzzer that this place was reached."""
        number = self._numbers.get(place)
        if number is None:
            number = len(self._numbers)
            if number >= _PLACES:
                number = hash(place) % _PLACES
            else:
                self._numbers[place] = number
        self._atheris._trace_branch(self._counters[number])  # looked up each time: Setup() exchanges it

    def refusal(self, path: str, problem: str) -> None:
        """Count a refusal: the last two steps of its path, whatever the numbers of elements, and its first word."""
        steps = re.sub(r"\d+", "", path).split(".")
        self.count((*steps[-2:], re.sub(r"[^a-zA-Z ]+", "", problem).split()[0]))

    def record(self, record: Any, children: Any) -> None:
        """Count which components a record has."""
        for child in children:
            self.count((type(record).__name__, child.name, type(child.value).__name__))


def _fuzz(prepare: Callable[[], Check]) -> None:
    """The child: does not return."""
    import atheris

    check = prepare()
    seeds = {vector.name: vector.read_bytes() for vector in VECTORS}
    assert len(seeds) > 300, "the vectors are not where they should be"
    for name, data in seeds.items():
        assert check(data), f"seed {name} is not accepted"
        assert not check(data + b"\0"), f"seed {name} with an octet behind it is accepted"
    donors = [one for data in seeds.values() for tree in parse(data) or () for one in tree.walk([])]
    with open(os.environ[_TALLY], "r+b") as file:
        tally = memoryview(mmap.mmap(file.fileno(), 0)).cast("Q")

    def one_input(data: bytes) -> None:
        tally[1] += check(data)
        tally[0] += 1

    originals = list(seeds.values())

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        tally[2] += 1
        random = Random(seed)
        way = random.random()
        if way < 0.7:
            spoilt = Mutator(random.choice(originals) if way < 0.2 else data, donors).mutant(random)
            if len(spoilt) <= longest:
                return spoilt
        return atheris.Mutate(data, longest)

    atheris.Setup(sys.argv, one_input, custom_mutator=mutate)
    atheris.Fuzz()
