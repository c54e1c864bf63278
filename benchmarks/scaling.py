"""Cost per byte as messages grow from 1 kB to 10 MB, honest and hostile; peers under a time limit.

Knows the families of large messages. Each peer has a process of its own; one that does not come back in time
is ended and reported so.
"""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable
from typing import Any

from benchmarks import peers as contestants
from benchmarks.families import FAMILIES, Family
from benchmarks.peers import Loop, Peer
from benchmarks.timing import Effort, race

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)

_REFERENCE_AT_MOST = 1_000_000
"""The pure-Python engine is measured up to this size."""


def ours(peers: dict[str, Peer], sizes: tuple[int, ...], effort: Effort, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure our engines on every family: family -> engine -> one entry per size."""
    found: dict[str, Any] = {}
    for family in FAMILIES:
        found[family.name] = {}
        messages = {size: family.make(size) for size in sizes}
        for name in ("cython", "python"):
            if name in peers:
                say(f"scaling: {family.name}, {name}")
                fitting = {s: m for s, m in messages.items() if name == "cython" or s <= _REFERENCE_AT_MOST}
                found[family.name][name] = _one(peers[name], fitting, effort)
    return found


def _one(peer: Any, messages: dict[int, bytes], effort: Effort) -> list[dict[str, Any]]:
    timings = race({str(size): large_loop(peer.package, data) for size, data in messages.items()}, effort)
    per_byte = {size: timings[str(size)].min / len(data) for size, data in messages.items()}
    first = per_byte[min(per_byte)]
    return [
        {
            "size": len(data),
            "accepted": accepts(peer.package, data),
            "seconds": timings[str(size)].min,
            "ns_per_byte": per_byte[size] * 1e9,
            "growth": per_byte[size] / first,
        }
        for size, data in messages.items()
    ]


def large_loop(package: Any, data: bytes) -> Loop:
    """Decode one message, or refuse it, with limits so wide that they do not cut the work short."""
    decode, refused, limits = package.decode, package.DecodeError, wide_limits(package)

    def loop(number: int) -> None:
        for _ in range(number):
            with contextlib.suppress(refused):
                decode(data, limits=limits)

    return loop


def wide_limits(package: Any) -> Any:
    """Limits that admit the largest messages here; the depth stays as it is by default."""
    return package.Limits(max_size=1 << 26, max_nodes=10_000_000, max_repeat=10_000_000)


def accepts(package: Any, data: bytes) -> bool:
    """Whether the message is valid for our engine."""
    try:
        package.decode(data, limits=wide_limits(package))
    except package.DecodeError:
        return False
    return True


def peer_on(name: str, family: str, sizes: tuple[int, ...], time_limit: float) -> list[dict[str, Any]]:
    """Measure one peer on one family in a process of its own; a size that took too long says so."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(name, family, sizes, sender), daemon=True)
    process.start()
    sender.close()
    entries: list[dict[str, Any]] = []
    for size in sizes:
        try:
            if not receiver.poll(time_limit):
                entries.append({"size": size, "outcome": f"no answer within {time_limit:g} s"})
                break
            entries.append(receiver.recv())
        except EOFError:
            entries.append({"size": size, "outcome": "the process died"})
            break
    process.kill()
    process.join()
    return entries


def _measure(name: str, family_name: str, sizes: tuple[int, ...], sender: Any) -> None:
    """Runs in the child."""
    peer = contestants.load(name)
    family: Family = next(one for one in FAMILIES if one.name == family_name)
    for size in sizes:
        data = family.make(size)
        loop, outcome = _tolerant(peer, data)
        timing = race({"": loop}, Effort(rounds=2, batch=0.001))[""]
        per_byte = timing.min / len(data) * 1e9
        sender.send({"size": len(data), "seconds": timing.min, "ns_per_byte": per_byte, "outcome": outcome})
    sender.close()


def _tolerant(peer: Peer, data: bytes) -> tuple[Loop, str]:
    decode_loop = peer.decode_loop(data)

    def loop(number: int) -> None:
        for _ in range(number):
            with contextlib.suppress(Exception):
                decode_loop(1)

    try:
        decode_loop(1)
    except Exception as error:  # a peer may raise anything
        return loop, f"refused ({type(error).__name__})"
    return loop, "accepted"
