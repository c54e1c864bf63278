"""What is raced: for each question, one loop per contestant; and the checks that come first.

Knows the contestants' uniform face, not how time is taken nor how results are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from benchmarks import reading
from benchmarks.messages import MAIN, Message
from benchmarks.peers import Loop, Peer, Unsupported, load
from benchmarks.plain import plain_values

REFERENCE = "python"
"""The engine whose values all others are compared with."""


def contestants(names: Iterable[str]) -> tuple[dict[str, Peer], dict[str, str]]:
    """Load those that this machine can run; for the others say why not."""
    present, absent = {}, {}
    for name in names:
        try:
            present[name] = load(name)
        except Unsupported as error:
            absent[name] = str(error)
    return present, absent


def problems(peer: Peer, message: Message, expected: list[Any] | None) -> list[str]:
    """Say what this contestant gets wrong in this message: values, or bytes when it encodes again."""
    found = []
    try:
        decoded = peer.decode(message.data)
        if peer.encode(decoded) != message.data:
            found.append("encodes it to other bytes")
        got = _leaves_if_read(peer, message.data)
        if got is not None and expected is not None:
            if len(got) != len(expected):
                found.append(f"reads {len(got)} values instead of {len(expected)}")
            found += [
                f"value {index}: {_short(leaf)} instead of {_short(wanted)}"
                for index, (wanted, leaf) in enumerate(zip(expected, got, strict=False))
                if not peer.same(wanted, leaf)
            ][:3]
    except Exception as error:  # a peer may raise anything; it is reported
        found.append(f"{type(error).__name__}: {_short(error)}")
    return found


def _leaves_if_read(peer: Peer, data: bytes) -> list[Any] | None:
    try:
        return leaves(peer, data)
    except Unsupported:
        return None


def leaves(peer: Peer, data: bytes) -> list[Any]:
    """Every field of a message as this contestant reads it, in comparable form."""
    message = peer.decode_open(data)
    read = reading.reader(peer.describe, message, peer.reading_namespace())
    return [peer.normal(leaf) for leaf in read(peer.decode_open(data))]


def build_problems(peer: Peer) -> list[str]:
    """Say what this contestant gets wrong when it builds the headline message."""
    try:
        values = peer.prepare(plain_values())
        built = peer.build(values), peer.construct(values)
        return [] if built == (MAIN.data, MAIN.data) else ["builds other bytes"]
    except Unsupported:
        return []
    except Exception as error:  # a peer may raise anything; it is reported
        return [f"{type(error).__name__}: {_short(error)}"]


def decode_loop(peer: Peer, data: bytes) -> Loop:
    """Decode one message."""
    return peer.decode_loop(data)


def read_loop(peer: Peer, data: bytes) -> Loop:
    """Decode one message and read each of its fields, down to plain values; certificates stay DER."""
    decode = peer.decode_open
    read = reading.reader(peer.describe, decode(data), peer.reading_namespace())

    def loop(number: int) -> None:
        for _ in range(number):
            read(decode(data))

    return loop


def build_loop(peer: Peer) -> Loop:
    """Build the headline message from values that exist, and serialise it."""
    return _building(peer.build, peer.prepare(plain_values()))


def construct_loop(peer: Peer) -> Loop:
    """The same by a call for each record."""
    return _building(peer.construct, peer.prepare(plain_values()))


def _building(build: Callable[[Any], bytes], values: Any) -> Loop:
    build(values)

    def loop(number: int) -> None:
        for _ in range(number):
            build(values)

    return loop


def walk_loop(peer: Any, data: bytes) -> Loop:
    """Decode one message of ours and visit every record with `children()`, as a generic tool would."""
    decode = peer.package.decode
    visit = _walker(peer.package)

    def loop(number: int) -> None:
        for _ in range(number):
            visit(decode(data), [])

    return loop


def _walker(package: Any) -> Callable[[Any, list[Any]], list[Any]]:
    children, record = package.children, package.Record

    def visit(value: Any, found: list[Any]) -> list[Any]:
        for _, child, _, _ in children(value):
            if isinstance(child, record):
                visit(child, found)
            else:
                found.append(child)
        return found

    return visit


def loops(make: Callable[[Peer], Loop], peers: dict[str, Peer]) -> dict[str, Loop]:
    """Make the loop of each contestant that can do it."""
    made = {}
    for name, peer in peers.items():
        try:
            made[name] = make(peer)
        except Unsupported:
            continue
    return made


def _short(value: object) -> str:
    text = repr(value) if not isinstance(value, Exception) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."
