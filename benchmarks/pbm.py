"""The password-based MAC of the headline message: 500 x SHA-256, then HMAC-SHA1, checked in four ways.

"key and MAC" derives the key and compares the MAC over bytes that lie ready: what libcrypto's own routine
does, so it is what compares with it. "verify" is the whole call on a decoded message. Knows the protection
interface of cmpcodec.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from benchmarks.der import split, tlv
from benchmarks.messages import MAIN, SECRET
from benchmarks.peers import Loop, Peer

_HEADER, _BODY, _PROTECTION = split(MAIN.data)
TEXT = tlv(0x30, _HEADER + _BODY)
MAC = split(_PROTECTION)[0][3:]
_ALGORITHM = next(field for field in split(_HEADER) if field[0] == 0xA1)
PARAMETERS = split(split(_ALGORITHM)[0])[1]
SALT = split(PARAMETERS)[0][2:]
ITERATIONS = int.from_bytes(split(PARAMETERS)[2][2:], "big")


class WrongMac(Exception):
    """A contestant computed another MAC than the message carries."""


def _check(mac: bytes) -> None:
    if not hmac.compare_digest(mac, MAC):
        raise WrongMac


def key_and_mac(package: Any) -> Loop:
    """Ours: derive the key, compute and compare the MAC."""
    pbm_key = package._engine.pbm_key

    def loop(number: int) -> None:
        for _ in range(number):
            _check(hmac.digest(pbm_key(SECRET, SALT, "sha256", ITERATIONS), TEXT, "sha1"))

    return loop


def verify(package: Any) -> Loop:
    """Ours: the whole call on a decoded message, policy checks included; no derived key is remembered."""
    message, credential = package.decode(MAIN.data), package.PasswordBasedMAC(SECRET, cached_keys=0)
    check = package.verify

    def loop(number: int) -> None:
        for _ in range(number):
            check(message, credential)

    return loop


def hashlib_loop(number: int) -> None:
    """The loop as it is written without cmpcodec."""
    for _ in range(number):
        digest = SECRET + SALT
        for _ in range(ITERATIONS):
            digest = hashlib.sha256(digest).digest()
        _check(hmac.digest(digest, TEXT, "sha1"))


def openssl(peer: Any) -> Loop:
    """Libcrypto's own routine, looped in C."""
    _check(peer.pbm(PARAMETERS, TEXT, SECRET, 1))

    def loop(number: int) -> None:
        _check(peer.pbm(PARAMETERS, TEXT, SECRET, number))

    return loop


def loops(peers: dict[str, Peer]) -> dict[str, Loop]:
    """All ways that are there."""
    made: dict[str, Loop] = {"hashlib": hashlib_loop}
    if "cython" in peers:
        package = peers["cython"].package  # type: ignore[attr-defined]  # ours has it
        made["cython"] = key_and_mac(package)
        made["cython verify"] = verify(package)
    if "openssl" in peers:
        made["openssl"] = openssl(peers["openssl"])
    return made
