"""Protection of messages: who sent this, and is it unaltered. RFC 9810, 5.1.3.

`core` protects and verifies with any credential, `policy` says what a peer may ask of us. Credentials are shared
secrets (`pbm`, `pbmac1`, on `passwords`), agreed ones (`dh`, `kem`), all with the MACs of `mac`, and private keys
(`signing`, on `signatures` and `keys`); `trust` says whose signatures are believed, with `paths` and `certificates`.
This room knows messages and algorithms, no sockets, clocks or files. Named here is what works without `cryptography`,
so that who decodes does not wait for that; the other files are imported by name.
"""

from __future__ import annotations

from .core import Credential, Protector, Signer, Verifier, protect, protected_part, verify
from .pbm import PasswordBasedMAC
from .pbmac1 import PBMAC1
from .policy import ProtectionPolicy

__all__ = [
    "PBMAC1",
    "Credential",
    "PasswordBasedMAC",
    "ProtectionPolicy",
    "Protector",
    "Signer",
    "Verifier",
    "protect",
    "protected_part",
    "verify",
]
