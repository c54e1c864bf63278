"""Answers that take time: waiting, pollReq, pollRep, and then the answer."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from cryptography import x509

import cmpcodec as cmp
from cmpcodec.authority import Delayed
from cmpcodec.messages import IMPLICIT_CONFIRM
from cmpcodec.server import Issue, IssuedCertificate, NotYet, Order, Refused
from tests.server.support import (
    KEYS,
    START,
    Device,
    Server,
    authority,
    cert_request,
    certificates,
    pkcs10,
    rejected,
    responses,
    rev_details,
)


class Slow:
    """An authority that decides by commonName: "slow-..." waits until it is released, "never" is refused then."""

    def __init__(self) -> None:
        self._inner = authority()
        self.chain, self.name, self.sign_crl = self._inner.chain, self._inner.name, self._inner.sign_crl
        self.released: set[str] = set()
        self.issued: list[str] = []
        self.asked_at: list[datetime] = []
        self.slow_to_revoke = False

    def issue(self, order: Order, now: datetime) -> Issue:
        text = (order.subject or self.name).rfc4514()
        self.asked_at.append(order.asked_at)
        if "slow" in text and text not in self.released:
            raise NotYet(7 if "a" in text else 11, f"{text} takes time")
        if "never" in text:
            raise Refused(cmp.PKIFailureInfo.BAD_CERT_TEMPLATE, "no")
        self.issued.append(text)
        return self._inner.issue(order, now)

    def revoke(self, certificate: IssuedCertificate, reason: int | None, now: datetime, asked_at: datetime) -> None:
        self.asked_at.append(asked_at)
        if self.slow_to_revoke:
            raise NotYet(3)


@pytest.fixture
def slow(server: Server) -> Slow:
    slow = Slow()
    server.restart(authority=slow)
    return slow


def poll(device: Device, *numbers: int) -> cmp.PKIMessage:
    return device.send({"poll_req": [{"cert_req_id": number} for number in numbers]})


def poll_rep(answer: cmp.PKIMessage) -> list[tuple[int, int, str | None]]:
    assert answer.body.poll_rep is not None, answer
    return [(one.cert_req_id, one.check_after, one.reason[0] if one.reason else None) for one in answer.body.poll_rep]


@pytest.mark.parametrize(("kind", "response"), [("ir", "ip"), ("cr", "cp"), ("p10cr", "cp"), ("kur", "kup")])
def test_a_delayed_certificate(device: Device, server: Server, kind: str, response: str) -> None:
    old = device.whole()
    device = device.again()
    server.restart(authority=Delayed(authority(), 20, reason="four eyes"))
    content = {
        "p10cr": pkcs10(),
        "kur": [cert_request(key=KEYS[1], old=(server.issuer, old))],
    }.get(kind, [cert_request()])
    number = -1 if kind == "p10cr" else 0
    answer = device.send({kind: content})
    assert answer.body.name == response
    (one,) = responses(answer)
    assert (one.cert_req_id, one.status.status) == (number, cmp.PKIStatus.WAITING)
    assert one.certified_key_pair is None
    assert list(one.status.status_string) == ["four eyes"]
    assert answer.body.value.ca_pubs is None
    assert answer.header.general_info is None
    assert device.answer is not None
    assert device.answer.status == cmp.PKIStatus.WAITING
    server.restart()  # all that matters is in the store
    server.clock.pass_(seconds=5)
    assert poll_rep(poll(device, number)) == [(number, 15, "four eyes")]
    server.clock.pass_(seconds=15)
    answer = poll(device, number)
    assert answer.body.name == response
    (certificate,) = certificates(answer)
    assert server.status(certificate.load().serial_number) == "unconfirmed"
    assert server.certificate(certificate.load().serial_number).confirm_before == START + timedelta(seconds=320)
    assert device.confirm((number, certificate)).body.name == "pkiconf"
    assert server.status(certificate.load().serial_number) == "valid"
    assert device.refused({"poll_req": [{"cert_req_id": number}]}) == "BAD_REQUEST"


def test_implicit_confirm_of_the_first_message_holds(device: Device, server: Server, slow: Slow) -> None:
    device.send({"ir": [cert_request(subject="slow")]}, general_info=[IMPLICIT_CONFIRM])
    poll(device, 0)
    slow.released.add("CN=slow")
    answer = poll(device, 0)
    assert list(answer.header.general_info) == [IMPLICIT_CONFIRM]
    assert server.status(certificates(answer)[0].load().serial_number) == "valid"
    assert set(slow.asked_at) == {START}


def test_the_authority_may_refuse_in_the_end(device: Device, server: Server, slow: Slow) -> None:
    device.send({"ir": [cert_request(subject="slow never")]})
    poll(device, 0)
    slow.released.add("CN=slow never")
    assert rejected(poll(device, 0)) == "BAD_CERT_TEMPLATE"
    assert device.refused({"poll_req": [{"cert_req_id": 0}]}) == "BAD_REQUEST"


def test_polling_twice_issues_once(device: Device, server: Server, slow: Slow) -> None:
    device.send({"ir": [cert_request(subject="slow")]})
    slow.released.add("CN=slow")
    first = poll(device, 0)
    assert server.respond(device.last).der == first.der
    assert device.refused({"poll_req": [{"cert_req_id": 0}]}) == "BAD_REQUEST"
    assert slow.issued == ["CN=slow"]


def test_a_repeated_poll_gets_the_same_answer(device: Device, slow: Slow) -> None:
    device.send({"ir": [cert_request(subject="slow")]})
    first = poll(device, 0)
    again = device.server.respond(device.last)
    assert again.der == first.der
    assert (again.repeated, again.body) == (True, "poll_rep")


def test_the_nonce_moves_on_with_each_poll(device: Device, slow: Slow) -> None:
    device.send({"ir": [cert_request(subject="slow")]})
    old = device.server_nonce
    poll(device, 0)
    content = {"poll_req": [{"cert_req_id": 0}]}
    assert device.refused(content, recip_nonce=old) == "BAD_RECIPIENT_NONCE"
    assert poll_rep(poll(device, 0))


def test_some_now_some_later(device: Device, server: Server, slow: Slow) -> None:
    subjects = {0: "slow a", 1: "now", 2: "slow b", 3: "never"}
    answer = device.send({"ir": [cert_request(n, text, KEYS[n]) for n, text in subjects.items()]})
    found = [cmp.PKIStatus(one.status.status).name for one in responses(answer)]
    assert found == ["WAITING", "ACCEPTED", "WAITING", "REJECTION"]
    now = responses(answer)[1].certified_key_pair.cert_or_enc_cert.certificate
    assert device.refused({"poll_req": [{"cert_req_id": 1}]}) == "BAD_REQUEST"
    assert device.refused({"poll_req": [{"cert_req_id": 3}]}) == "BAD_REQUEST"
    assert device.refused({"poll_req": []}) == "BAD_REQUEST"
    assert device.refused({"poll_req": [{"cert_req_id": 0}, {"cert_req_id": 0}]}) == "BAD_REQUEST"
    assert device.refused({"poll_req": [{"cert_req_id": 0}, {"cert_req_id": -1}]}) == "BAD_REQUEST"
    assert device.refused({"poll_req": [{"cert_req_id": 2**200}]}) == "BAD_REQUEST"
    assert poll_rep(poll(device, 0, 2)) == [(0, 7, "CN=slow a takes time"), (2, 11, "CN=slow b takes time")]
    assert poll_rep(poll(device, -1)) == [(-1, 7, "CN=slow a takes time")]
    # RFC 9810, 5.3.22: what is there is confirmed while the rest is polled for
    assert device.confirm((1, now)).body.name == "pkiconf"
    assert server.status(now.load().serial_number) == "valid"
    assert device.refused({"cert_conf": []}) == "BAD_REQUEST"
    slow.released.add("CN=slow b")
    answer = poll(device, -1)
    assert [(one.cert_req_id, one.status.status.name) for one in responses(answer)] == [(0, "WAITING"), (2, "ACCEPTED")]
    second = responses(answer)[1].certified_key_pair.cert_or_enc_cert.certificate
    slow.released.add("CN=slow a")
    answer = poll(device, 0)
    (third,) = certificates(answer)
    assert device.refused({"poll_req": [{"cert_req_id": 0}]}) == "BAD_REQUEST"
    assert device.confirm((0, third), (2, second)).body.name == "pkiconf"
    assert {server.status(one.load().serial_number) for one in (now, second, third)} == {"valid"}
    assert sorted(slow.issued) == ["CN=now", "CN=slow a", "CN=slow b"]


def test_a_poll_for_one_leaves_the_other(device: Device, slow: Slow) -> None:
    device.send({"ir": [cert_request(0, "slow a"), cert_request(1, "slow b", KEYS[1])]})
    slow.released |= {"CN=slow a", "CN=slow b"}
    assert [one.cert_req_id for one in responses(poll(device, 1))] == [1]
    assert [one.cert_req_id for one in responses(poll(device, 0))] == [0]
    assert slow.issued == ["CN=slow b", "CN=slow a"]


def test_an_error_drops_a_delayed_request(device: Device, server: Server, slow: Slow) -> None:
    answer = device.send({"ir": [cert_request(0, "slow a"), cert_request(1, "now", KEYS[1])]})
    now = responses(answer)[1].certified_key_pair.cert_or_enc_cert.certificate
    assert device.send({"error": {"pki_status_info": {"status": 2}}}).body.name == "pkiconf"
    slow.released.add("CN=slow a")
    assert device.refused({"poll_req": [{"cert_req_id": 0}]}) == "BAD_REQUEST"
    assert server.status(now.load().serial_number) == "revoked"
    assert slow.issued == ["CN=now"]


def test_a_delayed_kur_whose_certificate_was_revoked_meanwhile(device: Device, server: Server, slow: Slow) -> None:
    old = device.whole(cert_request(subject="now"))
    server.restart(authority=Delayed(authority(), 20, {"issue"}))
    again = device.again()
    again.send({"kur": [cert_request(subject=None, key=KEYS[1], old=(server.issuer, old))]})
    assert device.revoke(old, 1) == ""
    server.clock.pass_(seconds=20)
    assert rejected(poll(again, 0)) == "CERT_REVOKED"


def test_how_long_a_delayed_request_is_kept(device: Device, server: Server, slow: Slow) -> None:
    device.send({"ir": [cert_request(subject="slow")]})
    for _ in range(2):
        server.clock.pass_(days=6)
        server.responder.sweep()
        assert poll_rep(poll(device, 0))
    server.clock.pass_(days=7, seconds=1)
    server.responder.sweep()
    assert device.refused({"poll_req": [{"cert_req_id": 0}]}) == "BAD_REQUEST"


@pytest.mark.parametrize(("seconds", "told"), [(-5, 0), (0, 0), (2**80, 7 * 86400)])
def test_times_that_make_no_sense(device: Device, server: Server, slow: Slow, seconds: int, told: int) -> None:
    slow.issue = lambda order, now: (_ for _ in ()).throw(NotYet(seconds))  # type: ignore[method-assign]
    device.send({"ir": [cert_request()]})
    assert poll_rep(poll(device, 0)) == [(0, told, None)]


def test_polls_are_bounded(device: Device, slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cmpcodec.server.responder.MOST_STEPS", 4)
    device.send({"ir": [cert_request(subject="slow")]})
    for _ in range(3):
        poll(device, 0)
    assert device.refused({"poll_req": [{"cert_req_id": 0}]}) == "BAD_REQUEST"


# --- rr ---


def waiting(answer: cmp.PKIMessage) -> str | None:
    """The reason in an error message with status waiting."""
    assert answer.body.error is not None, answer
    info = answer.body.error.pki_status_info
    assert info.status == cmp.PKIStatus.WAITING
    assert info.fail_info is None
    return info.status_string[0] if info.status_string else None


@pytest.mark.parametrize("number", [-1])
def test_a_delayed_revocation(device: Device, server: Server, number: int) -> None:
    serial = device.whole()
    server.restart(authority=Delayed(authority(), 20, reason="four eyes"))
    again = device.again()
    assert waiting(again.send({"rr": [rev_details(server.issuer, serial, 1)]})) == "four eyes"
    assert again.answer is not None
    assert (again.answer.status, again.answer.body) == (cmp.PKIStatus.WAITING, "error")
    assert server.status(serial) == "valid"
    server.restart()
    server.clock.pass_(seconds=5)
    assert again.refused({"poll_req": [{"cert_req_id": 0}]}) == "BAD_REQUEST"
    assert poll_rep(poll(again, number)) == [(-1, 15, "four eyes")]
    server.clock.pass_(seconds=15)
    answer = poll(again, number)
    assert answer.body.rp is not None
    assert answer.body.rp.status[0].status == cmp.PKIStatus.ACCEPTED
    assert server.status(serial) == "revoked"
    assert again.refused({"poll_req": [{"cert_req_id": -1}]}) == "BAD_REQUEST"


def test_all_of_a_delayed_rr_waits(device: Device, server: Server, slow: Slow) -> None:
    first, second = device.whole(cert_request(subject="now")), device.again().whole(cert_request(subject="now"))
    slow.slow_to_revoke = True
    slow.asked_at.clear()
    again = device.again()
    details = [rev_details(server.issuer, 5), rev_details(server.issuer, first), rev_details(server.issuer, second)]
    assert waiting(again.send({"rr": details})) is None
    assert server.status(first) == server.status(second) == "valid"
    server.clock.pass_(seconds=5)
    slow.slow_to_revoke = False
    answer = poll(again, -1)
    assert [one.status.name for one in answer.body.rp.status] == ["REJECTION", "ACCEPTED", "ACCEPTED"]
    assert server.status(first) == server.status(second) == "revoked"
    assert set(slow.asked_at) == {START}


def test_revoked_by_somebody_else_meanwhile(device: Device, server: Server, slow: Slow) -> None:
    serial = device.whole(cert_request(subject="now"))
    slow.slow_to_revoke = True
    again = device.again()
    again.send({"rr": [rev_details(server.issuer, serial, 4)]})
    slow.slow_to_revoke = False
    assert device.revoke(serial, 1) == ""
    answer = poll(again, -1)
    assert answer.body.rp.status[0].fail_info == cmp.PKIFailureInfo.CERT_REVOKED
    assert server.certificate(serial).reason == 1
    assert x509.load_der_x509_certificate(server.certificate(serial).der).serial_number == serial
