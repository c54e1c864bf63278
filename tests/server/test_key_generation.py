"""Central key generation at the server: who gets a key, encrypted how, and what nobody else sees. RFC 9483, 4.1.6."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import cmpcodec as cmp
from cmpcodec import oids
from cmpcodec.asn1 import BitString
from cmpcodec.authority import KEY_GENERATION, Delayed, create_signer
from cmpcodec.authority.schema import extension
from cmpcodec.enveloping import DeliveredKey, receive_key, recipient_for
from cmpcodec.enveloping.generating import KEY_KINDS
from cmpcodec.messages import IMPLICIT_CONFIRM
from cmpcodec.pkix import Extensions, KeyUsage, SubjectPublicKeyInfo
from cmpcodec.server import KeyGeneration, SharedSecretParty
from tests.authority.making import info, order
from tests.generated import generated
from tests.server.signing import RA_VERIFIED, believe_signatures, enrolled, registration_authority
from tests.server.support import (
    CA_CERTIFICATE,
    CA_KEY,
    KEYS,
    SECRET,
    START,
    Device,
    Server,
    authority,
    cert_request,
    certificates,
    name,
    pkcs10,
    rejected,
    responses,
)

KGA = create_signer(CA_KEY, CA_CERTIFICATE, role=KEY_GENERATION, now=START)


def generation(*kinds: str, **options: Any) -> KeyGeneration:
    return KeyGeneration(kinds or ("ec-p256", "rsa-2048"), *KGA, (CA_CERTIFICATE,), **options)


@pytest.fixture
def server(server: Server) -> Server:
    server.restart(key_generation=generation())
    return server


def wanting(kind: str | None = None, **request: Any) -> cmp.CertReqMsg:
    """A request for a certificate and a key, of any kind or of that one."""
    public_key = None
    if kind is not None:
        public_key = SubjectPublicKeyInfo(algorithm=KEY_KINDS[kind].algorithm, subject_public_key=BitString(b""))
    return cert_request(**{"public_key": public_key, "popo": None} | request)


def delivered(answer: cmp.PKIMessage, key: Any) -> DeliveredKey:
    """What came: opened with our key, signed by the right authority, and the key of the certificate."""
    assert answer.header.pvno == 3
    (response,) = responses(answer)
    pair = response.certified_key_pair
    assert pair is not None
    found = receive_key(pair.private_key, key, pair.cert_or_enc_cert.certificate)
    assert found.fits
    assert found.signer == KGA[1]
    assert CA_CERTIFICATE in found.certificates
    return found


def clear(key: Any) -> bytes:
    """The octets that only the owner of a key may see."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.private_numbers().d.to_bytes(256)
    return key.private_numbers().private_value.to_bytes(32)


@pytest.mark.parametrize(("asked", "kind"), [(None, "ec-p256"), ("ec-p256", "ec-p256"), ("rsa-4096", "rsa-2048")])
@pytest.mark.parametrize("pvno", [2, 3])
def test_who_has_a_secret_opens_it_with_that(
    device: Device, server: Server, asked: str | None, kind: str, pvno: int
) -> None:
    """A request for RSA says nothing of its length. The answer has version 3, even to those who ask in version 2."""
    answer = device.send({"ir": [wanting(asked)]}, pvno=pvno)
    key = delivered(answer, SECRET).key
    assert isinstance(key, rsa.RSAPrivateKey if kind == "rsa-2048" else ec.EllipticCurvePrivateKey)
    assert key.key_size == (2048 if kind == "rsa-2048" else 256)
    certificate = certificates(answer)[0]
    serial = certificate.load().serial_number
    assert server.status(serial) == "unconfirmed"
    assert server.respond(device.last).der == answer.der  # the same key, not another one
    assert device.confirm((0, certificate), pvno=3).body.name == "pkiconf"
    assert server.status(serial) == "valid"


@pytest.mark.parametrize("kind", [one for one in KEY_KINDS if not one.startswith("rsa-")])
def test_every_kind_of_key(device: Device, server: Server, kind: str) -> None:
    generated(kind)
    server.restart(key_generation=generation("rsa-2048", kind))
    device.enroll(wanting(kind), pvno=3)
    assert device.answer is not None
    delivered(cmp.decode(device.answer.der), SECRET)


