"""Public keys of Ed25519 and Ed448 that nobody needs a private key for: points of small order. RFC 7748, 7; RFC 8032.

A signature of zeros verifies by such a key, so that a proof of possession by it proves nothing. It knows encodings of
points, and computes nothing with them but a remainder.
"""

from __future__ import annotations

from typing import Final

_P25519: Final = 2**255 - 19
_P448: Final = 2**448 - 2**224 - 1
_ORDER_8: Final = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)
"""y of a point of order 8; those of the others are this and its negative."""
_WEAK_25519: Final = frozenset((0, 1, _P25519 - 1, _ORDER_8, _P25519 - _ORDER_8))
_WEAK_448: Final = frozenset((0, 1, _P448 - 1))


def is_small_order(octets: bytes) -> bool:
    """Whether an encoded point of edwards25519 (32 octets) or edwards448 (57 octets) has an order of at most 8.

    An encoding is y, little-endian, and the sign of x in the highest bit; software takes y beyond the prime, too.
    """
    y = int.from_bytes(octets, "little") & ~(1 << (8 * len(octets) - 1))
    return y % _P25519 in _WEAK_25519 if len(octets) == 32 else y % _P448 in _WEAK_448
