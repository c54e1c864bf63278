"""What CMS wants to know of a certificate: how it is named, its public key, what its keyUsage allows. RFC 5280, 4.1.

Read as strict DER, by types of our own: names and keys are the octets that are there. Nothing is judged.
"""

from __future__ import annotations

from typing import Annotated

from .. import oids
from ..asn1 import TLV, BitString, Default, Explicit, Implicit, ObjectIdentifier, Sequence
from ..cms import IssuerAndSerialNumber, RecipientIdentifier
from ..errors import DecodeError
from ..pkix import Certificate, Extensions, KeyUsage, Name, SubjectPublicKeyInfo


class _OpenedTBSCertificate(Sequence):
    """What is signed in a certificate; parts that CMS does not look at stay closed. RFC 5280, 4.1."""

    version: Annotated[int, Explicit(0), Default(0)] = 0
    serial_number: int
    signature: TLV
    issuer: Name
    validity: TLV
    subject: Name
    subject_public_key_info: SubjectPublicKeyInfo
    issuer_unique_id: Annotated[BitString | None, Implicit(1)] = None
    subject_unique_id: Annotated[BitString | None, Implicit(2)] = None
    extensions: Annotated[Extensions | None, Explicit(3)] = None


class _OpenedCertificate(Sequence):
    """A certificate. RFC 5280, 4.1."""

    tbs_certificate: _OpenedTBSCertificate
    signature_algorithm: TLV
    signature: BitString


class Subject:
    """The owner of a certificate, as CMS sees him. Raises DecodeError if the certificate is no strict DER."""

    __slots__ = ("issuer_and_serial", "key_identifier", "key_usage", "public_key")

    def __init__(self, certificate: Certificate) -> None:
        read = _OpenedCertificate.decode(certificate.der).tbs_certificate
        self.issuer_and_serial = IssuerAndSerialNumber(issuer=read.issuer, serial_number=read.serial_number)
        self.public_key = read.subject_public_key_info
        identifier = _extension(read, oids.ID_CE_SUBJECT_KEY_IDENTIFIER)
        self.key_identifier = identifier if isinstance(identifier, bytes) else None
        usage = _extension(read, oids.ID_CE_KEY_USAGE)
        self.key_usage = usage if usage is None or isinstance(usage, KeyUsage) else KeyUsage(0)

    @property
    def identifier(self) -> RecipientIdentifier:
        """How CMS names him: by subjectKeyIdentifier if there is one, else by issuer and serial number."""
        if self.key_identifier is not None:
            return RecipientIdentifier(subject_key_identifier=self.key_identifier)
        return RecipientIdentifier(issuer_and_serial_number=self.issuer_and_serial)


def _extension(read: _OpenedTBSCertificate, kind: ObjectIdentifier) -> object | None:
    """The value of the first extension of that kind, a TLV if it is not of its type."""
    for one in read.extensions or ():
        if one.extn_id == kind:
            try:
                return one.opened()
            except DecodeError:
                return TLV(b"\x05\x00")
    return None
