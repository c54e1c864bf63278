"""CMS at work: content and private keys, encrypted for one recipient and signed. RFC 5652; RFC 9810, 5.2.2.

`envelopes` and `signed` are EnvelopedData and SignedData, `values` the obsolete EncryptedValue, `keys` what carries
private keys; a file for each kind of recipient. It knows keys and algorithms; no message, no trust, no clock.
"""

from __future__ import annotations

from .agreement import AgreementRecipient
from .encapsulation import KEMRecipient
from .envelopes import Content, envelop, open_envelope
from .keys import DeliveredKey, deliver_key, receive_key
from .recipients import DecryptionKey, Recipient, recipient_for, recipient_for_key
from .sharing import PasswordRecipient, SharedKey
from .signed import Signed, sign_data, verify_data
from .transport import RSARecipient
from .values import decrypt_key, decrypt_value, encrypt_value

__all__ = [
    "AgreementRecipient",
    "Content",
    "DecryptionKey",
    "DeliveredKey",
    "KEMRecipient",
    "PasswordRecipient",
    "RSARecipient",
    "Recipient",
    "SharedKey",
    "Signed",
    "decrypt_key",
    "decrypt_value",
    "deliver_key",
    "encrypt_value",
    "envelop",
    "open_envelope",
    "receive_key",
    "recipient_for",
    "recipient_for_key",
    "sign_data",
    "verify_data",
]
