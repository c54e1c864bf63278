"""Strangers that are slow, many, or both: everybody has a deadline, and room is made for the newest."""

from __future__ import annotations

import contextlib
import os
import resource
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cmpcodec.http.crowd import Crowd, Phase
from cmpcodec.http.gateway import Gateway
from cmpcodec.http.limits import ServerLimits
from cmpcodec.http.metrics import Metrics
from cmpcodec.http.runner import server_tls
from tests.http.support import PATH, PATIENCE, FakeResponder, Reader, connect, one, post, running, tls_connect

SHORT = 0.2
LONG = 3600.0
START = b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\n"
LATE_BODY = START + b"Content-Type: application/pkixcmp\r\nContent-Length: 1000\r\n\r\n"


def limits(**short: float) -> ServerLimits:
    """All deadlines out of reach but those named."""
    return ServerLimits(**{"header": LONG, "body": LONG, "idle": LONG, "send": LONG, "linger": LONG, **short})  # type: ignore[arg-type]


def drip(connection: socket.socket, octet: bytes) -> bytes:
    """Send octet after octet until the server has enough of it; what it said."""
    connection.settimeout(0.02)
    received, until = b"", time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            part = connection.recv(65536)
        except TimeoutError:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.send(octet)
            continue
        except ConnectionResetError:
            return received
        if not part:
            return received
        received += part
    raise AssertionError("the server is patient for ever")


def counted(metrics: Metrics, event: str) -> float:
    return metrics.registry.get_sample_value("cmp_connections_total", {"event": event}) or 0.0


@pytest.mark.parametrize(
    ("phase", "sent", "octet", "status"),
    [
        ("header", b"", b"", b""),
        ("header", b"", b"\r\n", b""),  # empty lines are no request yet
        ("header", START + b"X: ", b"x", b"408"),
        ("body", LATE_BODY, b"x", b"408"),
        ("body", LATE_BODY.replace(b"Content-Length: 1000", b"Transfer-Encoding: chunked"), b"1\r\nx\r\n", b"408"),
        ("idle", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"", b"200"),
    ],
)
def test_deadline(phase: str, sent: bytes, octet: bytes, status: bytes) -> None:
    """The deadline is for the whole: no octet moves it."""
    metrics = Metrics()
    gateway = Gateway(FakeResponder(), metrics=metrics)
    with running(gateway, limits(**{phase: SHORT})) as server, connect(server) as connection:
        connection.sendall(sent)
        received = drip(connection, octet)
    assert received[9:12] == status
    assert counted(metrics, f"timeout_{phase}") == 1


def test_header_after_idle_has_its_own_deadline() -> None:
    with running(limits=limits(header=SHORT)) as server, connect(server) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert Reader(connection).response().status == 200
        time.sleep(SHORT * 2)  # idle, and allowed to be
        connection.sendall(post(b"abc"))
        assert Reader(connection).response().body == b"cba"
        assert b"408" in drip(connection, b"x")


def test_handshake_has_the_deadline_of_the_header(certificates: dict[str, Path]) -> None:
    metrics = Metrics()
    tls = server_tls(certificates["server"], certificates["server"])
    with running(Gateway(FakeResponder(), metrics=metrics), limits(header=SHORT), tls) as server:
        for sent in (b"", b"\x16\x03\x01\x02"):
            with connect(server) as connection:
                connection.sendall(sent)
                assert Reader(connection).rest() == b""
        with tls_connect(server, certificates) as connection:
            assert Reader(connection).rest() == b""
    assert counted(metrics, "timeout_header") == 3
    assert counted(metrics, "bad_tls") == 0


def test_newest_get_room_with_tls(certificates: dict[str, Path]) -> None:
    metrics = Metrics()
    gateway = Gateway(FakeResponder(), metrics=metrics)
    tls = server_tls(certificates["server"], certificates["server"])
    small = ServerLimits(connections=10)
    with running(gateway, limits(), tls) as patient, running(gateway, small, tls) as server:  # noqa: SIM117
        with contextlib.ExitStack() as stack:
            for number in range(30):
                connection = stack.enter_context(connect(server))
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    connection.sendall(b"\x16\x03\x01"[: number % 4])
            last = stack.enter_context(tls_connect(server, certificates))
            last.sendall(post(b"abc"))
            assert Reader(last).response().body == b"cba"
            stack.enter_context(connect(patient))  # a shutdown in the middle of a handshake
    assert counted(metrics, "evicted") >= 20


