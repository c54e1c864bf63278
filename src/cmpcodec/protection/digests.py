"""Hash functions and HMACs by OBJECT IDENTIFIER: the one table of their names. RFC 9481, 2 and 6.2; RFC 9688.

A hash has the name that hashlib gives it ("sha256", "sha3_256"). This file computes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .. import oids
from .._engine.values import ObjectIdentifier
from ..asn1 import Null, Record
from ..errors import UnsupportedAlgorithm
from ..pkix import AlgorithmIdentifier

HASHES: Final[Mapping[ObjectIdentifier, str]] = {
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
"""Hash functions by OID."""

HASH_OIDS: Final = {name: oid for oid, name in HASHES.items()}
"""The OID of each."""

HMACS: Final[Mapping[ObjectIdentifier, str]] = {
    oids.HMAC_SHA1_IPSEC: "sha1",
    oids.HMAC_WITH_SHA1: "sha1",
    oids.HMAC_WITH_SHA224: "sha224",
    oids.HMAC_WITH_SHA256: "sha256",
    oids.HMAC_WITH_SHA384: "sha384",
    oids.HMAC_WITH_SHA512: "sha512",
    oids.HMAC_WITH_SHA3_224: "sha3_224",
    oids.HMAC_WITH_SHA3_256: "sha3_256",
    oids.HMAC_WITH_SHA3_384: "sha3_384",
    oids.HMAC_WITH_SHA3_512: "sha3_512",
}
"""The hash of each HMAC by OID; peers use both OIDs of HMAC-SHA1."""

HMAC_OIDS: Final = {name: oid for oid, name in HMACS.items()} | {"sha1": oids.HMAC_SHA1_IPSEC}
"""The OID of each HMAC by its hash; for HMAC-SHA1 the one that OpenSSL sends."""

SIZES: Final = {
    "sha1": 20,
    "sha224": 28,
    "sha256": 32,
    "sha384": 48,
    "sha512": 64,
    "sha3_224": 28,
    "sha3_256": 32,
    "sha3_384": 48,
    "sha3_512": 64,
}
"""Octets of a hash."""

COSTS: Final = dict.fromkeys(SIZES, 1) | {
    "sha384": 4,
    "sha512": 4,
    "sha3_224": 8,
    "sha3_256": 8,
    "sha3_384": 8,
    "sha3_512": 8,
}
"""How many hashes of SHA-256 one of these is worth; a little more than was measured (3.5 and 8)."""

_NULL: Final = b"\x05\x00"


def named(oid: ObjectIdentifier) -> str:
    """How errors call an algorithm: by the RFC's name, else by the number, which a stranger may have chosen long."""
    return oids.name(oid) or str(oid)[:80]


def no_parameters(algorithm: AlgorithmIdentifier, *, null: bool = True) -> bool:
    """Whether the parameters are absent or, if `null`, NULL."""
    parameters = algorithm.parameters
    if parameters is None:
        return True
    return null and (isinstance(parameters, Null) or (isinstance(parameters, Record) and parameters.der == _NULL))


def lookup(table: Mapping[ObjectIdentifier, str], algorithm: AlgorithmIdentifier, role: str) -> str:
    """The name that a table has for an algorithm without parameters; UnsupportedAlgorithm tells which `role` it has."""
    name = table.get(algorithm.algorithm)
    if name is None:
        raise UnsupportedAlgorithm(f"{role} {named(algorithm.algorithm)} is not supported")
    if not no_parameters(algorithm):
        raise UnsupportedAlgorithm(f"{role} {named(algorithm.algorithm)} takes no parameters, or NULL")
    return name
