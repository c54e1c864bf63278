"""Keys that sign and verify: which kinds there are, and which public keys are not computed with.

The keys are `cryptography`'s. ML-DSA is there if that has it; where not, nothing is an instance of its classes. This
file knows keys, neither signatures nor certificates.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Final, TypeAlias

from cryptography.exceptions import InternalError
from cryptography.exceptions import UnsupportedAlgorithm as NotInThisOpenSSL
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from .. import oids
from ..errors import UnsupportedAlgorithm
from ..pkix import SubjectPublicKeyInfo
from .digests import named

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import mldsa as mldsa
else:
    try:
        from cryptography.hazmat.primitives.asymmetric import mldsa
    except ImportError:
        mldsa = SimpleNamespace(
            **{
                f"MLDSA{size}{which}Key": type(which, (), {})
                for size in (44, 65, 87)
                for which in ("Public", "Private")
            }
        )

PublicKey: TypeAlias = (
    rsa.RSAPublicKey
    | ec.EllipticCurvePublicKey
    | ed25519.Ed25519PublicKey
    | ed448.Ed448PublicKey
    | mldsa.MLDSA44PublicKey
    | mldsa.MLDSA65PublicKey
    | mldsa.MLDSA87PublicKey
)
PrivateKey: TypeAlias = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | mldsa.MLDSA44PrivateKey
    | mldsa.MLDSA65PrivateKey
    | mldsa.MLDSA87PrivateKey
)

UNREADABLE: Final = (ValueError, TypeError, NotInThisOpenSSL, InternalError)
"""What `cryptography` raises for keys that it cannot read; version 42 says InternalError of some."""

MAX_RSA_BITS: Final = 8192
"""Longest RSA modulus that is computed with: the cost grows with its square."""
_MAX_RSA_EXPONENT: Final = 2**32
_KEYS: Final = frozenset(
    (
        oids.RSA_ENCRYPTION,
        oids.ID_EC_PUBLIC_KEY,
        oids.ID_ED25519,
        oids.ID_ED448,
        oids.ID_ML_DSA_44,
        oids.ID_ML_DSA_65,
        oids.ID_ML_DSA_87,
    )
)

# y of the points whose order divides the cofactor: 8 on edwards25519, 4 on edwards448. RFC 8032, 5.1 and 5.2.
_P25519: Final = 2**255 - 19
_P448: Final = 2**448 - 2**224 - 1
_Y_OF_ORDER_8: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_25519: Final = frozenset((0, 1, _P25519 - 1, _Y_OF_ORDER_8, _P25519 - _Y_OF_ORDER_8))
_SMALL_448: Final = frozenset((0, 1, _P448 - 1))


def load_public_key(info: SubjectPublicKeyInfo) -> PublicKey:
    """The key of a SubjectPublicKeyInfo that can verify signatures.

    Raises UnsupportedAlgorithm if it is of another kind, malformed, too costly to use (RSA beyond 8192 bits), or a
    key for which anybody can make signatures (Ed25519, Ed448).
    """
    name = named(info.algorithm.algorithm)
    if info.algorithm.algorithm not in _KEYS:
        raise UnsupportedAlgorithm(f"a public key of {name} cannot verify signatures here")
    try:
        key = load_der_public_key(info.der)
    except UNREADABLE as error:
        raise UnsupportedAlgorithm(f"the public key ({name}) cannot be read") from error
    return usable(key)


def usable(key: object) -> PublicKey:
    """A public key as it is, if it can and may verify signatures; UnsupportedAlgorithm as `load_public_key` says."""
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size > MAX_RSA_BITS or key.public_numbers().e > _MAX_RSA_EXPONENT:
            raise UnsupportedAlgorithm(f"an RSA key of {key.key_size} bits or its exponent is too costly to use")
        return key
    if isinstance(key, ed25519.Ed25519PublicKey):
        if _y(key.public_bytes_raw(), 255) % _P25519 in _SMALL_25519:
            raise UnsupportedAlgorithm("the Ed25519 key is a point of small order: anybody can sign for it")
        return key
    if isinstance(key, ed448.Ed448PublicKey):
        if _y(key.public_bytes_raw(), 455) % _P448 in _SMALL_448:
            raise UnsupportedAlgorithm("the Ed448 key is a point of small order: anybody can sign for it")
        return key
    if isinstance(
        key, ec.EllipticCurvePublicKey | mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey
    ):
        return key
    raise UnsupportedAlgorithm("a public key of this kind cannot verify signatures here")


def _y(octets: bytes, bits: int) -> int:
    """The y-coordinate of an encoded point: all but the bit that tells the sign of x."""
    return int.from_bytes(octets, "little") & (1 << bits) - 1
