"""Runs every race, judges the promises and writes docs/benchmarks.json and docs/benchmarks.svg.

    python -m benchmarks.report [--quick] [--write | --no-write] [--peers NAME,...]

A full run takes some ten minutes and writes; --quick takes less than one and only prints.

Knows the order of things and how results are printed; measuring and judging are elsewhere.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks import chart, pbm, scaling, suite
from benchmarks.messages import MAIN, MESSAGES, QUICK, Message
from benchmarks.peers import Loop, Peer, chosen
from benchmarks.targets import Verdict, verdicts
from benchmarks.timing import Effort, Progress, Timing, race, two_threads

_DOCS = Path(__file__).parent.parent / "docs"

OURS = ("cython", "python")
DECODE, READ, PBM = "decode", "decode and read every field", "PBM"
BUILD, CONSTRUCT = "build", "build record by record"

_NOTES = """\
How to read this: CPU time, every contestant once per round in turn. "Read every field" runs the code that a
person would write against each interface (attributes, subscripts), generated from the decoded message, with
every present component read once and turned into a plain Python value; a certificate counts as one value, its
DER. hazmat.asn1 stops at raw values for optional ANY, nested messages and types chosen by an OID. asn1crypto
is lazy, so its bare decode says little. OpenSSL's d2i runs in a loop in C, hands nothing to Python, and turns
each public key into a key object. All contestants first show that they read the same values and encode to the
same bytes."""


def main() -> int:
    """Run from the command line; exit status 1 if an engine of ours is missing or fails its check."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer messages, sizes and rounds; under a minute")
    parser.add_argument(
        "--write",
        action=argparse.BooleanOptionalAction,
        help="write docs/benchmarks.* (default: if not --quick)",
    )
    parser.add_argument("--peers", help="names, separated by commas: " + ", ".join(chosen()))
    options = parser.parse_args()
    names = options.peers.split(",") if options.peers else chosen()
    effort = Effort.quick() if options.quick else Effort.full()
    progress = Progress()

    peers, absent = suite.contestants(names)
    for name, reason in absent.items():
        print(f"left out: {name}: {reason}")
    messages = QUICK if options.quick else MESSAGES
    results: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "command": " ".join(["python -m benchmarks.report", *sys.argv[1:]]),
        "environment": _environment(peers),
        "messages": {m.label: {"bytes": len(m.data), "key": m.key} for m in messages},
        "left_out": absent,
        "notes": {peer.title: peer.note for peer in peers.values() if peer.note},
    }
    failed = _check(peers, messages, results)
    _race_messages(peers, messages, effort, results, progress)
    _race_pbm(peers, effort, results, progress)
    sizes = scaling.SIZES[:3] if options.quick else scaling.SIZES
    results["scaling"] = scaling.ours(peers, sizes, Effort(3, 0.002), progress.say)
    if not options.quick:
        _race_large(peers, results, progress)
    progress.done()
    _print(peers, results)
    if options.write if options.write is not None else not options.quick:
        _DOCS.mkdir(exist_ok=True)
        results["promises"] = [
            {
                "promise": v.text,
                "promised": v.promised,
                "found": round(v.found, 3),
                "where": v.where,
                "met": v.met,
            }
            for v in verdicts(results)
        ]
        text = json.dumps(_rounded(results), indent=1, ensure_ascii=False)
        (_DOCS / "benchmarks.json").write_text(text + "\n", encoding="utf-8")
        (_DOCS / "benchmarks.svg").write_text(chart.draw(results), encoding="utf-8")
        print("\nwrote docs/benchmarks.json and docs/benchmarks.svg")
    missing = [name for name in OURS if name in absent]
    return 1 if failed or missing else 0


def peers_titles(peers: dict[str, Peer]) -> dict[str, str]:
    """Name -> title for people."""
    return {name: peer.title for name, peer in peers.items()}


def _environment(peers: dict[str, Peer]) -> dict[str, str]:
    found = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": str(os.cpu_count()),
        "titles": ", ".join(peer.title for peer in peers.values()),
    }
    for package in (
        "cryptography",
        "pyasn1",
        "pyasn1_alt_modules",
        "asn1tools",
        "asn1crypto",
        "pyasn1-fasder",
    ):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "absent"
    return found


def _check(peers: dict[str, Peer], messages: list[Message], results: dict[str, Any]) -> bool:
    """Compare every contestant with the reference engine; what one gets wrong is reported and not timed."""
    results["checks"] = {}

    def note(name: str, label: str, found: list[str]) -> None:
        if found:
            results["checks"].setdefault(name, {})[label] = found
            print(f"CHECK FAILED: {name}, {label}: {'; '.join(found)}")

    for message in messages:
        expected = suite.leaves(peers[suite.REFERENCE], message.data) if suite.REFERENCE in peers else None
        for name, peer in peers.items():
            note(name, message.label, suite.problems(peer, message, expected))
    for name, peer in peers.items():
        note(name, BUILD, suite.build_problems(peer))
    return bool(results["checks"].keys() & set(OURS))


