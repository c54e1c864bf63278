"""Hostile inputs of any size, and a program that works through them under a limit of CPU time or watches its own memory.

`python -m tests.hostile time SIZE SECONDS` prints the name of each family before it begins; a family that takes more CPU time than that
ends the process with SIGXCPU. `python -m tests.hostile memory FILE...` prints by how much decoding each file made the process grow.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

import cmpcodec
from cmpcodec import Limits
from tests.engines import running
from tests.mutations import length_octets, tlv

TYPES = running().types
_ENOUGH = 1 << 40
WIDE = Limits(_ENOUGH, _ENOUGH, _ENOUGH, _ENOUGH)
_NAME = tlv(0xA4, tlv(0x30))
_HEADER = tlv(0x30, tlv(2, b"\2"), _NAME, _NAME)
_PKICONF = tlv(0xB3, tlv(5))
_RDN = tlv(0x31, tlv(0x30, tlv(6, b"\x55\4\3"), tlv(0x0C, b"x")))
_MGF1 = bytes.fromhex("06092a864886f70d010108")


def deep(tag: int, inner: int, size: int, before: bytes = b"") -> bytes:
    """Values inside values, `before` standing in front of each."""
    headers, total = [tlv(5)] if before else [], 2 if before else 0
    while total < size:
        headers.append(
            (inner if total < size - 6 else tag).to_bytes(1, "big") + length_octets(total + len(before)) + before
        )
        total += len(headers[-1])
    return b"".join(reversed(headers))


def message(header: bytes = b"", body: bytes = _PKICONF) -> bytes:
    return tlv(0x30, tlv(0x30, _HEADER[2:], header), body)


def leaf(number: int, tag: int, content: bytes) -> bytes:
    return tlv(0x30, tlv(0xA0 | number, tlv(tag, content)))


def nested(size: int) -> bytes:
    prefixes, total = [], len(message())
    while total < size:
        body = b"\xb4" + length_octets(total + 1 + len(length_octets(total))) + b"\x30" + length_octets(total)
        prefixes.append(b"\x30" + length_octets(len(_HEADER) + len(body) + total) + _HEADER + body)
        total += len(prefixes[-1])
    return b"".join(reversed(prefixes)) + message()


def numbers(size: int) -> list[bytes]:
    return [tlv(2, (0x0100_0000 + number).to_bytes(4, "big")) for number in range(size // 6)]


def oids(size: int) -> bytes:
    """Identifiers that nobody has seen before."""
    arcs = (bytes((0x2A, 0x81 + n // 16384, 0x80 | n // 128 % 128, n % 128)) for n in range(min(size // 6, 1_000_000)))
    return tlv(0x30, b"".join(tlv(6, arc) for arc in arcs))


FAMILIES: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "deep from the first octet": ("probes.Chain", lambda size: deep(0x30, 0xA0, size)),
    "deep with indefinite lengths": ("probes.Chain", lambda size: b"\x30\x80" * (size // 2)),
    "deep in a value of any type": ("probes.Values", lambda size: tlv(0x30, deep(0x30, 0x30, size))),
    "algorithms in algorithms": ("pkix.AlgorithmIdentifier", lambda size: deep(0x30, 0x30, size, _MGF1)),
    "messages in messages": ("cmp.PKIMessage", nested),
    "many small values": ("probes.Values", lambda size: tlv(0x30, tlv(5) * (size // 2))),
    "many RDNs": ("pkix.Name", lambda size: tlv(0x30, _RDN * (size // len(_RDN)))),
    "many strings": ("cmp.PKIFreeText", lambda size: tlv(0x30, tlv(0x0C, "žluť".encode()) * (size // 8))),
    "many times": ("probes.Times", lambda size: tlv(0x30, tlv(0x18, b"20200101000000.123456Z") * (size // 24))),
    "many identifiers": ("probes.Oids", oids),
    "SET OF in order": ("probes.Numbers", lambda size: tlv(0x31, b"".join(numbers(size)))),
    "SET OF out of order at its end": ("probes.Numbers", lambda size: tlv(0x31, *numbers(size), tlv(2, b"\5"))),
    "SET OF equal values": ("probes.Numbers", lambda size: tlv(0x31, tlv(2, b"\1" * 2000) * (size // 2004))),
    "OBJECT IDENTIFIER of many arcs": ("probes.Leaves", lambda size: leaf(4, 6, b"\1" * size)),
    "OBJECT IDENTIFIER of one arc": ("probes.Leaves", lambda size: leaf(4, 6, b"\xff" * size + b"\1")),
    "INTEGER": ("probes.Leaves", lambda size: leaf(1, 2, b"\1" * size)),
    "many INTEGERs of 2 KiB": (
        "cmp.POPODecKeyRespContent",
        lambda size: tlv(0x30, tlv(2, b"\1" * 2048) * (size // 2052)),
    ),
    "named bits": ("probes.Leaves", lambda size: leaf(17, 3, b"\0" + b"\xff" * size)),
    "many named bits of 2 KiB": (
        "cmp.RevStatus",
        lambda size: tlv(0x30, tlv(0x30, tlv(2, b"\2"), tlv(3, b"\0" + b"\xff" * 2000)) * (size // 2020)),
    ),
    "BIT STRING": ("probes.Leaves", lambda size: leaf(3, 3, b"\0" + b"\xff" * size)),
    "UTF-8 that ends badly": ("probes.Leaves", lambda size: leaf(5, 0x0C, b"\xc3\xa9" * (size // 2) + b"\xc3")),
    "PrintableString that ends badly": ("probes.Leaves", lambda size: leaf(7, 0x13, b" " * size + b"*")),
    "BMPString": ("probes.Leaves", lambda size: leaf(12, 0x1E, b"\1A" * (size // 2))),
    "UniversalString that ends badly": (
        "probes.Leaves",
        lambda size: leaf(11, 0x1C, b"\0\0\1A" * (size // 4) + b"\0\x11\0\0"),
    ),
    "time of many digits": ("probes.Leaves", lambda size: leaf(14, 0x18, b"20200101000000." + b"1" * size + b"Z")),
    "tag number of many octets": ("probes.Values", lambda size: tlv(0x30, b"\x9f" + b"\xff" * size)),
    "DEFAULT that is nearly there": ("probes.Tree", lambda size: deep(0x30, 0xA0, size)),
    "truncated": (
        "cmp.PKIMessage",
        lambda size: message(tlv(0xA7, tlv(0x30, tlv(0x0C, b"x" * 20) * (size // 22))))[:-1],
    ),
    "wrong tag at the end": (
        "cmp.PKIMessage",
        lambda size: message(tlv(0xA7, tlv(0x30, tlv(0x0C) * (size // 2), tlv(5)))),
    ),
    "wrong tag at the start": (
        "cmp.PKIMessage",
        lambda size: b"\x30" + message(tlv(0xA5, tlv(4, bytes(size))))[1:].replace(b"\2\1", b"\3\1", 1),
    ),
    "noise": ("cmp.PKIMessage", lambda size: bytes(n * n >> 3 & 0xFF for n in range(size))),
}
"""The type to decode as, and what makes about `size` octets for it."""


def work(key: str, data: bytes, limits: Limits) -> Any:
    """Decode and read everything, or word the refusal."""
    try:
        record = TYPES[key].decode(data, limits=limits)
    except cmpcodec.DecodeError as error:
        assert len(str(error)) < 1_000_000
        return error
    waiting = [record]
    while waiting:
        for child in cmpcodec.children(waiting.pop()):
            if isinstance(child.value, cmpcodec.Record):
                waiting.append(child.value)
            elif isinstance(child.value, cmpcodec.NamedBits):
                repr(child.value)
    return record


def watch_time(size: int, seconds: int) -> None:
    import resource

    for name, (key, make) in FAMILIES.items():
        data = make(size)
        print(name, flush=True)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        most = int(usage.ru_utime + usage.ru_stime) + seconds
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))
        for limits in (Limits(), Limits(max_size=_ENOUGH), WIDE):
            work(key, data, limits)
    print("done")


def watch_memory(files: list[str]) -> None:
    """One line for each file: octets by which the decoding child grew. The name begins with the type, a comma and the limits."""
    import resource

    def warm_up(keys: Iterable[str]) -> None:
        for key in keys:
            try:
                TYPES[key].decode(b"\x30\3\2\1\5")
            except cmpcodec.DecodeError as error:
                str(error)

    warm_up(TYPES)
    for file in files:
        key, limits, _ = os.path.basename(file).split(",")
        sys.stdout.flush()
        child = os.fork()
        if not child:
            handle = os.open(file, os.O_RDONLY)
            data = os.read(handle, os.fstat(handle).st_size)
            warm_up([key])  # the child gets pages of its own for what every decode touches
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            try:
                kept: Any = TYPES[key].decode(data, limits=WIDE if limits == "wide" else Limits())
            except cmpcodec.DecodeError as error:
                kept = str(error)
            print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before), type(kept).__name__, flush=True)
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            raise SystemExit(f"the child that decoded {file} died")


if __name__ == "__main__":
    if sys.argv[1] == "time":
        watch_time(int(sys.argv[2]), int(sys.argv[3]))
    else:
        watch_memory(sys.argv[2:])
