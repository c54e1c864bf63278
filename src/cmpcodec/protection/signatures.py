"""Signatures by AlgorithmIdentifier: which key, padding and hash an OBJECT IDENTIFIER means. RFC 9481, 3; RFC 4055.

Used for proofs of possession, and for whatever else is signed. All parameters are checked before anything is computed;
the computing is `cryptography`'s. This file knows octets and keys, neither messages nor certificates.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.exceptions import UnsupportedAlgorithm as NotInThisOpenSSL
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from .. import oids
from .._engine.values import ObjectIdentifier
from ..asn1 import BitString, Null, Record
from ..errors import InvalidProtection, UnsupportedAlgorithm
from ..pkix import AlgorithmIdentifier, RSASSA_PSS_params, SubjectPublicKeyInfo

PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey
PrivateKey: TypeAlias = (
    rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
)

HASHES: Final[dict[str, type[hashes.HashAlgorithm]]] = {
    "sha1": hashes.SHA1,
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
    "sha3_224": hashes.SHA3_224,
    "sha3_256": hashes.SHA3_256,
    "sha3_384": hashes.SHA3_384,
    "sha3_512": hashes.SHA3_512,
}
"""Hash functions by their hashlib names."""

DIGESTS: Final = frozenset(HASHES) - {"sha1"}
"""Hash functions that are admitted in signatures unless the caller says otherwise."""

MAX_RSA_BITS: Final = 8192
"""Longest RSA modulus that is computed with: the cost grows with its square."""
_MAX_RSA_EXPONENT: Final = 2**32
_KEYS: Final = frozenset((oids.RSA_ENCRYPTION, oids.ID_EC_PUBLIC_KEY, oids.ID_ED25519, oids.ID_ED448))


class _Scheme(NamedTuple):
    kind: str
    """ "rsa", "pss", "ecdsa", "ed25519" or "ed448"."""
    digest: str | None


_SCHEMES: Final = {
    oids.SHA1_WITH_RSA_ENCRYPTION: _Scheme("rsa", "sha1"),
    oids.SHA224_WITH_RSA_ENCRYPTION: _Scheme("rsa", "sha224"),
    oids.SHA256_WITH_RSA_ENCRYPTION: _Scheme("rsa", "sha256"),
    oids.SHA384_WITH_RSA_ENCRYPTION: _Scheme("rsa", "sha384"),
    oids.SHA512_WITH_RSA_ENCRYPTION: _Scheme("rsa", "sha512"),
    oids.ID_RSASSA_PKCS1_V1_5_WITH_SHA3_224: _Scheme("rsa", "sha3_224"),
    oids.ID_RSASSA_PKCS1_V1_5_WITH_SHA3_256: _Scheme("rsa", "sha3_256"),
    oids.ID_RSASSA_PKCS1_V1_5_WITH_SHA3_384: _Scheme("rsa", "sha3_384"),
    oids.ID_RSASSA_PKCS1_V1_5_WITH_SHA3_512: _Scheme("rsa", "sha3_512"),
    oids.ECDSA_WITH_SHA1: _Scheme("ecdsa", "sha1"),
    oids.ECDSA_WITH_SHA224: _Scheme("ecdsa", "sha224"),
    oids.ECDSA_WITH_SHA256: _Scheme("ecdsa", "sha256"),
    oids.ECDSA_WITH_SHA384: _Scheme("ecdsa", "sha384"),
    oids.ECDSA_WITH_SHA512: _Scheme("ecdsa", "sha512"),
    oids.ID_ECDSA_WITH_SHA3_224: _Scheme("ecdsa", "sha3_224"),
    oids.ID_ECDSA_WITH_SHA3_256: _Scheme("ecdsa", "sha3_256"),
    oids.ID_ECDSA_WITH_SHA3_384: _Scheme("ecdsa", "sha3_384"),
    oids.ID_ECDSA_WITH_SHA3_512: _Scheme("ecdsa", "sha3_512"),
    oids.ID_ED25519: _Scheme("ed25519", None),
    oids.ID_ED448: _Scheme("ed448", None),
}
_DIGEST_OF: Final = {
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
_OID_OF: Final = {scheme: oid for oid, scheme in _SCHEMES.items()}


def load_public_key(info: SubjectPublicKeyInfo) -> PublicKey:
    """The key of a SubjectPublicKeyInfo that can verify signatures.

    Raises UnsupportedAlgorithm if it is of another kind, malformed, or too costly to use (RSA beyond 8192 bits).
    """
    if info.algorithm.algorithm not in _KEYS:
        raise UnsupportedAlgorithm(f"a public key of {_named(info.algorithm.algorithm)} cannot verify signatures here")
    try:
        key = load_der_public_key(info.der)
    except (ValueError, TypeError, NotInThisOpenSSL) as error:
        raise UnsupportedAlgorithm(f"the public key ({_named(info.algorithm.algorithm)}) cannot be read") from error
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size > MAX_RSA_BITS or key.public_numbers().e > _MAX_RSA_EXPONENT:
            raise UnsupportedAlgorithm(f"an RSA key of {key.key_size} bits or its exponent is too costly to use")
        return key
    if isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return key
    raise UnsupportedAlgorithm(f"a public key of {_named(info.algorithm.algorithm)} cannot verify signatures here")


def sign(key: PrivateKey, octets: bytes, digest: str = "sha256") -> tuple[AlgorithmIdentifier, BitString]:
    """Sign `octets`; return the algorithm and the signature. RSA is PKCS #1 v1.5; Ed25519 and Ed448 need no digest.

    Raises ValueError for a digest that is none of `HASHES`, TypeError for a key of another kind.
    """
    if digest not in HASHES:
        raise ValueError(f"digest: {digest!r} is none of {', '.join(HASHES)}")
    if isinstance(key, rsa.RSAPrivateKey):
        algorithm = AlgorithmIdentifier(algorithm=_OID_OF[_Scheme("rsa", digest)], parameters=Null())
        return algorithm, BitString(key.sign(octets, padding.PKCS1v15(), HASHES[digest]()))
    if isinstance(key, ec.EllipticCurvePrivateKey):
        algorithm = AlgorithmIdentifier(algorithm=_OID_OF[_Scheme("ecdsa", digest)])
        return algorithm, BitString(key.sign(octets, ec.ECDSA(HASHES[digest]())))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return AlgorithmIdentifier(algorithm=oids.ID_ED25519), BitString(key.sign(octets))
    if isinstance(key, ed448.Ed448PrivateKey):
        return AlgorithmIdentifier(algorithm=oids.ID_ED448), BitString(key.sign(octets))
    raise TypeError(f"key: expected a private RSA, EC, Ed25519 or Ed448 key, not {type(key).__name__}")


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
    scheme = _SCHEMES.get(algorithm.algorithm)
    pss = None
    if algorithm.algorithm == oids.ID_RSASSA_PSS:
        scheme, pss = _pss(algorithm)
    if scheme is None:
        raise UnsupportedAlgorithm(f"signature algorithm {_named(algorithm.algorithm)} is not supported")
    kind, digest = scheme
    if pss is None and not _no_parameters(algorithm, null=kind == "rsa"):
        raise UnsupportedAlgorithm(f"parameters that {_named(algorithm.algorithm)} does not have")
    if digest is not None and digest not in digests:
        raise UnsupportedAlgorithm(f"signatures with {digest} are not admitted")
    if signature.unused_bits:
        raise InvalidProtection("the signature does not fit")
    name = digest or "sha512"  # never used without one
    try:
        if isinstance(key, rsa.RSAPublicKey) and kind in ("rsa", "pss"):
            key.verify(signature.data, octets, pss or padding.PKCS1v15(), HASHES[name]())
        elif isinstance(key, ec.EllipticCurvePublicKey) and kind == "ecdsa":
            key.verify(signature.data, octets, ec.ECDSA(HASHES[name]()))
        elif (isinstance(key, ed25519.Ed25519PublicKey) and kind == "ed25519") or (
            isinstance(key, ed448.Ed448PublicKey) and kind == "ed448"
        ):
            key.verify(signature.data, octets)
        else:
            raise UnsupportedAlgorithm(f"{_named(algorithm.algorithm)} does not go with a key of another kind")
    except InvalidSignature:
        raise InvalidProtection("the signature does not fit") from None
    except (ValueError, NotInThisOpenSSL) as error:
        raise UnsupportedAlgorithm(f"{_named(algorithm.algorithm)} cannot be computed with this key") from error


def _pss(algorithm: AlgorithmIdentifier) -> tuple[_Scheme, padding.PSS]:
    """The parameters of RSASSA-PSS: mask and message are to use the same hash, as RFC 4055, 3.1 recommends."""
    parameters = algorithm.parameters
    if not isinstance(parameters, RSASSA_PSS_params):
        raise UnsupportedAlgorithm("the parameters of id-RSASSA-PSS are no RSASSA-PSS-params")
    digest = _digest(parameters.hash_algorithm)
    mask = parameters.mask_gen_algorithm
    inner = mask.parameters
    if mask.algorithm != oids.ID_MGF1 or not isinstance(inner, AlgorithmIdentifier) or _digest(inner) != digest:
        raise UnsupportedAlgorithm("the mask of RSASSA-PSS is not MGF1 with the hash of the signature")
    length = parameters.salt_length
    if not 0 <= length <= 512 or parameters.trailer_field != 1:
        raise UnsupportedAlgorithm("salt length or trailer field of RSASSA-PSS makes no sense")
    return _Scheme("pss", digest), padding.PSS(padding.MGF1(HASHES[digest]()), length)


def _digest(algorithm: AlgorithmIdentifier) -> str:
    name = _DIGEST_OF.get(algorithm.algorithm)
    if name is None or not _no_parameters(algorithm, null=True):
        raise UnsupportedAlgorithm(f"hash function {_named(algorithm.algorithm)} of RSASSA-PSS is not supported")
    return name


def _no_parameters(algorithm: AlgorithmIdentifier, *, null: bool) -> bool:
    """Whether the parameters are absent or, if `null`, NULL."""
    parameters = algorithm.parameters
    return parameters is None or (null and isinstance(parameters, Record) and parameters.der == b"\x05\x00")


def _named(oid: ObjectIdentifier) -> str:
    return oids.name(oid) or str(oid)
