"""EnvelopedData: content encrypted for one recipient, made and opened. RFC 5652, 6; RFC 9810, 5.2.2.

Kinds of recipients are in files of their own; here is what they have in common. All failures to decrypt have one
wording.
"""

from __future__ import annotations

import os
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec, rsa, x448, x25519

from .. import oids
from .._engine.values import ObjectIdentifier
from ..cms import CMSVersion, EncryptedContentInfo, EnvelopedData, KEMRecipientInfo, RecipientInfo, RecipientInfos
from ..errors import DecryptionError, UnsupportedAlgorithm, counted
from ..protection.policy import ProtectionPolicy
from . import agreement, encapsulation, sharing, transport
from .algorithms import Decapsulator
from .contents import decrypt_content, encrypt_content, key_octets, new_cipher
from .recipients import DecryptionKey, Recipient
from .sharing import SharedKey

_DEFAULT_POLICY = ProtectionPolicy()
_WHOSE: Final = {
    "ktri": "an RSA key",
    "kari": "a key agreement key",
    "kekri": "a shared key",
    "pwri": "a password",
    "ori": "a KEM key",
}


class Content(NamedTuple):
    """What an envelope held."""

    content_type: ObjectIdentifier
    octets: bytes

    def __repr__(self) -> str:
        return f"Content({self.content_type!r}, <{counted(len(self.octets), 'octet')}>)"


def envelop(
    content: bytes, recipient: Recipient, *, content_type: str = oids.ID_DATA, cipher: str = "aes256"
) -> EnvelopedData:
    """Encrypt `content` for `recipient` with a fresh key: AES-CBC of 128, 192 or 256 bits, by `cipher`.

    Raises ValueError for another cipher, UnsupportedAlgorithm if the recipient's key cannot be computed with.
    """
    algorithm = new_cipher(cipher)
    key = os.urandom(key_octets(algorithm))
    info = recipient.recipient_info(key)
    return EnvelopedData(
        version=_version(info),
        recipient_infos=RecipientInfos([info]),
        encrypted_content_info=EncryptedContentInfo(
            content_type=ObjectIdentifier(content_type),
            content_encryption_algorithm=algorithm,
            encrypted_content=encrypt_content(algorithm, key, content),
        ),
    )


def open_envelope(data: EnvelopedData, key: DecryptionKey, policy: ProtectionPolicy = _DEFAULT_POLICY) -> Content:
    """Decrypt an envelope for one recipient, who has `key`.

    Raises UnsupportedAlgorithm, before anything is computed, if the envelope is for another kind of key, for more than
    one recipient, or by algorithms, parameters or costs that `policy` or this library refuses; DecryptionError,
    whatever the reason, if it cannot be decrypted. CBC protects no integrity: believe the content only because of a
    signature in it, or of the protection of the message around it.
    """
    info = data.encrypted_content_info
    octets = key_octets(info.content_encryption_algorithm)
    if info.encrypted_content is None:
        raise UnsupportedAlgorithm("the encrypted content is kept elsewhere")
    if len(data.recipient_infos) != 1:
        raise UnsupportedAlgorithm("an envelope in CMP is for one recipient, this one is not")
    content_key = _content_key(data.recipient_infos[0], key, octets, policy)
    if len(content_key) != octets:
        raise DecryptionError
    return Content(
        info.content_type, decrypt_content(info.content_encryption_algorithm, content_key, info.encrypted_content)
    )


def _content_key(info: RecipientInfo, key: DecryptionKey, octets: int, policy: ProtectionPolicy) -> bytes:
    if info.ktri is not None and isinstance(key, rsa.RSAPrivateKey):
        return transport.recover(info.ktri, key, octets, policy)
    if info.kari is not None and isinstance(
        key, ec.EllipticCurvePrivateKey | x25519.X25519PrivateKey | x448.X448PrivateKey
    ):
        return agreement.recover(info.kari, key, policy)
    if info.kekri is not None and isinstance(key, SharedKey):
        return key.recover(info.kekri)
    if info.pwri is not None and isinstance(key, bytes):
        return sharing.recover(info.pwri, key, policy)
    if info.ori is not None:
        value = info.ori.ori_value
        if not isinstance(value, KEMRecipientInfo):
            raise UnsupportedAlgorithm("the envelope is for a recipient of a kind that is not supported")
        if isinstance(key, Decapsulator):
            return encapsulation.recover(value, key)
    raise UnsupportedAlgorithm(f"the envelope is for {_WHOSE[info.name]}, which this is not")


def _version(info: RecipientInfo) -> CMSVersion:
    """The version of an envelope without originatorInfo and unprotectedAttrs. RFC 5652, 6.1."""
    if info.pwri is not None or info.ori is not None:
        return CMSVersion.V3
    return CMSVersion.V0 if info.ktri is not None and info.ktri.version == CMSVersion.V0 else CMSVersion.V2
