"""The stand-alone server on raw sockets: framing, keep-alive, pipelining, refusals, TLS, shutdown."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from cmpcodec.http.gateway import Gateway
from cmpcodec.http.limits import ServerLimits
from cmpcodec.http.runner import Server, server_tls
from tests.http.support import PATH, PATIENCE, FakeResponder, Reader, connect, exchange, one, post, running, tls_connect
from tests.http.test_framing import AMBIGUOUS, HOST, START

GET = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"


def test_post() -> None:
    with running() as server:
        response = one(server, post(b"abc"))
    assert (response.status, response.body) == (200, b"cba")
    assert set(response.fields) == {"date", "content-type", "content-length"}
    assert response.fields["content-type"] == "application/pkixcmp"


def test_old_keep_alive() -> None:
    """As OpenSSL's client wants it: asked for, it is promised and kept; else the server ends the connection."""
    with running() as server, connect(server) as connection:
        reader = Reader(connection)
        for body in (b"ab", b"cd"):
            connection.sendall(post(body, PATH, "1.0", "Connection: keep-alive"))
            response = reader.response()
            assert (response.body, response.fields["connection"]) == (body[::-1], "keep-alive")
        connection.sendall(post(b"ef", PATH, "1.0"))
        assert reader.response().closes
        assert reader.rest() == b""


def test_new_keep_alive() -> None:
    with running() as server, connect(server) as connection:
        reader = Reader(connection)
        for body in (b"ab", b"cd"):
            connection.sendall(post(body))
            response = reader.response()
            assert response.body == body[::-1]
            assert "connection" not in response.fields
        connection.sendall(post(b"ef", PATH, "1.1", "Connection: close"))
        assert reader.response().closes
        assert reader.rest() == b""


def test_pipelining() -> None:
    """All at once: answered in order, one at a time, the mixed kinds too."""
    running_now: list[int] = []
    most: list[int] = []

    def during(request: bytes) -> None:
        running_now.append(1)
        most.append(len(running_now))
        time.sleep(0.001)
        running_now.pop()

    with running(FakeResponder(during=during)) as server:
        bodies = [str(number).encode() * 100 for number in range(30)]
        sent = b"".join(post(body) + GET % b"/healthz" for body in bodies)
        found = exchange(server, sent)
    assert [response.body for response in found[::2]] == [body[::-1] for body in bodies]
    assert {response.body for response in found[1::2]} == {b"ok\n"}
    assert max(most) == 1


