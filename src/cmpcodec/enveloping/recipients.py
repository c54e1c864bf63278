"""Who can be a recipient, and how the owner of a public key becomes one. RFC 9810, 5.2.2.

The kind of key decides on the kind of recipient; a certificate also has to admit it by its keyUsage.
"""

from __future__ import annotations

import hashlib
from typing import Protocol, TypeAlias

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm as NotInThisOpenSSL
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ..cms import IssuerAndSerialNumber, RecipientIdentifier, RecipientInfo
from ..errors import UnsupportedAlgorithm
from ..pkix import Certificate, Name, SubjectPublicKeyInfo
from .agreement import AgreementRecipient
from .algorithms import AgreementPrivateKey, Decapsulator, Encapsulator, load_encryption_key
from .encapsulation import KEMRecipient
from .sharing import SharedKey
from .transport import RSARecipient

DecryptionKey: TypeAlias = rsa.RSAPrivateKey | AgreementPrivateKey | Decapsulator | SharedKey | bytes
"""What opens an envelope: a private key (RSA, elliptic curve, X25519, X448, ML-KEM), a SharedKey, or a password."""


class Recipient(Protocol):
    """Somebody for whom a content key can be encrypted."""

    def recipient_info(self, content_key: bytes) -> RecipientInfo:
        """The content key for this recipient."""
        ...


def recipient_for(certificate: Certificate) -> Recipient:
    """The owner of a certificate, named by its subjectKeyIdentifier or else by issuer and serial number.

    Raises UnsupportedAlgorithm if nothing can be encrypted for the key, or if the keyUsage of the certificate does not
    allow it (keyEncipherment, for elliptic curves keyAgreement); DecodeError if the certificate cannot be read.
    """
    loaded = certificate.load()
    info = certificate_key(loaded)
    recipient = recipient_for_key(info, identify(loaded))
    usage = _key_usage(loaded)
    if usage is not None:
        agreement = isinstance(recipient, AgreementRecipient)
        if not (usage.key_agreement if agreement else usage.key_encipherment):
            needed = "keyAgreement" if agreement else "keyEncipherment"
            raise UnsupportedAlgorithm(f"the certificate's keyUsage does not allow {needed}")
    return recipient


def recipient_for_key(info: SubjectPublicKeyInfo, identifier: RecipientIdentifier | None = None) -> Recipient:
    """The owner of a public key; without a certificate it is named by the hash of the key (RFC 5280, 4.2.1.2).

    Raises UnsupportedAlgorithm if nothing can be encrypted for the key.
    """
    key = load_encryption_key(info)
    if identifier is None:
        octets = hashlib.sha1(info.subject_public_key.data, usedforsecurity=False).digest()
        identifier = RecipientIdentifier(subject_key_identifier=octets)
    if isinstance(key, rsa.RSAPublicKey):
        return RSARecipient(key, identifier)
    if isinstance(key, Encapsulator):
        return KEMRecipient(info, identifier)
    return AgreementRecipient(key, identifier)


def identify(certificate: x509.Certificate) -> RecipientIdentifier:
    """How CMS names a certificate: by subjectKeyIdentifier if it has one, else by issuer and serial number."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        return RecipientIdentifier(subject_key_identifier=extension.value.digest)
    except (x509.ExtensionNotFound, ValueError):
        return RecipientIdentifier(issuer_and_serial_number=issuer_and_serial(certificate))


def issuer_and_serial(certificate: x509.Certificate) -> IssuerAndSerialNumber:
    """Issuer and serial number of a certificate."""
    return IssuerAndSerialNumber(
        issuer=Name.decode(certificate.issuer.public_bytes()), serial_number=certificate.serial_number
    )


def certificate_key(certificate: x509.Certificate) -> SubjectPublicKeyInfo:
    """The public key in a certificate; UnsupportedAlgorithm if `cryptography` cannot read it."""
    try:
        key = certificate.public_key()
    except (ValueError, NotInThisOpenSSL) as error:
        raise UnsupportedAlgorithm("the certificate has a public key that cannot be read") from error
    return SubjectPublicKeyInfo.decode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _key_usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None
    except ValueError as error:
        raise UnsupportedAlgorithm("the extensions of the certificate cannot be read") from error
