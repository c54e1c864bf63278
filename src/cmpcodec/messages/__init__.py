"""What client and server both need to make and read messages: nonces, status, generalInfo, certHash.

It knows message types and hashes; no keys, secrets, transactions, clocks or sockets.
"""

from __future__ import annotations

from .certhash import cert_hash, cert_status, signature_hash
from .naming import attribute_text, is_readable
from .parts import (
    IMPLICIT_CONFIRM,
    NONCE_OCTETS,
    NULL_DN,
    asks_implicit_confirm,
    find_info,
    fresh_octets,
    status_info,
)

__all__ = [
    "IMPLICIT_CONFIRM",
    "NONCE_OCTETS",
    "NULL_DN",
    "asks_implicit_confirm",
    "attribute_text",
    "cert_hash",
    "cert_status",
    "find_info",
    "fresh_octets",
    "is_readable",
    "signature_hash",
    "status_info",
]
