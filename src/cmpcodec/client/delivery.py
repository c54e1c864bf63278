"""What comes encrypted for us: keys that the server made, certificates and challenges for keys that cannot sign.

RFC 9810, 5.2.8.3 and 5.3.4; RFC 9483, 4.1.6. It opens and judges; what is told to the server is decided elsewhere.
Nothing shows a private key.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from .. import oids
from ..asn1 import BitString
from ..cmp import CertifiedKeyPair, PKIMessage, POPODecKeyRespContent
from ..enveloping import DecryptionKey, receive_key
from ..enveloping.generating import KEY_KINDS
from ..enveloping.keys import AnyPrivateKey
from ..errors import DecodeError, RemoteProtocolError, UnsupportedAlgorithm, UntrustedSigner
from ..pkix import Certificate, SubjectPublicKeyInfo
from ..pop import decrypt_certificate, respond
from ..protection import ProtectionPolicy
from ..protection.trust import TrustedSigners


@dataclass(frozen=True, slots=True, kw_only=True)
class CentralKey:
    """A key that the server is to make, in place of one of ours. RFC 9483, 4.1.6.

    Raises ValueError for an unknown kind.
    """

    decryption_key: DecryptionKey = field(repr=False)
    """What opens its envelope: the private key of the certificate that signs the request, whose keyUsage has to allow
    it, or the secret (octets) that protects it."""
    signers: TrustedSigners
    """Whose signature below the key is believed; the signer's certificate needs the extended key usage id-kp-cmKGA."""
    kind: str | None = None
    """The kind of key, of ``cmpcodec.enveloping.generating.KEY_KINDS``; None leaves it to the server."""

    def __post_init__(self) -> None:
        if self.kind is not None and self.kind not in KEY_KINDS:
            raise ValueError(f"kind: {self.kind!r} is none of {', '.join(KEY_KINDS)}")

    @property
    def public_key(self) -> SubjectPublicKeyInfo | None:
        """What stands in the template: an algorithm with nothing in it, or nothing."""
        if self.kind is None:
            return None
        return SubjectPublicKeyInfo(algorithm=KEY_KINDS[self.kind].algorithm, subject_public_key=BitString(b""))


def accept_key(
    central: CentralKey,
    answer: PKIMessage,
    pair: CertifiedKeyPair,
    certificate: Certificate,
    *,
    others: Iterable[Certificate],
    policy: ProtectionPolicy,
    time: datetime,
) -> AnyPrivateKey:
    """The private key that came with `certificate`, signed by somebody who may make keys.

    Raises RemoteProtocolError if there is none or if it is not that of the certificate, UnsupportedAlgorithm or
    DecryptionError if it cannot be opened, InvalidProtection or UntrustedSigner for its signature.
    """
    if pair.private_key is None:
        raise RemoteProtocolError("no private key came with the certificate")
    if pair.private_key.enveloped_data is None:
        raise UntrustedSigner("nobody has signed the private key that came: it is in an EncryptedValue")
    _check_version(answer)
    extra = tuple(others)
    try:
        found = receive_key(
            pair.private_key,
            central.decryption_key,
            certificate,
            certificates=extra,
            policy=policy,
            digests=policy.digests,
        )
    except DecodeError as error:
        raise RemoteProtocolError("the certificate that came cannot be read") from error
    if found.signer is None:
        raise UntrustedSigner("nobody has signed the private key that came")
    try:
        central.signers.judge(found.signer, (*found.certificates, *extra), policy, time, purpose=oids.ID_KP_CM_KGA)
    except UnsupportedAlgorithm as error:
        raise UntrustedSigner(f"the signer of the private key that came: {error}") from error
    if not found.fits:
        raise RemoteProtocolError("the private key that came is not that of the certificate")
    return found.key


def open_certificate(
    answer: PKIMessage, pair: CertifiedKeyPair, key: DecryptionKey, policy: ProtectionPolicy
) -> Certificate:
    """The certificate that was encrypted for our new key. Raises UnsupportedAlgorithm, DecryptionError."""
    encrypted = pair.cert_or_enc_cert.encrypted_cert
    assert encrypted is not None
    if encrypted.enveloped_data is not None:
        _check_version(answer)
    return Certificate(decrypt_certificate(encrypted, key, policy).der)


def answer_challenge(answer: PKIMessage, key: DecryptionKey, policy: ProtectionPolicy) -> POPODecKeyRespContent:
    """What proves to who sent a popdecc that our new key can read it. Raises as `cmpcodec.pop.respond` does."""
    challenges = answer.body.popdecc
    assert challenges is not None
    if any(one.encrypted_rand is not None for one in challenges):
        _check_version(answer)
    return respond(challenges, [key], answer.header.sender, policy)


def _check_version(answer: PKIMessage) -> None:
    """EnvelopedData takes CMP version 3, which was asked for: RFC 9810, 7. Raises RemoteProtocolError."""
    if answer.header.pvno < 3:
        raise RemoteProtocolError("the answer is of CMP version 2, and what it holds takes version 3")
