"""The iterated hash of PasswordBasedMac (RFC 9810, 5.1.3.1; RFC 4211, 4.4), in plain Python on hashlib.

The readable specification of `pbm_key`, and the judge of its arguments for the compiled twin `fast_pbm` too.
Knows no ASN.1, no OID, no MAC and no policy: whoever calls it has already found the parameters acceptable.
"""

from __future__ import annotations

import hashlib

OWFS = {
    "sha1": hashlib.sha1,
    "sha224": hashlib.sha224,
    "sha256": hashlib.sha256,
    "sha384": hashlib.sha384,
    "sha512": hashlib.sha512,
    "sha3_224": hashlib.sha3_224,
    "sha3_256": hashlib.sha3_256,
    "sha3_384": hashlib.sha3_384,
    "sha3_512": hashlib.sha3_512,
}
"""The one-way functions, by their hashlib names."""

MAX_ITERATIONS = 2**31 - 1
"""What the engines can count to; what a peer may ask for is the caller's policy and far lower."""

route = "hashlib"
why = "the plain Python engine runs"


def check(secret: bytes, salt: bytes, owf: str, iterations: int) -> None:
    """Raise the TypeError or ValueError that `pbm_key` owes its caller; no message contains the secret.

    Types are exact: a bool is no count, and a subclass could answer differently in each engine.
    """
    if type(secret) is not bytes:
        raise TypeError(f"secret: expected bytes, got {type(secret).__name__}")
    if type(salt) is not bytes:
        raise TypeError(f"salt: expected bytes, got {type(salt).__name__}")
    if type(owf) is not str:
        raise TypeError(f"owf: expected str, got {type(owf).__name__}")
    if type(iterations) is not int:
        raise TypeError(f"iterations: expected int, got {type(iterations).__name__}")
    if owf not in OWFS:
        raise ValueError(f"owf: unknown one-way function {owf[:32]!r}")
    if not 1 <= iterations <= MAX_ITERATIONS:
        raise ValueError(f"iterations: expected 1 to {MAX_ITERATIONS}")


def pbm_key(secret: bytes, salt: bytes, owf: str, iterations: int) -> bytes:
    """Return the key of a PasswordBasedMac: owf over secret and salt, then again over each digest.

    It is applied `iterations` times in all. `owf` is a name in `OWFS`; `iterations` is 1 to
    `MAX_ITERATIONS`. The key is as long as the digest.
    Raises TypeError for an argument of another type, ValueError for an unknown name or a count out of range.
    """
    check(secret, salt, owf, iterations)
    new = OWFS[owf]
    first = new(secret)
    first.update(salt)
    digest = first.digest()
    for _ in range(iterations - 1):
        digest = new(digest).digest()
    return digest