def test_in_single_octets() -> None:
    with running() as server, connect(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in b"\r\n" + post(b"abc"):
            connection.sendall(bytes((octet,)))
        assert Reader(connection).response().body == b"cba"


@pytest.mark.parametrize("fields", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_smuggling(fields: bytes) -> None:
    """A refused request ends the connection: what comes behind it is never taken for a request."""
    responder = FakeResponder()
    with running(responder) as server:
        found = exchange(server, START + fields + b"Content-Type: application/pkixcmp\r\n\r\n" + post(b"smuggled"))
    assert [response.status for response in found] in ([400], [])
    assert all(response.closes for response in found)
    assert responder.seen == []


def test_chunked() -> None:
    responder = FakeResponder()
    head = post().replace(b"Content-Length: 7\r\n", b"Transfer-Encoding: chunked\r\n").removesuffix(b"request")
    with running(responder) as server:
        (response,) = exchange(server, head + b"2\r\nab\r\n1;x\r\nc\r\n0\r\nT: x\r\n\r\n" + post(b"smuggled"))
        assert (response.body, response.closes) == (b"cba", True)
        (response,) = exchange(server, head + b"2\r\nab\r\nX\r\n")
        assert (response.status, response.closes) == (400, True)
        (response,) = exchange(server, head + b"fffffff\r\n" + bytes(300_000))
        assert (response.status, response.closes) == (413, True)
    assert responder.seen == [(b"abc", "device")]


def test_continue() -> None:
    with running() as server, connect(server) as connection:
        reader = Reader(connection)
        wanted = post(b"abc", PATH, "1.1", "Expect: 100-continue")
        for _ in range(2):
            connection.sendall(wanted.removesuffix(b"abc"))
            assert reader.response().status == 100
            connection.sendall(b"abc")
            assert reader.response().body == b"cba"
        connection.sendall(wanted)  # the body came along: nobody waits for the 100
        assert reader.response().status == 200
        connection.sendall(post(b"", "/nowhere", "1.1", "Expect: 100-continue").replace(b"Length: 0", b"Length: 3"))
        assert reader.response().status == 404
        assert reader.rest() == b""


def test_upgrade_is_declined() -> None:
    with running() as server:
        found = exchange(server, post(b"abc", PATH, "1.1", "Connection: Upgrade", "Upgrade: h2c") + post(b"def"))
    assert [response.body for response in found] == [b"cba", b"fed"]


def test_too_large_is_refused_unread() -> None:
    """The answer is there before any of the body, and survives a client that sends all of it first."""
    responder = FakeResponder()
    with running(responder) as server:
        big = post(b"").replace(b"Length: 0", b"Length: 1000000")
        with connect(server) as connection:
            connection.sendall(big)
            reader = Reader(connection)
            response = reader.response()
            assert (response.status, response.closes) == (413, True)
            connection.sendall(bytes(1_000_000))
            connection.shutdown(socket.SHUT_WR)
            assert reader.rest() == b""
        assert one(server, big + bytes(1_000_000)).status == 413
        assert one(server, post(bytes(256 * 1024))).status == 200
        assert one(server, post(bytes(256 * 1024 + 1))).status == 413
    assert len(responder.seen) == 1


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (post(media="text/plain"), 415),
        (post(path="/nowhere"), 404),
        (post(path="/.well-known/cmp/p/unknown"), 404),
        (post(path="/%00"), 400),
        (post(path=PATH + "?x=y"), 404),
        (post().replace(b"Content-Length: 7\r\n", b""), 411),
        (post().replace(b"POST", b"PUT"), 405),
        (GET % PATH.encode(), 405),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"OPTIONS /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"HEAD " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"CONNECT localhost:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"TRACE /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (GET % b"/metrics", 404),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (START + HOST + b"X: " + b"x" * 17_000, 431),
        (START + HOST + b"X: x\r\n" * 70 + b"\r\n", 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"\x30\x82\x03\x2f0\r\n\r\n", 400),
    ],
    ids=lambda value: value[:40].decode("latin-1").split("\r")[0] if isinstance(value, bytes) else None,
)
def test_refusals(request_: bytes, status: int) -> None:
    with running() as server:
        response = one(server, request_)
        assert response.status == status
        if request_.startswith(b"HEAD"):
            assert response.body == b""
        assert one(server, post(b"abc")).status == 200


