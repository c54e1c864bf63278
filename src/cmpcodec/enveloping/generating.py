"""Fresh key pairs by the names of their kinds, as rules and files spell them, and how a request names a kind.

`cryptography` generates. It knows no certificate and no requester.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm as NotInThisOpenSSL
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x448, x25519

from .. import oids
from ..asn1 import Null, ObjectIdentifier
from ..errors import UnsupportedAlgorithm
from ..pkix import AlgorithmIdentifier, ECParameters
from ..protection.signatures import PrivateKey
from .keys import AnyPrivateKey

_RSA: Final = AlgorithmIdentifier(algorithm=oids.RSA_ENCRYPTION, parameters=Null())


class KeyKind(NamedTuple):
    """One kind of keys: what stands beside its public keys, and what makes a new key."""

    algorithm: AlgorithmIdentifier
    generate: Callable[[], AnyPrivateKey]

    def is_meant(self, asked: AlgorithmIdentifier) -> bool:
        """Whether a request for a key of that algorithm means this kind; RSA's length is not said there."""
        if self.algorithm.algorithm == oids.RSA_ENCRYPTION and asked.parameters is None:
            return asked.algorithm == oids.RSA_ENCRYPTION
        return asked == self.algorithm


SIGNING: Final[dict[str, Callable[[], PrivateKey]]] = {
    "ec-p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ec-p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ec-p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "rsa-2048": lambda: rsa.generate_private_key(65537, 2048),
    "rsa-3072": lambda: rsa.generate_private_key(65537, 3072),
    "rsa-4096": lambda: rsa.generate_private_key(65537, 4096),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
}
"""Kinds of keys that a CA may have: what makes a new one."""


def _post_quantum(module: str, name: str) -> Callable[[], AnyPrivateKey]:
    """Makes keys of that class of `cryptography`, UnsupportedAlgorithm where it has none."""

    def generate() -> AnyPrivateKey:
        try:
            found = import_module(f"cryptography.hazmat.primitives.asymmetric.{module}")
            key: AnyPrivateKey = getattr(found, f"{name}PrivateKey").generate()
        except (ImportError, AttributeError, NotInThisOpenSSL):
            raise UnsupportedAlgorithm(f"this version of cryptography, or its OpenSSL, has no {name}") from None
        return key

    return generate


def _plain(oid: ObjectIdentifier, generate: Callable[[], AnyPrivateKey]) -> KeyKind:
    return KeyKind(AlgorithmIdentifier(algorithm=oid), generate)


def _curve(name: str, oid: ObjectIdentifier) -> KeyKind:
    parameters = ECParameters(named_curve=oid)
    return KeyKind(AlgorithmIdentifier(algorithm=oids.ID_EC_PUBLIC_KEY, parameters=parameters), SIGNING[name])


KEY_KINDS: Final[dict[str, KeyKind]] = {
    "ec-p256": _curve("ec-p256", oids.SECP256R1),
    "ec-p384": _curve("ec-p384", oids.SECP384R1),
    "ec-p521": _curve("ec-p521", oids.SECP521R1),
    "rsa-2048": KeyKind(_RSA, SIGNING["rsa-2048"]),
    "rsa-3072": KeyKind(_RSA, SIGNING["rsa-3072"]),
    "rsa-4096": KeyKind(_RSA, SIGNING["rsa-4096"]),
    "ed25519": _plain(oids.ID_ED25519, SIGNING["ed25519"]),
    "ed448": _plain(oids.ID_ED448, SIGNING["ed448"]),
    "x25519": _plain(oids.ID_X25519, x25519.X25519PrivateKey.generate),
    "x448": _plain(oids.ID_X448, x448.X448PrivateKey.generate),
    "ml-dsa-44": _plain(oids.ID_ML_DSA_44, _post_quantum("mldsa", "MLDSA44")),
    "ml-dsa-65": _plain(oids.ID_ML_DSA_65, _post_quantum("mldsa", "MLDSA65")),
    "ml-dsa-87": _plain(oids.ID_ML_DSA_87, _post_quantum("mldsa", "MLDSA87")),
    "ml-kem-768": _plain(oids.ID_ALG_ML_KEM_768, _post_quantum("mlkem", "MLKEM768")),
    "ml-kem-1024": _plain(oids.ID_ALG_ML_KEM_1024, _post_quantum("mlkem", "MLKEM1024")),
}
"""Kinds of keys that can be generated for others."""
