"""ir, cr, p10cr and kur: what is asked for and what comes back."""

from __future__ import annotations

from cmpcodec.messages import cert_hash
from tests.server.support import Device, Server


def test_the_documented_transaction(device: Device, server: Server) -> None:
    certificate = device.enroll()
    serial = certificate.load().serial_number
    assert server.status(serial) == "unconfirmed"
    assert device.confirm((0, certificate)).body.name == "pkiconf"
    assert server.status(serial) == "valid"
    assert cert_hash(certificate)
