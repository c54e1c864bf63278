"""Content encryption: AES in CBC mode, which is all that RFC 9481, 5 lists. RFC 3565.

CBC protects no integrity: what comes out is believed only because of a signature or MAC elsewhere. Every failure has
one wording, so that nobody learns which part was wrong.
"""

from __future__ import annotations

import os
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from .. import oids
from ..errors import DecryptionError, UnsupportedAlgorithm
from ..pkix import AlgorithmIdentifier
from ..protection.digests import named

BLOCK: Final = 16
"""Octets of a block of AES, and of an initialization vector."""

CIPHERS: Final = {"aes128": oids.ID_AES128_CBC, "aes192": oids.ID_AES192_CBC, "aes256": oids.ID_AES256_CBC}
"""The ciphers for content, by their short names."""

_KEY_OCTETS: Final = {oids.ID_AES128_CBC: 16, oids.ID_AES192_CBC: 24, oids.ID_AES256_CBC: 32}


def new_cipher(name: str) -> AlgorithmIdentifier:
    """The cipher with a fresh initialization vector; ValueError if `name` is none of `CIPHERS`."""
    if name not in CIPHERS:
        raise ValueError(f"cipher: {name!r} is none of {', '.join(CIPHERS)}")
    return AlgorithmIdentifier(algorithm=CIPHERS[name], parameters=os.urandom(BLOCK))


def key_octets(algorithm: AlgorithmIdentifier) -> int:
    """Octets of the key of a cipher; UnsupportedAlgorithm if it is unknown or lacks an initialization vector."""
    octets = _KEY_OCTETS.get(algorithm.algorithm)
    if octets is None:
        raise UnsupportedAlgorithm(f"content encryption with {named(algorithm.algorithm)} is not supported")
    if not isinstance(algorithm.parameters, bytes):
        raise UnsupportedAlgorithm(f"{named(algorithm.algorithm)} has no initialization vector of 16 octets")
    return octets


def encrypt_content(algorithm: AlgorithmIdentifier, key: bytes, content: bytes) -> bytes:
    """Encrypt `content`, padded after RFC 5652, 6.3."""
    padder = PKCS7(BLOCK * 8).padder()
    encryptor = _cipher(algorithm, key).encryptor()
    return encryptor.update(padder.update(content) + padder.finalize()) + encryptor.finalize()


def decrypt_content(algorithm: AlgorithmIdentifier, key: bytes, encrypted: bytes) -> bytes:
    """Decrypt what `encrypt_content` made; DecryptionError whatever is wrong."""
    if not encrypted or len(encrypted) % BLOCK:
        raise DecryptionError
    decryptor = _cipher(algorithm, key).decryptor()
    unpadder = PKCS7(BLOCK * 8).unpadder()
    padded = decryptor.update(encrypted) + decryptor.finalize()
    try:
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        raise DecryptionError from None


def _cipher(algorithm: AlgorithmIdentifier, key: bytes) -> Cipher[modes.CBC]:
    assert isinstance(algorithm.parameters, bytes)
    return Cipher(algorithms.AES(key), modes.CBC(algorithm.parameters))
