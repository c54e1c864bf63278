"""Who can be a recipient, and how the owner of a public key becomes one. RFC 9810, 5.2.2.

The kind of key decides on the kind of recipient; a certificate also has to admit it by its keyUsage.
"""

from __future__ import annotations

import hashlib
from typing import Protocol, TypeAlias

from cryptography.hazmat.primitives.asymmetric import rsa

from ..cms import RecipientIdentifier, RecipientInfo
from ..errors import UnsupportedAlgorithm
from ..pkix import Certificate, KeyUsage, SubjectPublicKeyInfo
from .agreement import AgreementRecipient
from .algorithms import AgreementPrivateKey, Decapsulator, Encapsulator, load_encryption_key
from .certificates import Subject
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
    subject = Subject(certificate)
    recipient = recipient_for_key(subject.public_key, subject.identifier)
    agreement = isinstance(recipient, AgreementRecipient)
    needed = KeyUsage.KEY_AGREEMENT if agreement else KeyUsage.KEY_ENCIPHERMENT
    if subject.key_usage is not None and needed not in subject.key_usage:
        name = "keyAgreement" if agreement else "keyEncipherment"
        raise UnsupportedAlgorithm(f"the certificate's keyUsage does not allow {name}")
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