def test_client_that_never_ends() -> None:
    """After the last answer, it sends on and on."""
    metrics = Metrics()
    with (
        running(Gateway(FakeResponder(), metrics=metrics), limits(linger=SHORT)) as server,
        connect(server) as connection,
    ):
        connection.sendall(LATE_BODY.replace(b"1000", b"9999999"))
        response = Reader(connection).response()
        assert response.status == 413
        until = time.monotonic() + PATIENCE
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while time.monotonic() < until:
                connection.sendall(bytes(1000))
                time.sleep(0.01)
        assert time.monotonic() < until
    assert counted(metrics, "timeout_linger") == 1


# --- Room ---


class Member:
    def __init__(self, address: str) -> None:
        self.phase = Phase.HEADER
        self.address = address
        self.fate = ""

    def overdue(self) -> None:
        self.fate = "overdue"

    def evict(self) -> None:
        self.fate = "evicted"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_who_has_waited_longest_goes() -> None:
    clock, events = Clock(), []
    crowd = Crowd(ServerLimits(), 3, clock, events.append)
    members = [Member("a") for _ in range(5)]
    for member in members[:3]:
        assert crowd.arrive(member)
        clock.now += 1
    crowd.move(members[0], Phase.BODY)  # it has come on: now the second waits longest
    crowd.move(members[2], Phase.WORKING)
    clock.now += 1
    assert crowd.arrive(members[3])
    assert [member.fate for member in members] == ["", "evicted", "", "", ""]
    for member in (members[0], members[3]):
        crowd.move(member, Phase.WORKING)
    assert not crowd.arrive(members[4])  # all are being answered
    assert len(crowd) == 3
    for member in (*members, *members):
        crowd.leave(member)
    assert len(crowd) == 0
    assert events == ["accepted"] * 3 + ["evicted", "closed", "accepted"] + ["closed"] * 3


def test_cap_per_address() -> None:
    crowd = Crowd(ServerLimits(connections_per_address=2), 100, Clock(), lambda _: None)
    greedy = [Member("a") for _ in range(4)]
    other = Member("b")
    assert all(crowd.arrive(member) for member in (other, *greedy))
    assert [member.fate for member in greedy] == ["evicted", "evicted", "", ""]
    assert other.fate == ""
    for member in greedy:
        crowd.move(member, Phase.WORKING)
    assert not crowd.arrive(Member("a"))
    assert crowd.arrive(Member("b"))


def test_memory_for_incomplete_requests() -> None:
    crowd = Crowd(ServerLimits(held=100), 100, Clock(), lambda _: None)
    members = [Member("a") for _ in range(4)]
    for member in members:
        assert crowd.arrive(member)
    crowd.hold(members[1], 40)
    crowd.hold(members[0], 40)
    crowd.hold(members[1], 60)
    assert not any(member.fate for member in members)
    crowd.hold(members[2], 1)  # the first to begin was the second
    assert [member.fate for member in members] == ["", "evicted", "", ""]
    crowd.hold(members[0], 0)
    crowd.leave(members[2])
    crowd.hold(members[3], 100)
    assert members[3].fate == ""
    crowd.hold(members[3], 101)
    assert members[3].fate == "evicted"


def test_deadlines_by_phase() -> None:
    clock = Clock()
    crowd = Crowd(ServerLimits(header=8, body=20), 100, clock, lambda _: None)
    first, second = Member("a"), Member("a")
    crowd.arrive(first)
    clock.now = 5
    crowd.arrive(second)
    crowd.move(first, Phase.BODY)
    clock.now = 14
    crowd.close_overdue()
    assert (first.fate, second.fate) == ("", "overdue")
    clock.now = 25.1
    crowd.close_overdue()
    assert first.fate == "overdue"


