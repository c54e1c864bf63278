"""encrCert: the certificate is sent encrypted, and its hash in certConf is the proof. RFC 9810, 5.2.8.3.2."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import cmpcodec as cmp
from cmpcodec.crmf import POPOPrivKey, ProofOfPossession, SubsequentMessage
from cmpcodec.messages import IMPLICIT_CONFIRM, cert_hash
from cmpcodec.pkix import Certificate
from cmpcodec.pop import decrypt_certificate
from cmpcodec.protection import ProtectionPolicy
from tests.server.support import KEYS, Device, Server, cert_request, rejected, responses

RSA = rsa.generate_private_key(65537, 2048)
OLD_PEERS = ProtectionPolicy(legacy_encryption=True)
ENCR_CERT = POPOPrivKey(subsequent_message=SubsequentMessage.ENCR_CERT)
FOR_RSA = ProofOfPossession(key_encipherment=ENCR_CERT)
FOR_EC = ProofOfPossession(key_agreement=ENCR_CERT)


def ordered(device: Device, key: Any, popo: ProofOfPossession, **header: Any) -> cmp.PKIMessage:
    return device.send({"ir": [cert_request(key=key, popo=popo)]}, **header)


def opened(answer: cmp.PKIMessage, key: Any, policy: ProtectionPolicy = OLD_PEERS) -> Certificate:
    (response,) = responses(answer)
    pair = response.certified_key_pair
    assert pair is not None
    assert pair.cert_or_enc_cert.certificate is None
    return decrypt_certificate(pair.cert_or_enc_cert.encrypted_cert, key, policy)


@pytest.mark.parametrize(
    ("key", "popo", "pvno"), [(RSA, FOR_RSA, 2), (RSA, FOR_RSA, 3), (KEYS[0], FOR_EC, 3)], ids=["rsa-2", "rsa-3", "ec"]
)
def test_only_the_owner_of_the_key_reads_it(
    device: Device, server: Server, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, popo: Any, pvno: int
) -> None:
    """Even who asks for implicit confirmation has to confirm; the same request gets the same octets."""
    answer = ordered(device, key, popo, pvno=pvno, general_info=[IMPLICIT_CONFIRM])
    assert answer.header.pvno == pvno
    assert not [one for one in answer.header.general_info or () if one.info_type == IMPLICIT_CONFIRM.info_type]
    certificate = opened(answer, key)
    assert certificate.der not in answer.der
    serial = certificate.load().serial_number
    assert server.status(serial) == "unconfirmed"
    assert server.respond(device.last).der == answer.der
    status = {"cert_hash": cert_hash(certificate), "cert_req_id": 0}
    assert device.send({"cert_conf": [status]}, pvno=pvno).body.name == "pkiconf"
    assert server.status(serial) == "valid"


def test_who_cannot_read_it_gets_no_certificate(device: Device, server: Server) -> None:
    """A confirmation without the hash is none, and a certificate that nobody confirms is revoked."""
    certificate = opened(ordered(device, RSA, FOR_RSA), RSA)
    serial = certificate.load().serial_number
    stranger = rsa.generate_private_key(65537, 2048)
    other = device.again()
    with pytest.raises(cmp.DecryptionError):
        opened(ordered(other, RSA, FOR_RSA), stranger)
    assert device.refused({"cert_conf": [{"cert_hash": bytes(32), "cert_req_id": 0}]}) == "BAD_CERT_ID"
    server.clock.pass_(hours=1)
    server.responder.sweep()
    assert server.status(serial) == "revoked"


def test_what_cannot_be_proved_that_way(device: Device, server: Server) -> None:
    """A proof for a key of another kind, a challenge, and pvno 2 for a key that an EncryptedValue cannot serve."""
    challenge = asking_for(SubsequentMessage.CHALLENGE_RESP)
    for key, popo in ((RSA, FOR_EC), (KEYS[0], FOR_RSA), (RSA, challenge), (KEYS[0], FOR_EC)):
        answer = ordered(device.again(), key, popo)
        assert rejected(answer) == "BAD_POP"


def asking_for(message: SubsequentMessage) -> ProofOfPossession:
    return ProofOfPossession(key_encipherment=POPOPrivKey(subsequent_message=message))
