"""What a peer may ask of us: the algorithms and costs that are accepted, before anything is computed."""

from __future__ import annotations

from typing import NamedTuple

_SHA2 = frozenset(("sha224", "sha256", "sha384", "sha512"))
_SHA3 = frozenset(("sha3_224", "sha3_256", "sha3_384", "sha3_512"))
_GMACS = frozenset(("aes128_gmac", "aes192_gmac", "aes256_gmac"))

SIGNATURES = frozenset(("rsa", "rsa_pss", "ecdsa", "ed25519", "ed448", "ml_dsa_44", "ml_dsa_65", "ml_dsa_87"))
"""Kinds of signatures, as policies call them."""

SIGNATURE_DIGESTS = _SHA2 | _SHA3 | {"shake128", "shake256"}
"""Hash functions that are admitted in signatures unless the caller says otherwise."""

MAX_SALT = 1024
"""No policy admits a longer salt, in octets."""


class ProtectionPolicy(NamedTuple):
    """Bounds on the protection of messages that are verified.

    The defaults admit what OpenSSL sends (500 or 1024 iterations of SHA-256, HMAC-SHA1) and refuse what would let a
    stranger spend our time: deriving a key costs at most `max_iterations` hashes. SHA-1 takes an explicit word, as in
    ``owfs=policy.owfs | {"sha1"}``; MD5 is never accepted.
    """

    min_iterations: int = 100
    """Least iterationCount of a PasswordBasedMac (RFC 9810, 5.1.3.1 demands 100), and of PBKDF2."""
    max_iterations: int = 100_000
    """Most that deriving a key may cost, in hashes that cost what SHA-256 does: the greatest iterationCount of a
    PasswordBasedMac; a quarter of it for SHA-384 and SHA-512, an eighth for SHA-3. An iteration of PBKDF2 takes two
    hashes for every block of the key, so half of all that, divided by the number of blocks."""
    min_salt: int = 8
    """Least salt, in octets."""
    max_salt: int = 64
    """Longest salt, in octets; never more than 1024."""
    owfs: frozenset[str] = _SHA2 | _SHA3
    """One-way functions of PasswordBasedMac and DHBasedMac, by their hashlib names."""
    macs: frozenset[str] = _SHA2 | _SHA3 | _GMACS | {"sha1"}
    """MACs: an HMAC by the hashlib name of its hash, AES-GMAC as "aes128_gmac". HMAC-SHA1 is what OpenSSL 3.0 sends by
    default."""
    prfs: frozenset[str] = _SHA2 | _SHA3
    """Hash functions of the HMAC inside PBKDF2, by their hashlib names. SHA-1, its DEFAULT, has to be named."""
    kdfs: frozenset[str] = frozenset(("hkdf", "kdf2", "kdf3"))
    """Key derivations of KemBasedMac; their hash functions are `owfs`."""
    signatures: frozenset[str] = SIGNATURES
    """Kinds of signatures, of messages and of the certificates above them."""
    digests: frozenset[str] = SIGNATURE_DIGESTS
    """Hash functions of these signatures, by their hashlib names."""
    min_rsa_bits: int = 2048
    """Shortest RSA modulus; the longest is 8192 bits always."""
    min_ec_bits: int = 224
    """Shortest elliptic curve, in bits of its order's size."""
    max_signature_hashes: int = 500_000
    """Most that the signature of a message and those of the certificates above it may cost to verify, in hashes of
    SHA-256: about 400 for RSA-2048, 1500 for P-256, 15 000 for P-384. Paths that are known cost nothing."""
    legacy_encryption: bool = False
    """Whether to decrypt what old peers encrypt: RSA with PKCS #1 v1.5, keys derived with SHA-1, EncryptedValue."""