def test_newest_get_room() -> None:
    metrics = Metrics()
    gateway = Gateway(FakeResponder(), metrics=metrics)
    with running(gateway, ServerLimits(connections=10)) as server, contextlib.ExitStack() as stack:
        half = [stack.enter_context(connect(server)) for _ in range(30)]
        for connection in half:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(b"POST")
        assert one(server, post(b"abc")).body == b"cba"
        assert Reader(half[0]).rest() == b""
    assert counted(metrics, "evicted") >= 20


@pytest.mark.parametrize(
    "wrong",
    [
        {"header": 0},
        {"idle": float("nan")},
        {"grace": -1},
        {"connections": 0},
        {"connections_per_address": 0},
        {"threads": 0},
        {"retry_after": 0},
        {"waiting_per_address": 0},
        {"vain_hashes_per_second": -1},
        {"vain_hashes_burst": 0},
    ],
)
def test_limits_make_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ServerLimits(**wrong)  # type: ignore[arg-type]


# --- Many: a server in a process of its own ---

PROGRAM = """
import sys
from cmpcodec.http.runner import ServerLimits, serve
from tests.http.support import FakeResponder

most, header, body = sys.argv[1:]
limits = ServerLimits(connections=int(most), header=float(header), body=float(body))
serve(FakeResponder(), port=0, limits=limits, ready=lambda where: print(where.port, flush=True))
"""


@contextlib.contextmanager
def served(most: int, header: float, body: float) -> Iterator[tuple[int, int]]:
    """A server in its own process: its pid and port."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(most), str(header), str(body)], stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        try:
            yield process.pid, int(process.stdout.readline())
            process.terminate()
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


@pytest.fixture
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 3000:
        pytest.skip(f"only {hard} open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (3000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def resident(pid: int) -> int:
    """Octets of memory that a process has in use."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def transact(port: int, times: int) -> None:
    """An honest client that does what OpenSSL's does: one connection, two requests, header and body apart."""
    for _ in range(times):
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            reader = Reader(connection)
            for fields in (("Connection: keep-alive",), ()):
                data = post(b"x" * 800, PATH, "1.0", *fields)
                connection.sendall(data[:-800])
                connection.sendall(data[-800:])
                assert reader.response().body == b"x" * 800
            assert reader.rest() == b""


def count_closed(connections: list[socket.socket]) -> int:
    """How many the server has closed by now."""
    closed = 0
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            connection.setblocking(False)
            selector.register(connection, selectors.EVENT_READ)
        for key, _ in selector.select(0):
            try:
                while part := key.fileobj.recv(65536):  # type: ignore[union-attr]
                    assert part.startswith(b"HTTP/1.1 408 ")
                closed += 1
            except BlockingIOError:
                pass
            except ConnectionResetError:
                closed += 1
    return closed


@pytest.mark.parametrize("most", [4096, 500])
@pytest.mark.usefixtures("many_files")
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_many_slow_clients(most: int) -> None:
    """2 000 half-open and 200 slow-body connections from the honest client's own address, with room for all and without.

    Honest transactions are completed all the while, memory stays bounded, and each slow connection is closed at its deadline.
    """
    with served(most, header=8, body=10) as (pid, port), contextlib.ExitStack() as stack:
        transact(port, 5)
        before = resident(pid)
        slow = []
        for number in range(2200):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(LATE_BODY + bytes(500) if number % 11 == 0 else (b"", START)[number % 2])
            slow.append(connection)
            if number % 200 == 0:
                transact(port, 1)
        transact(port, 20)
        assert resident(pid) - before < 60_000_000
        until = time.monotonic() + PATIENCE
        closed = count_closed(slow)
        while closed < len(slow) and time.monotonic() < until:
            transact(port, 1)
            time.sleep(0.2)
            closed = count_closed(slow)
        assert closed == len(slow)
        transact(port, 5)
        assert len(os.listdir(f"/proc/{pid}/fd")) < 60
