"""Protect and verify a PKIMessage, whatever the protection is. RFC 9810, 5.1.3.

The protected bytes are always the received or finished ones: header and body are copied, never encoded again. Who
protects is a `Protector`, who knows whom to believe a `Verifier`; a shared secret is both, a `Credential`.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Protocol

from ..asn1 import BitString
from ..cmp import CMPCertificate, ExtraCerts, PKIHeader, PKIMessage, ProtectedPart
from ..errors import MissingProtection
from ..pkix import AlgorithmIdentifier, Certificate
from .policy import ProtectionPolicy

_DEFAULT_POLICY = ProtectionPolicy()


class Signer(NamedTuple):
    """Who signed a message: what `verify` returns where the protection is a signature."""

    certificate: Certificate
    """The certificate of the key that fits."""
    chain: tuple[Certificate, ...]
    """The certificates above it, up to the trust anchor; empty if the certificate is trusted itself."""


class Protector(Protocol):
    """What `protect` needs."""

    @property
    def certificates(self) -> ExtraCerts | None:
        """What extraCerts have to begin with: the own certificate and its chain. None for a MAC."""
        ...

    def prepare(self, header: PKIHeader) -> PKIHeader:
        """The header of one new message with its protectionAlg, and what else tells who protects: senderKID, sender."""
        ...

    def compute(self, algorithm: AlgorithmIdentifier, octets: bytes) -> BitString:
        """The protection of `octets` by the protectionAlg of a header that `prepare` returned."""
        ...


class Verifier(Protocol):
    """What `verify` needs."""

    def authenticate(
        self, message: PKIMessage, octets: bytes, policy: ProtectionPolicy, time: datetime | None
    ) -> Signer | None:
        """Return if the protection of `message`, which has one and names its algorithm, fits the protected `octets`.

        Raises UnsupportedAlgorithm before anything is computed, InvalidProtection or UntrustedSigner after.
        """
        ...


class Credential(Protector, Verifier, Protocol):
    """Protects messages and verifies those of the peer."""


def protected_part(message: PKIMessage) -> bytes:
    """DER of the ProtectedPart (header and body) of a message: what MAC and signature are computed over."""
    return ProtectedPart(header=message.header, body=message.body).der


def protect(message: PKIMessage, protector: Protector) -> PKIMessage:
    """Return `message` with the protection of `protector`, in place of any that it had.

    The header gets its protectionAlg and, if it has one, senderKID. If it signs, the header's sender becomes the
    subject of its certificate where it was the NULL-DN, and extraCerts begin with its certificates; others that are
    there follow. Raises EncodeError if the message cannot hold them.
    """
    header, body = protector.prepare(message.header), message.body
    algorithm = header.protection_alg
    assert algorithm is not None, "prepare has to name the protectionAlg"
    octets = ProtectedPart(header=header, body=body).der
    return PKIMessage(
        header=header,
        body=body,
        protection=protector.compute(algorithm, octets),
        extra_certs=_extra_certs(protector.certificates, message.extra_certs),
    )


def _extra_certs(first: ExtraCerts | None, others: ExtraCerts | None) -> ExtraCerts | None:
    if first is None or others is None:
        return first or others
    ordered = dict.fromkeys(one.der for one in (*first, *others))
    return ExtraCerts([CMPCertificate(der) for der in ordered])


def verify(
    message: PKIMessage,
    verifier: Verifier,
    policy: ProtectionPolicy = _DEFAULT_POLICY,
    *,
    time: datetime | None = None,
) -> Signer | None:
    """Return if `verifier` finds that exactly this header and body are protected; raise a ProtectionError if not.

    A signature is judged at `time` (an aware datetime; what is a MAC needs none), and who signed is returned.

    MissingProtection: there is none. UnsupportedAlgorithm: `policy` or the verifier refuses the algorithm or its
    parameters; nothing was computed. InvalidProtection: it does not fit, whatever the reason. UntrustedSigner: the
    signature fits, but nobody trusts who made it, or the header names somebody else. extraCerts are not protected
    (RFC 9810, 5.1).
    """
    algorithm, protection = message.header.protection_alg, message.protection
    if protection is None:
        raise MissingProtection("the message carries no protection")
    if algorithm is None:
        raise MissingProtection("the message carries protection, but its header names no protectionAlg")
    return verifier.authenticate(message, protected_part(message), policy, time)
