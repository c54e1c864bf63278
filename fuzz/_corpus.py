"""Inputs that stay: findings as regression tests, what campaigns found made small, the dictionary made of the schema.

    fuzz/findings/TARGET    inputs that a bug was found with; tests/fuzz runs them again in every run of the tests
    fuzz/corpus/TARGET      inputs that reach what the vectors do not
    build/fuzz/TARGET       what campaigns on this machine have found so far

Knows files, the seeds of targets, and the names that the schema has.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from fuzz import _build
from fuzz._harness import DICTIONARY, FUZZ, LASTING, NATIVE, ROOT, Target, findings, kept


def load(target: str) -> Target:
    """The target of that name."""
    found: Target = importlib.import_module(f"fuzz.{target}").TARGET
    return found


def keep(target: str, files: list[str]) -> int:
    """Copy inputs to the findings of a target, under names made of their octets."""
    if not FUZZ.joinpath(f"{target}.py").exists() or not files:
        raise _build.BuildError("say which target, and which files")
    folder = FUZZ / "findings" / target
    folder.mkdir(parents=True, exist_ok=True)
    for name in files:
        data = Path(name).read_bytes()
        place = folder / hashlib.sha1(data, usedforsecurity=False).hexdigest()[:12]
        place.write_bytes(data)
        print(place.relative_to(ROOT))
    return 0


def replay(targets: list[str]) -> int:
    """Run seeds, corpus and findings again: nothing guides, nothing is instrumented, an exception ends it."""
    if len(targets) > 1:
        codes = [subprocess.run([sys.executable, "-m", "fuzz", "--replay", one]).returncode for one in targets]
        return max(codes)
    (name,) = targets
    target = load(name)
    check = target.checked()
    inputs = [*kept(name).values(), *findings(name).values()]
    for data in inputs:
        check(data)
    print(f"{name}: {len(target.seeds())} seeds accepted, {len(inputs)} inputs run again")
    return 0


def minimise(targets: list[str]) -> int:
    """Of what campaigns found, keep as fuzz/corpus the inputs that reach a place which the seeds do not reach."""
    folder = _build.sanitized()
    for name in targets:
        env = os.environ | {"CMPCODEC_ENGINE": "cython"}
        if name in NATIVE:
            env["CMPCODEC_INSTRUMENTED"] = str(folder)
        with tempfile.TemporaryDirectory() as work:
            merged = Path(work, "merged")
            merged.mkdir()
            target = load(name)
            before = {**target.seeds(), **target.others(), **findings(name)}
            for data in before.values():
                merged.joinpath(hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)
            known = {file.name for file in merged.iterdir()}
            merge = ["-merge=1", "-use_counters=0", str(merged), str(LASTING / name), str(FUZZ / "corpus" / name)]
            done = subprocess.run([sys.executable, "-m", f"fuzz.{name}", *merge], cwd=ROOT, env=env)
            if done.returncode:
                return done.returncode
            chosen = [file for file in merged.iterdir() if file.name not in known]
            place = FUZZ / "corpus" / name
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            for file in chosen:
                shutil.copyfile(file, place / file.name[:12])
            print(f"{name}: {len(chosen)} inputs, {sum(file.stat().st_size for file in chosen)} octets")
    return 0


def write_dictionary() -> int:
    """Write what a fuzzer would have to guess: identifier octets of the schema, and the OIDs as TLVs."""
    from cmpcodec import ObjectIdentifier, oids
    from cmpcodec.asn1 import SequenceOf
    from tests.engines import running

    class Oids(SequenceOf[ObjectIdentifier]):
        """Wraps an OID, to have its TLV."""

    named = {value for name, value in vars(oids).items() if name.isupper() and isinstance(value, ObjectIdentifier)}
    tlvs = {Oids([oid]).der[2:] for oid in named}
    types = [cls._op for cls in running().types.values()]
    first = {octet for one in types for part in (one, *one.parts) if len(part.first) < 256 for octet in part.first}
    tags = {bytes((octet, 0)) for octet in first}
    lines = [
        f"# Made by `./dev fuzz --dictionary`: {len(tags)} tags of the schema (empty), {len(tlvs)} OIDs.",
        *('"' + "".join(f"\\x{octet:02x}" for octet in entry) + '"' for entry in sorted(tags) + sorted(tlvs)),
    ]
    DICTIONARY.write_text("\n".join(lines) + "\n", encoding="ascii")
    print(f"{DICTIONARY.relative_to(ROOT)}: {len(tags)} tags, {len(tlvs)} OIDs")
    return 0
