"""A small CMP client for tests: it builds messages with the codec, right ones and wrong ones, and checks every answer.

It knows the wire, not the server: all that it learns comes in through bytes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import cmpcodec as cmp
from cmpcodec import oids
from cmpcodec.authority import LocalAuthority, create_ca
from cmpcodec.crmf import AttributeTypeAndValue
from cmpcodec.messages import IMPLICIT_CONFIRM, NULL_DN, cert_hash
from cmpcodec.pkix import Certificate, Extension, Extensions, Name, SubjectPublicKeyInfo
from cmpcodec.pop import prove
from cmpcodec.server import Profile, Responder, SharedSecrets
from cmpcodec.server.ports import Answer, IssuedCertificate, Store

START = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)
SECRET = b"correct horse"
OTHER = b"battery staple"
KEYS = [ec.generate_private_key(ec.SECP256R1()) for _ in range(4)]
CA_KEY, CA_CERTIFICATE = create_ca("CN=Test CA", now=START - timedelta(days=1))


def authority() -> LocalAuthority:
    return LocalAuthority(CA_KEY, CA_CERTIFICATE)


def spki(key: ec.EllipticCurvePrivateKey) -> SubjectPublicKeyInfo:
    return SubjectPublicKeyInfo.decode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def name(text: str) -> Name:
    """CN=text."""
    return Name.decode(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)]).public_bytes())


def cert_request(
    number: int = 0,
    subject: str | None = "device",
    key: ec.EllipticCurvePrivateKey = KEYS[0],
    *,
    prover: ec.EllipticCurvePrivateKey | None = None,
    popo: Any = "signature",
    old: tuple[Name, int] | None = None,
    controls: Sequence[AttributeTypeAndValue] | None = None,
    **template: Any,
) -> cmp.CertReqMsg:
    """A CertReqMsg, with its proof of possession unless `popo` is another one, or None."""
    if old is not None:
        cert_id = cmp.CertId(issuer=cmp.GeneralName(directory_name=old[0]), serial_number=old[1])
        control = AttributeTypeAndValue(type=oids.ID_REG_CTRL_OLD_CERT_ID, value=cert_id)
        controls = [*(controls or ()), control]
    plain = {"subject": None if subject is None else name(subject), "public_key": spki(key), **template}
    request = cmp.CertRequest.from_plain({"cert_req_id": number, "cert_template": plain, "controls": controls or None})
    proof = prove(request, prover or key) if popo == "signature" else popo
    return cmp.CertReqMsg(cert_req=request, popo=proof)


def rev_details(
    issuer: Name | None, serial: int | None, reason: int | None = None, extra: Sequence[Extension] = ()
) -> cmp.RevDetails:
    extensions = list(extra)
    if reason is not None:
        value = bytes((0x0A, 1, reason))
        extensions.append(Extension(extn_id=oids.ID_CE_CRL_REASONS, extn_value=value))
    return cmp.RevDetails(
        cert_details=cmp.CertTemplate(issuer=issuer, serial_number=serial),
        crl_entry_details=Extensions(extensions) if extensions else None,
    )


class Clock:
    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@dataclass
class Server:
    """A responder and what it rests on."""

    store: Store
    clock: Clock = field(default_factory=Clock)
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settings = {
            "name": "p",
            "authority": authority(),
            "lookup": SharedSecrets({b"device": SECRET, b"other": OTHER}, default=b"for all"),
        } | self.settings
        self.restart()

    def restart(self, **settings: Any) -> None:
        """A new responder on the same store."""
        self.settings |= settings
        self.profile = Profile(**self.settings)
        self.responder = Responder([self.profile], self.store, clock=self.clock)

    def respond(self, request: bytes) -> Answer:
        return self.responder.respond(request, "p")

    @property
    def issuer(self) -> Name:
        return self.profile.authority.name

    def certificate(self, serial: int) -> IssuedCertificate:
        found = self.store.certificate(self.issuer.der, serial)
        assert found is not None
        return found

    def status(self, serial: int) -> str:
        return self.certificate(serial).status.value


@dataclass
class Device:
    """A requester in one transaction: remembers its transactionID, and our nonce and the server's."""

    server: Server
    secret: bytes = SECRET
    kid: bytes | None = b"device"
    transaction_id: bytes = field(default_factory=lambda: os.urandom(16))
    server_nonce: bytes | None = None
    last: bytes = b""
    """The message that was sent last."""
    answer: Answer | None = None

    @property
    def credential(self) -> cmp.PasswordBasedMAC:
        return cmp.PasswordBasedMAC(self.secret, sender_kid=self.kid, iterations=100, mac="sha1")

    def message(self, body: cmp.PKIBody | dict[str, Any], *, credential: Any = "own", **header: Any) -> bytes:
        """A protected message of this transaction; `header` overrides fields, `credential` None leaves it bare."""
        if isinstance(body, dict):
            body = cmp.PKIBody.from_plain(body)
        fields = {
            "pvno": 2,
            "sender": NULL_DN,
            "recipient": NULL_DN,
            "message_time": self.server.clock(),
            "sender_kid": self.kid,
            "transaction_id": self.transaction_id,
            "sender_nonce": os.urandom(16),
            "recip_nonce": self.server_nonce,
        } | header
        message = cmp.PKIMessage(header=cmp.PKIHeader.from_plain(fields), body=body)
        if credential == "own":
            credential = self.credential
        return (message if credential is None else cmp.protect(message, credential)).der

    def send(self, body: cmp.PKIBody | dict[str, Any] | bytes, **header: Any) -> cmp.PKIMessage:
        """Send a message, or bytes as they are; the answer is checked and returned."""
        self.last = body if isinstance(body, bytes) else self.message(body, **header)
        self.answer = self.server.respond(self.last)
        answer = cmp.decode(self.answer.der)
        cmp.verify(answer, cmp.PasswordBasedMAC(self.secret))
        sent = cmp.decode(self.last)
        assert answer.header.transaction_id == sent.header.transaction_id
        assert answer.header.recip_nonce == sent.header.sender_nonce
        assert answer.header.recipient == sent.header.sender
        assert answer.header.sender_kid == sent.header.sender_kid
        assert answer.body.name == self.answer.body
        if answer.body.name != "error" or answer.body.error.pki_status_info.status == cmp.PKIStatus.WAITING:
            self.server_nonce = answer.header.sender_nonce
        return answer

    def refused(self, body: cmp.PKIBody | dict[str, Any] | bytes, **header: Any) -> str:
        """Send a message and expect an error; returns the names of its failInfo."""
        answer = self.send(body, **header)
        assert answer.body.name == "error", answer
        info = answer.body.error.pki_status_info
        assert info.status == cmp.PKIStatus.REJECTION
        assert self.answer is not None
        assert self.answer.fail_info == info.fail_info
        assert self.answer.status == cmp.PKIStatus.REJECTION
        return ",".join(info.fail_info.names)

    # --- Whole operations ---

    def enroll(self, *requests: cmp.CertReqMsg, kind: str = "ir", implicit: bool = False, **header: Any) -> Certificate:
        """From ir (or cr, kur) to ip: returns the first certificate."""
        info = [IMPLICIT_CONFIRM] if implicit else None
        content = requests or (cert_request(),)
        answer = self.send({kind: list(content)}, general_info=info, **header)
        return certificates(answer)[0]

    def confirm(self, *pairs: tuple[int, Certificate], **header: Any) -> cmp.PKIMessage:
        statuses = [{"cert_hash": cert_hash(certificate), "cert_req_id": number} for number, certificate in pairs]
        return self.send({"cert_conf": statuses}, **header)

    def whole(self, *requests: cmp.CertReqMsg, kind: str = "ir") -> int:
        """From ir to pkiconf; the serial number of the certificate."""
        certificate = self.enroll(*requests, kind=kind)
        assert self.confirm((0, certificate)).body.name == "pkiconf"
        return certificate.load().serial_number

    def revoke(self, serial: int, reason: int | None = None) -> str:
        """Revoke a certificate in a transaction of its own; returns "" or the failInfo of the rejection."""
        answer = self.again().send({"rr": [rev_details(self.server.issuer, serial, reason)]})
        assert answer.body.rp is not None
        (status,) = answer.body.rp.status
        return ",".join(status.fail_info.names) if status.fail_info else ""

    def again(self) -> Device:
        """The same requester in a new transaction."""
        return Device(self.server, self.secret, self.kid)


