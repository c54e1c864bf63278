"""What client and server both need to make and read messages: nonces, status, generalInfo, certHash.

It knows message types and hashes; no keys, secrets, transactions, clocks or sockets.
"""

from __future__ import annotations

from .certhash import cert_hash, cert_status, signature_hash
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
    "cert_hash",
    "cert_status",
    "find_info",
    "fresh_octets",
    "signature_hash",
    "status_info",
]
