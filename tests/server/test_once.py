"""Once and only once: repeated messages, several threads and nodes, restarts, and stores or authorities that fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import cmpcodec as cmp
from cmpcodec.authority import Delayed
from cmpcodec.messages import cert_hash
from cmpcodec.pkix import Certificate
from cmpcodec.server import Answer, Change, Conflict, Issue, Refused, Responder, TransactionKey
from cmpcodec.server.ports import Store
from cmpcodec.store import MemoryStore, SQLiteStore, StoreBusy
from tests.server.support import (
    KEYS,
    Device,
    Server,
    authority,
    cert_request,
    certificates,
    pkcs10,
    reasons,
    responses,
    rev_details,
)

WAIT = 60
"""Seconds until a thread that waits for others gives up."""


class Around:
    """A store, with something done before a method of it."""

    def __init__(self, inner: Store, **before: Callable[..., Any]) -> None:
        self._inner = inner
        self._before = before

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        before = self._before.get(name)
        if before is None:
            return method

        def wrapped(*args: Any) -> Any:
            before(*args)
            return method(*args)

        return wrapped


class Meeting:
    """Lets the first `size` calls wait for each other, all later ones pass."""

    def __init__(self, size: int) -> None:
        self._barrier = threading.Barrier(size)
        self._left = size
        self._lock = threading.Lock()

    def __call__(self, *_: Any) -> None:
        with self._lock:
            self._left -= 1
            waits = self._left >= 0
        if waits:
            self._barrier.wait(WAIT)


def at_once(server: Server, messages: list[bytes], method: str = "apply") -> list[Answer]:
    """The answers to messages that all are about to call that method of the store before any of them goes on."""
    store: Any = Around(server.store, **{method: Meeting(len(messages))})
    nodes = [Responder([server.profile], store, clock=server.clock) for _ in messages]
    with ThreadPoolExecutor(len(messages)) as pool:
        futures = [pool.submit(node.respond, message, "p") for node, message in zip(nodes, messages, strict=True)]
        return [future.result(WAIT) for future in futures]


class Counting:
    """An authority that keeps what it signed."""

    def __init__(self) -> None:
        self._inner = authority()
        self.chain, self.name, self.sign_crl = self._inner.chain, self._inner.name, self._inner.sign_crl
        self.revoke = self._inner.revoke
        self.signed: list[Certificate] = []

    def issue(self, *order: Any) -> Issue:
        issue = self._inner.issue(*order)
        self.signed.append(issue.certificate)
        return issue


@pytest.fixture
def counting(server: Server) -> Counting:
    counting = Counting()
    server.restart(authority=counting)
    return counting


def stored(server: Server, counting: Counting) -> list[bytes]:
    """The signed certificates that the store has: the others were thrown away."""
    issuer = server.issuer.der
    return [one.der for one in counting.signed if server.store.certificate(issuer, one.load().serial_number)]


def delivered(answer: bytes) -> list[bytes]:
    """The certificates in an answer."""
    return [one.der for one in certificates(cmp.decode(answer))]


# --- The same message again ---


def test_every_message_of_a_transaction_again(device: Device, server: Server, counting: Counting) -> None:
    certificate = device.enroll()
    enrolment = device.last, device.answer
    device.confirm((0, certificate))
    confirmation = device.last, device.answer
    for _ in range(2):
        for message, answer in (enrolment, confirmation):
            again = server.respond(message)
            assert answer is not None
            assert again.der == answer.der
            assert (again.repeated, again.body, again.status) == (True, answer.body, answer.status)
            assert again.requester == answer.requester
        server.restart()
        server.clock.pass_(minutes=20)  # the window of messageTime is over, the memory is not
    assert server.status(certificate.load().serial_number) == "valid"
    assert len(counting.signed) == 1


@pytest.mark.parametrize(
    "content",
    [
        {"ir": [cert_request(popo=None)]},
        {"p10cr": pkcs10()},
        {"kur": [cert_request()]},
        {"rr": "details"},
        {"ir": [cert_request(0), cert_request(1, popo=None)]},
    ],
    ids=["rejected", "p10cr", "kur", "rr", "several"],
)
def test_any_first_message_again(device: Device, server: Server, content: dict[str, Any]) -> None:
    if content == {"rr": "details"}:
        content = {"rr": [rev_details(server.issuer, device.whole(), 1)]}
    device = device.again()
    first = device.send(content)
    original = device.answer
    again = server.respond(device.last)
    assert original is not None
    assert again.der == first.der
    assert (again.repeated, again.status, again.fail_info) == (True, original.status, original.fail_info)
    assert again.text == original.text


def test_a_failed_confirmation_again(device: Device, server: Server) -> None:
    device.enroll()
    device.refused({"cert_conf": [{"cert_hash": b"", "cert_req_id": 0}]})
    again = server.respond(device.last)
    assert device.answer is not None
    assert again.der == device.answer.der
    assert (again.fail_info, again.status) == (cmp.PKIFailureInfo.BAD_CERT_ID, cmp.PKIStatus.REJECTION)


def test_the_same_request_protected_anew(device: Device, server: Server, counting: Counting) -> None:
    """Other bytes with the transactionID of a transaction that goes on."""
    content = {"ir": [cert_request()]}
    nonce = bytes(range(16))
    certificate = certificates(device.send(content, sender_nonce=nonce))[0]
    server_nonce = device.server_nonce
    assert device.refused(content, sender_nonce=nonce, recip_nonce=None) == "TRANSACTION_ID_IN_USE"
    assert len(counting.signed) == 1
    device.server_nonce = server_nonce
    assert device.confirm((0, certificate)).body.name == "pkiconf"


def test_a_header_that_was_refused_is_not_remembered(device: Device, server: Server) -> None:
    message = device.message({"ir": [cert_request()]}, message_time=server.clock.now.replace(hour=18))
    assert device.refused(message) == "BAD_TIME"
    server.clock.pass_(hours=6)
    assert certificates(device.send(message))


def test_after_a_restart_of_the_machine(tmp_path: Path) -> None:
    with closing(SQLiteStore(tmp_path / "cmp.db")) as store:
        device = Device(Server(store))
        certificate = device.enroll()
        message, answer = device.last, device.answer
    with closing(SQLiteStore(tmp_path / "cmp.db")) as store:
        server = Server(store)
        assert answer is not None
        assert server.respond(message).der == answer.der
        device.server = server
        assert device.confirm((0, certificate)).body.name == "pkiconf"


def test_an_answer_that_is_larger_than_what_is_accepted(device: Device, server: Server) -> None:
    """The sender of the request is the recipient of the answer, which has a certificate besides."""
    long = cmp.GeneralName(rfc822_name="x" * 20_000)
    message = device.message({"ir": [cert_request()]}, sender=long)
    server.restart(limits=cmp.Limits(max_size=len(message)))
    answer = device.send(message)
    assert len(answer.der) > len(message)
    again = server.respond(message)
    assert (again.der, again.repeated, again.body) == (answer.der, True, "ip")
    huge = cmp.GeneralName(rfc822_name="x" * (cmp.Limits().max_size - 1000))
    device = device.again()
    message = device.message({"ir": [cert_request()]}, sender=huge)
    server.restart(limits=cmp.Limits())
    first = server.respond(message)
    assert first.body == "ip"
    assert len(first.der) > cmp.Limits().max_size
    again = server.respond(message)
    assert (again.der, again.repeated, again.status) == (first.der, True, first.status)


# --- At the same moment ---


@pytest.mark.parametrize("count", [2, 4])
def test_one_request_to_several_nodes(device: Device, server: Server, counting: Counting, count: int) -> None:
    message = device.message({"ir": [cert_request()]})
    answers = at_once(server, [message] * count)
    assert len({answer.der for answer in answers}) == 1
    assert sum(not answer.repeated for answer in answers) == 1
    assert len(counting.signed) == count  # all signed, before they met
    assert stored(server, counting) == delivered(answers[0].der)


def test_two_requests_with_one_transaction_id(device: Device, server: Server, counting: Counting) -> None:
    messages = [device.message({"ir": [cert_request(key=key)]}) for key in KEYS[:2]]
    answers = sorted(at_once(server, messages), key=lambda answer: answer.body)
    assert [answer.body for answer in answers] == ["error", "ip"]
    assert answers[0].fail_info == cmp.PKIFailureInfo.TRANSACTION_ID_IN_USE
    assert stored(server, counting) == delivered(answers[1].der)


def test_confirmation_and_rejection(device: Device, server: Server) -> None:
    certificate = device.enroll()
    serial = certificate.load().serial_number
    accept = device.message({"cert_conf": [{"cert_hash": cert_hash(certificate), "cert_req_id": 0}]})
    reject = device.message({"cert_conf": []})
    accepted, rejected = at_once(server, [accept, reject])
    assert sorted([accepted.body, rejected.body]) == ["error", "pkiconf"]
    loser = accepted if accepted.body == "error" else rejected
    assert loser.fail_info == cmp.PKIFailureInfo.CERT_CONFIRMED
    assert server.status(serial) == ("valid" if accepted.body == "pkiconf" else "revoked")


def test_two_revocations(device: Device, server: Server) -> None:
    serial = device.whole()
    messages = [device.again().message({"rr": [rev_details(server.issuer, serial, reason)]}) for reason in (1, 4)]
    answers = at_once(server, messages)
    assert sorted(str(answer.status) for answer in answers) == ["0", "2"]
    assert [one.fail_info for one in answers if one.status == 2] == [cmp.PKIFailureInfo.CERT_REVOKED]
    winner = [one.status for one in answers].index(0)
    assert server.certificate(serial).reason == (1, 4)[winner]
    assert server.store.revocations(server.issuer.der) == 1


def test_two_polls(device: Device, server: Server, counting: Counting) -> None:
    server.restart(authority=Delayed(counting, 10))
    device.send({"ir": [cert_request()]})
    server.clock.pass_(seconds=10)
    content = {"poll_req": [{"cert_req_id": 0}]}
    answers = sorted(at_once(server, [device.message(content), device.message(content)]), key=lambda one: one.body)
    assert [one.body for one in answers] == ["error", "ip"]
    assert stored(server, counting) == delivered(answers[1].der)


def test_the_sweep_and_a_confirmation(device: Device, server: Server) -> None:
    """Whoever is first; the other one sees it."""
    certificate = device.enroll()
    serial = certificate.load().serial_number
    server.clock.pass_(minutes=6)

    def confirmed_just_now(*_: Any) -> None:
        device.server.clock.pass_(minutes=-2)
        assert device.confirm((0, certificate)).body.name == "pkiconf"
        device.server.clock.pass_(minutes=2)

    store: Any = Around(server.store, apply=confirmed_just_now)
    assert Responder([server.profile], store, clock=server.clock).sweep() == 0
    assert server.status(serial) == "valid"


def test_two_nodes_make_a_crl(device: Device, server: Server) -> None:
    serial = device.whole()
    assert device.revoke(serial, 1) == ""
    store: Any = Around(server.store, keep_crl=Meeting(3))
    nodes = [Responder([server.profile], store, clock=server.clock) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        crls = [future.result(WAIT) for future in [pool.submit(node.crl, "p") for node in nodes]]
    assert len(set(crls)) == 1
    assert reasons(crls[0]) == {serial: "keyCompromise"}


def test_a_revocation_while_a_crl_is_made(device: Device, server: Server) -> None:
    """A CRL counts the revocations that were known before its entries were read."""
    first, second = device.whole(), device.again().whole()
    assert device.revoke(first, 1) == ""
    store: Any = Around(server.store, keep_crl=lambda *_: device.revoke(second, 1))
    Responder([server.profile], store, clock=server.clock).crl("p")
    assert set(reasons(server.responder.crl("p"))) == {first, second}


def test_many_threads_many_transactions(server: Server) -> None:
    def run(number: int) -> int:
        device = Device(server)
        serial = device.whole(cert_request(subject=f"device-{number}"))
        assert server.respond(device.last).repeated
        return serial

    with ThreadPoolExecutor(6) as pool:
        serials = list(pool.map(run, range(24), timeout=WAIT))
    assert len(set(serials)) == 24
    assert {server.status(serial) for serial in serials} == {"valid"}


# --- Serial numbers that are taken, conflicts without end ---


class Stuttering(Counting):
    """Gives out its last certificate again, some times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def issue(self, *order: Any) -> Issue:
        if self.signed and self.times:
            self.times -= 1
            return Issue(self.signed[-1])
        return super().issue(*order)


