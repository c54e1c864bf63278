"""Key encryption with a key: AES key wrap (RFC 3394, 3565), and the PWRI-KEK of password recipients (RFC 3211).

Key wrap protects integrity, PWRI-KEK hardly does. Whatever fails to unwrap raises one error.
"""

from __future__ import annotations

import hmac
import os
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from .. import oids
from ..errors import DecryptionError, UnsupportedAlgorithm
from ..pkix import AlgorithmIdentifier
from ..protection.digests import named, no_parameters
from . import contents

WRAPS: Final = {16: oids.ID_AES128_WRAP, 24: oids.ID_AES192_WRAP, 32: oids.ID_AES256_WRAP}
"""AES key wrap by the octets of its key."""

_WRAP_OCTETS: Final = {oid: octets for octets, oid in WRAPS.items()}
_HEAD: Final = 4
"""Octets before the key in a PWRI-KEK block: its length, and three octets to check it by."""


def new_wrap(octets: int) -> AlgorithmIdentifier:
    """AES key wrap with a key of so many octets: 16, 24 or 32."""
    return AlgorithmIdentifier(algorithm=WRAPS[octets])


def wrap_octets(algorithm: object) -> int:
    """Octets of the key that an AES key wrap takes; UnsupportedAlgorithm if `algorithm` is no AES key wrap."""
    if not isinstance(algorithm, AlgorithmIdentifier):
        raise UnsupportedAlgorithm("no key wrap algorithm is named where one has to be")
    octets = _WRAP_OCTETS.get(algorithm.algorithm)
    if octets is None:
        raise UnsupportedAlgorithm(f"key wrap with {named(algorithm.algorithm)} is not supported")
    if not no_parameters(algorithm):
        raise UnsupportedAlgorithm(f"{named(algorithm.algorithm)} takes no parameters")
    return octets


def wrap(kek: bytes, key: bytes) -> bytes:
    """Wrap `key` with AES key wrap."""
    return aes_key_wrap(kek, key)


def unwrap(kek: bytes, wrapped: bytes) -> bytes:
    """Unwrap what `wrap` made; DecryptionError whatever is wrong."""
    try:
        return aes_key_unwrap(kek, wrapped)
    except (InvalidUnwrap, ValueError):
        raise DecryptionError from None


def password_octets(algorithm: AlgorithmIdentifier) -> int:
    """Octets of the key that a password recipient's key encryption takes: AES key wrap, or PWRI-KEK with AES-CBC."""
    if algorithm.algorithm != oids.ID_ALG_PWRI_KEK:
        return wrap_octets(algorithm)
    if not isinstance(algorithm.parameters, AlgorithmIdentifier):
        raise UnsupportedAlgorithm("id-alg-PWRI-KEK names no cipher")
    return contents.key_octets(algorithm.parameters)


def password_wrap(algorithm: AlgorithmIdentifier, kek: bytes, key: bytes) -> bytes:
    """Encrypt `key` for a password recipient."""
    inner = algorithm.parameters
    if not isinstance(inner, AlgorithmIdentifier):
        return wrap(kek, key)
    check = bytes(octet ^ 0xFF for octet in key[:3])
    block = bytes([len(key)]) + check + key
    size = max(2 * contents.BLOCK, -(-len(block) // contents.BLOCK) * contents.BLOCK)
    once = _cbc(kek, _vector(inner)).encryptor().update(block + os.urandom(size - len(block)))
    return _cbc(kek, once[-contents.BLOCK :]).encryptor().update(once)


def password_unwrap(algorithm: AlgorithmIdentifier, kek: bytes, wrapped: bytes) -> bytes:
    """Decrypt what `password_wrap` made; DecryptionError whatever is wrong."""
    inner = algorithm.parameters
    if not isinstance(inner, AlgorithmIdentifier):
        return unwrap(kek, wrapped)
    size = contents.BLOCK
    if len(wrapped) < 2 * size or len(wrapped) % size:
        raise DecryptionError
    # The last block is decrypted first: it gives the vector that the outer encryption began with.
    last = _cbc(kek, wrapped[-2 * size : -size]).decryptor().update(wrapped[-size:])
    once = _cbc(kek, last).decryptor().update(wrapped)
    block = _cbc(kek, _vector(inner)).decryptor().update(once)
    length, key = block[0], block[_HEAD : _HEAD + block[0]]
    check = bytes(octet ^ 0xFF for octet in block[_HEAD : _HEAD + 3])
    if not hmac.compare_digest(check, block[1:_HEAD]) or not 8 <= length <= len(block) - _HEAD:
        raise DecryptionError
    return key


def _vector(inner: AlgorithmIdentifier) -> bytes:
    assert isinstance(inner.parameters, bytes)
    return inner.parameters


def _cbc(kek: bytes, vector: bytes) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(kek), modes.CBC(vector))
