"""certConf and what else ends a transaction: rejection, errors, time."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest

import cmpcodec as cmp
from cmpcodec import oids
from cmpcodec.authority import LocalAuthority, create_ca
from cmpcodec.messages import cert_hash
from cmpcodec.pkix import AlgorithmIdentifier, Certificate
from tests.server.support import KEYS, OTHER, START, Device, Server, cert_request, certificates, name, pkcs10


def serial_of(certificate: Certificate) -> int:
    return certificate.load().serial_number


def status(certificate: Certificate, number: int = 0, **more: Any) -> dict[str, Any]:
    return {"cert_hash": cert_hash(certificate), "cert_req_id": number, **more}


def test_a_wrong_hash_revokes(device: Device, server: Server) -> None:
    certificate = device.enroll()
    wrong = bytes(32)
    assert device.refused({"cert_conf": [{"cert_hash": wrong, "cert_req_id": 0}]}) == "BAD_CERT_ID"
    kept = server.certificate(serial_of(certificate))
    assert (kept.status.value, kept.reason, kept.revoked_at) == ("revoked", None, START)
    assert device.refused({"cert_conf": [status(certificate)]}) == "CERT_CONFIRMED"
    assert server.status(kept.serial) == "revoked"


@pytest.mark.parametrize("wrong", [b"", b"\0", "another certificate's", "another hash", "longer"])
def test_wrong_hashes(device: Device, server: Server, wrong: bytes | str) -> None:
    other = device.again().enroll()
    certificate = device.enroll()
    hashes = {
        "another certificate's": cert_hash(other),
        "another hash": hashlib.sha384(certificate.der).digest(),
        "longer": cert_hash(certificate) + b"\0",
    }
    value = wrong if isinstance(wrong, bytes) else hashes[wrong]
    assert device.refused({"cert_conf": [{"cert_hash": value, "cert_req_id": 0}]}) == "BAD_CERT_ID"
    assert server.status(serial_of(certificate)) == "revoked"
    assert server.status(serial_of(other)) == "unconfirmed"


def test_one_wrong_hash_revokes_all(device: Device, server: Server) -> None:
    answer = device.send({"ir": [cert_request(0), cert_request(1, key=KEYS[1])]})
    first, second = certificates(answer)
    wrong = {"cert_hash": bytes(32), "cert_req_id": 1}
    assert device.refused({"cert_conf": [status(first), wrong]}) == "BAD_CERT_ID"
    assert {server.status(serial_of(one)) for one in (first, second)} == {"revoked"}


@pytest.mark.parametrize("pvno", [2, 3])
def test_hash_alg_takes_version_3(device: Device, server: Server, pvno: int) -> None:
    certificate = device.enroll()
    digest = hashlib.sha512(certificate.der).digest()
    algorithm = AlgorithmIdentifier(algorithm=oids.SHA512)
    content = {"cert_conf": [{"cert_hash": digest, "cert_req_id": 0, "hash_alg": algorithm}]}
    if pvno == 2:
        assert device.refused(content, pvno=2) == "BAD_CERT_ID"
        assert server.status(serial_of(certificate)) == "unconfirmed"
    else:
        assert device.send(content, pvno=3).body.name == "pkiconf"
        assert server.status(serial_of(certificate)) == "valid"


def test_an_unknown_hash_alg(device: Device, server: Server) -> None:
    certificate = device.enroll()
    unknown = AlgorithmIdentifier(algorithm="1.2.3.4")
    content = {"cert_conf": [status(certificate, hash_alg=unknown)]}
    assert device.refused(content, pvno=3) == "BAD_ALG"
    assert device.confirm((0, certificate)).body.name == "pkiconf"


def test_a_ca_whose_signatures_name_no_hash(device: Device, server: Server) -> None:
    """RFC 9481, 3.3: SHA-512 goes with Ed25519. OpenSSL 3.0 sends it without hashAlg, 4.0 with it."""
    server.restart(authority=LocalAuthority(*create_ca("CN=Ed25519 CA", "ed25519", now=START)))
    algorithm = AlgorithmIdentifier(algorithm=oids.SHA512)
    for hash_alg, pvno in [(None, 2), (algorithm, 3)]:
        again = device.again()
        certificate = again.enroll()
        digest = hashlib.sha512(certificate.der).digest()
        content = {"cert_conf": [{"cert_hash": digest, "cert_req_id": 0, "hash_alg": hash_alg}]}
        assert again.send(content, pvno=pvno).body.name == "pkiconf"
        assert server.status(serial_of(certificate)) == "valid"


@pytest.mark.parametrize(
    "what",
    ["empty", "rejection", "rejection with a wrong hash"],
)
def test_rejection_revokes(device: Device, server: Server, what: str) -> None:
    certificate = device.enroll()
    rejection = {"status": cmp.PKIStatus.REJECTION}
    content = {
        "empty": [],
        "rejection": [status(certificate, status_info=rejection)],
        "rejection with a wrong hash": [{"cert_hash": b"", "cert_req_id": 0, "status_info": rejection}],
    }[what]
    assert device.send({"cert_conf": content}).body.name == "pkiconf"
    assert server.status(serial_of(certificate)) == "revoked"
    assert device.answer is not None
    assert device.answer.serials == (serial_of(certificate),)


def test_what_is_not_listed_is_rejected(device: Device, server: Server) -> None:
    answer = device.send({"ir": [cert_request(0), cert_request(1, key=KEYS[1])]})
    first, second = certificates(answer)
    assert device.confirm((1, second)).body.name == "pkiconf"
    assert server.status(serial_of(first)) == "revoked"
    assert server.status(serial_of(second)) == "valid"


def test_an_explicit_acceptance(device: Device, server: Server) -> None:
    certificate = device.enroll()
    accepted = {"status": cmp.PKIStatus.ACCEPTED, "status_string": ["fine"]}
    assert device.send({"cert_conf": [status(certificate, status_info=accepted)]}).body.name == "pkiconf"
    assert server.status(serial_of(certificate)) == "valid"


def test_messages_that_make_no_sense_change_nothing(device: Device, server: Server) -> None:
    certificate = device.enroll()
    bad = cmp.PKIFailureInfo.BAD_REQUEST
    for content in [
        [status(certificate, 1)],
        [status(certificate, -1)],
        [status(certificate), status(certificate)],
        [status(certificate), status(certificate, status_info={"status": cmp.PKIStatus.REJECTION})],
        [status(certificate, status_info={"status": cmp.PKIStatus.WAITING})],
        [status(certificate, status_info={"status": 77})],
        [status(certificate, status_info={"status": cmp.PKIStatus.ACCEPTED, "fail_info": bad})],
        [status(certificate)] * 9,
    ]:
        assert device.refused({"cert_conf": content}) == "BAD_REQUEST"
        assert server.status(serial_of(certificate)) == "unconfirmed"
    assert device.confirm((0, certificate)).body.name == "pkiconf"


def test_strict_profiles_take_one_status(device: Device, server: Server) -> None:
    answer = device.send({"ir": [cert_request(0), cert_request(1, key=KEYS[1])]})
    first, second = certificates(answer)
    server.restart(strict=True)
    sender = cmp.GeneralName(directory_name=name("device"))
    content = {"cert_conf": [status(first), status(second, 1)]}
    assert device.refused(content, sender=sender) == "BAD_REQUEST"


def test_another_transaction_cannot_confirm(device: Device, server: Server) -> None:
    certificate = device.enroll()
    other = device.again()
    other.enroll(cert_request(5))
    assert other.refused({"cert_conf": [status(certificate)]}) == "BAD_REQUEST"
    assert device.again().refused({"cert_conf": [status(certificate)]}) == "BAD_REQUEST"
    assert server.status(serial_of(certificate)) == "unconfirmed"


def test_the_same_transaction_id_of_another_requester(device: Device, server: Server) -> None:
    """Two requesters may have the same transactionID; neither sees the other's transaction."""
    other = Device(server, b"battery staple", b"other", transaction_id=device.transaction_id)
    certificate = device.enroll()
    theirs = other.enroll()
    assert server.status(serial_of(certificate)) == "unconfirmed"
    assert other.refused({"cert_conf": [status(certificate)]}, recip_nonce=device.server_nonce) == "BAD_RECIPIENT_NONCE"
    assert other.send({"error": {"pki_status_info": {"status": 2}}}).body.name == "pkiconf"
    assert server.status(serial_of(theirs)) == "revoked"
    assert server.status(serial_of(certificate)) == "unconfirmed"
    assert device.confirm((0, certificate)).body.name == "pkiconf"


