"""Signed requests: who may do what, and how it is answered. RFC 9810, 5.1.3.3; RFC 9483, 3.1, 3.5, 4.1 and 5.2."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

import cmpcodec as cmp
from cmpcodec import oids
from cmpcodec.asn1 import BitString
from cmpcodec.authority import Delayed, create_ca
from cmpcodec.pkix import Certificate, Name
from cmpcodec.protection.certificates import outside
from cmpcodec.protection.signing import Signature
from cmpcodec.protection.trust import TrustedSigners
from cmpcodec.server import SigningParties
from tests.protection import pki
from tests.server.signing import (
    OWN,
    RA_VERIFIED,
    Signing,
    believe_signatures,
    enrolled,
    registration_authority,
)
from tests.server.support import (
    CA_CERTIFICATE,
    KEYS,
    START,
    Device,
    Server,
    cert_request,
    certificates,
    rejected,
    rev_details,
)


@pytest.fixture
def server(server: Server) -> Server:
    return believe_signatures(server)


def test_a_life_by_signatures(server: Server) -> None:
    """Kur with the certificate that is renewed, cr and rr with the new one; whoever renewed may end both."""
    device, old = enrolled(server)
    old_serial = old.load().serial_number
    request = cert_request(key=KEYS[1], old=(server.issuer, old_serial))
    new = device.enroll(request, kind="kur")
    assert device.confirm((0, new)).body.name == "pkiconf"
    assert server.status(new.load().serial_number) == "valid"

    renewed = Signing(server, signature=Signature(KEYS[1], new))
    other = renewed.enroll(cert_request(subject="other", key=KEYS[2]), kind="cr")
    assert renewed.confirm((0, other)).body.name == "pkiconf"
    for serial in (other.load().serial_number, new.load().serial_number):
        assert renewed.revoke(serial, 1) == ""
        assert server.status(serial) == "revoked"
    # The last one was the signer's own: from now on its signature is worth nothing, but what was answered stays so.
    assert renewed.again().refused({"rr": [rev_details(server.issuer, old_serial)]}) == "SIGNER_NOT_TRUSTED"
    assert device.revoke(old_serial, 4) == ""


def test_what_was_answered_is_answered_again(server: Server) -> None:
    """The rr that ends the signer's own certificate may be sent again, and gets the same bytes."""
    device, certificate = enrolled(server)
    device.send({"rr": [rev_details(server.issuer, certificate.load().serial_number, 1)]})
    assert device.answer is not None
    first, request = device.answer.der, device.last
    assert server.status(certificate.load().serial_number) == "revoked"
    assert server.respond(request).der == first
    assert device.again().refused({"ir": [cert_request()]}) == "SIGNER_NOT_TRUSTED"


@pytest.mark.parametrize("reason", [6, None])
def test_certificates_that_are_not_in_force_sign_nothing(server: Server, reason: int | None) -> None:
    """On hold, and never confirmed."""
    if reason is None:
        device = Device(server)
        certificate = device.enroll()
        signing = Signing(server, signature=Signature(KEYS[0], certificate))
    else:
        signing, certificate = enrolled(server)
        assert Device(server).revoke(certificate.load().serial_number, reason) == ""
    before = server.status(certificate.load().serial_number)
    assert signing.refused({"cr": [cert_request(key=KEYS[1])]}) == "SIGNER_NOT_TRUSTED"
    assert server.status(certificate.load().serial_number) == before


def test_only_what_is_ones_own(server: Server) -> None:
    """A certificate gives no power over those that were issued to the same secret."""
    mine, _ = enrolled(server)
    _, theirs = enrolled(server, KEYS[1], subject="another")
    serial = theirs.load().serial_number
    assert mine.revoke(serial, 1) == "BAD_CERT_ID"
    request = cert_request(key=KEYS[2], old=(server.issuer, serial))
    assert rejected(mine.again().send({"kur": [request]})) == "BAD_CERT_ID"
    assert server.status(serial) == "valid"


def test_ends_of_trust(server: Server) -> None:
    """Expired, somebody else's name in the header, another CA's certificate without the role, nobody's."""
    device, _ = enrolled(server)
    body = {"cr": [cert_request(key=KEYS[1])]}
    assert device.refused(body, sender=cmp.GeneralName(directory_name=server.issuer)) == "BAD_MESSAGE_CHECK"
    assert registration_authority(server).refused(body) == "SIGNER_NOT_TRUSTED"
    assert registration_authority(server, oids.ID_KP_CMC_CA).refused(body) == "SIGNER_NOT_TRUSTED"
    key, root = create_ca("CN=device", now=START)
    assert Signing(server, signature=Signature(key, root)).refused(body) == "SIGNER_NOT_TRUSTED"
    server.clock.pass_(days=3000)
    assert device.again().refused(body) == "SIGNER_NOT_TRUSTED"


def test_no_transaction_of_another(server: Server) -> None:
    """The same transactionID of two signers are two transactions; nobody confirms what another one ordered."""
    device, _ = enrolled(server)
    other, _ = enrolled(server, KEYS[1], subject="another")
    certificate = device.enroll(cert_request(key=KEYS[2]), kind="cr")
    other.transaction_id, other.server_nonce = device.transaction_id, device.server_nonce
    assert other.refused({"cert_conf": []}) == "BAD_REQUEST"
    assert server.status(certificate.load().serial_number) == "unconfirmed"
    assert device.confirm((0, certificate)).body.name == "pkiconf"