@pytest.mark.parametrize("times", [1, 3])
def test_a_serial_number_that_is_taken(device: Device, server: Server, times: int) -> None:
    server.restart(authority=Stuttering(times))
    first = device.enroll()
    assert device.again().enroll() != first


def test_an_authority_without_new_serial_numbers(device: Device, server: Server) -> None:
    server.restart(authority=Stuttering(1000))
    first = device.enroll()
    again = device.again()
    assert again.refused({"ir": [cert_request()]}) == "SYSTEM_UNAVAIL"
    assert server.status(first.load().serial_number) == "unconfirmed"
    server.restart(authority=authority())
    again.server_nonce = None
    assert again.enroll()


# --- Failures ---


class Broken(Exception):
    pass


def failing(*_: Any) -> None:
    raise Broken("disk <full>\r\nsecret place")


@pytest.fixture
def memory() -> Iterator[Server]:
    with closing(MemoryStore()) as store:
        yield Server(store)


def test_a_store_that_fails_at_a_message_that_comes_again(memory: Server) -> None:
    device = Device(memory)
    device.enroll()
    assert device.answer is not None
    whole, first = memory.store, device.answer.der
    memory.store = Around(whole, answer=failing)  # type: ignore[assignment]
    memory.restart()
    assert device.refused(device.last) == "SYSTEM_FAILURE"
    memory.store = whole
    memory.restart()
    assert memory.respond(device.last).der == first


