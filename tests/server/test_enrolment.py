"""ir, cr, p10cr and kur: what is asked for, what comes back, and what is kept of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509

import cmpcodec as cmp
from cmpcodec import oids
from cmpcodec.asn1 import Null
from cmpcodec.crmf import AttributeTypeAndValue
from cmpcodec.messages import IMPLICIT_CONFIRM, find_info
from cmpcodec.pkix import Attribute, Attributes, Certificate, Extension, Extensions
from cmpcodec.pop import prove
from tests.server.support import (
    CA_CERTIFICATE,
    KEYS,
    OTHER,
    SECRET,
    START,
    Device,
    Server,
    cert_request,
    certificates,
    name,
    pkcs10,
    rejected,
    responses,
    spki,
)

RESPONSE = {"ir": "ip", "cr": "cp", "kur": "kup"}


def common_name(certificate: Certificate) -> str:
    (attribute,) = certificate.load().subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(attribute.value)


@pytest.mark.parametrize("kind", ["ir", "cr"])
def test_a_certificate_is_issued_and_confirmed(device: Device, server: Server, kind: str) -> None:
    answer = device.send({kind: [cert_request()]})
    assert answer.body.name == RESPONSE[kind]
    (response,) = responses(answer)
    assert (response.cert_req_id, response.status.status) == (0, cmp.PKIStatus.ACCEPTED)
    assert response.status.fail_info is None
    (certificate,) = certificates(answer)
    assert common_name(certificate) == "device"
    assert certificate.load().public_key() == KEYS[0].public_key()
    kept = server.certificate(certificate.load().serial_number)
    assert kept.der == certificate.der
    assert (kept.status.value, kept.requester, kept.cert_req_id) == ("unconfirmed", "kid:646576696365", 0)
    assert device.answer is not None
    assert device.answer.serials == (kept.serial,)
    assert device.confirm((0, certificate)).body.name == "pkiconf"
    assert server.status(kept.serial) == "valid"


def test_the_header_of_an_answer(device: Device, server: Server) -> None:
    """recipient, transactionID, recipNonce, senderKID and the MAC are checked by Device.send."""
    first = device.send({"ir": [cert_request()]}, pvno=3)
    assert first.header.pvno == 3
    assert first.header.sender.directory_name == server.issuer
    assert first.header.message_time == server.clock()
    assert len(first.header.sender_nonce or b"") == 16
    parameter = first.header.protection_alg.parameters
    assert parameter.owf.algorithm == oids.SHA256
    assert parameter.mac.algorithm == oids.HMAC_SHA1_IPSEC  # what the request had
    assert parameter.iteration_count >= 1000
    second = device.again().send({"ir": [cert_request()]})
    assert second.header.pvno == 2
    assert second.header.sender_nonce != first.header.sender_nonce
    assert second.header.protection_alg == first.header.protection_alg  # one salt, so that one key does


def test_the_answer_mirrors_the_hashes_of_the_request(device: Device) -> None:
    credential = cmp.PasswordBasedMAC(SECRET, sender_kid=b"device", owf="sha384", mac="sha512", iterations=100)
    parameter = device.send({"ir": [cert_request()]}, credential=credential).header.protection_alg.parameters
    assert parameter.owf.algorithm == oids.SHA384
    assert parameter.mac.algorithm == oids.HMAC_WITH_SHA512


def test_one_who_has_no_reference_number(server: Server) -> None:
    device = Device(server, b"for all", None)
    serial = device.whole()
    assert server.certificate(serial).requester == "default"


def test_confirm_wait_time(device: Device, server: Server) -> None:
    answer = device.send({"ir": [cert_request()]})
    info = find_info(answer.header, oids.ID_IT_CONFIRM_WAIT_TIME)
    assert info is not None
    assert info.info_value == START + timedelta(minutes=5)
    serial = certificates(answer)[0].load().serial_number
    assert server.certificate(serial).confirm_before == START + timedelta(minutes=5)
    server.restart(confirm_wait_info=False)
    assert device.again().send({"ir": [cert_request()]}).header.general_info is None


def test_implicit_confirm(device: Device, server: Server) -> None:
    answer = device.send({"ir": [cert_request()]}, general_info=[IMPLICIT_CONFIRM])
    assert list(answer.header.general_info) == [IMPLICIT_CONFIRM]  # and so no confirmWaitTime
    assert server.status(certificates(answer)[0].load().serial_number) == "valid"
    assert device.refused({"cert_conf": []}) == "CERT_CONFIRMED"


def test_implicit_confirm_without_a_value(device: Device, server: Server) -> None:
    absent = cmp.InfoTypeAndValue(info_type=oids.ID_IT_IMPLICIT_CONFIRM)
    answer = device.send({"ir": [cert_request()]}, general_info=[absent])
    assert list(answer.header.general_info) == [IMPLICIT_CONFIRM]


def test_implicit_confirm_is_not_granted_unasked_or_against_the_profile(device: Device, server: Server) -> None:
    assert find_info(device.send({"ir": [cert_request()]}).header, oids.ID_IT_IMPLICIT_CONFIRM) is None
    server.restart(implicit_confirm=False)
    again = device.again()
    answer = again.send({"ir": [cert_request()]}, general_info=[IMPLICIT_CONFIRM])
    assert find_info(answer.header, oids.ID_IT_IMPLICIT_CONFIRM) is None
    assert server.status(certificates(answer)[0].load().serial_number) == "unconfirmed"


def test_implicit_confirm_is_not_echoed_where_nothing_was_issued(device: Device) -> None:
    answer = device.send({"ir": [cert_request(popo=None)]}, general_info=[IMPLICIT_CONFIRM])
    assert rejected(answer) == "BAD_POP"
    assert answer.header.general_info is None


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("kind", ["ir", "cr"])
def test_ca_pubs_and_extra_certs(device: Device, server: Server, kind: str, strict: bool) -> None:
    sender = cmp.GeneralName(directory_name=name("device"))
    server.restart(strict=strict)
    answer = device.send({kind: [cert_request()]}, sender=sender)
    ca_pubs = answer.body.value.ca_pubs
    if kind == "cr" and strict:  # RFC 9483, 4.1.2
        assert ca_pubs is None
    else:
        assert [one.der for one in ca_pubs] == [CA_CERTIFICATE.der]
    assert answer.extra_certs is None
    server.restart(ca_pubs=False, extra_certs=True)
    again = device.again()
    answer = again.send({kind: [cert_request()]}, sender=sender)
    assert answer.body.value.ca_pubs is None
    assert [one.der for one in answer.extra_certs] == [CA_CERTIFICATE.der]
    done = again.confirm((0, certificates(answer)[0]), sender=sender)
    assert done.body.name == "pkiconf"
    assert done.extra_certs is None
    refusal = device.again().send({kind: [cert_request(popo=None)]}, sender=sender)
    assert refusal.extra_certs is None


# --- Proof of possession ---


@pytest.mark.parametrize(
    "popo",
    [
        None,
        cmp.ProofOfPossession(ra_verified=Null()),
        cmp.ProofOfPossession(key_encipherment=cmp.POPOPrivKey(subsequent_message=0)),
    ],
    ids=["none", "raVerified", "encrCert"],
)
def test_other_proofs_are_refused(device: Device, popo: cmp.ProofOfPossession | None) -> None:
    assert rejected(device.send({"ir": [cert_request(popo=popo)]})) == "BAD_POP"


def test_a_proof_by_another_key(device: Device) -> None:
    assert rejected(device.send({"ir": [cert_request(prover=KEYS[1])]})) == "BAD_POP"


def test_the_proof_of_another_request(device: Device) -> None:
    stolen = cert_request(subject="device").popo
    assert rejected(device.send({"ir": [cert_request(subject="admin", popo=stolen)]})) == "BAD_POP"


def test_a_refused_transaction_is_finished(device: Device) -> None:
    assert rejected(device.send({"ir": [cert_request(popo=None)]})) == "BAD_POP"
    first = device.last
    assert device.refused({"ir": [cert_request()]}, recip_nonce=None) == "TRANSACTION_ID_IN_USE"
    assert device.server.respond(first).repeated


# --- Templates ---


def test_no_public_key(device: Device) -> None:
    request = cert_request()
    template = request.cert_req.cert_template.replace(public_key=None)
    request = request.replace(cert_req=request.cert_req.replace(cert_template=template), popo=None)
    assert rejected(device.send({"ir": [request]})) == "BAD_CERT_TEMPLATE"


def test_another_issuer(device: Device, server: Server) -> None:
    """OpenSSL's client names the issuer of the certificate that it has."""
    request = cert_request(issuer=name("Another CA"))
    (response,) = responses(device.send({"ir": [request]}))
    assert response.status.status == cmp.PKIStatus.GRANTED_WITH_MODS
    (response,) = responses(device.again().send({"ir": [cert_request(issuer=server.issuer)]}))
    assert response.status.status == cmp.PKIStatus.ACCEPTED
    server.restart(strict=True)
    sender = cmp.GeneralName(directory_name=name("device"))
    assert rejected(device.again().send({"ir": [request]}, sender=sender)) == "WRONG_AUTHORITY"