def _race_messages(
    peers: dict[str, Peer],
    messages: list[Message],
    effort: Effort,
    results: dict[str, Any],
    progress: Progress,
) -> None:
    def able(label: str) -> dict[str, Peer]:
        return {name: peer for name, peer in peers.items() if label not in results["checks"].get(name, {})}

    def run(section: str, label: str, loops: dict[str, Loop]) -> None:
        progress.say(f"{section}: {label}")
        results.setdefault(section, {})[label] = _times(race(loops, effort))

    for message in messages:
        data, right = message.data, able(message.label)
        run(DECODE, message.label, {name: suite.decode_loop(peer, data) for name, peer in right.items()})
        reading = suite.loops(partial(suite.read_loop, data=data), right)
        if "cython" in right:
            reading["cython children()"] = suite.walk_loop(right["cython"], data)
        run(READ, message.label, reading)
    run(BUILD, MAIN.label, suite.loops(suite.build_loop, able(BUILD)))
    run(CONSTRUCT, MAIN.label, suite.loops(suite.construct_loop, able(BUILD)))


def _race_pbm(peers: dict[str, Peer], effort: Effort, results: dict[str, Any], progress: Progress) -> None:
    progress.say("PBM")
    loops = pbm.loops(peers)
    results[PBM] = {MAIN.label: _times(race(loops, effort))}
    if "cython" in loops and (os.cpu_count() or 1) > 1:
        progress.say("PBM in two threads")
        results["threads"] = two_threads(loops["cython"], effort)


def _race_large(peers: dict[str, Peer], results: dict[str, Any], progress: Progress) -> None:
    """Peers on large and hostile messages, each in its own process and with a time limit."""
    results["peers_large"] = {}
    for family in scaling.FAMILIES:
        row = results["peers_large"][family.name] = {}
        for name in peers:
            if name not in (*OURS, "asn1crypto"):
                progress.say(f"large: {family.name}, {name}")
                sizes = scaling.SIZES[::2] if family.name == "many requests" else scaling.SIZES[:5:2][:2]
                row[name] = scaling.peer_on(name, family.name, sizes, time_limit=60.0 if family.honest else 10.0)


def _times(timings: dict[str, Timing]) -> dict[str, dict[str, float]]:
    return {name: {"min": timing.min, "median": timing.median} for name, timing in timings.items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value


def _print(peers: dict[str, Peer], results: dict[str, Any]) -> None:
    titles = peers_titles(peers)
    for section in (DECODE, READ, BUILD, CONSTRUCT, PBM):
        print(f"\n{section}: microseconds (min / median), then times the compiled engine's (min / median)")
        for label, row in results.get(section, {}).items():
            about = results["messages"].get(label, {})
            print(f"  {label} ({about.get('bytes')} bytes, key: {about.get('key')})")
            ours = row.get("cython")
            for name, times in sorted(row.items(), key=lambda item: item[1]["min"]):
                ratio = ""
                if ours:
                    ratio = f"{times['min'] / ours['min']:10.1f} / {times['median'] / ours['median']:.1f}"
                spent = f"{times['min'] * 1e6:12.2f} / {times['median'] * 1e6:.2f}"
                print(f"    {titles.get(name, name):38}{spent:26}{ratio}")
    if "threads" in results:
        print(f"  two threads do {results['threads']:.2f}x what one does")
    _print_scaling(results)
    print("\n" + _NOTES)
    print("\npromises, judged by the best rounds; the headline message first, then the worst:")
    for verdict in verdicts(results):
        print(f"  {_line(verdict)}")


def _print_scaling(results: dict[str, Any]) -> None:
    print("\ncost per byte, ns (and growth since the smallest size); refused messages in brackets")
    for family, engines in results.get("scaling", {}).items():
        for engine, sizes in engines.items():
            cells = []
            for size in sizes:
                cell = f"{size['ns_per_byte']:.3g} ({size['growth']:.2f}x)"
                cells.append(cell if size["accepted"] else f"[{cell}]")
            print(f"  {family:32}{engine:8}" + "".join(f"{cell:>20}" for cell in cells))
    for family, row in results.get("peers_large", {}).items():
        for name, sizes in row.items():
            cells = [
                f"{size['size']} B: {size.get('ns_per_byte', 0):.3g} ns/B, {size['outcome']}"
                if "ns_per_byte" in size
                else f"{size['size']} B: {size['outcome']}"
                for size in sizes
            ]
            print(f"  {family:32}{name:10}" + "; ".join(cells))


def _line(verdict: Verdict) -> str:
    return f"{verdict.words:16}{verdict.text}: {verdict.found:.3g}x ({verdict.where})"


if __name__ == "__main__":
    sys.exit(main())