@pytest.mark.parametrize("method", ["transaction", "certificate", "apply"])
def test_a_store_that_fails(memory: Server, method: str) -> None:
    server, device = memory, Device(memory)
    certificate = device.enroll()
    serial = certificate.load().serial_number
    nonce = device.server_nonce
    whole = server.store
    server.store = Around(whole, **{method: failing})  # type: ignore[assignment]
    server.restart()
    content = {"cert_conf": [{"cert_hash": cert_hash(certificate), "cert_req_id": 0}]}
    assert device.refused(content) == "SYSTEM_FAILURE"
    assert device.answer is not None
    assert device.answer.detail == "Broken: disk <full>\r\nsecret place"
    assert b"secret place" not in device.answer.der
    server.store = whole
    server.restart()
    assert server.status(serial) == "unconfirmed"
    device.server_nonce = nonce
    assert device.send(device.last).body.name == "pkiconf"  # the same message again: now it succeeds


@pytest.mark.parametrize("method", ["transaction", "apply"])
def test_a_store_that_fails_at_the_first_message(memory: Server, method: str) -> None:
    server, device, counting = memory, Device(memory), Counting()
    whole = server.store
    server.store = Around(whole, **{method: failing})  # type: ignore[assignment]
    server.restart(authority=counting)
    assert device.refused({"ir": [cert_request()]}) == "SYSTEM_FAILURE"
    server.store = whole
    server.restart()
    assert stored(server, counting) == []
    answer = device.send(device.last)
    assert stored(server, counting) == delivered(answer.der)


