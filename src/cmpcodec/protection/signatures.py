"""Signatures by AlgorithmIdentifier: which key, padding and hash an OBJECT IDENTIFIER means. RFC 9481, 3; RFC 4055.

Used for messages, proofs of possession, and whatever else is signed. All parameters are checked before anything is
computed; the computing is `cryptography`'s. This file knows octets and keys, neither messages nor certificates.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.exceptions import UnsupportedAlgorithm as NotInThisOpenSSL
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

from .. import oids
from ..asn1 import BitString, Null
from ..errors import InvalidProtection, UnsupportedAlgorithm
from ..pkix import AlgorithmIdentifier, RSASSA_PSS_params
from . import digests as tables
from .digests import named, no_parameters
from .keys import MAX_RSA_BITS, PrivateKey, PublicKey, load_public_key, mldsa
from .policy import SIGNATURE_DIGESTS, ProtectionPolicy

__all__ = [
    "DIGESTS",
    "HASHES",
    "MAX_RSA_BITS",
    "PrivateKey",
    "PublicKey",
    "Scheme",
    "admit",
    "admit_key",
    "algorithm_for",
    "check",
    "digest_for",
    "load_public_key",
    "read",
    "sign",
    "sign_with",
    "verify_with",
]

HASHES: Final[dict[str, Callable[[], hashes.HashAlgorithm]]] = {
    "sha1": hashes.SHA1,
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
    "sha3_224": hashes.SHA3_224,
    "sha3_256": hashes.SHA3_256,
    "sha3_384": hashes.SHA3_384,
    "sha3_512": hashes.SHA3_512,
    "shake128": partial(hashes.SHAKE128, 32),
    "shake256": partial(hashes.SHAKE256, 64),
}
"""Hash functions by name; SHAKE with the lengths of RFC 8692, 3."""

DIGESTS: Final = SIGNATURE_DIGESTS
"""Hash functions that are admitted in signatures unless the caller says otherwise."""

_MAX_PSS_SALT: Final = 512


class Scheme(NamedTuple):
    """How a signature is computed: what an AlgorithmIdentifier comes to."""

    kind: str
    """One of `policy.SIGNATURES`."""
    digest: str | None
    """The hash function, None where the kind has its own."""
    arguments: tuple[Any, ...] = ()
    """What `sign` and `verify` of the key take behind the octets."""


def _rsa(digest: str) -> Scheme:
    return Scheme("rsa", digest, (padding.PKCS1v15(), HASHES[digest]()))


def _ecdsa(digest: str) -> Scheme:
    return Scheme("ecdsa", digest, (ec.ECDSA(HASHES[digest]()),))


_SCHEMES: Final = {
    oids.SHA1_WITH_RSA_ENCRYPTION: _rsa("sha1"),
    oids.SHA224_WITH_RSA_ENCRYPTION: _rsa("sha224"),
    oids.SHA256_WITH_RSA_ENCRYPTION: _rsa("sha256"),
    oids.SHA384_WITH_RSA_ENCRYPTION: _rsa("sha384"),
    oids.SHA512_WITH_RSA_ENCRYPTION: _rsa("sha512"),
    oids.ID_RSASSA_PKCS1_V1_5_WITH_SHA3_224: _rsa("sha3_224"),
    oids.ID_RSASSA_PKCS1_V1_5_WITH_SHA3_256: _rsa("sha3_256"),
    oids.ID_RSASSA_PKCS1_V1_5_WITH_SHA3_384: _rsa("sha3_384"),
    oids.ID_RSASSA_PKCS1_V1_5_WITH_SHA3_512: _rsa("sha3_512"),
    oids.ECDSA_WITH_SHA1: _ecdsa("sha1"),
    oids.ECDSA_WITH_SHA224: _ecdsa("sha224"),
    oids.ECDSA_WITH_SHA256: _ecdsa("sha256"),
    oids.ECDSA_WITH_SHA384: _ecdsa("sha384"),
    oids.ECDSA_WITH_SHA512: _ecdsa("sha512"),
    oids.ID_ECDSA_WITH_SHA3_224: _ecdsa("sha3_224"),
    oids.ID_ECDSA_WITH_SHA3_256: _ecdsa("sha3_256"),
    oids.ID_ECDSA_WITH_SHA3_384: _ecdsa("sha3_384"),
    oids.ID_ECDSA_WITH_SHA3_512: _ecdsa("sha3_512"),
    oids.ID_ECDSA_WITH_SHAKE128: _ecdsa("shake128"),
    oids.ID_ECDSA_WITH_SHAKE256: _ecdsa("shake256"),
    oids.ID_ED25519: Scheme("ed25519", None),
    oids.ID_ED448: Scheme("ed448", None),
    oids.ID_ML_DSA_44: Scheme("ml_dsa_44", None),
    oids.ID_ML_DSA_65: Scheme("ml_dsa_65", None),
    oids.ID_ML_DSA_87: Scheme("ml_dsa_87", None),
}
_OID_OF: Final = {(scheme.kind, scheme.digest): oid for oid, scheme in _SCHEMES.items()}

_PUBLIC: Final[dict[str, type]] = {
    "rsa": rsa.RSAPublicKey,
    "rsa_pss": rsa.RSAPublicKey,
    "ecdsa": ec.EllipticCurvePublicKey,
    "ed25519": ed25519.Ed25519PublicKey,
    "ed448": ed448.Ed448PublicKey,
    "ml_dsa_44": mldsa.MLDSA44PublicKey,
    "ml_dsa_65": mldsa.MLDSA65PublicKey,
    "ml_dsa_87": mldsa.MLDSA87PublicKey,
}
_PRIVATE: Final[dict[type, str]] = {
    rsa.RSAPrivateKey: "rsa",
    ec.EllipticCurvePrivateKey: "ecdsa",
    ed25519.Ed25519PrivateKey: "ed25519",
    ed448.Ed448PrivateKey: "ed448",
    mldsa.MLDSA44PrivateKey: "ml_dsa_44",
    mldsa.MLDSA65PrivateKey: "ml_dsa_65",
    mldsa.MLDSA87PrivateKey: "ml_dsa_87",
}


# --- what an AlgorithmIdentifier means, and whether it is admitted ---


def read(algorithm: AlgorithmIdentifier) -> Scheme:
    """The scheme of a signature; UnsupportedAlgorithm if it is unknown or has parameters that it should not have."""
    oid = algorithm.algorithm
    if oid == oids.ID_RSASSA_PSS:
        return _read_pss(algorithm)
    scheme = _SCHEMES.get(oid)
    if scheme is None:
        raise UnsupportedAlgorithm(f"signature algorithm {named(oid)} is not supported")
    if not no_parameters(algorithm, null=scheme.kind == "rsa"):
        raise UnsupportedAlgorithm(f"parameters that {named(oid)} does not have")
    return scheme


def _read_pss(algorithm: AlgorithmIdentifier) -> Scheme:
    """The parameters of RSASSA-PSS: mask and message are to use the same hash, as RFC 4055, 3.1 recommends."""
    parameters = algorithm.parameters
    if not isinstance(parameters, RSASSA_PSS_params):
        raise UnsupportedAlgorithm("the parameters of id-RSASSA-PSS are no RSASSA-PSS-params")
    digest = tables.lookup(tables.HASHES, parameters.hash_algorithm, "RSASSA-PSS: hash function")
    mask = parameters.mask_gen_algorithm
    inner = mask.parameters
    if mask.algorithm != oids.ID_MGF1 or not isinstance(inner, AlgorithmIdentifier):
        raise UnsupportedAlgorithm("the mask of RSASSA-PSS is not MGF1")
    if tables.lookup(tables.HASHES, inner, "RSASSA-PSS: hash function") != digest:
        raise UnsupportedAlgorithm("the mask of RSASSA-PSS is not MGF1 with the hash of the signature")
    length = parameters.salt_length
    if not 0 <= length <= _MAX_PSS_SALT or parameters.trailer_field != 1:
        raise UnsupportedAlgorithm("salt length or trailer field of RSASSA-PSS makes no sense")
    return _pss(digest, length)


def _pss(digest: str, salt: int) -> Scheme:
    return Scheme("rsa_pss", digest, (padding.PSS(padding.MGF1(HASHES[digest]()), salt), HASHES[digest]()))


def admit(scheme: Scheme, policy: ProtectionPolicy) -> None:
    """Return if the policy admits signatures of that kind and hash; else UnsupportedAlgorithm."""
    if scheme.kind not in policy.signatures:
        raise UnsupportedAlgorithm(f"signatures of the kind {scheme.kind} are not admitted by the policy")
    if scheme.digest is not None and scheme.digest not in policy.digests:
        raise UnsupportedAlgorithm(f"signatures with {scheme.digest} are not admitted by the policy")


def admit_key(key: PublicKey, policy: ProtectionPolicy) -> None:
    """Return if the policy admits a key of that size; else UnsupportedAlgorithm."""
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < policy.min_rsa_bits:
            raise UnsupportedAlgorithm(f"an RSA key of {key.key_size} bits is shorter than the policy demands")
    elif isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < policy.min_ec_bits:
        raise UnsupportedAlgorithm(f"a curve of {key.key_size} bits is shorter than the policy demands")


# --- verifying ---


def verify_with(key: PublicKey, scheme: Scheme, octets: bytes, signature: BitString) -> None:
    """Return if `signature` is the key's over `octets`, in that scheme.

    Raises UnsupportedAlgorithm if the key is of another kind, or if this OpenSSL cannot compute it; else
    InvalidProtection.
    """
    if not isinstance(key, _PUBLIC[scheme.kind]):
        raise UnsupportedAlgorithm(f"a signature of the kind {scheme.kind} does not go with a key of another kind")
    if signature.unused_bits:
        raise InvalidProtection("the signature does not fit")
    verify: Callable[..., None] = key.verify
    try:
        verify(signature.data, octets, *scheme.arguments)
    except InvalidSignature:
        raise InvalidProtection("the signature does not fit") from None
    except (ValueError, NotInThisOpenSSL) as error:
        raise UnsupportedAlgorithm(f"a signature of the kind {scheme.kind} cannot be computed with this key") from error


def check(
    key: PublicKey,
    algorithm: AlgorithmIdentifier,
    octets: bytes,
    signature: BitString,
    digests: frozenset[str] = DIGESTS,
) -> None:
    """Return if `signature` is the key's over `octets`.

    Raises UnsupportedAlgorithm, before anything is computed, if the algorithm is unknown, its hash is not among
    `digests`, its parameters are not what they should be, or the key is of another kind; else InvalidProtection.
    """
    scheme = read(algorithm)
    if scheme.digest is not None and scheme.digest not in digests:
        raise UnsupportedAlgorithm(f"signatures with {scheme.digest} are not admitted")
    verify_with(key, scheme, octets, signature)


# --- signing ---


def digest_for(key: PrivateKey) -> str:
    """The hash that is as strong as the key: that of its curve, else SHA-256."""
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size > 256:
        return "sha384" if key.key_size <= 384 else "sha512"
    return "sha256"


def algorithm_for(key: PrivateKey, digest: str = "sha256", *, pss: bool = False) -> AlgorithmIdentifier:
    """The algorithm of signatures by `key`: RSA is PKCS #1 v1.5 or, if `pss`, RSASSA-PSS with a salt as long as the
    hash; Ed25519, Ed448 and ML-DSA need no digest.

    Raises ValueError for a digest that does not go with the key, TypeError for a key of another kind.
    """
    kind = next((kind for of, kind in _PRIVATE.items() if isinstance(key, of)), None)
    if kind is None:
        raise TypeError(f"key: expected a private RSA, EC, Ed25519, Ed448 or ML-DSA key, not {type(key).__name__}")
    if digest not in HASHES:
        raise ValueError(f"digest: {digest!r} is none of {', '.join(HASHES)}")
    if pss:
        if kind != "rsa" or digest not in tables.HASH_OIDS:
            raise ValueError("pss: RSASSA-PSS takes an RSA key and SHA-1, SHA-2 or SHA-3")
        inner = AlgorithmIdentifier(algorithm=tables.HASH_OIDS[digest], parameters=Null())
        mask = AlgorithmIdentifier(algorithm=oids.ID_MGF1, parameters=inner)
        parameters = RSASSA_PSS_params(hash_algorithm=inner, mask_gen_algorithm=mask, salt_length=tables.SIZES[digest])
        return AlgorithmIdentifier(algorithm=oids.ID_RSASSA_PSS, parameters=parameters)
    if kind not in ("rsa", "ecdsa"):
        return AlgorithmIdentifier(algorithm=_OID_OF[kind, None])
    oid = _OID_OF.get((kind, digest))
    if oid is None:
        raise ValueError(f"digest: {digest!r} does not go with an {kind.upper()} key")
    return AlgorithmIdentifier(algorithm=oid, parameters=Null() if kind == "rsa" else None)


def sign_with(key: PrivateKey, scheme: Scheme, octets: bytes) -> BitString:
    """Sign `octets` in a scheme that goes with the key; ValueError if key or OpenSSL cannot."""
    compute: Callable[..., bytes] = key.sign
    try:
        return BitString(compute(octets, *scheme.arguments))
    except NotInThisOpenSSL as error:
        raise ValueError(f"signatures with {scheme.digest} cannot be made by this OpenSSL") from error


def sign(key: PrivateKey, octets: bytes, digest: str = "sha256") -> tuple[AlgorithmIdentifier, BitString]:
    """Sign `octets`; return the algorithm and the signature, as `algorithm_for` says it."""
    algorithm = algorithm_for(key, digest)
    return algorithm, sign_with(key, read(algorithm), octets)
