"""The speeds that cmpcodec promises, and whether results keep them. Knows no way to measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Results = dict[str, Any]
"""What benchmarks.report measured: section -> message -> contestant -> seconds, min and median."""


@dataclass(frozen=True)
class Verdict:
    """One promise: the worst case among the messages it is about."""

    text: str
    promised: float
    found: float
    where: str

    @property
    def met(self) -> bool:
        """Whether the worst case keeps the promise."""
        return self.found >= self.promised

    @property
    def words(self) -> str:
        """For the table."""
        return "met" if self.met else f"missed by {100 * (1 - self.found / self.promised):.0f} %"


@dataclass(frozen=True)
class Promise:
    """`ours` does `section` at least `factor` times as fast as `rival`, on every message with such a key."""

    section: str
    ours: str
    rival: str
    factor: float
    keys: tuple[str, ...] = ("none", "ec", "rsa")
    rival_section: str = ""

    @property
    def text(self) -> str:
        """For the table."""
        about = "" if len(self.keys) == 3 else " on messages with " + _KEYS[self.keys]
        rival = self.rival + (f"'s {self.rival_section}" if self.rival_section else "")
        engine = {"cython": "Cython engine", "python": "Python engine"}.get(self.ours, self.ours)
        return f"{self.section}, {engine}: {self.factor:g}x {rival}{about}"

    def judge(self, results: Results) -> list[Verdict]:
        """Give the worst message, and the headline message if that is another; nothing if not measured."""
        rivals = results.get(self.rival_section or self.section, {})
        ratios = {}
        for label, row in results.get(self.section, {}).items():
            rival = rivals.get(label, {}).get(self.rival)
            ours = row.get(self.ours)
            if ours and rival and results["messages"][label]["key"] in self.keys:
                ratios[label] = rival["min"] / ours["min"]
        if not ratios:
            return []
        worst = min(ratios, key=lambda label: ratios[label])
        first = next(iter(ratios))
        return [Verdict(self.text, self.factor, ratios[label], label) for label in dict.fromkeys((first, worst))]


_KEYS = {("none",): "no public key", ("rsa",): "an RSA key", ("none", "ec"): "no RSA key"}

PROMISES = [
    Promise("decode", "cython", "pyasn1", 1000),
    Promise("decode", "cython", "hazmat", 15),
    Promise("decode", "cython", "openssl", 5, ("none",)),
    Promise("decode", "cython", "openssl", 80, ("rsa",)),
    Promise("decode and read every field", "cython", "pyasn1", 250),
    Promise("decode and read every field", "cython", "hazmat", 8),
    Promise("decode and read every field", "cython", "openssl", 1, rival_section="decode"),
    Promise("build", "cython", "pyasn1", 400),
    Promise("build", "cython", "hazmat", 20),
    Promise("decode", "python", "pyasn1", 15),
    Promise("PBM", "cython", "hashlib", 5),
    Promise("PBM", "cython verify", "hashlib", 5),
    Promise("PBM", "cython", "openssl", 1),
]


def verdicts(results: Results) -> list[Verdict]:
    """Judge every promise that these results can judge."""
    found = [verdict for promise in PROMISES for verdict in promise.judge(results)]
    if "threads" in results:
        found.append(Verdict("PBM: two threads do 1.8x one", 1.8, results["threads"], "best rounds"))
    found += _flat(results, "scaling", "cost per byte, 1 kB and up", lambda name: name in ("cython", "python"))
    return found


def _flat(results: Results, section: str, text: str, wanted: Callable[[str], bool]) -> list[Verdict]:
    """Cost per byte may grow to twice that of the 1 kB message of the same family."""
    worst: dict[str, tuple[float, str]] = {}
    for family, engines in results.get(section, {}).items():
        for engine, sizes in engines.items():
            if wanted(engine):
                growth = max(size["growth"] for size in sizes)
                if growth > worst.get(engine, (0.0, ""))[0]:
                    worst[engine] = (growth, family)
    return [
        Verdict(f"{text}, {engine} engine: at most 2x that of 1 kB", 0.5, 1 / growth, f"{family}, {growth:.2f}x")
        for engine, (growth, family) in worst.items()
    ]
