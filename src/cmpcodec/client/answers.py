"""Who is believed: the verifier of answers, be they protected by a shared secret or by a signature. RFC 9810, 5.1.3.

It chooses by protectionAlg and computes nothing itself.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, cast

from .. import oids
from ..cmp import PKIMessage
from ..errors import LocalProtocolError, UnsupportedAlgorithm
from ..pkix import AlgorithmIdentifier
from ..protection import ProtectionPolicy, Protector, Signer, Verifier

_MACS: Final = frozenset((oids.ID_PASSWORD_BASED_MAC, oids.ID_PBMAC1, oids.ID_DH_BASED_MAC, oids.ID_KEM_BASED_MAC))


def manner(algorithm: AlgorithmIdentifier | None) -> str:
    """How a message with that protectionAlg is protected, as reports say it: "PBM", "MAC" or "signature"."""
    if algorithm is None or algorithm.algorithm == oids.ID_PASSWORD_BASED_MAC:
        return "PBM"
    return "MAC" if algorithm.algorithm in _MACS else "signature"


class SecretOrSignature:
    """Verifies MACs with one verifier and signatures with another; what has none (None) is refused.

    A client that protects by a shared secret uses it where the server may sign its answers, for `Settings.answers`:
    ``SecretOrSignature(PasswordBasedMAC(secret), TrustedSigners(anchors))``.
    """

    __slots__ = ("_secret", "_signers")

    def __init__(self, secret: Verifier | None, signers: Verifier | None) -> None:
        self._secret = secret
        self._signers = signers

    def authenticate(
        self, message: PKIMessage, octets: bytes, policy: ProtectionPolicy, time: datetime | None
    ) -> Signer | None:
        """As the verifier for that kind of protection; UnsupportedAlgorithm if there is none."""
        signed = manner(message.header.protection_alg) == "signature"
        verifier = self._signers if signed else self._secret
        if verifier is None:
            raise UnsupportedAlgorithm(
                "the answer is signed, and nobody is trusted to sign"
                if signed
                else "the answer is protected by a MAC, and there is no secret to verify it"
            )
        return verifier.authenticate(message, octets, policy, time)


def verifier_of(credential: Protector | None, answers: Verifier | None) -> Verifier | None:
    """What verifies the answers: `answers`, else the credential; LocalProtocolError if that can only protect."""
    if answers is not None or credential is None:
        return answers
    if not hasattr(credential, "authenticate"):
        raise LocalProtocolError(
            f"{type(credential).__name__} signs requests and cannot verify answers: "
            "say by Settings(answers=TrustedSigners(...)) whose are believed"
        )
    return cast(Verifier, credential)