def test_get_and_head() -> None:
    crl = bytes(range(256)) * 20_000
    with running(FakeResponder(crl_der=crl)) as server:
        for path in (PATH, "/api/v1/protocols/cmp/raProfile/device", "/ejbca/publicweb/cmp/other"):
            response = one(server, GET % f"{path}/crl".encode())
            assert (response.body, response.fields["content-type"]) == (crl, "application/pkix-crl")
        response = one(server, b"HEAD " + PATH.encode() + b"/crl HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (response.status, response.fields["content-length"], response.body) == (200, str(len(crl)), b"")
        # A GET with a body is answered, the body is nobody's request, and the connection ends.
        found = exchange(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n" + post(b"x"))
        assert [(response.status, response.closes) for response in found] == [(200, True)]


def test_a_slow_answer_stops_nobody() -> None:
    slow, go = threading.Event(), threading.Event()

    def during(request: bytes) -> None:
        if request == b"slow":
            slow.set()
            assert go.wait(PATIENCE)

    with running(FakeResponder(during=during)) as server, connect(server) as connection:
        try:
            connection.sendall(post(b"slow"))
            assert slow.wait(PATIENCE)
            assert one(server, post(b"quick")).body == b"kciuq"
        finally:
            go.set()
        assert Reader(connection).response().body == b"wols"


def test_overload() -> None:
    busy, go = threading.Barrier(3), threading.Event()

    def during(request: bytes) -> None:
        if request == b"slow":
            with contextlib.suppress(threading.BrokenBarrierError):
                busy.wait(PATIENCE)
            assert go.wait(PATIENCE)

    responder, limits = FakeResponder(during=during), ServerLimits(threads=2, waiting=1)
    with running(responder, limits) as server, contextlib.ExitStack() as stack:
        stack.callback(go.set)
        connections = [stack.enter_context(connect(server)) for _ in range(3)]
        for connection in connections[:2]:
            connection.sendall(post(b"slow"))
        busy.wait(PATIENCE)
        connections[2].sendall(post(b"waits"))
        response = None
        while response is None or response.status == 200:  # until the third has taken its place
            response = one(server, post(b"too many"))
        assert (response.status, response.fields["retry-after"]) == (503, "5")
        assert one(server, GET % b"/healthz").status == 200
        go.set()
        assert [Reader(connection).response().body for connection in connections] == [b"wols", b"wols", b"stiaw"]


def test_client_that_leaves() -> None:
    """... while its request is being answered, or having sent its end first."""
    entered, go = threading.Event(), threading.Event()

    def during(request: bytes) -> None:
        if request == b"slow":
            entered.set()
            assert go.wait(PATIENCE)

    with running(FakeResponder(during=during)) as server:
        with connect(server) as connection:
            connection.sendall(post(b"slow"))
            assert entered.wait(PATIENCE)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # close with a reset
        go.set()
        with connect(server) as connection:
            connection.sendall(post(b"abc"))
            connection.shutdown(socket.SHUT_WR)
            reader = Reader(connection)
            assert reader.response().body == b"cba"
            assert reader.rest() == b""


def test_sweeps_and_health() -> None:
    swept = threading.Event()

    class Broken(FakeResponder):
        def sweep(self) -> int:
            self.sweeps += 1
            if self.sweeps == 3:
                swept.set()
            if self.sweeps > 1:
                raise OSError("disk full")
            return 0

    with running(Broken(), ServerLimits(sweep=0.01)) as server:
        assert swept.wait(PATIENCE)
        response = one(server, GET % b"/healthz")
        assert (response.status, response.body) == (503, b"housekeeping failed; the log says why\n")


def test_address_in_use() -> None:
    with running() as server, pytest.raises(OSError, match="in use"):
        Server(FakeResponder(), port=server.listening.port)


def test_names_and_ipv6() -> None:
    server = Server(FakeResponder(), "localhost", 0)
    assert server.listening.port
    server.stop()
    server.run()  # ends at once, and closes its sockets
    if socket.has_ipv6:
        with contextlib.suppress(OSError):  # this machine may have no IPv6
            server = Server(FakeResponder(), "::1", 0)
            assert server.listening.url == f"http://[::1]:{server.listening.port}"
            server.stop()
            server.run()


# --- TLS ---


def test_tls(certificates: dict[str, Path]) -> None:
    with running(tls=server_tls(certificates["server"], certificates["server"])) as server:
        assert server.listening.url.startswith("https://127.0.0.1:")
        with tls_connect(server, certificates) as connection:
            reader = Reader(connection)
            for body in (b"ab", b"cd" * 100_000):
                connection.sendall(post(body, PATH, "1.0", "Connection: keep-alive"))
                assert reader.response().body == body[::-1]
            connection.sendall(post(b"ef", PATH, "1.0"))
            assert reader.response().closes
            assert reader.rest() == b""
        with tls_connect(server, certificates) as connection:
            connection.sendall(post(b"").replace(b"Length: 0", b"Length: 1000000"))
            assert Reader(connection).response().status == 413
        # Plain HTTP, garbage, silence: no harm.
        with connect(server) as plain, connect(server) as silent:
            plain.sendall(post(b"abc"))
            Reader(plain).rest()
            with tls_connect(server, certificates) as connection:
                connection.sendall(post(b"abc"))
                assert Reader(connection).response().body == b"cba"
            silent.sendall(b"\x16\x03")


def test_tls_first_request_with_the_handshake(certificates: dict[str, Path]) -> None:
    """The request may be there before the server knows that the handshake is done; nothing may leave in plain text."""
    with running(tls=server_tls(certificates["server"], certificates["server"])) as server:
        context = ssl.create_default_context(cafile=str(certificates["server"]))
        for _ in range(20):
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
            with connect(server) as connection:
                while True:
                    try:
                        tls.do_handshake()
                        break
                    except ssl.SSLWantReadError:
                        connection.sendall(outgoing.read())
                        incoming.write(connection.recv(65536))
                tls.write(post(b"abc"))
                connection.sendall(outgoing.read())  # the client's Finished and the request in one segment
                received = b""
                while not received.endswith(b"cba"):
                    incoming.write(connection.recv(65536))
                    with contextlib.suppress(ssl.SSLWantReadError):
                        received += tls.read(65536)
                assert received.startswith(b"HTTP/1.1 200 OK")


def test_client_certificates(certificates: dict[str, Path]) -> None:
    tls = server_tls(certificates["server"], certificates["server"], client_ca=certificates["client"])
    with running(tls=tls) as server:
        with tls_connect(server, certificates, client=True) as connection:
            connection.sendall(post(b"abc"))
            assert Reader(connection).response().body == b"cba"
        with (
            pytest.raises((ssl.SSLError, ConnectionError, AssertionError)),
            tls_connect(server, certificates) as connection,
        ):
            connection.sendall(post(b"abc"))
            Reader(connection).response()


# --- Shutdown ---


def test_stop_finishes_what_runs() -> None:
    entered, go = threading.Event(), threading.Event()

    def during(request: bytes) -> None:
        entered.set()
        assert go.wait(PATIENCE)

    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running(FakeResponder(during=during), ServerLimits(grace=PATIENCE)))
        stack.callback(go.set)
        with connect(server) as idle, connect(server) as half, connect(server) as connection:
            idle.sendall(GET % b"/healthz")
            assert Reader(idle).response().status == 200
            half.sendall(b"POST /")
            connection.sendall(post(b"abc"))
            assert entered.wait(PATIENCE)
            server.stop()
            assert Reader(idle).rest() == Reader(half).rest() == b""
            with pytest.raises(OSError, match=r"refused|reset"):  # nobody listens any more
                connect(server).close()
            go.set()
            reader = Reader(connection)
            response = reader.response()
            assert (response.body, response.closes) == (b"cba", True)
            assert reader.rest() == b""


def test_grace_has_an_end() -> None:
    entered, go = threading.Event(), threading.Event()

    def during(request: bytes) -> None:
        entered.set()
        assert go.wait(PATIENCE)

    try:
        with running(FakeResponder(during=during), ServerLimits(grace=0.05)) as server, connect(server) as connection:
            connection.sendall(post(b"abc"))
            assert entered.wait(PATIENCE)
            server.stop()
            assert Reader(connection).rest() == b""
    finally:
        go.set()


PROGRAM = """
import sys, time
from cmpcodec.http.runner import serve
from tests.http.support import FakeResponder

def during(request):
    print("entered", flush=True)
    time.sleep(1)

serve(FakeResponder(during=during), port=0, ready=lambda where: print(where.port, flush=True))
print("ended", flush=True)
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_signals(name: str) -> None:
    """A signal in the middle of a request: it is answered, the program goes on behind `serve`, and says so."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            port = int(process.stdout.readline())
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
                connection.sendall(post(b"abc"))
                assert process.stdout.readline() == "entered\n"
                process.send_signal(getattr(signal, name))
                assert Reader(connection).response().body == b"cba"
            assert process.stdout.read() == "ended\n"
            assert process.wait(PATIENCE) == 0
            assert process.stderr.read() == ""
        finally:
            process.kill()


def test_gateway_keeps_its_own_health() -> None:
    gateway = Gateway(FakeResponder(), health=lambda: "mine")
    with running(gateway) as server:
        assert one(server, GET % b"/healthz").body == b"mine\n"
