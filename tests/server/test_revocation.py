"""rr, and the CRL that shows it."""

from __future__ import annotations

from datetime import timedelta

import pytest

import cmpcodec as cmp
from cmpcodec import oids
from cmpcodec.pkix import Certificate, Extension, Name
from tests.server.support import (
    CA_CERTIFICATE,
    OTHER,
    START,
    Device,
    Server,
    name,
    rev_details,
)


def statuses(answer: cmp.PKIMessage) -> list[str]:
    assert answer.body.rp is not None, answer
    return [",".join(one.fail_info.names) if one.fail_info else one.status.name for one in answer.body.rp.status]


@pytest.mark.parametrize("reason", [None, 0, 1, 2, 3, 4, 5, 9, 10])
def test_revocation(device: Device, server: Server, reason: int | None) -> None:
    serial = device.whole()
    again = device.again()
    server.clock.pass_(seconds=10)
    answer = again.send({"rr": [rev_details(server.issuer, serial, reason)]})
    assert statuses(answer) == ["ACCEPTED"]
    (named,) = answer.body.rp.rev_certs
    assert (named.issuer.directory_name, named.serial_number) == (server.issuer, serial)
    kept = server.certificate(serial)
    assert kept.status.value == "revoked"
    assert kept.revoked_at == START + timedelta(seconds=10)
    assert kept.reason == (reason or None)
    assert again.answer is not None
    assert again.answer.serials == (serial,)


def test_the_status_that_the_profile_wants(device: Device, server: Server) -> None:
    serial = device.whole()
    server.restart(revocation_status=cmp.PKIStatus.REVOCATION_NOTIFICATION)
    again = device.again()
    assert statuses(again.send({"rr": [rev_details(server.issuer, serial)]})) == ["REVOCATION_NOTIFICATION"]
    assert again.answer is not None
    assert again.answer.status == cmp.PKIStatus.REVOCATION_NOTIFICATION


def test_twice(device: Device, server: Server) -> None:
    serial = device.whole()
    assert device.revoke(serial, 1) == ""
    server.clock.pass_(seconds=10)
    assert device.revoke(serial, 4) == "CERT_REVOKED"
    kept = server.certificate(serial)
    assert (kept.reason, kept.revoked_at) == (1, START)


def test_what_is_not_there_or_not_ours(device: Device, server: Server) -> None:
    theirs = Device(server, OTHER, b"other").whole()
    serial = device.whole()
    texts = set()
    cases: list[tuple[Name, int]] = [
        (server.issuer, theirs),
        (server.issuer, serial + 1),
        (server.issuer, CA_CERTIFICATE.load().serial_number),
        (server.issuer, -serial),
        (server.issuer, 1 << 700),
        (name("Another CA"), serial),
        (Name([]), serial),
    ]
    for issuer, number in cases:
        answer = device.again().send({"rr": [rev_details(issuer, number)]})
        assert statuses(answer) == ["BAD_CERT_ID"]
        assert answer.body.rp.status[0].status == cmp.PKIStatus.REJECTION
        texts.add(tuple(answer.body.rp.status[0].status_string))
    assert len(texts) == 1
    assert server.status(theirs) == server.status(serial) == "valid"
    assert server.store.revocations(server.issuer.der) == 0


@pytest.mark.parametrize("missing", ["issuer", "serial"])
def test_no_name(device: Device, server: Server, missing: str) -> None:
    serial = device.whole()
    details = rev_details(None, serial) if missing == "issuer" else rev_details(server.issuer, None)
    assert device.again().refused({"rr": [details]}) == "BAD_CERT_ID"


def test_a_hold_and_its_end(device: Device, server: Server) -> None:
    serial = device.whole()
    assert device.revoke(serial, 8) == "BAD_REQUEST"
    assert device.revoke(serial, 6) == ""
    kept = server.certificate(serial)
    assert (kept.status.value, kept.reason) == ("held", 6)
    assert device.revoke(serial, 6) == "CERT_REVOKED"
    assert device.revoke(serial, 8) == ""
    kept = server.certificate(serial)
    assert (kept.status.value, kept.reason, kept.revoked_at) == ("valid", None, None)
    assert device.revoke(serial, 6) == ""
    assert device.revoke(serial, 1) == ""
    assert server.status(serial) == "revoked"
    assert device.revoke(serial, 8) == "CERT_REVOKED"
    assert server.status(serial) == "revoked"


def test_an_unconfirmed_certificate_cannot_be_held(device: Device, server: Server) -> None:
    """Else the end of the hold would make it valid without a certConf."""
    serial = device.enroll().load().serial_number
    assert device.revoke(serial, 6) == "BAD_REQUEST"
    assert device.revoke(serial, 8) == "BAD_REQUEST"
    assert server.status(serial) == "unconfirmed"
    assert device.revoke(serial, 1) == ""
    assert server.status(serial) == "revoked"


