"""Authorities: who issues certificates and signs CRLs. Each is a `server.ports.Authority`.

`rules` says what is granted, `local` issues with a key of its own, `delayed` lets others wait; `root` makes a new CA
and `keys` keeps it in a file.
"""

from __future__ import annotations

from .delayed import Delayed
from .keys import KeyFileError, StoredCA, load_ca, load_certificates, load_key, open_ca, open_signer, save_ca, save_key
from .local import LocalAuthority
from .root import KEY_GENERATION, MESSAGES, create_ca, create_signer
from .rules import CertificateRules

__all__ = [
    "KEY_GENERATION",
    "MESSAGES",
    "CertificateRules",
    "Delayed",
    "KeyFileError",
    "LocalAuthority",
    "StoredCA",
    "create_ca",
    "create_signer",
    "load_ca",
    "load_certificates",
    "load_key",
    "open_ca",
    "open_signer",
    "save_ca",
    "save_key",
]
