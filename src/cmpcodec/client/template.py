"""What is asked for: the CertTemplate of a request, from what the caller says and from what a CSR or certificate has.

It follows `openssl cmp` in what is taken from where. It knows CRMF; no transactions, and of CMP only oldCertID.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from .. import oids
from ..asn1 import Null
from ..crmf import (
    AttributeTypeAndValue,
    CertId,
    CertReqMsg,
    CertRequest,
    CertTemplate,
    Controls,
    OptionalValidity,
    POPOPrivKey,
    ProofOfPossession,
    SubsequentMessage,
)
from ..enveloping import DecryptionKey
from ..enveloping.algorithms import AgreementPrivateKey, Decapsulator, EncryptionPublicKey, key_info
from ..enveloping.algorithms import public_key_info as own_key_info
from ..enveloping.keys import AnyPrivateKey
from ..errors import LocalProtocolError
from ..pkix import (
    CertificationRequest,
    Extension,
    Extensions,
    GeneralName,
    GeneralNames,
    Name,
    SubjectPublicKeyInfo,
    Time,
)
from ..pop import prove
from ..pop.kinds import agrees
from ..protection.policy import ProtectionPolicy
from ..protection.signatures import PrivateKey, PublicKey
from .certificates import CertificateFacts
from .delivery import CentralKey
from .reading import as_name

Key: TypeAlias = AnyPrivateKey | PublicKey | EncryptionPublicKey | SubjectPublicKeyInfo
"""A key of `cryptography`, private or public, or a public key alone as it stands in certificates."""

DecryptionPrivateKey: TypeAlias = rsa.RSAPrivateKey | AgreementPrivateKey | Decapsulator

_UTC_TIME_UNTIL: Final = 2049


class ProofMethod(IntEnum):
    """How to prove possession of the private key, by the numbers of `openssl cmp -popo`. RFC 9810, 5.2.8."""

    NONE = -1
    RA_VERIFIED = 0
    """The sender vouches for it: only registration authorities may."""
    SIGNATURE = 1
    ENCRYPTED_CERTIFICATE = 2
    """The certificate comes encrypted for the key (encrCert): to confirm it is the proof. For keys that cannot sign."""
    CHALLENGE = 3
    """The server sends a number that is encrypted for the key (challengeResp). `openssl cmp` has no number for it."""


_TO_FOLLOW: Final = {
    ProofMethod.ENCRYPTED_CERTIFICATE: SubsequentMessage.ENCR_CERT,
    ProofMethod.CHALLENGE: SubsequentMessage.CHALLENGE_RESP,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a new certificate should be like. See `enroll` for the meaning of each."""

    key: Key | CentralKey | None
    subject: Name | str | None
    sans: Sequence[GeneralName]
    sans_critical: bool
    default_sans: bool
    extensions: Sequence[Extension]
    policies: Sequence[str]
    policies_critical: bool
    days: int
    validity: OptionalValidity | None
    issuer: Name | str | None
    csr: CertificationRequest | None
    proof: ProofMethod
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the answer to a request is held against, and what opens that which comes encrypted."""

    public_key: SubjectPublicKeyInfo | None
    """The key to be certified; None if the server makes it."""
    central: CentralKey | None = None
    private_key: DecryptionKey | None = field(default=None, repr=False)
    """Ours, if reading something is to prove that we have it."""
    challenged: bool = False
    """Whether that is a challenge."""

    def pvno(self, policy: ProtectionPolicy) -> int:
        """The version of CMP that this takes: EnvelopedData came with version 3.

        For RSA keys version 2 has something else, which old servers know alone, if the policy admits it in answers.
        """
        if self.central is None and isinstance(self.private_key, rsa.RSAPrivateKey) and policy.legacy_encryption:
            return 2
        return 2 if self.central is None and self.private_key is None else 3


@dataclass(frozen=True, slots=True)
class Request:
    """A finished request, and what its answer is held against."""

    message: CertReqMsg
    wanted: Wanted
    subject: Name | None
    issuer: Name | None


def certificate_request(
    wish: Wish, reference: CertificateFacts | None, update: bool, clock_time: datetime, cert_req_id: int = 0
) -> Request:
    """The CertReqMsg for a wish. `reference` gives what the wish leaves open; with `update` it is what is replaced.

    Raises LocalProtocolError for a wish that cannot be, TypeError and ValueError for arguments that make no sense.
    """
    csr = None if wish.csr is None else wish.csr.certification_request_info
    wanted = _wanted(wish)
    public_key = wanted.public_key if wanted.central is None else wanted.central.public_key
    subject = _subject(wish, None if csr is None else csr.subject, reference, update)
    issuer = as_name(wish.issuer) if wish.issuer is not None else (reference.issuer if reference else None)
    if issuer is not None and not len(issuer):
        issuer = None
    template = CertTemplate(
        issuer=issuer,
        validity=_validity(wish, clock_time),
        subject=subject,
        public_key=public_key,
        extensions=_extensions(wish, reference, subject),
    )
    controls = None
    if update:
        if reference is None:
            raise LocalProtocolError("a key update needs the certificate that it is to replace")
        controls = Controls([AttributeTypeAndValue(type=oids.ID_REG_CTRL_OLD_CERT_ID, value=cert_id(reference))])
    request = CertRequest(cert_req_id=cert_req_id, cert_template=template, controls=controls)
    return Request(CertReqMsg(cert_req=request, popo=_proof(wish, request)), wanted, subject, issuer)


def _wanted(wish: Wish) -> Wanted:
    if isinstance(wish.key, CentralKey):
        return Wanted(public_key=None, central=wish.key)
    if wish.key is None and wish.csr is not None:
        public_key = wish.csr.certification_request_info.subject_pk_info
    else:
        public_key = public_key_info(wish.key)
    if wish.proof not in _TO_FOLLOW:
        return Wanted(public_key=public_key)
    if not isinstance(wish.key, DecryptionPrivateKey):
        raise LocalProtocolError("this proof of possession needs a private key that decrypts or agrees on keys")
    return Wanted(public_key=public_key, private_key=wish.key, challenged=wish.proof == ProofMethod.CHALLENGE)


def cert_id(certificate: CertificateFacts) -> CertId:
    """Names a certificate by issuer and serial number."""
    return CertId(issuer=GeneralName(directory_name=certificate.issuer), serial_number=certificate.serial_number)


def public_key_info(key: Key | None) -> SubjectPublicKeyInfo:
    """The public half of a key; LocalProtocolError if there is none, TypeError if it is none."""
    if key is None:
        raise LocalProtocolError("no key to certify: give a private or public key, or a CSR that has one")
    if isinstance(key, SubjectPublicKeyInfo):
        return key
    if isinstance(key, AnyPrivateKey):
        return own_key_info(key)
    if not isinstance(key, PublicKey | EncryptionPublicKey):
        raise TypeError(f"key: expected a key of cryptography or a SubjectPublicKeyInfo, not {type(key).__name__}")
    return key_info(key)


def _subject(wish: Wish, requested: Name | None, reference: CertificateFacts | None, update: bool) -> Name | None:
    """As openssl: what is asked for, else the CSR's, else that of the reference (in ir and cr: unless SANs are set)."""
    if wish.subject is not None:
        subject: Name | None = as_name(wish.subject)
    elif requested is not None:
        subject = requested
    elif reference is not None and (update or not _asks_sans(wish)):
        subject = reference.subject
    else:
        subject = None
    return subject if subject is not None and len(subject) else None