def test_the_nonce_has_to_come_back(device: Device, server: Server) -> None:
    certificate = device.enroll()
    right = device.server_nonce
    for nonce in (None, bytes(16), b"", (right or b"")[:-1], (right or b"") + b"\0"):
        assert device.refused({"cert_conf": [status(certificate)]}, recip_nonce=nonce) == "BAD_RECIPIENT_NONCE"
    assert server.status(serial_of(certificate)) == "unconfirmed"
    device.server_nonce = right
    assert device.confirm((0, certificate)).body.name == "pkiconf"


def test_a_ca_that_got_another_name(device: Device, server: Server) -> None:
    """A certificate that is not found is not confirmed."""
    certificate = device.enroll()
    kept = server.settings["authority"]
    server.restart(authority=LocalAuthority(*create_ca("CN=Renamed CA", now=START)))
    assert device.refused({"cert_conf": [status(certificate)]}) == "BAD_CERT_ID"
    server.restart(authority=kept)
    assert device.confirm((0, certificate)).body.name == "pkiconf"
    assert server.status(serial_of(certificate)) == "valid"


# --- Time ---


def test_too_late(device: Device, server: Server) -> None:
    certificate = device.enroll()
    server.clock.pass_(minutes=5, seconds=1)
    assert device.refused({"cert_conf": [status(certificate)]}) == "CERT_REVOKED"
    assert server.status(serial_of(certificate)) == "revoked"


