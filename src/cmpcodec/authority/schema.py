"""Certificates and CRLs in full, as an authority writes them. RFC 5280, 4.1 and 5.1 (EXPLICIT TAGS).

A schema file, beside `pkix`, where certificates stay closed: only who issues them needs their inside. Built from
records, the subject and the public key of a request go into the certificate octet by octet.
"""

from __future__ import annotations

from typing import Annotated

from ..asn1 import TLV, BitString, Explicit, Implicit, ObjectIdentifier, Open, Sequence, SequenceOf
from ..pkix import (
    EXTENSION_VALUES,
    AlgorithmIdentifier,
    CertificateSerialNumber,
    Extension,
    Extensions,
    Name,
    SubjectPublicKeyInfo,
    Time,
    UniqueIdentifier,
    Version,
)


class Validity(Sequence):
    """From when until when a certificate is valid, both ends included. RFC 5280, 4.1.2.5."""

    not_before: Time
    not_after: Time


class TBSCertificate(Sequence):
    """What the signature of a certificate covers. RFC 5280, 4.1.2."""

    version: Annotated[Version | int | None, Explicit(0)] = None
    serial_number: CertificateSerialNumber
    signature: AlgorithmIdentifier
    issuer: Name
    validity: Validity
    subject: Name
    subject_public_key_info: SubjectPublicKeyInfo
    issuer_unique_id: Annotated[UniqueIdentifier | None, Implicit(1)] = None
    subject_unique_id: Annotated[UniqueIdentifier | None, Implicit(2)] = None
    extensions: Annotated[Extensions | None, Explicit(3)] = None


class SignedCertificate(Sequence):
    """A Certificate, opened; `pkix.Certificate` is the closed one. RFC 5280, 4.1.1."""

    tbs_certificate: TBSCertificate
    signature_algorithm: AlgorithmIdentifier
    signature: BitString


class RevokedCertificate(Sequence):
    """An entry of a CRL; RFC 5280 leaves this SEQUENCE unnamed. RFC 5280, 5.1.2.6."""

    user_certificate: CertificateSerialNumber
    revocation_date: Time
    crl_entry_extensions: Extensions | None = None


class RevokedCertificates(SequenceOf[RevokedCertificate]):
    """All entries of a CRL; absent where there are none. RFC 5280, 5.1.2.6."""


class TBSCertList(Sequence):
    """What the signature of a CRL covers. RFC 5280, 5.1.2."""

    version: Version | int | None = None
    signature: AlgorithmIdentifier
    issuer: Name
    this_update: Time
    next_update: Time | None = None
    revoked_certificates: RevokedCertificates | None = None
    crl_extensions: Annotated[Extensions | None, Explicit(0)] = None


class SignedCertificateList(Sequence):
    """A CertificateList, opened; `pkix.CertificateList` is the closed one. RFC 5280, 5.1.1."""

    tbs_cert_list: TBSCertList
    signature_algorithm: AlgorithmIdentifier
    signature: BitString


# --- Extensions from values. Not on the wire: an extension whose value lies open, so that its OID tells the type. ---


class _OpenExtension(Sequence):
    extn_id: ObjectIdentifier
    value: Annotated[object, Open("extn_id", EXTENSION_VALUES)]


class _ClosedExtension(Sequence):
    extn_id: ObjectIdentifier
    value: TLV


def extension(oid: str, value: object, critical: bool = False) -> Extension:
    """The extension of that OBJECT IDENTIFIER and (Python) value; EncodeError if the value is not of its type."""
    inner = _ClosedExtension.decode(_OpenExtension.from_plain({"extn_id": oid, "value": value}).der).value
    return Extension.from_plain({"extn_id": oid, "critical": critical, "extn_value": inner.der})
