"""What one source may cost with requests that nobody can be held to."""

from __future__ import annotations

import pytest

from cmpcodec.adapters.settings import Table
from cmpcodec.cmp import PKIFailureInfo
from cmpcodec.http.asgi import ASGIApp
from cmpcodec.http.gateway import Admitted, Gateway, Reply
from cmpcodec.http.limits import ServerLimits
from cmpcodec.http.sources import MOST_SOURCES, FailureBudget, source_of
from cmpcodec.http.wsgi import WSGIApp
from cmpcodec.server.ports import Answer
from cmpcodec.store import MemoryStore
from tests.http.support import (
    PATH,
    Clock,
    FakeResponder,
    admit,
    exchange,
    one,
    post,
    running,
)
from tests.http.test_asgi import ask, body
from tests.http.test_wsgi import call
from tests.server.support import Device
from tests.server.support import Server as RealServer

NOBODY = Answer(der=b"no", request="ir", status=2, fail_info=PKIFailureInfo.BAD_MESSAGE_CHECK)


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