def test_a_store_that_is_busy(memory: Server) -> None:
    """What will pass is systemUnavail: the requester may try again."""

    def busy(*_: Any) -> None:
        raise StoreBusy("somebody else is writing")

    whole = memory.store
    memory.store = Around(whole, apply=busy)  # type: ignore[assignment]
    memory.restart()
    device = Device(memory)
    assert device.refused({"ir": [cert_request()]}) == "SYSTEM_UNAVAIL"
    assert device.answer is not None
    assert device.answer.detail == "StoreBusy: somebody else is writing"
    memory.store = whole
    memory.restart()
    assert certificates(device.send(device.last))


@pytest.mark.parametrize("method", ["crl", "revocations", "revoked", "keep_crl"])
def test_a_store_that_fails_at_the_crl(memory: Server, method: str) -> None:
    memory.store = Around(memory.store, **{method: failing})  # type: ignore[assignment]
    memory.restart()
    with pytest.raises(Broken):
        memory.responder.crl("p")


def test_crl_conflicts_without_end(memory: Server) -> None:
    def conflict(*_: Any) -> None:
        raise Conflict

    memory.store = Around(memory.store, keep_crl=conflict)  # type: ignore[assignment]
    memory.restart()
    with pytest.raises(Conflict):
        memory.responder.crl("p")


