"""Memory that clients hold: requests that they do not finish, answers that they do not read, with TLS and without."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import tracemalloc
from pathlib import Path

import pytest

from cmpcodec.http.gateway import Gateway
from cmpcodec.http.limits import ServerLimits
from cmpcodec.http.metrics import Metrics
from cmpcodec.http.runner import server_tls
from tests.http.support import PATH, PATIENCE, FakeResponder, Reader, connect, one, post, running, tls_connect, until
from tests.http.test_deadlines import LATE_BODY, SHORT, counted, limits

CRL = b"GET " + PATH.encode() + b"/crl HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 10_000_000
"""More octets than the kernel's buffers take."""


@pytest.mark.parametrize("chunked", [False, True])
def test_many_large_bodies(chunked: bool) -> None:
    """Bodies that are all but complete may not fill the memory."""
    metrics = Metrics()
    gateway = Gateway(FakeResponder(), metrics=metrics)
    sent = LATE_BODY.replace(b"Length: 1000", b"Length: 200000") + bytes(199_000)
    if chunked:
        sent = LATE_BODY.replace(b"Content-Length: 1000", b"Transfer-Encoding: chunked") + b"30d40\r\n" + bytes(199_000)
    with running(gateway, limits(held=1_000_000)) as server, contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connect(server)) for _ in range(20)]
        for connection in slow:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(sent)
            assert one(server, post(b"abc")).body == b"cba"
        assert Reader(slow[0]).rest() == b""
    assert 15 <= counted(metrics, "evicted") <= 17


@pytest.mark.parametrize("before", [CRL, post(b"a")])
def test_behind_a_request_in_one_segment(before: bytes) -> None:
    """What comes along with a request that is answered counts, though nothing is read any more for it."""
    metrics = Metrics()
    gateway = Gateway(FakeResponder(), metrics=metrics)
    with running(gateway, limits(held=200_000)) as server, contextlib.ExitStack() as stack:
        for _ in range(20):
            connection = stack.enter_context(connect(server))
            assert connection.send(before + LATE_BODY.replace(b"1000", b"60000") + bytes(40_000)) > 40_000
        until(lambda: counted(metrics, "evicted") >= 15)
        assert one(server, post(b"abc")).body == b"cba"
    assert counted(metrics, "evicted") <= 16


def test_behind_a_request_that_is_answered() -> None:
    """What waits for its turn counts while a thread answers the request before it."""
    metrics, go = Metrics(), threading.Event()

    def waiting(_: bytes) -> None:
        assert go.wait(PATIENCE)

    gateway = Gateway(FakeResponder(during=waiting), metrics=metrics)
    with (
        running(gateway, limits(held=1_000_000, threads=20)) as server,
        contextlib.ExitStack() as stack,
    ):
        stack.callback(go.set)
        for _ in range(20):
            connection = stack.enter_context(connect(server))
            connection.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                connection.send(post(b"slow") + LATE_BODY + bytes(100_000))
        until(lambda: counted(metrics, "evicted") > 3)


@pytest.mark.parametrize("tls", [False, True])
def test_answers_that_nobody_reads(tls: bool, certificates: dict[str, Path]) -> None:
    """They count like requests; who began first goes, and others are served."""
    metrics = Metrics()
    gateway = Gateway(FakeResponder(crl_der=bytes(LARGE)), metrics=metrics)
    context = server_tls(certificates["server"], certificates["server"]) if tls else None
    with running(gateway, limits(held=3 * LARGE), context) as server, contextlib.ExitStack() as stack:
        unread = []
        for number in range(10):
            connection = stack.enter_context(tls_connect(server, certificates) if tls else connect(server))
            connection.sendall(CRL)
            unread.append(connection)
            until(lambda number=number: counted(metrics, "evicted") >= number - 4)  # type: ignore[misc]
        assert counted(metrics, "evicted") >= 5
        with contextlib.suppress(OSError):
            assert len(Reader(unread[0]).rest()) < LARGE
        honest = stack.enter_context(tls_connect(server, certificates) if tls else connect(server))
        honest.sendall(CRL + post(b"abc"))
        reader = Reader(honest)
        assert len(reader.response().body) == LARGE
        assert reader.response().body == b"cba"


