"""Our own messages, sent back to us: a MAC is the same in both directions, so they are authentic, and yet nobody's word."""

from __future__ import annotations

from datetime import timedelta

import cmpcodec as cmp
from cmpcodec.authority import Delayed
from cmpcodec.server import Answer
from tests.server.support import KEYS, Device, Server, authority, cert_request, certificates, rev_details


def reflected(server: Server, answer: Answer | None) -> Answer:
    assert answer is not None
    again = server.respond(answer.der)
    assert again.requester == "kid:646576696365"  # it is authentic
    assert again.fail_info == cmp.PKIFailureInfo.BAD_REQUEST
    assert again.body == "error"
    return again


def test_an_error_that_a_stranger_provoked(device: Device, server: Server) -> None:
    """Certificates are added to extraCerts, which no MAC covers: we answer transactionIdInUse, and that comes back."""
    certificate = device.enroll()
    original = cmp.decode(device.last)
    padded = cmp.PKIMessage(
        header=original.header, body=original.body, protection=original.protection, extra_certs=[certificate]
    )
    provoked = server.respond(padded.der)
    assert provoked.fail_info == cmp.PKIFailureInfo.TRANSACTION_ID_IN_USE
    reflected(server, reflected(server, provoked))
    assert server.status(certificate.load().serial_number) == "unconfirmed"
    assert device.confirm((0, certificate)).body.name == "pkiconf"
    assert server.status(certificate.load().serial_number) == "valid"


def test_a_delayed_revocation_cannot_be_dropped(device: Device, server: Server) -> None:
    """The waiting error of an rr looks like a requester's error."""
    serial = device.whole()
    server.restart(authority=Delayed(authority(), 20))
    again = device.again()
    again.send({"rr": [rev_details(server.issuer, serial, 1)]})
    reflected(server, again.answer)
    server.clock.pass_(seconds=20)
    assert again.send({"poll_req": [{"cert_req_id": -1}]}).body.name == "rp"
    assert server.status(serial) == "revoked"


def test_every_other_answer(device: Device, server: Server) -> None:
    certificate = device.enroll(cert_request(0), cert_request(1, key=KEYS[1]))
    reflected(server, device.answer)
    device.confirm((0, certificate))
    reflected(server, device.answer)
    again = device.again()
    assert again.refused({"genm": []}) == "BAD_REQUEST"
    reflected(server, again.answer)
    server.restart(authority=Delayed(authority(), 20))
    again = device.again()
    again.send({"ir": [cert_request()]})
    reflected(server, again.answer)
    assert again.send({"poll_req": [{"cert_req_id": 0}]}).body.name == "poll_rep"
    reflected(server, again.answer)
    server.clock.now += timedelta(seconds=20)
    assert certificates(again.send({"poll_req": [{"cert_req_id": 0}]}))
    reflected(server, again.answer)
