"""Proof by reading the new certificate: it is encrypted for the requested key. RFC 9810, 5.2.8.3.2 and 5.3.4.

Making the certificate public proves nothing, so nobody else may see it before certConf arrives: its certHash is the
proof. That hash is compared where all certConfs are.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from ..cmp import CertOrEncCert, CMPCertificate
from ..crmf import EncryptedKey
from ..enveloping.algorithms import load_encryption_key
from ..enveloping.envelopes import envelop
from ..enveloping.recipients import DecryptionKey, recipient_for_key
from ..enveloping.values import decrypt_key, encrypt_value
from ..errors import DecodeError, DecryptionError, UnsupportedAlgorithm
from ..pkix import Certificate, SubjectPublicKeyInfo
from ..protection.policy import ProtectionPolicy

_DEFAULT_POLICY: Final = ProtectionPolicy()


def encrypt_certificate(
    certificate: Certificate, public_key: SubjectPublicKeyInfo, *, legacy: bool = False, cipher: str = "aes256"
) -> CertOrEncCert:
    """The certificate, encrypted for the owner of the key that it certifies.

    `legacy` makes an EncryptedValue, for requesters whose pvno is 2 (RSA keys only); else it is EnvelopedData, which
    takes pvno 3. Raises UnsupportedAlgorithm if nothing can be encrypted for the key.
    """
    if not legacy:
        data = envelop(certificate.der, recipient_for_key(public_key), cipher=cipher)
        return CertOrEncCert(encrypted_cert=EncryptedKey(enveloped_data=data))
    key = load_encryption_key(public_key)
    if not isinstance(key, rsa.RSAPublicKey):
        raise UnsupportedAlgorithm("an EncryptedValue is for RSA keys only")
    return CertOrEncCert(
        encrypted_cert=EncryptedKey(encrypted_value=encrypt_value(certificate.der, key, cipher=cipher))
    )


def decrypt_certificate(
    encrypted: EncryptedKey, key: DecryptionKey, policy: ProtectionPolicy = _DEFAULT_POLICY
) -> CMPCertificate:
    """The certificate in an encryptedCert, with our private key.

    Raises UnsupportedAlgorithm before anything is computed; DecryptionError if it cannot be decrypted or is no
    certificate.
    """
    octets = decrypt_key(encrypted, key, policy)
    try:
        certificate = CMPCertificate.decode(octets)
        certificate.load()
    except DecodeError:
        raise DecryptionError from None
    return certificate