def test_openssl_opens_passwords_its_own_way(device: Device, server: Server) -> None:
    server.restart(key_generation=generation(pwri_kek=True))
    answer = device.send({"ir": [wanting()]}, pvno=3)
    delivered(answer, SECRET)
    private_key = responses(answer)[0].certified_key_pair.private_key
    (found,) = private_key.enveloped_data.recipient_infos
    assert found.pwri.key_encryption_algorithm.algorithm == oids.ID_ALG_PWRI_KEK


def usable_for(usage: KeyUsage) -> Extensions:
    return Extensions([extension(oids.ID_CE_KEY_USAGE, usage | KeyUsage.DIGITAL_SIGNATURE, critical=True)])


@pytest.mark.parametrize(
    ("key", "usage", "form"),
    [
        (rsa.generate_private_key(65537, 2048), KeyUsage.KEY_ENCIPHERMENT, "ktri"),
        (KEYS[0], KeyUsage.KEY_AGREEMENT, "kari"),
    ],
    ids=["rsa", "ec"],
)
@pytest.mark.parametrize("kind", ["cr", "kur"])
def test_who_signs_opens_it_with_the_key_of_his_certificate(
    server: Server, key: Any, usage: KeyUsage, form: str, kind: str
) -> None:
    believe_signatures(server)
    device, certificate = enrolled(server, key, extensions=usable_for(usage))
    old = (server.issuer, certificate.load().serial_number) if kind == "kur" else None
    answer = device.send({kind: [wanting(old=old)]}, pvno=3)
    delivered(answer, key)
    (found,) = responses(answer)[0].certified_key_pair.private_key.enveloped_data.recipient_infos
    assert found.name == form
    assert device.confirm((0, certificates(answer)[0]), pvno=3).body.name == "pkiconf"


def test_a_certificate_for_signatures_alone_does_not_do(server: Server) -> None:
    """Nothing is issued to who could not read the key."""
    believe_signatures(server)
    device, _ = enrolled(server)
    answer = device.send({"cr": [wanting()]}, pvno=3)
    assert rejected(answer) == "BAD_REQUEST"
    assert "keyAgreement" in responses(answer)[0].status.status_string[0]


def test_kem_keys_open_it_too(device: Device, server: Server) -> None:
    """Whoever is authenticated by other means, and has a certificate for ML-KEM."""
    key = generated("ml-kem-768")
    issued = authority().issue(order(public_key=info(key)), START).certificate

    class Encapsulated(SharedSecretParty):
        def recipient(self, *, pwri_kek: bool) -> Any:
            return recipient_for(issued)

    server.restart(lookup=lambda header: Encapsulated("kem", SECRET))
    answer = device.send({"ir": [wanting()]}, pvno=3)
    delivered(answer, key)
    (found,) = responses(answer)[0].certified_key_pair.private_key.enveloped_data.recipient_infos
    assert found.name == "ori"


def test_what_is_not_asked_for_or_not_made(device: Device, server: Server) -> None:
    assert rejected(device.send({"ir": [wanting("ed25519")]}, pvno=3)) == "BAD_CERT_TEMPLATE"
    other = SubjectPublicKeyInfo(algorithm=KEY_KINDS["ec-p384"].algorithm, subject_public_key=BitString(b""))
    assert rejected(device.again().send({"ir": [wanting(public_key=other)]}, pvno=3)) == "BAD_CERT_TEMPLATE"
    # Who wants to prove something has a key.
    signed = cert_request(key=KEYS[0]).popo
    assert rejected(device.again().send({"ir": [wanting("ec-p256", popo=signed)]}, pvno=3)) == "BAD_POP"
    assert rejected(device.again().send({"ir": [wanting(popo=RA_VERIFIED)]}, pvno=3)) == "BAD_POP"
    # The key of a PKCS #10 request is there, or its signature fits nothing.
    csr = pkcs10()
    asked = csr.certification_request_info
    empty = asked.replace(subject_pk_info=asked.subject_pk_info.replace(subject_public_key=BitString(b"")))
    answer = device.again().send({"p10cr": csr.replace(certification_request_info=empty)}, pvno=3)
    assert rejected(answer) == "BAD_POP"
    server.restart(strict=True)
    strict = Device(server)
    header = {"sender": cmp.GeneralName(directory_name=name("device"))}
    assert rejected(strict.send({"ir": [wanting()]}, pvno=2, **header)) == "BAD_REQUEST"
    assert server.store.count_unconfirmed("p", "kid:646576696365") == 0


def test_keys_are_made_only_where_the_profile_says_so(device: Device, server: Server) -> None:
    server.restart(key_generation=None)
    for kind in (None, "ec-p256"):
        assert rejected(device.again().send({"ir": [wanting(kind)]}, pvno=3)) == "BAD_CERT_TEMPLATE"


