"""Threads and the queue before them: turns and places of each source, requests whose client has gone."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import threading
import weakref
from collections.abc import Iterator

import pytest

from cmpcodec.http import asgi, runner
from cmpcodec.http.asgi import ASGIApp
from cmpcodec.http.background import Crew, Job, Sweeper
from cmpcodec.http.gateway import Gateway
from cmpcodec.http.limits import ServerLimits
from cmpcodec.http.metrics import Metrics
from tests.http.support import (
    PATIENCE,
    FakeResponder,
    Reader,
    connect,
    exchange,
    one,
    post,
    running,
    until,
)
from tests.http.test_asgi import body, talk

RESET = b"\1\0\0\0\0\0\0\0"


class Panic(BaseException):
    """As an extension module written in Rust raises when it panics."""


def panic(*_: object) -> None:
    raise Panic


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


def test_a_failing_callback_costs_no_thread(caplog: pytest.LogCaptureFixture) -> None:
    """Not even by a panic, which concurrent.futures lets through."""
    with busy_crew() as (crew, go):
        jobs = [crew.submit("a", int) for _ in range(5)]
        for job in jobs:
            assert job is not None
            job.future.add_done_callback(panic)
        go.set()
        last = crew.submit("b", lambda: 7)
        assert last is not None
        assert last.future.result(PATIENCE) == 7
        until(lambda: not crew.busy)
    assert caplog.text.count("could not be passed on") == 5


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


@pytest.mark.parametrize("limits", [ServerLimits(threads=2), ServerLimits(threads=2, waiting=1)])
def test_panics_in_answers(limits: ServerLimits, caplog: pytest.LogCaptureFixture) -> None:
    """Each is answered 500 and logged; the threads are there for whoever comes next."""
    responder = FakeResponder(during=lambda request: panic() if request == b"bomb" else None)
    with running(responder, limits) as server:
        assert [one(server, post(b"bomb")).status for _ in range(2 * limits.threads + 1)] == [500] * 5
        assert one(server, post(b"abc")).body == b"cba"
    assert caplog.text.count("a request could not be answered") == 5


def test_no_answer_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the gateway raise in spite of its promise, the connection ends, and the thread serves others."""
    gateway = Gateway(FakeResponder())
    answer = gateway.answer
    monkeypatch.setattr(
        gateway, "answer", lambda admitted, body, source: panic() if body == b"bomb" else answer(admitted, body)
    )
    with running(gateway, ServerLimits(threads=1)) as server:
        for _ in range(3):
            with connect(server) as connection:
                connection.sendall(post(b"bomb"))
                assert Reader(connection).rest() == b""
        assert one(server, post(b"abc")).body == b"cba"


def test_a_panic_ends_no_housekeeping() -> None:
    rounds: list[int] = []

    def sweep() -> None:
        rounds.append(1)
        if len(rounds) < 3:
            panic()

    sweeper = Sweeper(sweep, 0.001)
    sweeper.start()
    try:
        until(lambda: len(rounds) > 3 and sweeper.problem is None)
    finally:
        sweeper.stop()


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