def test_what_the_authority_refuses(device: Device) -> None:
    weak = Extension(extn_id=oids.ID_CE_BASIC_CONSTRAINTS, critical=True, extn_value=b"\x04\x01x")
    answer = device.send({"ir": [cert_request(extensions=Extensions([weak]))]})
    assert responses(answer)[0].status.status == cmp.PKIStatus.REJECTION
    assert device.answer is not None
    assert device.answer.text


# --- Several requests in one message ---


def test_several_requests(device: Device, server: Server) -> None:
    requests = [cert_request(7, "a", KEYS[0]), cert_request(3, "b", KEYS[1], popo=None), cert_request(5, "c", KEYS[2])]
    answer = device.send({"ir": requests})
    assert [one.cert_req_id for one in responses(answer)] == [7, 3, 5]
    assert rejected(answer, 1) == "BAD_POP"
    first, third = (responses(answer)[i].certified_key_pair.cert_or_enc_cert.certificate for i in (0, 2))
    assert (common_name(first), common_name(third)) == ("a", "c")
    assert device.answer is not None
    assert device.answer.status == cmp.PKIStatus.REJECTION
    assert device.confirm((5, third), (7, first)).body.name == "pkiconf"
    assert server.status(first.load().serial_number) == server.status(third.load().serial_number) == "valid"


