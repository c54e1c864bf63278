"""Protection of messages: who sent this, and is it unaltered. RFC 9810, 5.1.3.

`core` protects and verifies with any credential, `policy` says what a peer may ask of us. Credentials are shared
secrets (`pbm`) and private keys (`signing`, with `signatures` and `keys`); `trust` says whose signatures are believed,
with `paths` and `certificates`. This room knows messages and algorithms, no sockets, clocks or files.
"""

from __future__ import annotations

from .core import Credential, Protector, Signer, Verifier, protect, protected_part, verify
from .pbm import PasswordBasedMAC
from .policy import ProtectionPolicy
from .signing import Signature
from .trust import TrustedSigners

__all__ = [
    "Credential",
    "PasswordBasedMAC",
    "ProtectionPolicy",
    "Protector",
    "Signature",
    "Signer",
    "TrustedSigners",
    "Verifier",
    "protect",
    "protected_part",
    "verify",
]
