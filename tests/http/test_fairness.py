"""What one source may cost the others: turns and places in the queue, requests of nobody, CRLs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from cmpcodec.adapters.settings import Table
from cmpcodec.cmp import PKIFailureInfo
from cmpcodec.http import asgi, runner
from cmpcodec.http.asgi import ASGIApp
from cmpcodec.http.background import Crew, Job, SingleFlight
from cmpcodec.http.gateway import FRESH_CRL, Admitted, Gateway, Reply
from cmpcodec.http.limits import ServerLimits
from cmpcodec.http.metrics import Metrics
from cmpcodec.http.sources import MOST_SOURCES, FailureBudget, source_of
from cmpcodec.http.wsgi import WSGIApp
from cmpcodec.server.ports import Answer
from cmpcodec.store import MemoryStore
from tests.http.support import PATH, PATIENCE, FakeResponder, Reader, connect, exchange, one, post, running
from tests.http.test_asgi import ask, body, talk
from tests.http.test_wsgi import call
from tests.server.support import Device
from tests.server.support import Server as RealServer

MEDIA = (b"Content-Type", b"application/pkixcmp")
RESET = b"\1\0\0\0\0\0\0\0"
NOBODY = Answer(der=b"no", request="ir", status=2, fail_info=PKIFailureInfo.BAD_MESSAGE_CHECK)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def until(condition: Callable[[], object]) -> None:
    """Wait for something that is about to happen."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.001)


# --- The crew ---


@contextlib.contextmanager
def busy_crew(waiting: int = 10, per_source: int | None = None) -> Iterator[tuple[Crew, threading.Event]]:
    """A crew of one thread that is busy until the event is set."""
    crew, entered, go = Crew(1, waiting, per_source), threading.Event(), threading.Event()

    def slow() -> None:
        entered.set()
        assert go.wait(PATIENCE)

    try:
        crew.submit("slow", slow)
        assert entered.wait(PATIENCE)
        yield crew, go
    finally:
        go.set()
        crew.close()


def test_sources_have_turns() -> None:
    order: list[str] = []
    with busy_crew() as (crew, go):
        jobs = [
            crew.submit(name[0], lambda name=name: order.append(name)) for name in ("a1", "a2", "a3", "b1", "c1", "b2")
        ]  # type: ignore[misc]
        go.set()
        for job in jobs:
            assert job is not None
            job.future.result(PATIENCE)
    assert order == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_places_of_one_source() -> None:
    with busy_crew(waiting=5, per_source=2) as (crew, _):
        places = [crew.submit(source, int) is not None for source in ("a", "a", "a", "b", "", "", "c")]
        assert places == [True, True, False, True, True, True, False]
        assert crew.waiting == 5


def test_free_threads_are_no_places() -> None:
    """As many as there are threads run, and only then does anybody wait."""
    go = threading.Event()
    crew = Crew(3, 9, 1)
    try:
        jobs = [crew.submit("a", lambda: go.wait(PATIENCE)) for _ in range(5)]
        assert [job is not None for job in jobs] == [True] * 4 + [False]
    finally:
        go.set()
        crew.close()


def test_withdrawn() -> None:
    """It does not run, its place is free at once, and nothing of it is kept, however often that happens."""

    class Body:
        pass

    ran: list[object] = []
    with busy_crew(waiting=1) as (crew, go):
        for _ in range(100):
            data = Body()
            job = crew.submit("a", lambda data=data: ran.append(data))  # type: ignore[misc]
            assert job is not None
            assert crew.submit("b", int) is None
            assert crew.withdraw(job)
            assert not crew.withdraw(job)
            assert job.future.cancelled()
            kept = weakref.ref(data)
            del data, job
            assert kept() is None
        last = crew.submit("b", lambda: 7)
        go.set()
        assert last is not None
        assert last.future.result(PATIENCE) == 7
        assert not crew.withdraw(last)
        until(lambda: not crew.busy)
    assert ran == []


