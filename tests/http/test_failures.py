"""What one source may cost with requests that nobody can be held to."""

from __future__ import annotations

from typing import Any

import pytest

import cmpcodec as cmp
from cmpcodec import oids
from cmpcodec.adapters.settings import Table
from cmpcodec.asn1 import BitString
from cmpcodec.authority import create_signer
from cmpcodec.cmp import PKIFailureInfo
from cmpcodec.crmf import PBMParameter
from cmpcodec.http.asgi import ASGIApp
from cmpcodec.http.gateway import Admitted, Gateway
from cmpcodec.http.limits import CHEAP, ServerLimits
from cmpcodec.http.sources import MOST_SOURCES, FailureBudget, source_of
from cmpcodec.http.wsgi import WSGIApp
from cmpcodec.pkix import AlgorithmIdentifier
from cmpcodec.protection import certificates, pbm
from cmpcodec.protection.signatures import verify_with
from cmpcodec.server import SigningParties
from cmpcodec.server.ports import Answer
from cmpcodec.store import MemoryStore
from tests.http.support import (
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
from tests.protection.pki import DAY, Owner, ca, owner
from tests.server.support import CA_CERTIFICATE, CA_KEY, SECRET, START, Device, cert_request
from tests.server.support import Server as RealServer

NOBODY = Answer(der=b"no", request="ir", status=2, fail_info=PKIFailureInfo.BAD_MESSAGE_CHECK, vain_hashes=100_000)


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


def test_what_a_spent_budget_means() -> None:
    """Requests are admitted and answered as ever; only the hashes that they may cost are fewer, until it recovers."""
    clock, responder = Clock(), FakeResponder(answer=NOBODY)
    gateway = Gateway(responder, failures=FailureBudget(10_000, 250_000, clock=clock))

    def granted(source: str) -> int | None:
        admitted = admit(gateway, source)
        assert isinstance(admitted, Admitted)
        assert gateway.answer(admitted, b"x", source=source).status == 200
        return responder.granted.pop()

    assert [granted("a") for _ in range(4)] == [None, None, None, CHEAP]
    assert granted("b") is None
    clock.now += 10
    assert granted("a") == CHEAP  # the debt has to be made good, too
    clock.now += 20.1
    assert granted("a") is None


@pytest.mark.parametrize(("cost", "counts"), [(0, False), (500, False), (CHEAP, False), (CHEAP + 1, True)])
def test_cheap_failures_spend_nothing(cost: int, counts: bool) -> None:
    gateway = Gateway(FakeResponder(answer=NOBODY._replace(vain_hashes=cost)), failures=FailureBudget(1, 1))
    admitted = admit(gateway, "a")
    assert isinstance(admitted, Admitted)
    for _ in range(1000):
        gateway.answer(admitted, b"x", source="a")
    assert gateway.failures is not None
    assert gateway.failures.spent("a") is counts


class Neighbours:
    """A stranger and an honest device behind one address, and a server that counts its hashes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        self.server = RealServer(MemoryStore(), settings=settings)
        self.clock = Clock()
        limits = ServerLimits()
        assert limits.vain_hashes_per_second
        budget = FailureBudget(limits.vain_hashes_per_second, limits.vain_hashes_burst, clock=self.clock)
        self.gateway = Gateway(self.server.responder, failures=budget)
        self.hashes = 0
        monkeypatch.setattr(pbm, "pbm_key", self.count)

    def count(self, secret: bytes, salt: bytes, owf: str, iterations: int) -> bytes:
        self.hashes += iterations
        return bytes(32)

    def send(self, message: bytes, source: str = "proxy") -> cmp.PKIMessage:
        admitted = admit(self.gateway, source, "/.well-known/cmp/p/p")
        assert isinstance(admitted, Admitted)
        reply = self.gateway.answer(admitted, message, source=source)
        assert reply.status == 200
        return cmp.decode(reply.body)

    def stranger(self, iterations: int, owf: str = "sha256") -> bytes:
        """A message that is cheap to make, for whoever makes up the MAC."""
        parameter = PBMParameter(
            salt=bytes(16),
            owf=AlgorithmIdentifier(algorithm={name: oid for oid, name in pbm.OWFS.items()}[owf]),
            iteration_count=iterations,
            mac=AlgorithmIdentifier(algorithm=oids.HMAC_WITH_SHA256),
        )
        algorithm = AlgorithmIdentifier(algorithm=oids.ID_PASSWORD_BASED_MAC, parameters=parameter)
        message = cmp.decode(Device(self.server).message({"ir": [cert_request()]}))
        header = message.header.replace(protection_alg=algorithm)
        return cmp.PKIMessage(header=header, body=message.body, protection=BitString(bytes(range(32)))).der

    def honest(self, iterations: int) -> str:
        device = Device(self.server)
        shared = cmp.PasswordBasedMAC(SECRET, sender_kid=b"device", iterations=iterations)
        answer = self.send(device.message({"ir": [cert_request()]}, credential=shared))
        return answer.body.name


def test_a_stranger_does_not_shut_out_who_shares_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Neighbours(monkeypatch)
    for iterations in (99, 100_001, 500):  # refused before the first hash, or cheap
        for _ in range(3000):
            here.send(here.stranger(iterations))
    here.hashes = 0
    assert here.honest(50_000) == "ip"
    dear = here.stranger(100_000)
    for _ in range(1000):
        answer = here.send(dear)
    assert here.hashes < 22_000_000
    assert answer.body.error is not None
    assert answer.body.error.pki_status_info.fail_info == cmp.PKIFailureInfo.SYSTEM_UNAVAIL
    assert answer.protection is None
    assert [here.honest(iterations) for iterations in (500, 1024, CHEAP)] == ["ip"] * 3
    assert here.honest(50_000) == "error"
    here.clock.now += 30
    assert here.honest(50_000) == "ip"


def test_what_a_policy_demands_is_never_too_dear(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Neighbours(monkeypatch, policy=cmp.ProtectionPolicy(min_iterations=20_000))
    dear = here.stranger(100_000)
    for _ in range(300):
        here.send(dear)
    assert (here.honest(20_000), here.honest(20_001)) == ("ip", "error")


def test_dear_hash_functions_count_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Neighbours(monkeypatch)
    dear = here.stranger(12_000, "sha3_256")
    for _ in range(1000):
        here.send(dear)
    assert here.hashes < 3_000_000


def test_signatures_that_lead_nowhere_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """One message may cost 32 signatures of a dear curve; who sends many of them soon gets none of them computed."""
    when = {"since": START - DAY, "until": START + DAY}
    root = ca("root", **when)
    issuer = ca("issuer", number=1, kind="p384", **when)
    circle = [ca("issuer", issuer, number=1, kind="p384", authority_key=False, kid=False, **when) for _ in range(30)]
    stranger = credential(owner("stranger", issuer, authority_key=False, **when), *circle)
    honest = [credential(owner(name, root, **when)) for name in ("one", "two")]
    computed = 0

    def counting(*args: Any) -> None:
        nonlocal computed
        computed += 1
        verify_with(*args)

    monkeypatch.setattr(certificates, "verify_with", counting)
    own = cmp.Signature(*create_signer(CA_KEY, CA_CERTIFICATE, now=START), (CA_CERTIFICATE,))
    signing = SigningParties(own, cmp.TrustedSigners([root.certificate]))
    server, clock = RealServer(MemoryStore(), settings={"lookup": signing}), Clock()
    gateway = Gateway(server.responder, failures=FailureBudget(1_000_000, 3_000_000, clock=clock))

    def send(who: cmp.Signature) -> str:
        request = Device(server).message({"ir": [cert_request()]}, credential=who)
        admitted = admit(gateway, "proxy", "/.well-known/cmp/p/p")
        assert isinstance(admitted, Admitted)
        error = cmp.decode(gateway.answer(admitted, request, source="proxy").body).body.error
        return "granted" if error is None else (error.pki_status_info.fail_info or cmp.PKIFailureInfo(0)).names[0]

    assert send(honest[0]) == "granted"
    answers = [send(stranger) for _ in range(12)]
    assert answers == ["SIGNER_NOT_TRUSTED"] * 6 + ["SYSTEM_UNAVAIL"] * 6
    assert computed == 1 + 6 * 32, "nothing of the last six"
    assert [send(one) for one in honest] == ["granted"] * 2, "whose path is known, and whose path is cheap to find"
    clock.now += 5
    assert send(stranger) == "SIGNER_NOT_TRUSTED"


def credential(who: Owner, *chain: Owner) -> cmp.Signature:
    return cmp.Signature(who.key, who.certificate, [one.certificate for one in chain])


def test_the_servers_bring_a_budget() -> None:
    limits = ServerLimits(vain_hashes_per_second=1, vain_hashes_burst=1)
    responder = FakeResponder(answer=NOBODY)
    with running(responder, limits) as server:
        assert [one(server, post(b"x")).status for _ in range(2)] == [200, 200]
    app = ASGIApp(Gateway(responder), limits)
    assert [(ask(app, body(b"x")) or (0,))[0] for _ in range(2)] == [200, 200]
    gateway = Gateway(responder, failures=FailureBudget(1, 1, clock=Clock()))
    assert [call(b"x", app=WSGIApp(gateway), REMOTE_ADDR=address)[0] for address in "aab"] == [200] * 3
    assert responder.granted == [None, CHEAP, None, CHEAP, None, CHEAP, None]


@pytest.mark.parametrize("rate", [0, None])
def test_runner_without_budget(rate: int | None) -> None:
    responder = FakeResponder(answer=NOBODY)
    with running(responder, ServerLimits(vain_hashes_per_second=rate, vain_hashes_burst=1)) as server:
        assert {response.status for response in exchange(server, post(b"x") * 50)} == {200}
    assert set(responder.granted) == {None}


def test_limits_in_a_file() -> None:
    limits = Table({"waiting_per_address": False, "vain_hashes_per_second": False}, "limits", "x.toml").fill(
        ServerLimits
    )
    assert (limits.waiting_per_address, limits.vain_hashes_per_second) == (None, None)
    limits = Table({"waiting_per_address": 3, "vain_hashes_per_second": 4}, "limits", "x.toml").fill(ServerLimits)
    assert (limits.waiting_per_address, limits.vain_hashes_per_second, limits.vain_hashes_burst) == (3, 4, 20_000_000)