def test_an_authority_that_fails(device: Device, server: Server) -> None:
    counting = Counting()
    counting.issue = failing  # type: ignore[method-assign, assignment]
    server.restart(authority=counting)
    assert device.refused({"ir": [cert_request()]}) == "SYSTEM_FAILURE"
    assert device.answer is not None
    assert device.answer.detail.startswith("Broken")
    server.restart(authority=authority())
    assert certificates(device.send(device.last))


def test_an_authority_that_fails_at_the_second_of_two(device: Device, server: Server) -> None:
    counting = Counting()
    original = counting.issue

    def second(*order: Any) -> Issue:
        if counting.signed:
            raise Broken
        return original(*order)

    counting.issue = second  # type: ignore[method-assign]
    server.restart(authority=counting)
    assert device.refused({"ir": [cert_request(0), cert_request(1)]}) == "SYSTEM_FAILURE"
    assert stored(server, counting) == []


def test_an_authority_that_returns_rubbish(device: Device, server: Server) -> None:
    counting = Counting()
    counting.issue = lambda *_: Issue(Certificate(b"\x30\x00"))  # type: ignore[method-assign]
    server.restart(authority=counting)
    assert device.refused({"ir": [cert_request()]}) == "SYSTEM_FAILURE"


def test_an_authority_that_refuses_in_strange_words(device: Device, server: Server) -> None:
    counting = Counting()

    def refuse(*_: Any) -> Issue:
        raise Refused(cmp.PKIFailureInfo.UNACCEPTED_POLICY, "%s%n{0}\r\n\x1b\0 \u202e" + "x" * 10_000)

    counting.issue = refuse  # type: ignore[method-assign]
    server.restart(authority=counting)
    (response,) = responses(device.send({"ir": [cert_request()]}))
    assert response.status.fail_info == cmp.PKIFailureInfo.UNACCEPTED_POLICY
    assert response.status.status_string[0].startswith("%s%n{0}")


def test_a_lookup_that_fails(device: Device, server: Server) -> None:
    server.restart(lookup=failing)
    answer = server.respond(device.message({"ir": [cert_request()]}))
    message = cmp.decode(answer.der)
    assert message.body.error.pki_status_info.fail_info == cmp.PKIFailureInfo.SYSTEM_FAILURE
    assert message.header.transaction_id == device.transaction_id
    assert message.protection is None
    assert (answer.requester, answer.detail) == (None, "Broken: disk <full>\r\nsecret place")


def test_a_party_that_cannot_answer(device: Device, server: Server) -> None:
    class Mute:
        identity = "mute"
        credential = cmp.PasswordBasedMAC(b"correct horse")
        answering = staticmethod(failing)

    server.restart(lookup=lambda header: Mute())
    answer = server.respond(device.message({"ir": [cert_request()]}))
    assert answer.fail_info == cmp.PKIFailureInfo.SYSTEM_FAILURE
    assert cmp.decode(answer.der).body.name == "error"
    assert server.store.transaction(TransactionKey("p", "mute", device.transaction_id)) is None


def test_nothing_is_sent_that_is_not_stored(memory: Server) -> None:
    """When the answer exists, the store has all of it: certificate, answer and state in one change."""
    seen: list[Change] = []
    memory.store = Around(memory.store, apply=seen.append)  # type: ignore[assignment]
    memory.restart()
    device = Device(memory)
    certificate = device.enroll()
    (change,) = seen
    assert device.answer is not None
    assert change.answer == device.answer.der
    assert [one.der for one in change.issued] == [certificate.der]
    assert change.transaction is not None
    assert change.transaction.nonce == device.server_nonce


def test_the_store_is_asked_for_possible_serial_numbers_only(memory: Server) -> None:
    """RFC 5280, 4.1.2.2: positive, at most 20 octets."""
    asked: list[int] = []
    memory.store = Around(memory.store, certificate=lambda issuer, serial: asked.append(serial))  # type: ignore[assignment]
    memory.restart()
    device = Device(memory)
    possible = [1, 2**159 - 1]
    for serial in [*possible, 0, -1, 2**159, 2**2000, -(2**2000)]:
        assert device.revoke(serial, 1) == "BAD_CERT_ID"
    assert asked == possible
