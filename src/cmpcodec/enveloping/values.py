"""EncryptedValue and EncryptedKey: what CMP encrypted with before CMS, and the choice of both. RFC 4211, 2.1, 6.4.

EncryptedValue is obsolete and is decrypted only where the policy admits it: a symmetric key by RSA, and AES-CBC. Each
of its components but one may be absent, so each is asked for before it is used.
"""

from __future__ import annotations

import os
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from ..asn1 import BitString
from ..crmf import EncryptedKey, EncryptedValue
from ..errors import DecryptionError, UnsupportedAlgorithm
from ..pkix import AlgorithmIdentifier
from ..protection.policy import ProtectionPolicy
from .contents import decrypt_content, encrypt_content, key_octets, new_cipher
from .envelopes import open_envelope
from .recipients import DecryptionKey
from .transport import PKCS1, oaep, rsa_decrypt_key, rsa_encrypt

_DEFAULT_POLICY: Final = ProtectionPolicy()


def encrypt_value(
    content: bytes,
    key: rsa.RSAPublicKey,
    *,
    cipher: str = "aes256",
    digest: str | None = None,
    intended_alg: AlgorithmIdentifier | None = None,
) -> EncryptedValue:
    """Encrypt `content` for the owner of an RSA key, for peers that know no EnvelopedData.

    The symmetric key is encrypted with PKCS #1 v1.5, as OpenSSL expects, or with RSAES-OAEP and the hash `digest`.
    Raises ValueError for another cipher or hash.
    """
    algorithm = new_cipher(cipher)
    symmetric = os.urandom(key_octets(algorithm))
    transport = PKCS1 if digest is None else oaep(digest)
    return EncryptedValue(
        intended_alg=intended_alg,
        symm_alg=algorithm,
        enc_symm_key=BitString(rsa_encrypt(key, transport, symmetric)),
        key_alg=transport,
        enc_value=BitString(encrypt_content(algorithm, symmetric, content)),
    )


def decrypt_value(value: EncryptedValue, key: DecryptionKey, policy: ProtectionPolicy = _DEFAULT_POLICY) -> bytes:
    """Decrypt an EncryptedValue.

    Raises UnsupportedAlgorithm, before anything is computed, if the policy does not admit it (`legacy_encryption`), if
    it lacks symmAlg or encSymmKey, or by what algorithms it has; DecryptionError if it cannot be decrypted. Without
    keyAlg the symmetric key is taken to be encrypted with PKCS #1 v1.5, as OpenSSL does.
    """
    if not policy.legacy_encryption:
        raise UnsupportedAlgorithm("EncryptedValue is not admitted by the policy, only EnvelopedData")
    if not isinstance(key, rsa.RSAPrivateKey):
        raise UnsupportedAlgorithm("an EncryptedValue is for an RSA key, which this is not")
    algorithm, symmetric = value.symm_alg, value.enc_symm_key
    if algorithm is None or symmetric is None:
        raise UnsupportedAlgorithm("an EncryptedValue without symmAlg or encSymmKey cannot be decrypted")
    octets = key_octets(algorithm)
    if symmetric.unused_bits or value.enc_value.unused_bits:
        raise DecryptionError
    found = rsa_decrypt_key(key, value.key_alg or PKCS1, symmetric.data, octets, policy)
    return decrypt_content(algorithm, found, value.enc_value.data)


def decrypt_key(encrypted: EncryptedKey, key: DecryptionKey, policy: ProtectionPolicy = _DEFAULT_POLICY) -> bytes:
    """Decrypt an EncryptedKey, whichever of both it is; raises what `decrypt_value` and `open_envelope` raise."""
    if encrypted.enveloped_data is not None:
        return open_envelope(encrypted.enveloped_data, key, policy).octets
    assert encrypted.encrypted_value is not None
    return decrypt_value(encrypted.encrypted_value, key, policy)