def test_too_many_requests(device: Device, server: Server) -> None:
    server.restart(max_requests=2)
    requests = [cert_request(number) for number in range(3)]
    assert device.refused({"ir": requests}) == "BAD_REQUEST"
    assert responses(device.send({"ir": requests[:2]}))[1].cert_req_id == 1


@pytest.mark.parametrize("numbers", [(0, 0), (-1,), (2**31,), (2**200,)])
def test_cert_req_ids_that_make_no_sense(device: Device, numbers: tuple[int, ...]) -> None:
    assert device.refused({"ir": [cert_request(number) for number in numbers]}) == "BAD_REQUEST"


def test_strict_profiles_take_one_request_numbered_0(device: Device, server: Server) -> None:
    server.restart(strict=True)
    sender = cmp.GeneralName(directory_name=name("device"))
    assert device.refused({"ir": [cert_request(1)]}, sender=sender) == "BAD_REQUEST"
    assert device.refused({"ir": [cert_request(0), cert_request(1)]}, sender=sender) == "BAD_REQUEST"
    assert certificates(device.send({"ir": [cert_request(0)]}, sender=sender))


# --- p10cr ---


def test_p10cr(device: Device, server: Server) -> None:
    answer = device.send({"p10cr": pkcs10(sans=["a.example"])})
    assert answer.body.name == "cp"
    (response,) = responses(answer)
    assert response.cert_req_id == -1
    (certificate,) = certificates(answer)
    names = certificate.load().extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.example"]
    assert device.refused({"cert_conf": [{"cert_hash": b"", "cert_req_id": 0}]}) == "BAD_REQUEST"
    assert device.confirm((-1, certificate)).body.name == "pkiconf"
    assert server.status(certificate.load().serial_number) == "valid"


