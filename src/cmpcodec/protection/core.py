"""Protect and verify a PKIMessage with any credential. RFC 9810, 5.1.3.

The protected bytes are always the received or finished ones: header and body are copied, never encoded again.
"""

from __future__ import annotations

from typing import Protocol

from ..asn1 import BitString
from ..cmp import PKIMessage, ProtectedPart
from ..errors import MissingProtection
from ..pkix import AlgorithmIdentifier
from .policy import ProtectionPolicy

_DEFAULT_POLICY = ProtectionPolicy()


class Credential(Protocol):
    """What `protect` and `verify` need: a way to protect bytes, and to check the protection of bytes."""

    @property
    def sender_kid(self) -> bytes | None:
        """The senderKID that messages get, None to leave theirs as it is."""
        ...

    def algorithm(self) -> AlgorithmIdentifier:
        """The protectionAlg for one new message, with fresh parameters."""
        ...

    def compute(self, algorithm: AlgorithmIdentifier, octets: bytes) -> BitString:
        """The protection of `octets` by an algorithm that `algorithm()` returned."""
        ...

    def check(
        self, algorithm: AlgorithmIdentifier, octets: bytes, protection: BitString, policy: ProtectionPolicy
    ) -> None:
        """Return if `protection` fits; raise UnsupportedAlgorithm or InvalidProtection if not."""
        ...


def protected_part(message: PKIMessage) -> bytes:
    """DER of the ProtectedPart (header and body) of a message: what MAC and signature are computed over."""
    return ProtectedPart(header=message.header, body=message.body).der


def protect(message: PKIMessage, credential: Credential) -> PKIMessage:
    """Return `message` with the protection of `credential`, in place of any that it had.

    The header gets the credential's protectionAlg and, if it has one, senderKID; extraCerts stay. Raises EncodeError
    if the message cannot hold them.
    """
    algorithm = credential.algorithm()
    kid = credential.sender_kid
    if kid is None:
        header = message.header.replace(protection_alg=algorithm)
    else:
        header = message.header.replace(protection_alg=algorithm, sender_kid=kid)
    body = message.body
    octets = ProtectedPart(header=header, body=body).der
    return PKIMessage(
        header=header,
        body=body,
        protection=credential.compute(algorithm, octets),
        extra_certs=message.extra_certs,
    )


def verify(message: PKIMessage, credential: Credential, policy: ProtectionPolicy = _DEFAULT_POLICY) -> None:
    """Return if `credential` protects exactly this header and body; raise a ProtectionError if not.

    MissingProtection: there is none. UnsupportedAlgorithm: `policy` or the credential refuses the algorithm or its
    parameters; nothing was computed. InvalidProtection: it does not fit, whatever the reason. extraCerts are not
    protected (RFC 9810, 5.1).
    """
    algorithm, protection = message.header.protection_alg, message.protection
    if protection is None:
        raise MissingProtection("the message carries no protection")
    if algorithm is None:
        raise MissingProtection("the message carries protection, but its header names no protectionAlg")
    credential.check(algorithm, protected_part(message), protection, policy)
