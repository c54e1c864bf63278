"""Key transport: the content key encrypted with an RSA key. RFC 5652, 6.2.1; RFC 3560 (OAEP); RFC 9481, 4.2.

PKCS #1 v1.5 is an invitation to Bleichenbacher's attack: it is met only where the policy admits it, and then a
decryption that fails gives a random key, so that it cannot be told from one that gave a wrong key.
"""

from __future__ import annotations

import os
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm as NotInThisOpenSSL
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from .. import oids
from ..asn1 import Null
from ..cms import CMSVersion, KeyTransRecipientInfo, RecipientIdentifier, RecipientInfo
from ..errors import DecryptionError, UnsupportedAlgorithm
from ..pkix import AlgorithmIdentifier, RSAES_OAEP_params
from ..protection.digests import HASH_OIDS, HASHES, lookup, named, no_parameters
from ..protection.policy import ProtectionPolicy
from .algorithms import hash_of

PKCS1: Final = AlgorithmIdentifier(algorithm=oids.RSA_ENCRYPTION, parameters=Null())
"""RSAES-PKCS1-v1_5. RFC 8017, 7.2; RFC 3370, 4.2.1."""


class RSARecipient:
    """The owner of an RSA key. The content key is encrypted with RSAES-OAEP and the hash `digest`.

    ``digest=None`` means PKCS #1 v1.5, for peers that know nothing else. Raises ValueError for an unknown hash.
    """

    __slots__ = ("_algorithm", "_identifier", "_key")

    def __init__(
        self, key: rsa.RSAPublicKey, identifier: RecipientIdentifier, *, digest: str | None = "sha256"
    ) -> None:
        self._key = key
        self._identifier = identifier
        self._algorithm = PKCS1 if digest is None else oaep(digest)

    def recipient_info(self, content_key: bytes) -> RecipientInfo:
        """The content key for this recipient."""
        info = KeyTransRecipientInfo(
            version=CMSVersion.V0 if self._identifier.issuer_and_serial_number else CMSVersion.V2,
            rid=self._identifier,
            key_encryption_algorithm=self._algorithm,
            encrypted_key=rsa_encrypt(self._key, self._algorithm, content_key),
        )
        return RecipientInfo(ktri=info)


def recover(info: KeyTransRecipientInfo, key: rsa.RSAPrivateKey, octets: int, policy: ProtectionPolicy) -> bytes:
    """The content key, of `octets` octets. UnsupportedAlgorithm before, DecryptionError after anything is computed."""
    return rsa_decrypt_key(key, info.key_encryption_algorithm, info.encrypted_key, octets, policy)


def oaep(digest: str) -> AlgorithmIdentifier:
    """RSAES-OAEP with one hash function for label and mask. RFC 4055, 4.1."""
    hash_of(digest)
    function = AlgorithmIdentifier(algorithm=HASH_OIDS[digest])
    mask = AlgorithmIdentifier(algorithm=oids.ID_MGF1, parameters=function)
    return AlgorithmIdentifier(
        algorithm=oids.ID_RSAES_OAEP, parameters=RSAES_OAEP_params(hash_func=function, mask_gen_func=mask)
    )


def rsa_encrypt(key: rsa.RSAPublicKey, algorithm: AlgorithmIdentifier, octets: bytes) -> bytes:
    """Encrypt a few octets, by `PKCS1` or an `oaep`; UnsupportedAlgorithm if the key is too short for them."""
    try:
        return key.encrypt(octets, _oaep_padding(algorithm) or padding.PKCS1v15())
    except ValueError as error:
        raise UnsupportedAlgorithm(f"an RSA key of {key.key_size} bits is too short for this") from error
    except NotInThisOpenSSL as error:
        raise UnsupportedAlgorithm("RSAES-OAEP with these hash functions is not supported") from error


def rsa_decrypt(
    key: rsa.RSAPrivateKey, algorithm: AlgorithmIdentifier, encrypted: bytes, policy: ProtectionPolicy
) -> bytes:
    """Decrypt what `rsa_encrypt` made. UnsupportedAlgorithm before, DecryptionError after anything is computed."""
    scheme = _oaep_padding(algorithm)
    if scheme is None and not policy.legacy_encryption:
        raise UnsupportedAlgorithm("RSA encryption with PKCS #1 v1.5 is not admitted by the policy")
    try:
        return key.decrypt(encrypted, scheme or padding.PKCS1v15())
    except NotInThisOpenSSL as error:
        raise UnsupportedAlgorithm("RSAES-OAEP with these hash functions is not supported") from error
    except ValueError:
        raise DecryptionError from None


def rsa_decrypt_key(
    key: rsa.RSAPrivateKey, algorithm: AlgorithmIdentifier, encrypted: bytes, octets: int, policy: ProtectionPolicy
) -> bytes:
    """Decrypt a key of `octets` octets. Where PKCS #1 v1.5 fails, the key is a random one: RFC 3218, 2.3.2."""
    instead = os.urandom(octets)
    try:
        found = rsa_decrypt(key, algorithm, encrypted, policy)
    except DecryptionError:
        found = b""
    if len(found) == octets:
        return found
    if algorithm.algorithm == oids.RSA_ENCRYPTION:
        return instead
    raise DecryptionError


def _oaep_padding(algorithm: AlgorithmIdentifier) -> padding.OAEP | None:
    """The padding of RSAES-OAEP, None for PKCS #1 v1.5; UnsupportedAlgorithm for all else."""
    if algorithm.algorithm == oids.RSA_ENCRYPTION and no_parameters(algorithm):
        return None
    if algorithm.algorithm != oids.ID_RSAES_OAEP:
        raise UnsupportedAlgorithm(f"key transport with {named(algorithm.algorithm)} is not supported")
    parameters = algorithm.parameters
    if not isinstance(parameters, RSAES_OAEP_params):
        raise UnsupportedAlgorithm("the parameters of id-RSAES-OAEP are no RSAES-OAEP-params")
    mask, source = parameters.mask_gen_func, parameters.p_source_func
    inner = mask.parameters
    if mask.algorithm != oids.ID_MGF1 or not isinstance(inner, AlgorithmIdentifier):
        raise UnsupportedAlgorithm("the mask of RSAES-OAEP is not MGF1 with a hash function")
    if source.algorithm != oids.ID_P_SPECIFIED or source.parameters != b"":
        raise UnsupportedAlgorithm("RSAES-OAEP with a label is not supported")
    # SHA-1 is admitted: neither mask nor label needs a hash without collisions, and it is what OpenSSL sends.
    return padding.OAEP(padding.MGF1(_hash(inner)), _hash(parameters.hash_func), None)


def _hash(algorithm: AlgorithmIdentifier) -> hashes.HashAlgorithm:
    return hash_of(lookup(HASHES, algorithm, "RSAES-OAEP: hash function"))