def test_p10cr_whose_signature_does_not_fit(device: Device) -> None:
    other = pkcs10(KEYS[1])
    forged = pkcs10(KEYS[0]).replace(signature=other.signature)
    assert rejected(device.send({"p10cr": forged})) == "BAD_POP"


@pytest.mark.parametrize("twice", [False, True])
def test_p10cr_with_a_strange_extension_request(device: Device, twice: bool) -> None:
    request = pkcs10(sans=["a.example"])
    (attribute,) = request.certification_request_info.attributes
    integer = Attribute(type=attribute.type, values=[cmp.TLV(b"\x02\x01\x05")])
    attributes = Attributes([attribute, attribute] if twice else [integer])
    info = request.certification_request_info.replace(attributes=attributes)
    assert rejected(device.send({"p10cr": request.replace(certification_request_info=info)})) == "BAD_CERT_TEMPLATE"


def test_p10cr_of_another_version(device: Device) -> None:
    request = pkcs10()
    info = request.certification_request_info.replace(version=1)
    assert rejected(device.send({"p10cr": request.replace(certification_request_info=info)})) == "BAD_CERT_TEMPLATE"


# --- kur ---


def test_kur(device: Device, server: Server) -> None:
    old = device.whole()
    again = device.again()
    answer = again.send({"kur": [cert_request(subject=None, key=KEYS[1], old=(server.issuer, old))]})
    assert answer.body.name == "kup"
    (certificate,) = certificates(answer)
    assert common_name(certificate) == "device"
    assert certificate.load().public_key() == KEYS[1].public_key()
    assert again.confirm((0, certificate)).body.name == "pkiconf"
    assert server.status(old) == "valid"


@pytest.mark.parametrize("implicit", [False, True])
def test_kur_revokes_the_old_certificate_where_the_profile_says_so(
    device: Device, server: Server, implicit: bool
) -> None:
    server.restart(revoke_replaced=True)
    old = device.whole()
    again = device.again()
    certificate = again.enroll(cert_request(key=KEYS[1], old=(server.issuer, old)), kind="kur", implicit=implicit)
    if not implicit:
        assert server.status(old) == "valid"  # it might be rejected yet
        again.confirm((0, certificate))
    kept = server.certificate(old)
    assert (kept.status.value, kept.reason) == ("revoked", 4)
    assert server.status(certificate.load().serial_number) == "valid"


def test_kur_that_is_rejected_keeps_the_old_certificate(device: Device, server: Server) -> None:
    server.restart(revoke_replaced=True)
    old = device.whole()
    again = device.again()
    certificate = again.enroll(cert_request(key=KEYS[1], old=(server.issuer, old)), kind="kur")
    assert again.send({"cert_conf": []}).body.name == "pkiconf"
    assert server.status(certificate.load().serial_number) == "revoked"
    assert server.status(old) == "valid"


def test_kur_when_the_old_certificate_was_revoked_meanwhile(device: Device, server: Server) -> None:
    server.restart(revoke_replaced=True)
    old = device.whole()
    again = device.again()
    certificate = again.enroll(cert_request(key=KEYS[1], old=(server.issuer, old)), kind="kur")
    assert device.revoke(old, 1) == ""
    assert again.confirm((0, certificate)).body.name == "pkiconf"
    assert server.certificate(old).reason == 1


def test_kur_without_old_cert_id(device: Device, server: Server) -> None:
    device.whole()
    assert rejected(device.again().send({"kur": [cert_request()]})) == "BAD_CERT_ID"
    unknown = AttributeTypeAndValue(type=oids.ID_REG_CTRL_REG_TOKEN, value="token")
    assert rejected(device.again().send({"kur": [cert_request(controls=[unknown])]})) == "BAD_CERT_ID"


def test_kur_with_two_old_cert_ids(device: Device, server: Server) -> None:
    old = device.whole()
    cert_id = cmp.CertId(issuer=cmp.GeneralName(directory_name=server.issuer), serial_number=old)
    control = AttributeTypeAndValue(type=oids.ID_REG_CTRL_OLD_CERT_ID, value=cert_id)
    assert rejected(device.again().send({"kur": [cert_request(controls=[control, control])]})) == "BAD_CERT_ID"