def test_a_failing_call_costs_no_thread() -> None:
    crew = Crew(1, 10)
    try:
        jobs = [crew.submit("a", lambda: 1 // 0) for _ in range(5)]
        for job in jobs:
            assert isinstance(job, Job)
            with pytest.raises(ZeroDivisionError):
                job.future.result(PATIENCE)
    finally:
        crew.close()


def test_closed_crew_drops_what_waits() -> None:
    with busy_crew() as (crew, go):
        job = crew.submit("a", int)
        crew.close(wait=False)
        assert job is not None
        assert job.future.cancelled()
        go.set()


# --- The runner ---


class Blocked(FakeResponder):
    """Answers b"slow" when it is told to."""

    def __init__(self) -> None:
        super().__init__(during=self.wait)
        self.entered, self.go = threading.Event(), threading.Event()

    def wait(self, request: bytes) -> None:
        if request == b"slow":
            self.entered.set()
            assert self.go.wait(PATIENCE)


@pytest.fixture
def crews(monkeypatch: pytest.MonkeyPatch) -> list[Crew]:
    """The crews of the servers of this test."""
    made: list[Crew] = []

    class Known(Crew):
        def __init__(self, threads: int, waiting: int, waiting_per_source: int | None = None) -> None:
            super().__init__(threads, waiting, waiting_per_source)
            made.append(self)

    monkeypatch.setattr(runner, "Crew", Known)
    monkeypatch.setattr(asgi, "Crew", Known)
    return made


def from_another_address(server: runner.Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.listening.port), PATIENCE, ("127.0.0.2", 0))


@pytest.mark.parametrize("reset", [True, False])
def test_lost_while_it_waits(reset: bool, crews: list[Crew]) -> None:
    """The request of a client that has gone leaves the queue while the threads are still busy, and never runs."""
    responder, metrics = Blocked(), Metrics()
    with (
        running(Gateway(responder, metrics=metrics), ServerLimits(threads=1, waiting=1)) as server,
        contextlib.ExitStack() as stack,
    ):
        stack.callback(responder.go.set)
        slow = stack.enter_context(connect(server))
        slow.sendall(post(b"slow"))
        assert responder.entered.wait(PATIENCE)
        for _ in range(20):
            with connect(server) as connection:
                connection.sendall(post(b"lost"))
                until(lambda: crews[0].waiting == 1)
                if reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            until(lambda: crews[0].waiting == 0)
        responder.go.set()
        assert Reader(slow).response().body == b"wols"
        assert one(server, post(b"next")).body == b"txen"
    assert [request for request, _ in responder.seen] == [b"slow", b"next"]
    assert metrics.registry.get_sample_value("cmp_connections_total", {"event": "abandoned"}) == 20


def test_half_closed_while_it_waits(crews: list[Crew]) -> None:
    """Who ends only its own half looks like one who has gone; it is told to come again. With a free thread it is served."""
    responder = Blocked()
    with running(responder, ServerLimits(threads=1)) as server, connect(server) as slow:
        try:
            slow.sendall(post(b"slow"))
            assert responder.entered.wait(PATIENCE)
            with connect(server) as connection:
                connection.sendall(post(b"half"))
                until(lambda: crews[0].waiting == 1)
                connection.shutdown(socket.SHUT_WR)
                reader = Reader(connection)
                response = reader.response()
                assert (response.status, response.fields["retry-after"], response.closes) == (503, "5", True)
                assert reader.rest() == b""
        finally:
            responder.go.set()
        assert Reader(slow).response().status == 200
        # The thread may still be busy with the last one for a moment; then the answer is to come again.
        until(lambda: [response.status for response in exchange(server, post(b"half"))] == [200])


@pytest.mark.skipif(sys.platform != "linux", reason="needs a second address of the loopback interface")
def test_one_address_does_not_take_all_places(crews: list[Crew]) -> None:
    responder = Blocked()
    limits = ServerLimits(threads=1, waiting_per_address=2)
    with running(Gateway(responder, retry_after=9), limits) as server, contextlib.ExitStack() as stack:
        stack.callback(responder.go.set)
        greedy = [stack.enter_context(connect(server)) for _ in range(3)]
        for number, connection in enumerate(greedy):
            connection.sendall(post(b"slow"))
            assert responder.entered.wait(PATIENCE)
            until(lambda number=number: crews[0].waiting == number)  # type: ignore[misc]
        response = one(server, post(b"slow"))
        assert (response.status, response.fields["retry-after"]) == (503, "9")
        honest = stack.enter_context(from_another_address(server))
        honest.sendall(post(b"honest"))
        until(lambda: crews[0].waiting == 3)
        responder.go.set()
        assert Reader(honest).response().body == b"tsenoh"
        assert [Reader(connection).response().body for connection in greedy] == [b"wols"] * 3
    assert [request for request, _ in responder.seen] == [b"slow", b"slow", b"honest", b"slow"]


@pytest.mark.parametrize("event", ["http.disconnect", "cancel"])
def test_asgi_client_leaves_while_it_waits(event: str, crews: list[Crew]) -> None:
    responder = Blocked()
    app = ASGIApp(Gateway(responder), ServerLimits(threads=1))

    async def program() -> None:
        slow = asyncio.create_task(talk(app, body(b"slow")))
        await asyncio.to_thread(responder.entered.wait, PATIENCE)
        lost = asyncio.create_task(talk(app, [*body(b"lost"), *([{"type": event}] if event != "cancel" else [])]))
        if event == "cancel":
            while crews[0].waiting == 0:
                await asyncio.sleep(0.001)
            lost.cancel()
        found = await asyncio.gather(lost, return_exceptions=True)
        assert found == [None] or isinstance(found[0], asyncio.CancelledError)
        assert crews[0].waiting == 0
        responder.go.set()
        assert (await slow or ())[0] == 200

    try:
        asyncio.run(asyncio.wait_for(program(), PATIENCE))
    finally:
        responder.go.set()
        app.close()
    assert [request for request, _ in responder.seen] == [b"slow"]


# --- Requests of nobody ---


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("::1", "::"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("unix:", "unix:"),
        ("", ""),
    ],
)
def test_sources(address: str, source: str) -> None:
    assert source_of(address) == source