@pytest.mark.parametrize("tls", [False, True])
def test_client_that_does_not_read(tls: bool, certificates: dict[str, Path]) -> None:
    metrics = Metrics()
    gateway = Gateway(FakeResponder(crl_der=bytes(3 * LARGE)), metrics=metrics)
    context = server_tls(certificates["server"], certificates["server"]) if tls else None
    with (
        running(gateway, limits(send=SHORT), context) as server,
        tls_connect(server, certificates) if tls else connect(server) as connection,
    ):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(CRL)
        until(lambda: counted(metrics, "timeout_send"))
        with contextlib.suppress(OSError):
            assert len(Reader(connection).rest()) < 3 * LARGE


@pytest.mark.parametrize("keep", [b"", b"Connection: close\r\n"])
def test_slow_reader_with_tls(keep: bytes, certificates: dict[str, Path]) -> None:
    """A long answer is not finished when it is encrypted: no other deadline than `send` is for it."""
    context = server_tls(certificates["server"], certificates["server"])
    short = limits(linger=SHORT, idle=SHORT)
    with (
        running(FakeResponder(crl_der=bytes(LARGE)), short, context) as server,
        tls_connect(server, certificates) as connection,
    ):
        connection.sendall(CRL.replace(b"Host", keep + b"Host"))
        threading.Event().wait(SHORT * 10)
        assert len(Reader(connection).response().body) == LARGE


@pytest.mark.parametrize(("sent", "most"), [(b"", 8 * 1024), (b"\x16", 48 * 1024)], ids=["silent", "one octet"])
def test_handshakes_that_do_not_go_on(sent: bytes, most: int, certificates: dict[str, Path]) -> None:
    """What Python keeps for each (OpenSSL's own part is not seen here): asyncio alone would keep 256 KiB."""
    metrics = Metrics()
    context = server_tls(certificates["server"], certificates["server"])
    with (
        running(Gateway(FakeResponder(), metrics=metrics), limits(), context) as server,
        contextlib.ExitStack() as stack,
    ):
        tls_connect(server, certificates).close()
        tracemalloc.start()
        stack.callback(tracemalloc.stop)
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(50):
            connection = stack.enter_context(connect(server))
            connection.sendall(sent)
        last = stack.enter_context(tls_connect(server, certificates))
        last.sendall(post(b"abc"))
        assert Reader(last).response().body == b"cba"
        assert counted(metrics, "accepted") == 52
        assert (tracemalloc.get_traced_memory()[0] - before) / 50 < most


@pytest.mark.parametrize("pieces", [1, 7, 100_000])
def test_handshake_in_pieces(pieces: int, certificates: dict[str, Path]) -> None:
    """However the first octets come, and with whatever comes along with the last of them."""
    server_context = server_tls(certificates["server"], certificates["server"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client_context = ssl.create_default_context(cafile=str(certificates["server"]))
    client = client_context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with running(limits=limits(), tls=server_context) as server, connect(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        done, received = False, b""
        while not received.endswith(b"cba"):
            try:
                if done:
                    received += client.read()
                else:
                    client.do_handshake()
                    done = True
                    client.write(post(b"x" * 50_000) + post(b"abc"))
            except ssl.SSLWantReadError:
                octets = outgoing.read()
                for start in range(0, len(octets), pieces):
                    connection.sendall(octets[start : start + pieces])
                data = connection.recv(65536)
                assert data
                incoming.write(data)
    assert received.count(b"HTTP/1.1 200") == 2


def test_unread_answers_are_counted_exactly() -> None:
    """Once an answer is read, nothing is left of it, however often that happens."""
    gateway = Gateway(FakeResponder(crl_der=bytes(LARGE)), metrics=(metrics := Metrics()))
    with running(gateway, ServerLimits(held=LARGE + 100_000)) as server, connect(server) as connection:
        reader = Reader(connection)
        for _ in range(5):
            connection.sendall(CRL)
            assert len(reader.response().body) == LARGE
    assert counted(metrics, "evicted") == 0
