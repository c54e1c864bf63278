"""PBM by hand: its parameters from TLVs, its MAC (RFC 9810, 5.1.3.1) with hashlib and hmac, messages made of them.

For the tests of protection. Uses cmpcodec only to put foreign bytes into a message.
"""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import Any

import cmpcodec
from cmpcodec import AlgorithmIdentifier, BitString, PasswordBasedMAC, PKIMessage, ProtectionPolicy, oids
from tests.mutations import parse, tlv

SECRET = b"mySecret"
SALT = bytes(range(16))
EXAMPLE = Path(__file__).resolve().parents[2].joinpath("examples/ir-pbm.der").read_bytes()
"""What OpenSSL sends: SHA-256 500 times, HMAC-SHA1, secret mySecret."""
MESSAGE = cmpcodec.decode(EXAMPLE)
CONFIRMATION = PKIMessage(header=MESSAGE.header, body=cmpcodec.PKIBody(pkiconf=cmpcodec.PKIConfirmContent()))
OPEN = ProtectionPolicy(owfs=ProtectionPolicy().owfs | {"sha1"})
"""Admits all that we can compute."""


def integer(value: int) -> bytes:
    octets = value.bit_length() // 8 + 1 if value >= 0 else (value + 1).bit_length() // 8 + 1
    return tlv(2, value.to_bytes(octets, "big", signed=True))


def algorithm(oid: str, parameters: bytes = b"") -> bytes:
    return tlv(0x30, AlgorithmIdentifier(algorithm=cmpcodec.ObjectIdentifier(oid)).der[2:], parameters)


def pbm_algorithm(
    salt: bytes = SALT,
    owf: bytes = algorithm(oids.SHA256),
    count: bytes = integer(100),
    mac: bytes = algorithm(oids.HMAC_WITH_SHA256),
) -> bytes:
    return algorithm(oids.ID_PASSWORD_BASED_MAC, tlv(0x30, tlv(4, salt), owf, count, mac))


def mac_by_hand(octets: bytes, salt: bytes, owf: str, count: int, mac: str, secret: bytes = SECRET) -> bytes:
    key = secret + salt
    for _ in range(count):
        key = hashlib.new(owf, key).digest()
    return hmac.new(key, octets, mac).digest()


def part_by_hand(der: bytes) -> bytes:
    tree = parse(der)
    assert tree is not None
    assert tree[0].inner is not None
    return tlv(0x30, *(one.encode() for one in tree[0].inner[:2]))


def announcing(der: bytes, protection: bytes = bytes(32)) -> PKIMessage:
    """A message whose header carries this AlgorithmIdentifier, as it comes from a stranger."""
    header = MESSAGE.header.replace(protection_alg=AlgorithmIdentifier.decode(der))
    message = PKIMessage(header=header, body=CONFIRMATION.body, protection=BitString(protection))
    return cmpcodec.decode(message.der)


def protected_by_hand(der: bytes, salt: bytes, owf: str, count: int, mac: str) -> PKIMessage:
    bare = announcing(der)
    right = mac_by_hand(part_by_hand(bare.der), salt, owf, count, mac)
    return cmpcodec.decode(bare.replace(protection=BitString(right)).der)


def shared(**arguments: Any) -> PasswordBasedMAC:
    """The credential of the example, with the fewest iterations for its own messages."""
    return PasswordBasedMAC(SECRET, **({"iterations": 100} | arguments))


class Work:
    """Counts what was computed: key derivations and MACs."""

    def __init__(self) -> None:
        self.keys = 0
        self.macs = 0

    @property
    def none(self) -> bool:
        return not self.keys and not self.macs

    def forget(self) -> None:
        """Count from zero again."""
        self.keys = self.macs = 0
