"""Findings of a hostile review, each of which worked before it was mended: old messages again, failures, housekeeping."""

from __future__ import annotations

from typing import Any

import pytest

import cmpcodec as cmp
from cmpcodec.pop import prove
from cmpcodec.server.ports import Store
from cmpcodec.store import StoreBusy, StoreFull
from tests.server.support import KEYS, Device, Server, cert_request, certificates, rev_details


def test_old_messages_come_too_late(device: Device, server: Server) -> None:
    """A hold that was lifted once cannot be lifted again by the message of then."""
    serial = device.whole()
    assert device.revoke(serial, 6) == ""
    lifting = device.again()
    lifting.send({"rr": [rev_details(server.issuer, serial, 8)]})
    assert server.status(serial) == "valid"
    assert device.revoke(serial, 6) == ""
    server.clock.pass_(hours=3)
    server.responder.sweep()
    assert server.respond(lifting.last).fail_info == cmp.PKIFailureInfo.BAD_TIME
    timeless = device.again()
    assert timeless.refused({"rr": [rev_details(server.issuer, serial, 8)]}, message_time=None) == "MISSING_TIME_STAMP"
    assert server.status(serial) == "held"


def test_answers_larger_than_requests_may_be(store: Store) -> None:
    """The stored answer is given again, though we would not accept a message with so many elements."""
    server = Server(store, settings={"limits": cmp.Limits(max_nodes=75)})
    device = Device(server)
    first = device.send({"ir": [cert_request()]})
    assert certificates(first)
    assert device.answer is not None
    again = server.respond(device.last)
    assert (again.der, again.repeated) == (device.answer.der, True)


@pytest.mark.parametrize("failure", [StoreBusy("busy"), StoreFull("full")])
def test_what_will_pass(device: Device, server: Server, failure: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def apply(self: object, change: Any) -> None:
        raise failure

    monkeypatch.setattr(type(server.store), "apply", apply)
    assert device.refused({"ir": [cert_request()]}) == "SYSTEM_UNAVAIL"


@pytest.mark.parametrize("subject", ["Test CA", "TEST ca"])
def test_nobody_gets_the_name_of_the_ca(device: Device, subject: str) -> None:
    answer = device.send({"ir": [cert_request(subject=subject)]})
    (response,) = answer.body.ip.response
    assert response.status.fail_info == cmp.PKIFailureInfo.BAD_CERT_TEMPLATE


def test_a_certificate_that_the_store_has_lost(device: Device, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile whose CA changed its name meanwhile does not confirm what it cannot find."""
    certificate = device.enroll()
    with monkeypatch.context() as patch:
        patch.setattr(type(server.store), "certificate", lambda self, issuer, serial: None)
        assert device.refused({"cert_conf": [{"cert_hash": bytes(32), "cert_req_id": 0}]}) == "BAD_CERT_ID"
    assert device.confirm((0, certificate)).body.name == "pkiconf"


def test_sweeping_takes_one_change(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many certificates that nobody confirmed are revoked together, and by one each if one was confirmed meanwhile."""
    devices = [Device(server) for _ in range(5)]
    serials = [one.enroll().load().serial_number for one in devices]
    server.clock.pass_(minutes=6)
    changes = []
    apply = server.store.apply
    monkeypatch.setattr(type(server.store), "apply", lambda self, change: (changes.append(change), apply(change)))
    assert server.responder.sweep() == 5
    assert [len(change.moves) for change in changes] == [5]
    assert {server.status(serial) for serial in serials} == {"revoked"}


def test_sweeping_beside_others(device: Device, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    others = [Device(server).enroll().load().serial_number for _ in range(3)]
    serial = device.enroll().load().serial_number
    server.clock.pass_(minutes=6)
    unconfirmed = server.store.unconfirmed

    def and_meanwhile(self: object, before: object, limit: int) -> object:
        found = unconfirmed(before, limit)
        monkeypatch.undo()
        assert server.responder.sweep() == 4
        return found

    monkeypatch.setattr(type(server.store), "unconfirmed", and_meanwhile)
    assert server.responder.sweep() == 0
    assert {server.status(one) for one in (*others, serial)} == {"revoked"}


def named(subject: cmp.Name) -> cmp.CertReqMsg:
    """A request for a certificate with any subject."""
    request = cert_request().cert_req
    request = request.replace(cert_template=request.cert_template.replace(subject=subject))
    return cmp.CertReqMsg(cert_req=request, popo=prove(request, KEYS[0]))


def test_teletex_beyond_ascii(device: Device) -> None:
    value = cmp.pkix.DirectoryString(teletex_string="Jos\u00e9")
    attribute = cmp.pkix.AttributeTypeAndValue(type=cmp.oids.COMMON_NAME, value=value)
    answer = device.send({"ir": [named(cmp.Name([[attribute]]))]})
    (response,) = answer.body.ip.response
    assert response.status.fail_info == cmp.PKIFailureInfo.BAD_CERT_TEMPLATE


def test_a_subject_that_others_cannot_read(device: Device) -> None:
    """An arc of twenty octets is an OBJECT IDENTIFIER, but not for `cryptography`."""
    octets = bytes.fromhex("30233121301f06152a" + 19 * "ff" + "7f0c06646576696365")
    answer = device.send({"ir": [named(cmp.Name.decode(octets))]})
    (response,) = answer.body.ip.response
    assert response.status.fail_info == cmp.PKIFailureInfo.BAD_CERT_TEMPLATE