def test_budget() -> None:
    clock = Clock()
    budget = FailureBudget(2, 3, clock=clock)
    assert not budget.spent("a")
    for _ in range(3):
        assert not budget.spent("a")
        budget.failed("a")
    assert budget.spent("a")
    assert not budget.spent("b")
    clock.now += 0.5
    assert not budget.spent("a")
    for _ in range(4):  # they ran at the same time
        budget.failed("a")
    clock.now += 1.5
    assert budget.spent("a")
    clock.now += 0.5
    assert not budget.spent("a")
    clock.now += 1e6  # no more than the burst is ever saved
    for _ in range(3):
        budget.failed("a")
    assert budget.spent("a")


def test_budget_of_a_network_and_of_nobody() -> None:
    budget = FailureBudget(1, 1, clock=Clock())
    budget.failed("2001:db8::1")
    assert budget.spent("2001:db8::2")
    assert not budget.spent("2001:db8:0:1::1")
    budget.failed("")
    assert not budget.spent("")


def test_budget_is_bounded() -> None:
    clock = Clock()
    budget = FailureBudget(1, 1, clock=clock)
    for number in range(MOST_SOURCES):
        budget.failed(str(number))
    budget.failed("0")
    budget.failed("new")
    assert len(budget) == MOST_SOURCES
    assert (budget.spent("0"), budget.spent("1"), budget.spent("2")) == (True, False, True)


@pytest.mark.parametrize("wrong", [(0, 1), (-1, 1), (float("nan"), 1), (1, 0)])
def test_budget_makes_sense(wrong: tuple[float, int]) -> None:
    with pytest.raises(ValueError, match="budget"):
        FailureBudget(*wrong)


def admit(gateway: Gateway, source: str, path: str = PATH) -> Admitted | Reply:
    return gateway.admit(
        "POST" if path in (PATH, "/.well-known/cmp/p/p") else "GET", path.encode(), [MEDIA], source=source
    )