def _asks_sans(wish: Wish) -> bool:
    return bool(wish.sans) or any(one.extn_id == oids.ID_CE_SUBJECT_ALT_NAME for one in wish.extensions)


def _validity(wish: Wish, clock_time: datetime) -> OptionalValidity | None:
    if wish.days < 0:
        raise ValueError("days: cannot be negative")
    if not wish.days:
        return wish.validity
    if wish.validity is not None:
        raise ValueError("days and validity exclude each other")
    begin = clock_time.astimezone(UTC).replace(microsecond=0)
    try:
        end = begin + timedelta(days=wish.days)
    except OverflowError:
        raise ValueError("days: ends after the year 9999") from None
    return OptionalValidity(not_before=_time(begin), not_after=_time(end))


def _time(moment: datetime) -> Time:
    return Time(utc_time=moment) if moment.year <= _UTC_TIME_UNTIL else Time(general_time=moment)


def _extensions(wish: Wish, reference: CertificateFacts | None, subject: Name | None) -> Extensions | None:
    """Extensions of the CSR, or SANs of the reference if none are asked for; what is asked for replaces them."""
    found = {one.extn_id: one for one in _requested_extensions(wish.csr)}
    if wish.default_sans and not _asks_sans(wish) and reference is not None:
        sans = reference.extension(oids.ID_CE_SUBJECT_ALT_NAME)
        if sans is not None:
            found.setdefault(sans.extn_id, sans)
    found.update((one.extn_id, one) for one in wish.extensions)
    if wish.sans:
        found[oids.ID_CE_SUBJECT_ALT_NAME] = Extension(
            extn_id=oids.ID_CE_SUBJECT_ALT_NAME,
            critical=wish.sans_critical or subject is None,  # RFC 5280, 4.2.1.6: without a subject they have to be
            extn_value=GeneralNames(wish.sans).der,
        )
    if wish.policies:
        found[oids.ID_CE_CERTIFICATE_POLICIES] = Extension(
            extn_id=oids.ID_CE_CERTIFICATE_POLICIES,
            critical=wish.policies_critical,
            extn_value=_policies(wish.policies),
        )
    return Extensions(found.values()) if found else None


def _policies(policies: Sequence[str]) -> bytes:
    """DER of the certificatePolicies of those OIDs. RFC 5280, 4.2.1.4."""
    try:
        named = [x509.PolicyInformation(x509.ObjectIdentifier(oid), None) for oid in policies]
    except ValueError:
        raise ValueError(f"policies: {', '.join(policies)} are not all OIDs in dotted decimal") from None
    return x509.CertificatePolicies(named).public_bytes()


def _requested_extensions(csr: CertificationRequest | None) -> Iterable[Extension]:
    """The extensions that a PKCS #10 request asks for."""
    if csr is None:
        return
    for attribute in csr.certification_request_info.attributes:
        if attribute.type == oids.EXTENSION_REQUEST:
            for value in attribute.opened():
                if isinstance(value, Extensions):
                    yield from value


def _proof(wish: Wish, request: CertRequest) -> ProofOfPossession | None:
    method = ProofMethod(wish.proof)
    if method is ProofMethod.NONE or isinstance(wish.key, CentralKey):
        return None
    if method is ProofMethod.RA_VERIFIED:
        return ProofOfPossession(ra_verified=Null())
    if method in _TO_FOLLOW:
        later = POPOPrivKey(subsequent_message=_TO_FOLLOW[method])
        if agrees(public_key_info(wish.key)):
            return ProofOfPossession(key_agreement=later)
        return ProofOfPossession(key_encipherment=later)
    if not isinstance(wish.key, PrivateKey):
        raise LocalProtocolError("proof of possession by signature needs a private key that can sign")
    return prove(request, wish.key, wish.digest)
