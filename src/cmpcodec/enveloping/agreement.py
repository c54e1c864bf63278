"""Key agreement: a key of the moment with the recipient's elliptic curve key. RFC 5652, 6.2.2; RFC 5753; RFC 8418.

Ephemeral-static ECDH, X25519 and X448; the key that wraps comes from the KDF of X9.63 or from HKDF. The parameters of
the sender's key are checked before it is computed with.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec, x448, x25519
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.hazmat.primitives.serialization import load_der_public_key

from .. import oids
from ..cms import (
    CMSVersion,
    ECC_CMS_SharedInfo,
    KeyAgreeRecipientIdentifier,
    KeyAgreeRecipientInfo,
    OriginatorIdentifierOrKey,
    OriginatorPublicKey,
    RecipientEncryptedKey,
    RecipientEncryptedKeys,
    RecipientIdentifier,
    RecipientInfo,
    RecipientKeyIdentifier,
)
from ..errors import DecryptionError, UnsupportedAlgorithm
from ..pkix import AlgorithmIdentifier, ECParameters, SubjectPublicKeyInfo
from ..protection.digests import named, no_parameters
from ..protection.policy import ProtectionPolicy
from .algorithms import UNREADABLE, AgreementPrivateKey, AgreementPublicKey, hash_of, key_info, public_key_info
from .wrapping import new_wrap, unwrap, wrap, wrap_octets


class _Scheme(NamedTuple):
    digest: str
    hkdf: bool = False


_SCHEMES: Final = {
    oids.DH_SINGLE_PASS_STD_DH_SHA1KDF_SCHEME: _Scheme("sha1"),
    oids.DH_SINGLE_PASS_STD_DH_SHA224KDF_SCHEME: _Scheme("sha224"),
    oids.DH_SINGLE_PASS_STD_DH_SHA256KDF_SCHEME: _Scheme("sha256"),
    oids.DH_SINGLE_PASS_STD_DH_SHA384KDF_SCHEME: _Scheme("sha384"),
    oids.DH_SINGLE_PASS_STD_DH_SHA512KDF_SCHEME: _Scheme("sha512"),
    oids.DH_SINGLE_PASS_STD_DH_HKDF_SHA256_SCHEME: _Scheme("sha256", hkdf=True),
    oids.DH_SINGLE_PASS_STD_DH_HKDF_SHA384_SCHEME: _Scheme("sha384", hkdf=True),
    oids.DH_SINGLE_PASS_STD_DH_HKDF_SHA512_SCHEME: _Scheme("sha512", hkdf=True),
}
_OIDS: Final = {scheme: oid for oid, scheme in _SCHEMES.items()}

# With a cofactor of 1, as NIST's and Brainpool's prime curves have it, cofactor DH computes the same.
_COFACTOR: Final = {
    oids.DH_SINGLE_PASS_COFACTOR_DH_SHA224KDF_SCHEME: _Scheme("sha224"),
    oids.DH_SINGLE_PASS_COFACTOR_DH_SHA256KDF_SCHEME: _Scheme("sha256"),
    oids.DH_SINGLE_PASS_COFACTOR_DH_SHA384KDF_SCHEME: _Scheme("sha384"),
    oids.DH_SINGLE_PASS_COFACTOR_DH_SHA512KDF_SCHEME: _Scheme("sha512"),
}
_PRIME_CURVES: Final = frozenset(
    ("secp224r1", "secp256r1", "secp384r1", "secp521r1", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1")
)
_STRONG: Final = 256
"""From so many bits of the key on, hash and key wrap are those of 256 bits of strength."""


class AgreementRecipient:
    """The owner of an elliptic curve key, X25519 or X448 key.

    `digest` is the hash of the key derivation, by default one as strong as the curve: SHA-256 and AES-128 wrap for
    P-256 and X25519, SHA-512 and AES-256 wrap beyond. `hkdf` derives by HKDF: None means for X25519 and X448 only, as
    RFC 8418 has it. Raises ValueError for a hash that no scheme has.
    """

    __slots__ = ("_identifier", "_key", "_scheme", "_wrap")

    def __init__(
        self,
        key: AgreementPublicKey,
        identifier: RecipientIdentifier,
        *,
        digest: str | None = None,
        hkdf: bool | None = None,
    ) -> None:
        montgomery = not isinstance(key, ec.EllipticCurvePublicKey)
        bits = key.curve.key_size if isinstance(key, ec.EllipticCurvePublicKey) else _bits(key)
        scheme = _Scheme(digest or ("sha256" if bits <= _STRONG else "sha512"), montgomery if hkdf is None else hkdf)
        if scheme not in _OIDS:
            raise ValueError(f"digest: no key agreement derives keys with {scheme.digest!r}")
        self._key = key
        self._identifier = identifier
        self._scheme = _OIDS[scheme]
        self._wrap = new_wrap(16 if bits <= _STRONG else 32)

    def recipient_info(self, content_key: bytes) -> RecipientInfo:
        """The content key for this recipient, wrapped with a key that it agrees on with one of the moment."""
        own = _generate(self._key)
        octets = wrap_octets(self._wrap)
        kek = _derive(_SCHEMES[self._scheme], exchange(own, self._key), self._wrap, octets, None)
        whose = self._identifier
        rid = (
            KeyAgreeRecipientIdentifier(issuer_and_serial_number=whose.issuer_and_serial_number)
            if whose.issuer_and_serial_number
            else KeyAgreeRecipientIdentifier(
                r_key_id=RecipientKeyIdentifier(subject_key_identifier=whose.subject_key_identifier or b"")
            )
        )
        info = KeyAgreeRecipientInfo(
            version=CMSVersion.V3,
            originator=OriginatorIdentifierOrKey(originator_key=_originator(own)),
            key_encryption_algorithm=AlgorithmIdentifier(algorithm=self._scheme, parameters=self._wrap),
            recipient_encrypted_keys=RecipientEncryptedKeys(
                [RecipientEncryptedKey(rid=rid, encrypted_key=wrap(kek, content_key))]
            ),
        )
        return RecipientInfo(kari=info)


def recover(info: KeyAgreeRecipientInfo, key: AgreementPrivateKey, policy: ProtectionPolicy) -> bytes:
    """The content key. UnsupportedAlgorithm before, DecryptionError after anything is computed."""
    algorithm = info.key_encryption_algorithm
    scheme = _scheme(algorithm, key)
    if scheme.digest == "sha1" and not policy.legacy_encryption:
        raise UnsupportedAlgorithm("key derivation with SHA-1 is not admitted by the policy")
    octets = wrap_octets(algorithm.parameters)
    assert isinstance(algorithm.parameters, AlgorithmIdentifier)
    if len(info.recipient_encrypted_keys) != 1:
        raise UnsupportedAlgorithm("an envelope in CMP is for one recipient, this one is not")
    peer = _peer(info.originator, key)
    kek = _derive(scheme, exchange(key, peer), algorithm.parameters, octets, info.ukm)
    return unwrap(kek, info.recipient_encrypted_keys[0].encrypted_key)


def _bits(key: x25519.X25519PublicKey | x448.X448PublicKey) -> int:
    return 256 if isinstance(key, x25519.X25519PublicKey) else 448


def _scheme(algorithm: AlgorithmIdentifier, key: AgreementPrivateKey) -> _Scheme:
    scheme = _SCHEMES.get(algorithm.algorithm)
    if scheme is None and isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _PRIME_CURVES:
        scheme = _COFACTOR.get(algorithm.algorithm)
    if scheme is None:
        raise UnsupportedAlgorithm(f"key agreement by {named(algorithm.algorithm)} is not supported with this key")
    return scheme


def _generate(other: AgreementPublicKey) -> AgreementPrivateKey:
    if isinstance(other, ec.EllipticCurvePublicKey):
        return ec.generate_private_key(other.curve)
    if isinstance(other, x25519.X25519PublicKey):
        return x25519.X25519PrivateKey.generate()
    return x448.X448PrivateKey.generate()


def exchange(own: AgreementPrivateKey, other: AgreementPublicKey) -> bytes:
    """The shared secret of two keys of one kind; DecryptionError if the other one is a point of low order."""
    try:
        if isinstance(own, ec.EllipticCurvePrivateKey) and isinstance(other, ec.EllipticCurvePublicKey):
            return own.exchange(ec.ECDH(), other)
        if isinstance(own, x25519.X25519PrivateKey) and isinstance(other, x25519.X25519PublicKey):
            return own.exchange(other)
        if isinstance(own, x448.X448PrivateKey) and isinstance(other, x448.X448PublicKey):
            return own.exchange(other)
    except ValueError:
        raise DecryptionError from None
    raise UnsupportedAlgorithm("the keys of a key agreement are not of one kind")


def _originator(own: AgreementPrivateKey) -> OriginatorPublicKey:
    """The public key beside the content key; the curve is that of the recipient and is left out. RFC 5753, 3.1.1."""
    info = public_key_info(own)
    return OriginatorPublicKey(
        algorithm=AlgorithmIdentifier(algorithm=info.algorithm.algorithm), public_key=info.subject_public_key
    )


def _peer(originator: OriginatorIdentifierOrKey, key: AgreementPrivateKey) -> AgreementPublicKey:
    """The sender's key of the moment, which is on our curve."""
    sent, ours = originator.originator_key, public_key_info(key).algorithm
    if sent is None:
        raise UnsupportedAlgorithm("the sender of a key agreement is named by a certificate, not by a new key")
    parameters = sent.algorithm.parameters
    if sent.algorithm.algorithm != ours.algorithm or not (
        no_parameters(sent.algorithm, null=False)
        or (isinstance(parameters, ECParameters) and parameters.implicit_curve is not None)
        or sent.algorithm.der == ours.der
    ):
        raise UnsupportedAlgorithm("the sender's key of a key agreement is not of the recipient's kind")
    try:
        peer = load_der_public_key(SubjectPublicKeyInfo(algorithm=ours, subject_public_key=sent.public_key).der)
    except UNREADABLE:
        raise DecryptionError from None
    assert isinstance(peer, ec.EllipticCurvePublicKey | x25519.X25519PublicKey | x448.X448PublicKey)
    if key_info(peer).algorithm != ours:
        raise DecryptionError
    return peer


def _derive(scheme: _Scheme, secret: bytes, wrap: AlgorithmIdentifier, octets: int, ukm: bytes | None) -> bytes:
    """The key that wraps. RFC 5753, 7.2; RFC 8418, 2."""
    shared = ECC_CMS_SharedInfo(key_info=wrap, entity_u_info=ukm, supp_pub_info=struct.pack(">I", octets * 8)).der
    if scheme.hkdf:
        return HKDF(hash_of(scheme.digest), octets, None, shared).derive(secret)
    return X963KDF(hash_of(scheme.digest), octets, shared).derive(secret)
