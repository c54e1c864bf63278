"""Summaries of certificates, CRLs and public keys: the few fields that tell one from another.

Reads them with the package's own schema language, which costs no import; the extensions are left alone, so
that a flaw there does not hide the rest. Knows nothing of validity or trust.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, NamedTuple

from .. import oids
from .._engine.values import BitString, Limits
from ..asn1 import TLV, Explicit, Implicit, Sequence
from ..errors import DecodeError
from ..pkix import (
    AlgorithmIdentifier,
    Certificate,
    CertificateList,
    CertificateSerialNumber,
    Dss_Parms,
    ECParameters,
    Name,
    SubjectPublicKeyInfo,
    Time,
)

_NO_LIMITS = Limits(max_size=1 << 30)


class _Validity(Sequence):
    """RFC 5280, 4.1."""

    not_before: Time
    not_after: Time


class _TBSCertificate(Sequence):
    """RFC 5280, 4.1; an explicit version 1, which DER forbids, is let through."""

    version: Annotated[int | None, Explicit(0)] = None
    serial_number: CertificateSerialNumber
    signature: AlgorithmIdentifier
    issuer: Name
    validity: _Validity
    subject: Name
    subject_public_key_info: SubjectPublicKeyInfo
    issuer_unique_id: Annotated[BitString | None, Implicit(1)] = None
    subject_unique_id: Annotated[BitString | None, Implicit(2)] = None
    extensions: Annotated[TLV | None, Explicit(3)] = None


class _Certificate(Sequence):
    """RFC 5280, 4.1."""

    tbs_certificate: _TBSCertificate
    signature_algorithm: AlgorithmIdentifier
    signature: BitString


class _Entries(TLV, tag=0x30):
    """revokedCertificates; RFC 5280, 5.1."""


class _TBSCertList(Sequence):
    """RFC 5280, 5.1."""

    version: int | None = None
    signature: AlgorithmIdentifier
    issuer: Name
    this_update: Time
    next_update: Time | None = None
    revoked_certificates: _Entries | None = None
    crl_extensions: Annotated[TLV | None, Explicit(0)] = None


class _CertificateList(Sequence):
    """RFC 5280, 5.1."""

    tbs_cert_list: _TBSCertList
    signature_algorithm: AlgorithmIdentifier
    signature: BitString


class _RSAPublicKey(Sequence):
    """RFC 8017, A.1.1."""

    modulus: int
    public_exponent: int


class CertificateSummary(NamedTuple):
    """Which certificate it is."""

    subject: Name
    issuer: Name
    serial_number: int
    not_before: datetime
    not_after: datetime
    public_key: str
    signature_algorithm: str


class CRLSummary(NamedTuple):
    """Which CRL it is."""

    issuer: Name
    this_update: datetime
    next_update: datetime | None
    revoked: int


def read_certificate(certificate: Certificate) -> CertificateSummary | str:
    """The summary of a certificate, or why there is none."""
    try:
        whole = _Certificate.decode(certificate.der, limits=_NO_LIMITS)
    except DecodeError as error:
        return str(error)
    tbs = whole.tbs_certificate
    return CertificateSummary(
        tbs.subject,
        tbs.issuer,
        tbs.serial_number,
        tbs.validity.not_before.value,
        tbs.validity.not_after.value,
        describe_key(tbs.subject_public_key_info),
        whole.signature_algorithm.algorithm,
    )


def read_crl(crl: CertificateList) -> CRLSummary | str:
    """The summary of a CRL, or why there is none."""
    try:
        tbs = _CertificateList.decode(crl.der, limits=_NO_LIMITS).tbs_cert_list
    except DecodeError as error:
        return str(error)
    entries = tbs.revoked_certificates
    return CRLSummary(
        tbs.issuer,
        tbs.this_update.value,
        None if tbs.next_update is None else tbs.next_update.value,
        0 if entries is None else _count(entries.content),
    )


def _count(content: bytes) -> int:
    """How many values follow each other."""
    at = count = 0
    while at < len(content):
        length, header = content[at + 1] if at + 1 < len(content) else 0, 2
        if length >= 0x80:
            header += length & 0x7F
            length = int.from_bytes(content[at + 2 : at + header], "big")
        at += header + length
        count += 1
    return count


_CURVES = {oids.SECP256R1: "P-256", oids.SECP384R1: "P-384", oids.SECP521R1: "P-521", oids.SECP224R1: "P-224"}
_RSA = {oids.RSA_ENCRYPTION: "RSA", oids.ID_RSASSA_PSS: "RSA-PSS", oids.ID_RSAES_OAEP: "RSA-OAEP"}


def describe_key(key: SubjectPublicKeyInfo) -> str:
    """Kind and size of a public key, ``RSA 2048`` or ``EC P-256``, else the algorithm's name or number."""
    oid = key.algorithm.algorithm
    parameters: Any = key.algorithm.parameters
    if oid in _RSA:
        try:
            rsa = _RSAPublicKey.decode(key.subject_public_key.data)
        except DecodeError:
            return f"{_RSA[oid]}, unreadable key"
        return f"{_RSA[oid]} {rsa.modulus.bit_length()}"
    if isinstance(parameters, ECParameters):
        curve = parameters.named_curve
        if curve is None:
            return "EC, unnamed curve"
        return f"EC {_CURVES.get(curve) or oids.name(curve) or curve}"
    if isinstance(parameters, Dss_Parms):
        return f"DSA {parameters.p.bit_length()}"
    name = oids.name(oid)
    if name is None:
        return str(oid)
    name = name.removeprefix("id-").removeprefix("alg-")
    return name.upper() if name.startswith(("ml-", "slh-")) else name
