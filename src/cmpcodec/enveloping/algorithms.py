"""What the algorithms of CMS have in common: hash functions by number, parameters that are absent, keys by kind.

It knows numbers, parameters and public keys; no recipient, no content, no secret.
"""

from __future__ import annotations

from typing import Final, Protocol, TypeAlias, runtime_checkable

from cryptography.exceptions import UnsupportedAlgorithm as NotInThisOpenSSL
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x448, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from .. import oids
from .._engine.values import ObjectIdentifier
from ..asn1 import Null
from ..errors import UnsupportedAlgorithm
from ..pkix import AlgorithmIdentifier, SubjectPublicKeyInfo
from ..protection.signatures import HASHES, MAX_RSA_BITS

_MAX_RSA_EXPONENT: Final = 2**32
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

_NULL: Final = Null().der

HASH_NAMES: Final = {
    oids.SHA1: "sha1",
    oids.SHA224: "sha224",
    oids.SHA256: "sha256",
    oids.SHA384: "sha384",
    oids.SHA512: "sha512",
    oids.SHA3_224: "sha3_224",
    oids.SHA3_256: "sha3_256",
    oids.SHA3_384: "sha3_384",
    oids.SHA3_512: "sha3_512",
}
"""Hash functions by OID, as hashlib names them."""

HASH_OIDS: Final = {name: oid for oid, name in HASH_NAMES.items()}


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


AgreementPrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | x25519.X25519PrivateKey | x448.X448PrivateKey
AgreementPublicKey: TypeAlias = ec.EllipticCurvePublicKey | x25519.X25519PublicKey | x448.X448PublicKey
EncryptionPublicKey: TypeAlias = rsa.RSAPublicKey | AgreementPublicKey | Encapsulator


def named(oid: ObjectIdentifier) -> str:
    """How a text names an OBJECT IDENTIFIER."""
    return oids.name(oid) or str(oid)[:80]


def bare(algorithm: AlgorithmIdentifier, *, null: bool = True) -> bool:
    """Whether the parameters are absent or, if `null`, NULL."""
    parameters = algorithm.parameters
    return parameters is None or (null and getattr(parameters, "der", None) == _NULL)


def hash_name(algorithm: AlgorithmIdentifier) -> str:
    """The name of a hash function; UnsupportedAlgorithm if it is unknown or has parameters other than NULL."""
    name = HASH_NAMES.get(algorithm.algorithm)
    if name is None:
        raise UnsupportedAlgorithm(f"hash function {named(algorithm.algorithm)} is not supported")
    if not bare(algorithm):
        raise UnsupportedAlgorithm(f"hash function {named(algorithm.algorithm)} takes no parameters, or NULL")
    return name


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
    except (ValueError, TypeError, NotInThisOpenSSL) as error:
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
