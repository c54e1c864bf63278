"""Random sequences of messages: right, wrong, repeated, altered, of strangers; by two requesters, with time passing.

What holds after every step, whatever came before:

* every answer decodes and, to a known requester, verifies;
* a certificate that was ever delivered is in the store, belongs to who asked, and has the status that the messages
  so far have led to;
* no request ever has two certificates;
* bytes of strangers change nothing;
* a message that was acted upon gets the same answer again.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, precondition, rule

import cmpcodec as cmp
from cmpcodec.authority import Delayed
from cmpcodec.messages import IMPLICIT_CONFIRM, cert_hash
from cmpcodec.pkix import Certificate
from cmpcodec.server import Change, Issue, IssuedCertificate, Order, TransactionKey
from cmpcodec.store import MemoryStore
from tests.server.challenged import answered, challenged
from tests.server.support import KEYS, OTHER, SECRET, Device, Server, authority, cert_request, responses, rev_details

INDEX = st.integers(0, 10_000)
"""An index into something whose length differs from run to run (signatures do)."""
REQUESTERS = {b"device": SECRET, b"other": OTHER}


class Recording(MemoryStore):
    """A store that counts changes, and the certificates of each request."""

    def __init__(self) -> None:
        super().__init__()
        self.changes = 0
        self.requests: Counter[tuple[TransactionKey, int]] = Counter()
        self.serials: list[int] = []

    def apply(self, change: Change) -> None:
        super().apply(change)
        self.changes += 1
        for one in change.issued:
            self.requests[one.transaction, one.cert_req_id] += 1
            self.serials.append(one.serial)


class SometimesSlow(Delayed):
    """Takes its time with an ir whose subject is called so."""

    def issue(self, order: Order, now: datetime) -> Issue:
        slow = order.body == "ir" and order.subject is not None and order.subject.rfc4514() == "CN=slow"
        return super().issue(order if slow else order._replace(asked_at=order.asked_at - timedelta(days=1)), now)

    def revoke(self, certificate: IssuedCertificate, reason: int | None, now: datetime, asked_at: datetime) -> None:
        super().revoke(certificate, reason, now, asked_at - timedelta(days=1))


class AnySequence(RuleBasedStateMachine):
    transactions: Bundle[Device] = Bundle("transactions")
    certificates: Bundle[tuple[Device, Certificate]] = Bundle("certificates")
    unconfirmed: Bundle[tuple[Device, Certificate]] = Bundle("unconfirmed")
    challenges: Bundle[tuple[Device, cmp.PKIMessage]] = Bundle("challenges")

    def __init__(self) -> None:
        super().__init__()
        self.store = Recording()
        self.server = Server(self.store, settings={"authority": SometimesSlow(authority(), 30)})
        self.expected: dict[int, set[str]] = {}
        self.owner: dict[int, str] = {}
        self.sent: list[tuple[bytes, bytes | None, Any]] = []
        """Messages; the answers of those that changed the store; when."""

    def teardown(self) -> None:
        self.store.close()

    # --- Sending ---

    def send(self, device: Device, body: dict[str, Any], **header: Any) -> cmp.PKIMessage:
        before = self.store.changes
        answer = device.send(body, **header)
        changed = self.store.changes != before
        assert self.store.changes - before in (0, 1)
        assert device.answer is not None
        assert not device.answer.repeated
        self.sent.append((device.last, answer.der if changed else None, self.server.clock()))
        return answer

    def issued(self, device: Device, answer: cmp.PKIMessage, implicit: bool) -> list[Certificate]:
        """Take note of the certificates in an answer."""
        found = []
        for response in responses(answer):
            if response.certified_key_pair is not None:
                certificate = response.certified_key_pair.cert_or_enc_cert.certificate
                serial = certificate.load().serial_number
                assert serial not in self.expected
                self.expected[serial] = {"valid" if implicit else "unconfirmed"}
                assert device.kid is not None
                self.owner[serial] = f"kid:{device.kid.hex()}"
                found.append(certificate)
        return found

    def is_now(self, certificate: Certificate, *statuses: str) -> None:
        self.expected[certificate.load().serial_number] = set(statuses)

    def status(self, certificate: Certificate) -> str:
        return self.server.status(certificate.load().serial_number)

    # --- Rules ---

    @rule(
        target=unconfirmed,
        kid=st.sampled_from(sorted(REQUESTERS)),
        kind=st.sampled_from(["ir", "cr"]),
        right=st.integers(0, 3),
    )
    def enroll(self, kid: bytes, kind: str, right: int) -> Any:
        device = Device(self.server, REQUESTERS[kid], kid)
        answer = self.send(device, {kind: [cert_request(prover=KEYS[0] if right else KEYS[1])]})
        found = self.issued(device, answer, False)
        assert len(found) == bool(right)
        return multiple(*((device, one) for one in found))

    @rule(target=challenges, kid=st.sampled_from(sorted(REQUESTERS)))
    def be_challenged(self, kid: bytes) -> tuple[Device, cmp.PKIMessage]:
        device = Device(self.server, REQUESTERS[kid], kid)
        answer = self.send(device, {"ir": [challenged(KEYS[2])]}, pvno=3)
        assert answer.body.popdecc is not None
        return device, answer

    @rule(target=unconfirmed, pair=challenges, right=st.integers(0, 3))
    def answer_a_challenge(self, pair: tuple[Device, cmp.PKIMessage], right: int) -> Any:
        """The first answer decides, if the transaction is not forgotten by then; each later one is refused."""
        device, challenge = pair
        response = list(answered(challenge, KEYS[2])) if right else [1]
        answer = self.send(device, {"popdecr": response}, pvno=3)
        if answer.body.error is not None:
            names = answer.body.error.pki_status_info.fail_info.names
            assert names in (("BAD_REQUEST",), () if right else ("BAD_POP",))
            return multiple()
        assert right
        return multiple(*((device, one) for one in self.issued(device, answer, False)))

    @rule(target=certificates, kid=st.sampled_from(sorted(REQUESTERS)))
    def enroll_at_once(self, kid: bytes) -> Any:
        device = Device(self.server, REQUESTERS[kid], kid)
        answer = self.send(device, {"ir": [cert_request()]}, general_info=[IMPLICIT_CONFIRM])
        return multiple(*((device, one) for one in self.issued(device, answer, True)))

    @rule(target=transactions, kid=st.sampled_from(sorted(REQUESTERS)), implicit=st.booleans())
    def enroll_with_delay(self, kid: bytes, implicit: bool) -> Device:
        device = Device(self.server, REQUESTERS[kid], kid)
        info = [IMPLICIT_CONFIRM] if implicit else None
        answer = self.send(device, {"ir": [cert_request(subject="slow")]}, general_info=info)
        assert not self.issued(device, answer, implicit)
        device.implicit = implicit  # type: ignore[attr-defined]
        device.asked_at = self.server.clock()  # type: ignore[attr-defined]
        return device

    @rule(target=unconfirmed, device=transactions, number=st.sampled_from([0, -1]))
    def poll(self, device: Any, number: int) -> Any:
        answer = self.send(device, {"poll_req": [{"cert_req_id": number}]})
        late = self.server.clock() - device.asked_at >= timedelta(seconds=30)
        assert answer.body.name in (("ip", "error") if late else ("poll_rep", "error"))
        if answer.body.name != "ip":
            return multiple()
        found = self.issued(device, answer, device.implicit)
        return multiple() if device.implicit else multiple(*((device, one) for one in found))

    @rule(target=certificates, pair=consumes(unconfirmed))
    def confirm(self, pair: tuple[Device, Certificate]) -> Any:
        device, certificate = pair
        before = self.status(certificate)
        kept = self.server.certificate(certificate.load().serial_number)
        late = kept.confirm_before is not None and kept.confirm_before < self.server.clock()
        answer = self.send(device, {"cert_conf": [{"cert_hash": cert_hash(certificate), "cert_req_id": 0}]})
        if answer.body.name == "pkiconf":
            assert before == "unconfirmed"
            assert not late
            self.is_now(certificate, "valid")
        else:
            assert before == "revoked" or late
            self.is_now(certificate, "revoked")
        return pair

    @rule(pair=unconfirmed, what=st.sampled_from(["nonce", "id", "time", "pvno"]))
    def confirm_wrongly(self, pair: tuple[Device, Certificate], what: str) -> None:
        """A wrong header or certReqId changes nothing."""
        device, certificate = pair
        before, nonce = self.store.changes, device.server_nonce
        status = {"cert_hash": cert_hash(certificate), "cert_req_id": 5 if what == "id" else 0}
        header = {
            "nonce": {"recip_nonce": bytes(16)},
            "time": {"message_time": self.server.clock() - timedelta(hours=1)},
            "pvno": {"pvno": 1},
        }.get(what, {})
        assert self.send(device, {"cert_conf": [status]}, **header).body.name == "error"
        assert self.store.changes == before
        device.server_nonce = nonce

    @rule(pair=consumes(unconfirmed), how=st.sampled_from(["empty", "hash", "error"]))
    def reject(self, pair: tuple[Device, Certificate], how: str) -> None:
        device, certificate = pair
        body: dict[str, Any] = {
            "empty": {"cert_conf": []},
            "hash": {"cert_conf": [{"cert_hash": bytes(32), "cert_req_id": 0}]},
            "error": {"error": {"pki_status_info": {"status": 2}}},
        }[how]
        self.send(device, body)
        self.is_now(certificate, "revoked")

    @rule(
        pair=certificates,
        reason=st.sampled_from([None, 1, 6, 8]),
        kid=st.sampled_from(sorted(REQUESTERS)),
    )
    def revoke(self, pair: tuple[Device, Certificate], reason: int | None, kid: bytes) -> None:
        certificate = pair[1]
        serial = certificate.load().serial_number
        before = self.status(certificate)
        device = Device(self.server, REQUESTERS[kid], kid)
        answer = self.send(device, {"rr": [rev_details(self.server.issuer, serial, reason)]})
        granted = answer.body.rp.status[0].status == cmp.PKIStatus.ACCEPTED
        after = {None: "revoked", 1: "revoked", 6: "held", 8: "valid"}[reason]
        allowed = {None: ("valid", "held"), 1: ("valid", "held"), 6: ("valid",), 8: ("held",)}[reason]
        assert granted == (self.owner[serial] == f"kid:{kid.hex()}" and before in allowed)
        if granted:
            self.is_now(certificate, after)

    @rule(target=unconfirmed, pair=certificates, kid=st.sampled_from(sorted(REQUESTERS)))
    def renew(self, pair: tuple[Device, Certificate], kid: bytes) -> Any:
        serial = pair[1].load().serial_number
        device = Device(self.server, REQUESTERS[kid], kid)
        answer = self.send(device, {"kur": [cert_request(subject=None, key=KEYS[2], old=(self.server.issuer, serial))]})
        found = self.issued(device, answer, False)
        assert bool(found) == (self.owner[serial] == f"kid:{kid.hex()}" and self.status(pair[1]) == "valid")
        return multiple(*((device, one) for one in found))

    # --- What changes nothing ---

    @precondition(lambda self: self.sent)
    @rule(which=INDEX)
    def again(self, which: int) -> None:
        message, answer, when = self.sent[which % len(self.sent)]
        if answer is None:
            return
        before = self.store.changes
        again = self.server.respond(message)
        if self.server.clock() - when <= timedelta(hours=1):
            assert again.repeated
            assert again.der == answer
        assert self.store.changes == before

    @precondition(lambda self: self.sent)
    @rule(
        which=INDEX,
        how=st.sampled_from(["bare", "own secret", "another's secret", "flipped", "cut"]),
        place=INDEX,
        bit=st.integers(0, 7),
    )
    def stranger(self, which: int, how: str, place: int, bit: int) -> None:
        octets = bytearray(self.sent[which % len(self.sent)][0])
        before = self.store.changes
        if how == "flipped":
            octets[place % len(octets)] ^= 1 << bit
        elif how == "cut":
            del octets[place % len(octets) :]
        else:
            message = cmp.decode(bytes(octets))
            if how == "bare":
                message = message.replace(header=message.header.replace(protection_alg=None), protection=None)
            else:
                others = [value for kid, value in REQUESTERS.items() if kid != message.header.sender_kid]
                secret = others[0] if how == "another's secret" else b"guess"
                message = cmp.protect(message, cmp.PasswordBasedMAC(secret, iterations=100))
            octets = bytearray(message.der)
        answer = self.server.respond(bytes(octets))
        received = cmp.decode(answer.der)
        if how not in ("flipped", "cut"):  # a flipped bit of extraCerts would not be noticed; there are none
            assert answer.requester is None
        assert received.body.name in ("error", "pkiconf")
        assert self.store.changes == before

    # --- Time ---

    @rule(seconds=st.sampled_from([1, 29, 31, 120, 301, 1801, 4000]))
    def wait(self, seconds: int) -> None:
        self.server.clock.pass_(seconds=seconds)

    @rule()
    def sweep(self) -> None:
        now = self.server.clock()
        for serial, expected in self.expected.items():
            kept = self.server.certificate(serial)
            if expected == {"unconfirmed"} and kept.confirm_before is not None and kept.confirm_before < now:
                self.expected[serial] = {"revoked"}
        self.server.responder.sweep()

    @rule()
    def restart(self) -> None:
        self.server.restart()

    # --- What always holds ---

    @invariant()
    def certificates_are_what_the_messages_made_them(self) -> None:
        assert set(self.store.serials) == set(self.expected)
        for serial, expected in self.expected.items():
            kept = self.server.certificate(serial)
            assert kept.status.value in expected
            assert kept.requester == self.owner[serial]

    @invariant()
    def no_request_has_two_certificates(self) -> None:
        assert not self.store.requests or max(self.store.requests.values()) == 1


AnySequence.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAnySequence = pytest.mark.filterwarnings("error")(AnySequence.TestCase)
