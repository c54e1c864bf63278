"""Which keys prove what: keyEncipherment is for keys that decrypt, keyAgreement for those that agree. RFC 4211, 4.2."""

from __future__ import annotations

from typing import Final

from .. import oids
from ..pkix import SubjectPublicKeyInfo

_AGREEING: Final = frozenset((oids.ID_EC_PUBLIC_KEY, oids.ID_X25519, oids.ID_X448))


def agrees(public_key: SubjectPublicKeyInfo) -> bool:
    """Whether the owner of this key agrees on keys, and does not decrypt."""
    return public_key.algorithm.algorithm in _AGREEING