def test_failures_end_in_429() -> None:
    clock, responder = Clock(), FakeResponder(answer=NOBODY)
    gateway = Gateway(responder, failures=FailureBudget(1, 3, clock=clock), retry_after=7)
    for _ in range(3):
        admitted = admit(gateway, "a")
        assert isinstance(admitted, Admitted)
        assert gateway.answer(admitted, b"x", source="a").status == 200
    refused = admit(gateway, "a")
    assert isinstance(refused, Reply)
    assert (refused.status, dict(refused.headers)["Retry-After"]) == (429, "7")
    # One that was admitted before is not answered either.
    assert gateway.answer(admitted, b"x", source="a").status == 429
    assert len(responder.seen) == 3
    for source, path in (("b", PATH), ("a", PATH + "/crl"), ("a", "/healthz")):
        assert isinstance(admit(gateway, source, path), Admitted)
    clock.now += 1
    assert isinstance(admit(gateway, "a"), Admitted)


@pytest.mark.parametrize(
    ("answer", "counts"),
    [
        (NOBODY, True),
        (Answer(der=b"", fail_info=PKIFailureInfo.BAD_DATA_FORMAT), True),
        (Answer(der=b"", request="error", body="pkiconf"), True),
        (Answer(der=b"", request="error", body="pkiconf", requester="kid:00"), False),
        (Answer(der=b"", request="ir", fail_info=PKIFailureInfo.BAD_POP, requester="kid:00"), False),
        (Answer(der=b"", request="ir", body="ip", status=0), False),
    ],
)
def test_what_is_a_failure(answer: Answer, counts: bool) -> None:
    gateway = Gateway(FakeResponder(answer=answer), failures=FailureBudget(1, 1, clock=Clock()))
    admitted = admit(gateway, "a")
    assert isinstance(admitted, Admitted)
    gateway.answer(admitted, b"x", source="a")
    assert isinstance(admit(gateway, "a"), Reply) is counts


def test_what_the_responder_does_not_believe_is_a_failure() -> None:
    """A wrong secret, an error message under one, rubbish; but not what a known device gets wrong."""
    server = RealServer(MemoryStore())
    gateway = Gateway(server.responder, failures=FailureBudget(1, 1, clock=Clock()))
    known, stranger = Device(server), Device(server, secret=b"wrong")
    wrong = {"error": {"pki_status_info": {"status": 2}}}
    found = []
    for message in (
        known.message({"cert_conf": []}),
        known.message(wrong),
        stranger.message({"cert_conf": []}),
        stranger.message(wrong),
        Device(server, kid=b"unknown", secret=b"wrong").message(wrong),
        b"rubbish",
    ):
        source = f"source {len(found)}"
        admitted = admit(gateway, source, "/.well-known/cmp/p/p")
        assert isinstance(admitted, Admitted)
        gateway.answer(admitted, message, source=source)
        found.append(gateway.failures is not None and gateway.failures.spent(source))
    assert found == [False, False, True, True, True, True]


def test_runner_refuses_before_the_body() -> None:
    responder = FakeResponder(answer=NOBODY)
    with running(responder, ServerLimits(failures_per_second=1, failures_burst=100)) as server:
        statuses = []
        while 429 not in statuses and len(statuses) < 1000:
            statuses.append(one(server, post(b"x")).status)
        assert 100 < len(statuses) < 1000
        response = one(server, post(b"x" * 100)[:-100])
        assert (response.status, response.fields["retry-after"], response.closes) == (429, "5", True)
        assert one(server, f"GET {PATH}/crl HTTP/1.1\r\nHost: x\r\n\r\n".encode()).status == 200
    assert len(responder.seen) == statuses.count(200)


@pytest.mark.parametrize("rate", [0, None])
def test_runner_without_budget(rate: int | None) -> None:
    with running(FakeResponder(answer=NOBODY), ServerLimits(failures_per_second=rate, failures_burst=1)) as server:
        assert {response.status for response in exchange(server, post(b"x") * 50)} == {200}


