"""What the algorithms of CMS have in common: hash functions by number, parameters that are absent, keys by kind.

It knows numbers, parameters and public keys; no recipient, no content, no secret.
"""

from __future__ import annotations

from typing import Final, Protocol, TypeAlias, runtime_checkable

from cryptography.exceptions import InternalError
from cryptography.exceptions import UnsupportedAlgorithm as NotInThisOpenSSL
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x448, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    KeySerializationEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
)

from .. import oids
from ..errors import UnsupportedAlgorithm
from ..pkix import SubjectPublicKeyInfo
from ..protection.digests import named
from ..protection.keys import MAX_RSA_BITS
from ..protection.signatures import HASHES

_MAX_RSA_EXPONENT: Final = 2**32
UNREADABLE: Final = (ValueError, TypeError, NotInThisOpenSSL, InternalError)
"""What `cryptography` raises for keys that it cannot read; InternalError in versions before 43 for some."""

ENCRYPTION_KEYS: Final = frozenset(
    (
        oids.RSA_ENCRYPTION,
        oids.ID_EC_PUBLIC_KEY,
        oids.ID_X25519,
        oids.ID_X448,
        oids.ID_ALG_ML_KEM_512,
        oids.ID_ALG_ML_KEM_768,
        oids.ID_ALG_ML_KEM_1024,
    )
)
"""Kinds of keys with which a content key can be brought to their owners."""


class Secret(Protocol):
    """What a private key has in common with others: its public key."""

    def public_key(self) -> object:
        """The public key."""
        ...


@runtime_checkable
class Encapsulator(Protocol):
    """A public key of a key encapsulation mechanism, as `cryptography` has it."""

    def encapsulate(self) -> tuple[bytes, bytes]:
        """A fresh shared secret, and the ciphertext that carries it."""
        ...


@runtime_checkable
class Decapsulator(Protocol):
    """A private key of a key encapsulation mechanism, as `cryptography` has it."""

    def decapsulate(self, ciphertext: bytes, /) -> bytes:
        """The shared secret that the ciphertext carries."""
        ...

    def public_key(self) -> object:
        """The public key."""
        ...

    def private_bytes(
        self, encoding: Encoding, form: PrivateFormat, encryption: KeySerializationEncryption, /
    ) -> bytes:
        """The key in some encoding."""
        ...


AgreementPrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | x25519.X25519PrivateKey | x448.X448PrivateKey
AgreementPublicKey: TypeAlias = ec.EllipticCurvePublicKey | x25519.X25519PublicKey | x448.X448PublicKey
EncryptionPublicKey: TypeAlias = rsa.RSAPublicKey | AgreementPublicKey | Encapsulator


def hash_of(name: str) -> hashes.HashAlgorithm:
    """The hash function that hashlib calls so; ValueError if there is none."""
    if name not in HASHES:
        raise ValueError(f"digest: {name!r} is none of {', '.join(HASHES)}")
    return HASHES[name]()


def load_encryption_key(info: SubjectPublicKeyInfo) -> EncryptionPublicKey:
    """The key of a SubjectPublicKeyInfo with which a content key can be brought to its owner.

    RSA, elliptic curves, X25519, X448, and ML-KEM where `cryptography` has it. Raises UnsupportedAlgorithm if the key
    is of another kind, malformed, or too costly to use (RSA beyond 8192 bits).
    """
    name = named(info.algorithm.algorithm)
    if info.algorithm.algorithm not in ENCRYPTION_KEYS:
        raise UnsupportedAlgorithm(f"nothing can be encrypted for a public key of {name}")
    try:
        key = load_der_public_key(info.der)
    except UNREADABLE as error:
        raise UnsupportedAlgorithm(f"the public key ({name}) cannot be read") from error
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size > MAX_RSA_BITS or key.public_numbers().e > _MAX_RSA_EXPONENT:
            raise UnsupportedAlgorithm(f"an RSA key of {key.key_size} bits or its exponent is too costly to use")
        return key
    if isinstance(key, ec.EllipticCurvePublicKey | x25519.X25519PublicKey | x448.X448PublicKey | Encapsulator):
        return key
    raise UnsupportedAlgorithm(f"nothing can be encrypted for a public key of {name}")


def public_key_info(key: Secret) -> SubjectPublicKeyInfo:
    """The SubjectPublicKeyInfo that goes with a private key of `cryptography`."""
    return key_info(key.public_key())


def key_info(public_key: object) -> SubjectPublicKeyInfo:
    """The SubjectPublicKeyInfo of a public key of `cryptography`."""
    return SubjectPublicKeyInfo.decode(
        public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]  # all have it
    )