def test_a_registration_authority_may_say_raverified(server: Server) -> None:
    """It has nothing to verify; it needs a certificate that can decrypt, as everybody."""
    believe_signatures(server)
    ra = registration_authority(server, oids.ID_KP_CMC_RA)
    delivered(ra.send({"ir": [wanting(popo=RA_VERIFIED)]}, pvno=3), KEYS[3])


def test_several_at_once_each_get_their_own(device: Device, server: Server) -> None:
    answer = device.send({"ir": [wanting(number=1, subject="a"), wanting(number=2, subject="b")]}, pvno=3)
    keys = set()
    for response in responses(answer):
        pair = response.certified_key_pair
        found = receive_key(pair.private_key, SECRET, pair.cert_or_enc_cert.certificate)
        assert found.fits
        keys.add(found.key.private_numbers())
    assert len(keys) == 2


def test_it_may_take_time(device: Device, server: Server) -> None:
    """A delayed request is answered with a key in the end, and the same pollReq gets the same answer."""
    server.restart(authority=Delayed(authority(), 60))
    first = device.send({"ir": [wanting()]}, pvno=3)
    assert responses(first)[0].status.status == cmp.PKIStatus.WAITING
    assert device.send({"poll_req": [{"cert_req_id": 0}]}, pvno=3).body.name == "poll_rep"
    server.clock.pass_(seconds=61)
    answer = device.send({"poll_req": [{"cert_req_id": 0}]}, pvno=2)
    delivered(answer, SECRET)
    assert server.respond(device.last).der == answer.der


def test_nobody_confirms_it(device: Device, server: Server) -> None:
    """Rejected, or left alone: the certificate is revoked; with implicitConfirm it is valid at once."""
    certificate = device.enroll(wanting(), pvno=3)
    status = {"cert_hash": bytes(32), "cert_req_id": 0, "status_info": {"status": 2}}
    assert device.send({"cert_conf": [status]}, pvno=3).body.name == "pkiconf"
    assert server.status(certificate.load().serial_number) == "revoked"
    left = device.again().enroll(wanting(), pvno=3)
    server.clock.pass_(hours=1)
    server.responder.sweep()
    assert server.status(left.load().serial_number) == "revoked"
    implicit = device.again().send({"ir": [wanting()]}, general_info=[IMPLICIT_CONFIRM], pvno=3)
    delivered(implicit, SECRET)
    assert server.status(certificates(implicit)[0].load().serial_number) == "valid"


def test_no_key_is_seen_anywhere(device: Device, server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither in the answer, nor in what the server keeps, tells or prints."""
    answer = device.send({"ir": [wanting()]}, pvno=3)
    found = delivered(answer, SECRET)
    octets = clear(found.key)
    whole = found.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    assert device.answer is not None
    kept = [device.answer.der, repr(device.answer).encode(), repr(server.profile).encode()]
    serial = certificates(answer)[0].load().serial_number
    kept += [repr(server.certificate(serial)).encode(), *database(server)]
    assert any(one.startswith(b"SQLite") for one in kept) == (type(server.store).__name__ == "SQLiteStore")
    for one in (*kept, *("".join(capfd.readouterr()).encode(),)):
        assert octets not in one
        assert octets.hex().encode() not in one.lower()
        assert whole not in one
    kga = clear(KGA[0])
    assert all(kga not in one and kga.hex().encode() not in one.lower() for one in kept)


def database(server: Server) -> list[bytes]:
    """The files of the store, if it has any."""
    path = getattr(getattr(server.store, "_database", None), "path", None)
    return [] if path is None else [one.read_bytes() for one in sorted(path.parent.glob(f"{path.name}*"))]


def test_settings_that_make_no_sense() -> None:
    for kinds in ((), ("dsa",), ("ec-p256", "rsa")):
        with pytest.raises(ValueError, match="keys: "):
            KeyGeneration(kinds, *KGA)
    with pytest.raises(ValueError, match="id-kp-cmKGA"):
        KeyGeneration(("ec-p256",), *create_signer(CA_KEY, CA_CERTIFICATE, now=START))
    with pytest.raises(ValueError, match="not that of the certificate"):
        KeyGeneration(("ec-p256",), KEYS[0], KGA[1])
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(generation())
    assert repr(generation()) == "KeyGeneration(ec-p256, rsa-2048)"