def responses(answer: cmp.PKIMessage) -> Sequence[cmp.CertResponse]:
    body = answer.body
    found = body.ip or body.cp or body.kup
    assert found is not None, body
    return found.response


def certificates(answer: cmp.PKIMessage) -> list[Certificate]:
    found = []
    for response in responses(answer):
        assert response.certified_key_pair is not None, response
        found.append(response.certified_key_pair.cert_or_enc_cert.certificate)
    return found


def rejected(answer: cmp.PKIMessage, number: int = 0) -> str:
    """The failInfo of one CertResponse, which is a rejection."""
    response = responses(answer)[number]
    assert response.status.status == cmp.PKIStatus.REJECTION
    assert response.certified_key_pair is None
    return ",".join(response.status.fail_info.names)


def pkcs10(
    key: ec.EllipticCurvePrivateKey = KEYS[0], subject: str = "device", sans: Sequence[str] = ()
) -> cmp.CertificationRequest:
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    )
    if sans:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(one) for one in sans]), critical=False
        )
    return cmp.CertificationRequest.decode(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))


def reasons(crl: bytes) -> dict[int, str | None]:
    """Serial number -> reason of each entry of a CRL."""
    found = {}
    for entry in x509.load_der_x509_crl(crl):
        try:
            found[entry.serial_number] = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
        except x509.ExtensionNotFound:
            found[entry.serial_number] = None
    return found
