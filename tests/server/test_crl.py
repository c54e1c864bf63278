"""The CRL of a profile: what is in it, when it is made anew, and when an entry leaves it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509

from cmpcodec.authority import LocalAuthority, create_ca
from cmpcodec.server.confirmation import never_confirmed
from cmpcodec.server.ports import Change
from tests.server.support import (
    CA_CERTIFICATE,
    KEYS,
    START,
    Device,
    Server,
    cert_request,
    reasons,
)


def number(crl: bytes) -> int:
    return x509.load_der_x509_crl(crl).extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def test_the_crl_shows_what_is_revoked(device: Device, server: Server) -> None:
    crl = server.responder.crl("p")
    assert x509.load_der_x509_crl(crl).is_signature_valid(CA_CERTIFICATE.load().public_key())
    assert reasons(crl) == {}
    first, second, third = (device.again().whole() for _ in range(3))
    assert server.responder.crl("p") == crl  # nothing changed: the same
    assert device.revoke(first, 1) == ""
    assert device.revoke(second, 6) == ""
    assert device.revoke(third) == ""
    newer = server.responder.crl("p")
    assert reasons(newer) == {first: "keyCompromise", second: "certificateHold", third: None}
    assert number(newer) > number(crl)
    assert device.revoke(second, 8) == ""
    newest = server.responder.crl("p")
    assert set(reasons(newest)) == {first, third}
    assert number(newest) > number(newer)
    assert server.responder.crl("p") == newest


def test_the_crl_outlives_the_server(device: Device, server: Server) -> None:
    crl = server.responder.crl("p")
    server.restart()
    assert server.responder.crl("p") == crl


def test_the_crl_is_renewed_in_time(device: Device, server: Server) -> None:
    crl = server.responder.crl("p")
    end = x509.load_der_x509_crl(crl).next_update_utc
    server.clock.now = end - timedelta(minutes=10, seconds=1)
    assert server.responder.crl("p") == crl
    server.clock.now = end - timedelta(minutes=10)
    newer = server.responder.crl("p")
    assert number(newer) == number(crl) + 1
    assert x509.load_der_x509_crl(newer).next_update_utc > end


def test_unconfirmed_certificates_get_onto_the_crl(device: Device, server: Server) -> None:
    serial = device.enroll(cert_request(key=KEYS[1])).load().serial_number
    server.clock.pass_(minutes=6)
    server.responder.sweep()
    assert reasons(server.responder.crl("p")) == {serial: None}


def test_crl_of_no_profile(server: Server) -> None:
    with pytest.raises(KeyError):
        server.responder.crl("q")


DAY = timedelta(days=1)


@pytest.mark.parametrize("reason", [1, 6])
def test_expired_certificates_leave_the_crl(device: Device, server: Server, reason: int) -> None:
    """Behind the first CRL that was made when they had expired, and not before: RFC 5280, 3.3."""
    serial = device.whole()
    end = server.certificate(serial).not_after
    assert end is not None
    assert device.revoke(serial, reason) == ""
    for when, listed in (
        (end - 30 * DAY, True),
        (end - DAY, True),
        (end + 10 * DAY, True),  # the one before was made when it still might have been used
        (end + 20 * DAY, False),
        (end + 30 * DAY, False),
    ):
        server.clock.now = when
        crl = server.responder.crl("p")
        assert x509.load_der_x509_crl(crl).last_update_utc == when
        assert (serial in reasons(crl)) is listed


def test_revoked_when_it_had_expired(device: Device, server: Server) -> None:
    """Nobody swept for a year: the revocation is on a CRL even so."""
    serial = device.enroll().load().serial_number
    server.clock.pass_(days=400)
    server.responder.crl("p")
    assert server.responder.sweep() == 1
    listed = []
    for _ in range(3):
        listed.append(serial in reasons(server.responder.crl("p")))
        server.clock.pass_(days=7)
    assert listed == [True, True, False]  # the first might have been made a moment too early


def test_a_revocation_that_is_stored_late(device: Device, server: Server) -> None:
    """Its time lies before that of a CRL which does not have it yet, for a moment or because clocks differ."""
    serial = device.enroll().load().serial_number
    server.clock.pass_(days=400)
    late = never_confirmed(server.certificate(serial), server.clock.now)
    server.clock.pass_(minutes=1)
    assert reasons(server.responder.crl("p")) == {}
    server.store.apply(Change(moves=[late]))
    assert serial in reasons(server.responder.crl("p"))


def test_a_new_key_under_the_old_name(device: Device, server: Server) -> None:
    """Its CRL is signed by it, and has what is revoked under this name."""
    serial = device.whole()
    assert device.revoke(serial, 1) == ""
    old = server.responder.crl("p")
    key, certificate = create_ca("CN=Test CA", now=START - DAY)
    server.restart(authority=LocalAuthority(key, certificate))
    new = server.responder.crl("p")
    assert x509.load_der_x509_crl(new).is_signature_valid(certificate.load().public_key())
    assert reasons(new) == {serial: "keyCompromise"}
    assert number(new) == number(old) + 1
    assert server.responder.crl("p") == new
