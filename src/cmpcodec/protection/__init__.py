"""Protection of messages: who sent this, and is it unaltered. RFC 9810, 5.1.3.

`core` protects and verifies with any credential, `policy` says what a peer may ask of us, `pbm` is the credential
that is a shared secret. This room knows messages and algorithms, no sockets, clocks or files.
"""

from __future__ import annotations

from .core import Credential, protect, protected_part, verify
from .pbm import PasswordBasedMAC
from .policy import ProtectionPolicy

__all__ = ["Credential", "PasswordBasedMAC", "ProtectionPolicy", "protect", "protected_part", "verify"]