@pytest.mark.parametrize("reason", [7, 11, 127])
def test_reasons_that_do_not_exist(device: Device, server: Server, reason: int) -> None:
    serial = device.whole()
    assert device.revoke(serial, reason) == "BAD_REQUEST"
    assert server.status(serial) == "valid"


REASON = Extension(extn_id=oids.ID_CE_CRL_REASONS, extn_value=b"\x0a\x01\x01")


@pytest.mark.parametrize(
    ("extensions", "expected"),
    [
        ([REASON, REASON], "BAD_REQUEST"),
        ([Extension(extn_id=oids.ID_CE_CRL_REASONS, extn_value=b"")], "BAD_DATA_FORMAT"),
        ([Extension(extn_id=oids.ID_CE_CRL_REASONS, extn_value=b"\x0a\x01")], "BAD_DATA_FORMAT"),
        ([Extension(extn_id=oids.ID_CE_CRL_REASONS, extn_value=b"\x02\x01\x01")], "BAD_REQUEST"),
        ([Extension(extn_id=oids.ID_CE_INVALIDITY_DATE, extn_value=b"\x0a\x01\x01")], "BAD_REQUEST"),
        ([Extension(extn_id="1.2.3.4", critical=True, extn_value=b"\x05\x00")], "UNACCEPTED_EXTENSION"),
        ([Extension(extn_id="1.2.3.4", extn_value=b"\x05\x00"), REASON], ""),
        ([Extension(extn_id="1.2.3.4", extn_value=b"rubbish")], ""),
    ],
)
def test_entry_details(device: Device, server: Server, extensions: list[Extension], expected: str) -> None:
    serial = device.whole()
    answer = device.again().send({"rr": [rev_details(server.issuer, serial, None, extensions)]})
    assert statuses(answer) == [expected or "ACCEPTED"]
    assert server.status(serial) == ("valid" if expected else "revoked")


def date(text: str) -> Extension:
    return Extension(extn_id=oids.ID_CE_INVALIDITY_DATE, extn_value=b"\x18\x0f" + text.encode())


def test_invalidity_date(device: Device, server: Server) -> None:
    serial = device.whole()
    future = rev_details(server.issuer, serial, 1, [date("20260601120501Z")])
    assert statuses(device.again().send({"rr": [future]})) == ["BAD_REQUEST"]
    past = rev_details(server.issuer, serial, 1, [date("20260501120000Z")])
    assert statuses(device.again().send({"rr": [past]})) == ["ACCEPTED"]
    kept = server.certificate(serial)
    assert kept.invalidity_date == START.replace(month=5)
    assert kept.revoked_at == START


def test_an_expired_certificate(device: Device, server: Server) -> None:
    """RFC 9483, 5.1.3: certRevoked."""
    serial = device.whole()
    end = Certificate(server.certificate(serial).der).load().not_valid_after_utc
    server.clock.now = end + timedelta(seconds=1)
    assert device.revoke(serial, 1) == "CERT_REVOKED"
    server.clock.now = end
    assert device.revoke(serial, 1) == ""


# --- Several at once ---


def test_several(device: Device, server: Server) -> None:
    first, second = device.whole(), device.again().whole()
    details = [
        rev_details(server.issuer, first, 1),
        rev_details(server.issuer, 5),
        rev_details(server.issuer, first, 4),
        rev_details(server.issuer, second, 6),
    ]
    again = device.again()
    answer = again.send({"rr": details})
    assert statuses(answer) == ["ACCEPTED", "BAD_CERT_ID", "BAD_REQUEST", "ACCEPTED"]
    assert [one.serial_number for one in answer.body.rp.rev_certs] == [first, 5, first, second]
    assert (server.certificate(first).reason, server.status(second)) == (1, "held")
    assert again.answer is not None
    assert again.answer.status == cmp.PKIStatus.REJECTION
    assert cmp.PKIFailureInfo.BAD_CERT_ID in again.answer.fail_info


def test_too_many_or_none(device: Device, server: Server) -> None:
    serial = device.whole()
    assert device.again().refused({"rr": []}) == "BAD_REQUEST"
    assert device.again().refused({"rr": [rev_details(server.issuer, serial)] * 9}) == "BAD_REQUEST"
    server.restart(strict=True)
    sender = cmp.GeneralName(directory_name=name("device"))
    assert device.again().refused({"rr": [rev_details(server.issuer, serial)] * 2}, sender=sender) == "BAD_REQUEST"
    assert server.status(serial) == "valid"
