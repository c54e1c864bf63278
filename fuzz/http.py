#!/usr/bin/env -S python3 -P
"""Invariant: whatever octets come over a connection, in whatever pieces, every one of them is taken without an
exception, and what is written back is a series of complete HTTP answers with a status of the table, never 500, and none
after the one that ends the connection.

The connection of the stand-alone server, with a gateway in front of a real Responder; no sockets, no threads, no time.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from fuzz import instrumented
from fuzz._guide import Guide
from fuzz._harness import Check, Floors, Target, run, vectors

STATUSES = frozenset({200, 400, 404, 405, 411, 413, 415, 417, 431, 503, 505})
PATH = b"/.well-known/cmp/p/p"


def post(body: bytes, path: bytes = PATH, *fields: bytes, version: bytes = b"1.1") -> bytes:
    head = [b"POST %b HTTP/%b" % (path, version), b"Host: x", b"Content-Type: application/pkixcmp", *fields]
    return b"\r\n".join((*head, b"", b"")) + body


def seeds() -> dict[str, bytes]:
    """Requests of every kind that is served."""
    found = {}
    for number, (name, data) in enumerate(vectors().items()):
        if number % 12 == 0:
            found[name] = post(data, PATH, b"Content-Length: %d" % len(data))
    data = next(iter(vectors().values()))
    length = b"Content-Length: %d" % len(data)
    parts = (10, data[:10], data[10:15], len(data) - 15, data[15:])
    chunks = b"%x\r\n%b\r\n5;x=y\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % parts
    found |= {
        "chunked": post(chunks, PATH, b"Transfer-Encoding: chunked"),
        "continue": post(data, PATH, length, b"Expect: 100-continue"),
        "old": post(data, PATH, length, version=b"1.0"),
        "old, kept": post(data, PATH, length, b"Connection: keep-alive", version=b"1.0"),
        "twice": post(data, PATH, length) * 2,
        "last": post(data, PATH, length, b"Connection: close"),
        "operation": post(data, PATH + b"/initialization", length),
        "short path": post(data, b"/.well-known/cmp", length),
        "crl": b"GET " + PATH + b"/crl HTTP/1.1\r\nHost: x\r\n\r\n",
        "head": b"HEAD " + PATH + b"/crl HTTP/1.1\r\nHost: x\r\n\r\n",
        "health": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        "metrics": b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
    }
    return found


class Transport:
    """The connection's way out: what is written is kept, what is closed stays closed."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.closed = self.ended = self.paused = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.1", 4711) if name == "peername" else self if name == "socket" else default

    def setsockopt(self, *_: Any) -> None:
        """As a socket."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is buffered here."""

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: bytes) -> None:
        assert not self.closed, "written after the end"
        assert not self.ended, "written after the last answer"
        self.written += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def close(self) -> None:
        self.closed = True

    abort = close


class Loop:
    """What the connection wants of an event loop."""

    def __init__(self) -> None:
        self.soon: list[tuple[Callable[..., None], tuple[Any, ...]]] = []

    def time(self) -> float:
        return 0.0

    def call_soon(self, call: Callable[..., None], *args: Any) -> None:
        self.soon.append((call, args))

    call_soon_threadsafe = call_soon

    def run(self) -> None:
        while self.soon:
            call, args = self.soon.pop(0)
            call(*args)


class Crew:
    """Makes every call at once."""

    def submit(self, address: str, call: Callable[[], Any]) -> Any:
        job = type("Job", (), {"future": Future()})()
        job.future.set_result(call())
        return job

    def withdraw(self, job: Any) -> bool:
        return False


def answers(written: bytes, heads: list[bool]) -> int:
    """Take apart what was written; the number of answers. `heads` says which requests want no body."""
    count, rest = 0, written
    while rest:
        head, separator, rest = rest.partition(b"\r\n\r\n")
        assert separator, f"an unfinished header: {head[:200]!r}"
        first, *lines = head.decode("latin-1").split("\r\n")
        status = int(first.split(" ")[1])
        assert first.startswith("HTTP/1.1 "), first
        if status == 100:
            assert not lines
            continue
        assert status in STATUSES, first
        fields = [line.partition(": ") for line in lines]
        assert all(name and separator and "\r" not in value and "\n" not in value for name, separator, value in fields)
        lengths = [int(value) for name, _, value in fields if name == "Content-Length"]
        assert len(lengths) == 1
        if not (count < len(heads) and heads[count]):
            assert len(rest) >= lengths[0], "an unfinished body"
            rest = rest[lengths[0] :]
        count += 1
        if any(name == "Connection" and value == "close" for name, _, value in fields):
            assert not rest, "an answer behind the last one"
    return count


def prepare(guide: Guide) -> Check:
    instrumented.install()
    import logging

    with guide.instrument():
        import cmpcodec as cmp
        from cmpcodec.http.connection import Connection, House
        from cmpcodec.http.crowd import Crowd
        from cmpcodec.http.gateway import Gateway
        from cmpcodec.http.limits import ServerLimits
        from cmpcodec.http.logs import Journal
        from cmpcodec.http.metrics import Metrics
        from cmpcodec.store import MemoryStore
    from tests.server.support import Server

    logging.disable()  # what a log says about a request is not the question here
    limits = ServerLimits()
    server = Server(MemoryStore())
    heads: list[bool] = []

    class Watching(Gateway):
        """Notes which of the requests are HEAD, in the order of their answers."""

        def admit(self, method: str, *args: Any, **more: Any) -> Any:
            heads.append(method == "HEAD")
            return super().admit(method, *args, **more)

    gateway = Watching(server.responder, default_profile="p", metrics=Metrics(), journal=Journal())

    def check(data: bytes) -> bool:
        heads.clear()
        loop, transport = Loop(), Transport()
        crowd = Crowd(limits, 10, loop.time, lambda event: None)
        house = House(gateway, limits, crowd, Crew(), loop, lambda event: None)  # type: ignore[arg-type] # doubles
        connection = Connection(house)
        connection.connection_made(transport)  # type: ignore[arg-type] # a double
        chance = zlib.crc32(data)
        step = (len(data) + 1, 1 + chance % 7, 1 + chance % 200, 997)[chance >> 8 & 3]
        step = max(step, len(data) // 400 + 1)
        for at in range(0, len(data), step):
            if transport.closed:
                break
            connection.data_received(data[at : at + step])
            loop.run()
        if not transport.closed:
            connection.eof_received()
            loop.run()
        connection.connection_lost(None)
        loop.run()
        written = bytes(transport.written)
        count = answers(written, heads)
        for status in STATUSES:
            if b"HTTP/1.1 %d " % status in written:
                guide.count(status)
        guide.count(("answers", min(count, 4)))
        if b"application/pkixcmp\r\nContent-Length" in written and count == 1 and written.startswith(b"HTTP/1.1 200"):
            cmp.decode(written.partition(b"\r\n\r\n")[2])
        assert not crowd.members
        return b"HTTP/1.1 200" in written

    return check


TARGET = Target("http", prepare, Floors(per_second=50, coverage=700, modules=15), seeds=seeds, refuses_more=False)

if __name__ == "__main__":
    sys.exit(run(TARGET))