def test_the_last_moment(device: Device, server: Server) -> None:
    certificate = device.enroll()
    server.clock.pass_(minutes=5)
    assert server.responder.sweep() == 0
    assert device.confirm((0, certificate)).body.name == "pkiconf"
    server.clock.pass_(days=30)
    assert server.responder.sweep() == 0
    assert server.status(serial_of(certificate)) == "valid"


def test_a_long_wait_is_remembered(device: Device, server: Server) -> None:
    server.restart(confirm_wait=timedelta(hours=5))
    certificate = device.enroll()
    server.clock.pass_(hours=4)
    server.responder.sweep()
    assert device.confirm((0, certificate)).body.name == "pkiconf"
    assert server.status(serial_of(certificate)) == "valid"


def test_sweep_revokes_what_was_not_confirmed(device: Device, server: Server) -> None:
    late = [serial_of(device.again().enroll()) for _ in range(3)]
    server.clock.pass_(minutes=4)
    certificate = device.enroll()
    server.clock.pass_(minutes=2)
    assert server.responder.sweep() == 3
    assert {server.status(serial) for serial in late} == {"revoked"}
    assert server.responder.sweep() == 0
    assert device.confirm((0, certificate)).body.name == "pkiconf"


def test_sweep_in_many_steps(device: Device, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cmpcodec.server.responder._SWEPT", 2)
    serials = [serial_of(device.again().enroll()) for _ in range(5)]
    server.clock.pass_(minutes=6)
    assert server.responder.sweep() == 5
    assert {server.status(serial) for serial in serials} == {"revoked"}


def test_confirmed_after_the_sweep(device: Device, server: Server) -> None:
    certificate = device.enroll()
    server.clock.pass_(minutes=6)
    server.responder.sweep()
    assert device.refused({"cert_conf": [status(certificate)]}) == "CERT_REVOKED"
    assert server.status(serial_of(certificate)) == "revoked"


def test_a_rejection_after_the_sweep_is_fine(device: Device, server: Server) -> None:
    device.enroll()
    server.clock.pass_(minutes=6)
    server.responder.sweep()
    assert device.send({"cert_conf": []}).body.name == "pkiconf"


def test_a_forgotten_transaction(device: Device, server: Server) -> None:
    certificate = device.enroll()
    first = device.last
    device.confirm((0, certificate))
    server.clock.pass_(minutes=60, seconds=1)
    server.responder.sweep()
    assert device.refused({"cert_conf": [status(certificate)]}) == "BAD_REQUEST"
    assert device.refused(first) == "BAD_TIME"  # replayed after all that time: messageTime is too old
    assert server.status(serial_of(certificate)) == "valid"


def test_certificates_that_nobody_confirms_are_bounded(server: Server) -> None:
    """For each requester; those who confirm, or ask for implicitConfirm, go on as ever."""
    server.restart(max_unconfirmed=3)
    busy, other = Device(server), Device(server, OTHER, b"other")
    busy.enroll(cert_request(0), cert_request(1, key=KEYS[1]))
    assert busy.again().refused({"ir": [cert_request(0), cert_request(1, key=KEYS[1])]}) == "SYSTEM_UNAVAIL"
    last = busy.again()
    certificate = last.enroll()
    assert busy.again().refused({"cr": [cert_request()]}) == "SYSTEM_UNAVAIL"
    busy.again().enroll(implicit=True)
    other.enroll()
    assert last.confirm((0, certificate)).body.name == "pkiconf"
    busy.again().enroll()
    assert busy.again().refused({"p10cr": pkcs10()}) == "SYSTEM_UNAVAIL"
    server.clock.pass_(minutes=6)
    assert server.responder.sweep() == 4
    assert busy.again().whole()
    server.restart(max_unconfirmed=None)
    for _ in range(5):
        busy.again().enroll()


def test_revoked_before_it_was_confirmed(device: Device, server: Server) -> None:
    certificate = device.enroll()
    assert device.revoke(serial_of(certificate), 1) == ""
    assert device.refused({"cert_conf": [status(certificate)]}) == "CERT_REVOKED"
    assert server.certificate(serial_of(certificate)).reason == 1


# --- Errors ---

ERROR = {"error": {"pki_status_info": {"status": 2, "status_string": ["I give up"]}}}


def test_an_error_ends_the_transaction(device: Device, server: Server) -> None:
    certificate = device.enroll()
    assert device.send(ERROR).body.name == "pkiconf"
    assert server.status(serial_of(certificate)) == "revoked"
    assert device.refused({"cert_conf": [status(certificate)]}) == "CERT_CONFIRMED"
    assert device.send(ERROR).body.name == "pkiconf"


def test_an_error_keeps_what_was_confirmed(device: Device, server: Server) -> None:
    serial = device.whole()
    assert device.send(ERROR).body.name == "pkiconf"
    assert server.status(serial) == "valid"


def test_an_error_that_belongs_to_no_transaction(device: Device, server: Server) -> None:
    assert device.send(ERROR, recip_nonce=bytes(16)).body.name == "pkiconf"
    device.server_nonce = None
    assert device.enroll()  # the transactionID is still free


def test_an_error_about_an_answer_that_could_not_be_read(device: Device, server: Server) -> None:
    certificate = device.enroll()
    device.server_nonce = None
    assert device.send(ERROR).body.name == "pkiconf"
    assert server.status(serial_of(certificate)) == "revoked"


def test_strict_profiles_want_the_nonce_of_errors_too(device: Device, server: Server) -> None:
    certificate = device.enroll()
    server.restart(strict=True)
    sender = cmp.GeneralName(directory_name=name("device"))
    right, device.server_nonce = device.server_nonce, None
    assert device.refused(ERROR, sender=sender) == "BAD_RECIPIENT_NONCE"
    assert server.status(serial_of(certificate)) == "unconfirmed"
    assert device.send(ERROR, sender=sender, recip_nonce=right).body.name == "pkiconf"
    assert server.status(serial_of(certificate)) == "revoked"