def test_applications_refuse_too() -> None:
    app = ASGIApp(Gateway(FakeResponder(answer=NOBODY)), ServerLimits(failures_per_second=1, failures_burst=1))
    found = [(ask(app, body(b"x")) or (0,))[0] for _ in range(2)]
    assert found == [200, 429]
    gateway = Gateway(FakeResponder(answer=NOBODY), failures=FailureBudget(1, 1, clock=Clock()))
    statuses = [call(b"x", app=WSGIApp(gateway), REMOTE_ADDR=address)[0] for address in ("a", "a", "b")]
    assert statuses == [200, 429, 200]


def test_limits_in_a_file() -> None:
    limits = Table({"waiting_per_address": False, "failures_per_second": False}, "limits", "x.toml").fill(ServerLimits)
    assert (limits.waiting_per_address, limits.failures_per_second) == (None, None)
    limits = Table({"waiting_per_address": 3, "failures_per_second": 4}, "limits", "x.toml").fill(ServerLimits)
    assert (limits.waiting_per_address, limits.failures_per_second, limits.failures_burst) == (3, 4, 200)


# --- CRLs ---


class Signing(FakeResponder):
    """Makes a new CRL for each call, and takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self.made = 0
        self.failing = False
        self.entered, self.go = threading.Event(), threading.Event()

    def crl(self, profile: str) -> bytes:
        self.made += 1
        number = self.made
        self.entered.set()
        assert self.go.wait(PATIENCE)
        if self.failing:
            raise OSError("no token")
        return f"{profile} {number}".encode()


def test_one_crl_at_a_time() -> None:
    clock, responder = Clock(), Signing()
    gateway = Gateway(responder, clock=clock)

    def get(profile: str = "device") -> bytes:
        admitted = admit(gateway, "a", f"/.well-known/cmp/p/{profile}/crl")
        assert isinstance(admitted, Admitted)
        reply = gateway.answer(admitted)
        return reply.body if reply.status == 200 else b"failed"

    with ThreadPoolExecutor(10) as pool:
        try:
            # The first of all: everybody waits for it.
            waiting = [pool.submit(get) for _ in range(8)]
            assert responder.entered.wait(PATIENCE)
            time.sleep(0.1)  # lets the others arrive; if they do not, the test is only weaker
            assert responder.made == 1
            assert not any(one.done() for one in waiting)
            responder.go.set()
            assert {one.result(PATIENCE) for one in waiting} == {b"device 1"}
            made = responder.made  # more than 1 only for those that arrived late

            # While the next is made, the last one is given out; another profile has its own.
            responder.go.clear()
            responder.entered.clear()
            slow = pool.submit(get)
            assert responder.entered.wait(PATIENCE)
            assert {get() for _ in range(5)} == {b"device 1"}
            assert responder.made == made + 1
            responder.entered.clear()
            other = pool.submit(get, "other")
            assert responder.entered.wait(PATIENCE)

            # ... unless it is too old by then.
            clock.now += FRESH_CRL + 1
            late = pool.submit(get)
            time.sleep(0.1)
            assert not late.done()
            responder.go.set()
            assert slow.result(PATIENCE) == late.result(PATIENCE) == f"device {made + 1}".encode()
            assert other.result(PATIENCE) == f"other {made + 2}".encode()
            assert responder.made == made + 2

            # A failure is not kept.
            responder.failing = True
            assert get() == b"failed"
            responder.failing = False
            assert get() == f"device {made + 4}".encode()
        finally:
            responder.go.set()


def test_a_failed_flight_fails_for_all_that_wait() -> None:
    flights: SingleFlight[int] = SingleFlight(1)
    entered, go = threading.Event(), threading.Event()

    def fail() -> int:
        entered.set()
        assert go.wait(PATIENCE)
        raise OSError("no token")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(flights.get, "key", fail)
        assert entered.wait(PATIENCE)
        second = pool.submit(flights.get, "key", fail)
        time.sleep(0.05)
        go.set()
        for one_of_them in (first, second):
            with pytest.raises(OSError, match="no token"):
                one_of_them.result(PATIENCE)
        assert flights.get("key", lambda: 7) == 7