def test_nothing_of_our_own(server: Server) -> None:
    """What the server signed comes back: its certificate is of the CA that is trusted, and yet it is no request."""
    device, _ = enrolled(server)
    device.enroll(cert_request(key=KEYS[1]), kind="cr")
    assert device.answer is not None
    assert Device(server).server.respond(device.answer.der).fail_info == cmp.PKIFailureInfo.SIGNER_NOT_TRUSTED
    pretender = Signing(server, signature=OWN)
    assert pretender.refused({"cr": [cert_request(key=KEYS[1])]}) == "SIGNER_NOT_TRUSTED"


def test_registration_authorities(server: Server) -> None:
    """They vouch for possession, speak for whoever the header names, and end everybody's certificates."""
    device, certificate = enrolled(server)
    vouched = cert_request(key=KEYS[2], popo=RA_VERIFIED)
    assert rejected(device.send({"cr": [vouched]})) == "BAD_POP"
    authority = registration_authority(server, oids.ID_KP_CMC_RA)
    behalf = cmp.GeneralName(directory_name=certificates_subject(certificate))
    granted = authority.enroll(vouched, kind="cr", sender=behalf)
    assert authority.confirm((0, granted), sender=behalf).body.name == "pkiconf"
    unproved = cert_request(key=KEYS[2], popo=None)
    assert rejected(authority.again().send({"cr": [unproved]})) == "BAD_POP"
    assert authority.revoke(certificate.load().serial_number, 1) == ""
    assert server.status(certificate.load().serial_number) == "revoked"


def certificates_subject(certificate: Certificate) -> Name:
    return Name.decode(certificate.load().subject.public_bytes())


def test_delayed_answers_of_signed_requests(server: Server) -> None:
    device, _ = enrolled(server)
    server.restart(authority=Delayed(server.profile.authority, 20))
    device.send({"cr": [cert_request(key=KEYS[1])]})
    server.clock.pass_(seconds=20)
    (issued,) = certificates(device.send({"poll_req": [{"cert_req_id": 0}]}))
    assert device.confirm((0, issued)).body.name == "pkiconf"


def test_strict_profiles(server: Server) -> None:
    """RFC 9483, 3.1: a signed message has the subjectKeyIdentifier as its senderKID, and need not be named by it."""
    device, _ = enrolled(server)
    server.restart(strict=True)
    new = device.enroll(cert_request(key=KEYS[1]), kind="cr")
    assert device.confirm((0, new)).body.name == "pkiconf"


def test_refusals_are_signed_and_macs_still_work(server: Server) -> None:
    """A signature that does not fit is answered by one that does; who shares the secret is answered by a MAC."""
    device, _ = enrolled(server)
    good = cmp.decode(device.message({"cr": [cert_request(key=KEYS[1])]}, sender_kid=None))
    assert good.protection is not None
    broken = good.replace(protection=cmp.BitString(good.protection.data[:-1] + bytes([good.protection.data[-1] ^ 1])))
    assert device.refused(broken.der) == "BAD_MESSAGE_CHECK"
    unknown = good.replace(header=good.header.replace(protection_alg={"algorithm": "1.2.3"}))
    assert device.refused(unknown.der) == "BAD_ALG"
    assert Device(server).whole() > 0


def test_keys_of_registration_authorities_shut_out_nobody(server: Server) -> None:
    """A header that names no key may speak of any: that of a registration authority is of another kind."""
    who = pki.owner("device", since=START, until=START + timedelta(days=1), kid=False)
    _, ra_ca = create_ca("CN=RA CA", "ed25519", now=START - timedelta(days=1))
    signing = SigningParties(
        OWN, TrustedSigners(signers=[who.certificate]), TrustedSigners([ra_ca], check_sender=False)
    )
    server.restart(lookup=signing)
    device = Signing(server, signature=Signature(who.key, who.certificate))
    message = cmp.decode(device.message({"cr": [cert_request(key=KEYS[1])]}, sender_kid=None))
    assert cmp.decode(server.respond(message.replace(extra_certs=None).der).der).body.name == "cp"


ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def twin(certificate: Certificate) -> Certificate:
    """The same certificate with the other signature: who knows (r, s) by ECDSA knows (r, n - s)."""
    signed = outside(certificate)
    r, s = decode_dss_signature(signed.signature.data)
    other = Certificate(signed.replace(signature=BitString(encode_dss_signature(r, ORDER_P256 - s))).der)
    other.load().verify_directly_issued_by(CA_CERTIFICATE.load())
    assert other.der != certificate.der
    return other


def with_twin(message: bytes) -> bytes:
    """A recorded message with the twin of its signer's certificate: extraCerts are not protected."""
    whole = cmp.decode(message)
    assert whole.extra_certs is not None
    first, *others = whole.extra_certs
    extra_certs = [cmp.CMPCertificate(twin(Certificate(first.der)).der), *others]
    return whole.replace(extra_certs=extra_certs).der


def test_another_signature_below_a_certificate_makes_no_other_party(server: Server) -> None:
    """Revocation, replay and reflection look at what the issuer signed."""
    device, certificate = enrolled(server)
    device.send({"cr": [cert_request(key=KEYS[1])]})
    assert device.answer is not None
    replayed = server.respond(with_twin(device.last))
    assert replayed.fail_info == cmp.PKIFailureInfo.TRANSACTION_ID_IN_USE

    device = device.again()
    assert device.refused({"genm": []}) == "BAD_REQUEST"
    assert device.answer is not None
    reflected = server.respond(with_twin(device.answer.der))
    assert reflected.requester is None
    assert reflected.text == "the message is one of this server itself"

    assert Device(server).revoke(certificate.load().serial_number, 1) == ""
    other = Signing(server, signature=Signature(KEYS[0], twin(certificate)))
    assert other.refused({"cr": [cert_request(key=KEYS[1])]}) == "SIGNER_NOT_TRUSTED"
