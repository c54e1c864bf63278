"""certHash: which hash of a new certificate its confirmation carries. RFC 9810, 5.3.18; RFC 9481, 2 and 3."""

from __future__ import annotations

import hashlib

from .. import oids
from ..cmp import CertStatus
from ..errors import UnsupportedAlgorithm
from ..pkix import AlgorithmIdentifier, Certificate
from ..protection.certificates import outside
from ..protection.digests import HASH_OIDS, HASHES
from ..protection.signatures import read


def signature_hash(certificate: Certificate) -> str | None:
    """The hash, as hashlib names it, that the signature of a certificate uses; None if it does not tell (Ed25519 ...).

    Raises DecodeError if the certificate cannot be read.
    """
    try:
        found = read(outside(certificate).signature_algorithm).digest
    except UnsupportedAlgorithm:
        return None
    return found if found in HASH_OIDS else None


def cert_hash(certificate: Certificate, hash_alg: AlgorithmIdentifier | None = None) -> bytes:
    """The certHash of a certificate: by `hash_alg` if the CertStatus has one, else by the hash of its signature.

    Raises UnsupportedAlgorithm if the algorithm is none of SHA-1, SHA-2 and SHA-3, or if the signature names none.
    """
    if hash_alg is not None:
        name = HASHES.get(hash_alg.algorithm)
        if name is None:
            raise UnsupportedAlgorithm(
                f"hashAlg {oids.name(hash_alg.algorithm) or hash_alg.algorithm} is not supported"
            )
    else:
        name = signature_hash(certificate)
        if name is None:
            raise UnsupportedAlgorithm("the certificate's signature implies no hash, and there is no hashAlg")
    return hashlib.new(name, certificate.der, usedforsecurity=name != "sha1").digest()


def cert_status(certificate: Certificate, cert_req_id: int) -> tuple[CertStatus, bool]:
    """The CertStatus that accepts a certificate, and whether it needs pvno 3 because it has a hashAlg (SHA-512)."""
    name = signature_hash(certificate)
    algorithm = None if name else AlgorithmIdentifier(algorithm=oids.SHA512)
    digest = cert_hash(certificate, algorithm)
    return CertStatus(cert_hash=digest, cert_req_id=cert_req_id, hash_alg=algorithm), algorithm is not None
