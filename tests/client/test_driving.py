"""The drivers: messages go out, waits are kept, time is bounded, and what fails reaches the flow and the caller."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import pytest

import cmpcodec as cmp
from cmpcodec import errors
from cmpcodec.adapters import driving
from cmpcodec.adapters.driving import run, run_async
from cmpcodec.client import Confirmation, Wait
from tests.client.peer import Peer, error_body
from tests.client.test_enrolment import ask

MESSAGE = next(ask())


class Clock:
    """Time that passes only when somebody waits, or says that something took time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


class TimedPeer(Peer):
    """Is told how much time is left."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.told: list[float] = []

    def send_within(self, message: cmp.PKIMessage, seconds: float) -> cmp.PKIMessage:
        self.told.append(seconds)
        return self(message)


@pytest.fixture(params=["sync", "async"])
def drive(request: pytest.FixtureRequest) -> Any:
    """`run`, or `run_async` in a loop of its own, without waiting in earnest."""
    if request.param == "sync":
        return lambda flow, send, **options: run(flow, send, **({"wait": lambda _: None} | options))

    async def at_once(seconds: float) -> None:
        await asyncio.sleep(0)

    def drive_async(flow: Any, send: Any, **options: Any) -> Any:
        async def sending(message: cmp.PKIMessage) -> cmp.PKIMessage:
            await asyncio.sleep(0)
            return send(message)

        return asyncio.run(run_async(flow, sending, **({"wait": at_once} | options)))

    return drive_async


def test_result(drive: Any) -> None:
    peer = Peer(delays=3)
    assert drive(ask(), peer).confirmation is Confirmation.CONFIRMED
    assert peer.kinds == ["ir", "poll_req", "poll_req", "poll_req", "cert_conf"]


def test_errors_of_the_flow(drive: Any) -> None:
    peer = Peer()
    peer.changes = [peer.saying(error_body(text="never"))]
    with pytest.raises(errors.RequestRejected, match="never"):
        drive(ask(), peer)


@pytest.mark.parametrize(
    "error", [errors.TransportError("gone"), cmp.DecodeError("x", "y", 0), OSError("?"), KeyError()]
)
def test_errors_of_sending(drive: Any, error: Exception) -> None:
    flow = ask()

    def fail(message: cmp.PKIMessage) -> cmp.PKIMessage:
        raise error

    with pytest.raises(type(error)) as caught:
        drive(flow, fail)
    assert caught.value is error
    assert flow.gi_frame is None, "the flow is closed"


def test_interrupted(drive: Any) -> None:
    flow = ask()

    def interrupt(message: cmp.PKIMessage) -> cmp.PKIMessage:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drive(flow, interrupt)
    assert flow.gi_frame is None


def test_flow_goes_on_after_an_error(drive: Any) -> None:
    """What sending raised is thrown into the flow, which may have something else to do."""

    def patient() -> Generator[Any, Any, str]:
        try:
            yield MESSAGE
        except errors.TransportError:
            answer = yield MESSAGE
        return f"the second time: {answer.body.name}"

    attempts = iter([errors.TransportError("gone"), MESSAGE])

    def send(message: cmp.PKIMessage) -> cmp.PKIMessage:
        found = next(attempts)
        if isinstance(found, Exception):
            raise found
        return found

    assert drive(patient(), send) == "the second time: ir"


def test_flow_that_ends_at_once(drive: Any) -> None:
    def nothing() -> Generator[Any, Any, int]:
        return 7
        yield MESSAGE

    assert drive(nothing(), Peer()) == 7


def test_waits() -> None:
    clock = Clock()
    run(ask(), Peer(delays=3, check_after=40), wait=clock.wait, clock=clock)
    assert clock.waits == [40, 40]


def test_total_timeout_between_messages(drive: Any) -> None:
    def flow() -> Generator[Any, Any, None]:
        while True:
            yield MESSAGE

    with pytest.raises(errors.TransportError, match="total_timeout"):
        drive(flow(), lambda message: message, total_timeout=0.05)


def test_last_poll_just_before_the_end() -> None:
    """The server says to wait for longer than there is time: it is asked once more, while there is time for the answer."""
    clock = Clock()
    run(ask(), Peer(delays=2, check_after=500), wait=clock.wait, clock=clock, total_timeout=60)
    assert clock.waits == [50]
    clock = Clock()
    with pytest.raises(errors.TransportError, match="500 seconds"):
        run(ask(), Peer(delays=3, check_after=500), wait=clock.wait, clock=clock, total_timeout=60)
    assert clock.waits == [50]
    clock = Clock()
    with pytest.raises(errors.TransportError, match="500 seconds"):
        run(ask(), Peer(delays=2, check_after=500), wait=clock.wait, clock=clock, total_timeout=driving.LAST_POLL)
    assert clock.waits == []


def test_time_left_is_told() -> None:
    clock, peer = Clock(), TimedPeer(delays=2, check_after=7)
    run(ask(), peer, wait=clock.wait, clock=clock, total_timeout=60)
    assert peer.told == [60, 60, 53, 53]
    peer = TimedPeer()
    run(ask(), peer)
    assert peer.told == []


def test_slow_sending_is_noticed() -> None:
    clock = Clock()

    def slow(message: cmp.PKIMessage) -> cmp.PKIMessage:
        clock.now += 61
        return Peer()(message)

    with pytest.raises(errors.TransportError, match="total_timeout"):
        run(ask(), slow, clock=clock, total_timeout=60)


def test_sending_for_ever_is_cancelled() -> None:
    flow, ended = ask(), []

    async def never(message: cmp.PKIMessage) -> cmp.PKIMessage:
        try:
            return await asyncio.Future()
        finally:
            ended.append(True)

    with pytest.raises(errors.TransportError, match="total_timeout"):
        asyncio.run(run_async(flow, never, total_timeout=0.05))
    assert ended == [True]
    assert flow.gi_frame is None


def test_time_out_of_the_send_itself() -> None:
    """A TimeoutError that is not ours is not called ours."""

    async def fail(message: cmp.PKIMessage) -> cmp.PKIMessage:
        raise TimeoutError("of the database")

    with pytest.raises(TimeoutError, match="of the database"):
        asyncio.run(run_async(ask(), fail, total_timeout=60))


def test_cancelled_from_outside() -> None:
    flow = ask()

    async def never(message: cmp.PKIMessage) -> cmp.PKIMessage:
        return await asyncio.Future()

    async def program() -> None:
        task = asyncio.create_task(run_async(flow, never))
        await asyncio.sleep(0.01)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(program())
    assert flow.gi_frame is None


def test_long_wait_in_a_loop() -> None:
    async def program() -> list[float]:
        waits = []

        async def wait(seconds: float) -> None:
            waits.append(seconds)

        peer = Peer(delays=2, check_after=500)

        async def send(message: cmp.PKIMessage) -> cmp.PKIMessage:
            return peer(message)

        await run_async(ask(), send, wait=wait, total_timeout=60)
        return waits

    [seconds] = asyncio.run(program())
    assert 0 < seconds <= 50
    assert Wait(1).reason is None
