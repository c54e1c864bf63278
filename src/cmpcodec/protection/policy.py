"""What a peer may ask of us: the algorithms and costs that are accepted, before anything is computed."""

from __future__ import annotations

from typing import NamedTuple

_SHA2 = frozenset(("sha224", "sha256", "sha384", "sha512"))
_SHA3 = frozenset(("sha3_224", "sha3_256", "sha3_384", "sha3_512"))

MAX_SALT = 1024
"""No policy admits a longer salt, in octets."""


class ProtectionPolicy(NamedTuple):
    """Bounds on the protection of messages that are verified.

    The defaults admit what OpenSSL sends (500 or 1024 iterations of SHA-256, HMAC-SHA1) and refuse what would let a
    stranger spend our time: verifying costs at most `max_iterations` hashes. SHA-1 as one-way function takes an
    explicit ``owfs=policy.owfs | {"sha1"}``; MD5 is never accepted.
    """

    min_iterations: int = 100
    """Least iterationCount of a PasswordBasedMac. RFC 9810, 5.1.3.1 demands 100."""
    max_iterations: int = 100_000
    """Greatest iterationCount of a PasswordBasedMac, in hashes that cost what SHA-256 does: a quarter of it is the most
    for SHA-384 and SHA-512, an eighth for SHA-3."""
    min_salt: int = 8
    """Least salt, in octets."""
    max_salt: int = 64
    """Longest salt, in octets; never more than 1024."""
    owfs: frozenset[str] = _SHA2 | _SHA3
    """One-way functions of a PasswordBasedMac, by their hashlib names."""
    macs: frozenset[str] = _SHA2 | _SHA3 | {"sha1"}
    """Hash functions of an HMAC, by their hashlib names. HMAC-SHA1 is what OpenSSL 3.0 sends by default."""
    legacy_encryption: bool = False
    """Whether to decrypt what old peers encrypt: RSA with PKCS #1 v1.5, keys derived with SHA-1, EncryptedValue."""
