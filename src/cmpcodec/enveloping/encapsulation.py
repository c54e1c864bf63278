"""Key encapsulation: the content key under a secret that a KEM carries. RFC 9629; RFC 9936 (ML-KEM).

The key that wraps comes from HKDF. Which mechanisms there are is `cryptography`'s business: this file needs
`encapsulate` and `decapsulate`.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .. import oids
from ..cms import (
    CMSORIforKEMOtherInfo,
    CMSVersion,
    KEMRecipientInfo,
    OtherRecipientInfo,
    RecipientIdentifier,
    RecipientInfo,
)
from ..errors import DecryptionError, UnsupportedAlgorithm
from ..pkix import AlgorithmIdentifier, SubjectPublicKeyInfo
from ..protection.digests import named, no_parameters
from .algorithms import Decapsulator, Encapsulator, hash_of, load_encryption_key, public_key_info
from .wrapping import new_wrap, unwrap, wrap, wrap_octets

_KDFS: Final = {
    oids.ID_ALG_HKDF_WITH_SHA256: "sha256",
    oids.ID_ALG_HKDF_WITH_SHA384: "sha384",
    oids.ID_ALG_HKDF_WITH_SHA512: "sha512",
    oids.ID_ALG_HKDF_WITH_SHA3_256: "sha3_256",
    oids.ID_ALG_HKDF_WITH_SHA3_384: "sha3_384",
    oids.ID_ALG_HKDF_WITH_SHA3_512: "sha3_512",
}
_KDF_OIDS: Final = {name: oid for oid, name in _KDFS.items()}


class KEMRecipient:
    """The owner of a KEM key, such as ML-KEM-768: HKDF with `digest` derives the key of an AES-256 wrap.

    Raises UnsupportedAlgorithm if `cryptography` does not know the mechanism, ValueError for an unknown hash.
    """

    __slots__ = ("_identifier", "_kdf", "_kem", "_key")

    def __init__(self, info: SubjectPublicKeyInfo, identifier: RecipientIdentifier, *, digest: str = "sha256") -> None:
        key = load_encryption_key(info)
        if not isinstance(key, Encapsulator):
            raise UnsupportedAlgorithm(f"a public key of {named(info.algorithm.algorithm)} encapsulates nothing")
        if digest not in _KDF_OIDS:
            raise ValueError(f"digest: {digest!r} is none of {', '.join(_KDF_OIDS)}")
        self._key = key
        self._kem = info.algorithm
        self._identifier = identifier
        self._kdf = AlgorithmIdentifier(algorithm=_KDF_OIDS[digest])

    def recipient_info(self, content_key: bytes) -> RecipientInfo:
        """The content key for this recipient, wrapped under a fresh encapsulated secret."""
        secret, ciphertext = self._key.encapsulate()
        wrapping = new_wrap(32)
        kek = _derive(_KDFS[self._kdf.algorithm], secret, wrapping, 32, None)
        info = KEMRecipientInfo(
            version=CMSVersion.V0,
            rid=self._identifier,
            kem=self._kem,
            kemct=ciphertext,
            kdf=self._kdf,
            kek_length=32,
            wrap=wrapping,
            encrypted_key=wrap(kek, content_key),
        )
        return RecipientInfo(ori=OtherRecipientInfo(ori_type=oids.ID_ORI_KEM, ori_value=info))


def recover(info: KEMRecipientInfo, key: Decapsulator) -> bytes:
    """The content key. UnsupportedAlgorithm before, DecryptionError after anything is computed."""
    if info.kem != public_key_info(key).algorithm:
        raise UnsupportedAlgorithm(f"the envelope is for a key of {named(info.kem.algorithm)}, not for this one")
    digest = _KDFS.get(info.kdf.algorithm)
    if digest is None or not no_parameters(info.kdf, null=False):
        raise UnsupportedAlgorithm(f"key derivation by {named(info.kdf.algorithm)} is not supported")
    octets = wrap_octets(info.wrap)
    if info.kek_length != octets:
        raise UnsupportedAlgorithm("kekLength is not the length of the key that wraps")
    try:
        secret = key.decapsulate(info.kemct)
    except ValueError:
        raise DecryptionError from None
    return unwrap(_derive(digest, secret, info.wrap, octets, info.ukm), info.encrypted_key)


def _derive(digest: str, secret: bytes, wrap: AlgorithmIdentifier, octets: int, ukm: bytes | None) -> bytes:
    """The key that wraps. RFC 9629, 5."""
    other = CMSORIforKEMOtherInfo(wrap=wrap, kek_length=octets, ukm=ukm)
    return HKDF(hash_of(digest), octets, None, other.der).derive(secret)
