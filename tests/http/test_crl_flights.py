"""However many ask for a CRL, one at a time is made."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cmpcodec.http.background import SingleFlight
from cmpcodec.http.gateway import FRESH_CRL, Admitted, Gateway
from tests.http.support import (
    PATIENCE,
    Clock,
    FakeResponder,
    admit,
)


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
