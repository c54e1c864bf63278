"""Requesters that sign, and a server that believes them: for tests of what is different with signatures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

import cmpcodec as cmp
from cmpcodec import oids
from cmpcodec.asn1 import Null
from cmpcodec.authority import create_ca, create_signer
from cmpcodec.crmf import ProofOfPossession
from cmpcodec.pkix import Certificate
from cmpcodec.protection.signing import Signature
from cmpcodec.protection.trust import TrustedSigners
from cmpcodec.server import Parties, SharedSecrets, SigningParties
from tests.server.support import CA_CERTIFICATE, CA_KEY, KEYS, SECRET, START, Device, Server, cert_request

OWN = Signature(*create_signer(CA_KEY, CA_CERTIFICATE, now=START), (CA_CERTIFICATE,))
ANSWERS = TrustedSigners([CA_CERTIFICATE], purposes=[oids.ID_KP_CMC_CA])
RA_CA_KEY, RA_CA = create_ca("CN=RA CA", now=START - timedelta(days=1))

RA_VERIFIED = ProofOfPossession(ra_verified=Null())


def believe_signatures(server: Server) -> Server:
    """Let the server believe its own certificates, and those of the other CA's registration authorities."""
    signing = SigningParties(
        OWN,
        TrustedSigners([CA_CERTIFICATE]),
        TrustedSigners([RA_CA], purposes=[oids.ID_KP_CMC_RA], check_sender=False),
    )
    server.restart(lookup=Parties(SharedSecrets({b"device": SECRET}), signing))
    return server


@dataclass
class Signing(Device):
    """A requester that signs; answers have to be signed by the server's own key."""

    signature: Signature | None = None

    @property
    def credential(self) -> Any:
        return self.signature

    def send(self, body: Any, **header: Any) -> cmp.PKIMessage:
        self.last = body if isinstance(body, bytes) else self.message(body, **{"sender_kid": None} | header)
        self.answer = self.server.respond(self.last)
        answer = cmp.decode(self.answer.der)
        signer = cmp.verify(answer, ANSWERS, time=self.server.clock())
        assert signer is not None
        assert signer.certificate.der == OWN.certificates[0].der
        if answer.body.name != "error":
            self.server_nonce = answer.header.sender_nonce
        return answer

    def again(self) -> Signing:
        return Signing(self.server, signature=self.signature)


def enrolled(server: Server, key: ec.EllipticCurvePrivateKey = KEYS[0], **request: Any) -> tuple[Signing, Certificate]:
    """A certificate that was issued to who knows the secret, and a device that signs with its key."""
    device = Device(server)
    certificate = device.enroll(cert_request(key=key, **request))
    assert device.confirm((0, certificate)).body.name == "pkiconf"
    return Signing(server, signature=Signature(key, certificate)), certificate


def registration_authority(server: Server, *purposes: str) -> Signing:
    """A holder of a certificate of the other CA, for these purposes."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ra")]))
        .issuer_name(RA_CA.load().subject)
        .public_key(KEYS[3].public_key())
        .serial_number(7)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=30))
    )
    if purposes:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([x509.ObjectIdentifier(one) for one in purposes]), critical=False
        )
    made = builder.sign(RA_CA_KEY, hashes.SHA256())
    return Signing(server, signature=Signature(KEYS[3], Certificate(made.public_bytes(Encoding.DER))))