def test_kur_whose_old_cert_id_is_something_else(device: Device) -> None:
    control = AttributeTypeAndValue(type=oids.ID_REG_CTRL_OLD_CERT_ID, value=cmp.TLV(b"\x02\x01\x05"))
    assert rejected(device.send({"kur": [cert_request(controls=[control])]})) == "BAD_DATA_FORMAT"


def test_kur_of_what_is_not_there_or_not_ours(device: Device, server: Server) -> None:
    """Somebody else's certificate looks like none at all."""
    theirs = Device(server, OTHER, b"other").whole()
    own = device.whole()
    ca = CA_CERTIFICATE.load().serial_number
    texts = set()
    for issuer, serial in [
        (server.issuer, theirs),
        (server.issuer, own + 1),
        (name("Another CA"), own),
        (server.issuer, ca),
        (server.issuer, -own),
        (server.issuer, 0),
        (server.issuer, 1 << 1000),
    ]:
        again = device.again()
        answer = again.send({"kur": [cert_request(key=KEYS[1], old=(issuer, serial))]})
        assert rejected(answer) == "BAD_CERT_ID"
        texts.add(tuple(responses(answer)[0].status.status_string))
    assert len(texts) == 1


def test_kur_by_another_profile(device: Device, server: Server) -> None:
    """The same secret in another profile is another requester."""
    old = device.whole()
    server.restart(name="q")
    again = device.again()
    answer = cmp.decode(
        server.responder.respond(again.message({"kur": [cert_request(old=(server.issuer, old))]}), "q").der
    )
    assert rejected(answer) == "BAD_CERT_ID"


def test_kur_of_a_certificate_in_another_state(device: Device, server: Server) -> None:
    certificate = device.enroll()
    serial = certificate.load().serial_number
    request = {"kur": [cert_request(key=KEYS[1], old=(server.issuer, serial))]}
    assert rejected(device.again().send(request)) == "BAD_CERT_ID"  # not confirmed
    device.confirm((0, certificate))
    assert device.revoke(serial, 6) == ""
    assert rejected(device.again().send(request)) == "CERT_REVOKED"  # on hold
    assert device.revoke(serial, 1) == ""
    assert rejected(device.again().send(request)) == "CERT_REVOKED"


def test_kur_of_an_expired_certificate(device: Device, server: Server) -> None:
    serial = device.whole()
    end = Certificate(server.certificate(serial).der).load().not_valid_after_utc
    request = {"kur": [cert_request(key=KEYS[1], old=(server.issuer, serial))]}
    server.clock.now = end + timedelta(seconds=1)
    assert rejected(device.again().send(request)) == "BAD_CERT_ID"
    server.clock.now = end
    assert certificates(device.again().send(request))


def test_kur_keeps_the_subject(device: Device, server: Server) -> None:
    serial = device.whole()
    old = (server.issuer, serial)
    assert rejected(device.again().send({"kur": [cert_request(subject="admin", old=old)]})) == "BAD_CERT_TEMPLATE"
    printable = cmp.Name.decode(
        x509.Name(
            [x509.NameAttribute(x509.NameOID.COMMON_NAME, "device", x509.name._ASN1Type.PrintableString)]
        ).public_bytes()
    )
    request = cert_request(subject=None, old=old)
    assert request.cert_req.cert_template.subject is None
    assert certificates(device.again().send({"kur": [request]}))
    request = cert_request(subject=None, old=old, key=KEYS[1])
    template = request.cert_req.cert_template.replace(subject=printable, public_key=spki(KEYS[1]))
    inner = request.cert_req.replace(cert_template=template)
    answer = device.again().send({"kur": [request.replace(cert_req=inner, popo=prove(inner, KEYS[1]))]})
    assert common_name(certificates(answer)[0]) == "device"


def test_kur_has_one_request(device: Device, server: Server) -> None:
    old = (server.issuer, device.whole())
    requests = [cert_request(0, key=KEYS[1], old=old), cert_request(1, key=KEYS[2], old=old)]
    assert device.again().refused({"kur": requests}) == "BAD_REQUEST"
