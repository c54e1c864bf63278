"""All kinds of protection alike: any parameters, any changed octet, any other protection is refused in a documented way.

Each kind is a message that verifies and whoever verifies it; what they are is the subject of the other files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cmpcodec
from cmpcodec import (
    PBMAC1,
    DHBasedMAC,
    KemProtector,
    KemVerifier,
    PKIMessage,
    ProtectionError,
    TrustedSigners,
    UnsupportedAlgorithm,
    oids,
    protect,
    verify,
)
from cmpcodec.protection.signatures import _SCHEMES
from tests.mutations import tlv
from tests.protection.by_hand import CONFIRMATION, SECRET, algorithm, integer, shared
from tests.protection.pki import HAS_ML_DSA, KINDS, NOW, ca, key, owner, signed

try:
    from cryptography.hazmat.primitives.asymmetric import mlkem
except ImportError:
    mlkem = None  # type: ignore[assignment]  # an older cryptography


class Kind(NamedTuple):
    message: PKIMessage
    verifier: Any


def kinds() -> dict[str, Kind]:
    """Every kind of protection, each once; a new one belongs in here."""
    root = ca("root")
    trusted = TrustedSigners([root.certificate], cached_signers=0)
    found = {f"signature {kind}": Kind(signed(owner("device", root, kind=kind, number=1)), trusted) for kind in KINDS}
    found["signature pss"] = Kind(signed(owner("device", root, kind="rsa", number=1), pss=True), trusted)
    credentials: dict[str, Any] = {
        "PasswordBasedMac": shared(),
        "PBMAC1": PBMAC1(SECRET, iterations=100),
        "PBMAC1 gmac": PBMAC1(SECRET, iterations=100, mac="aes256_gmac"),
        "DHBasedMac": DHBasedMAC(key("p256", 1), key("p256", 1).public_key()),
    }
    found |= {name: Kind(cmpcodec.decode(protect(CONFIRMATION, one).der), one) for name, one in credentials.items()}
    if mlkem is not None:
        private = mlkem.MLKEM768PrivateKey.generate()
        bob = KemVerifier(private.public_key(), b"transaction")
        alice = KemProtector(private, bob.info, b"transaction")
        found["KemBasedMac"] = Kind(cmpcodec.decode(protect(CONFIRMATION, alice).der), bob)
    return found


EVERY = kinds()
OIDS = (
    *_SCHEMES,
    oids.ID_RSASSA_PSS,
    oids.ID_PASSWORD_BASED_MAC,
    oids.ID_PBMAC1,
    oids.ID_DH_BASED_MAC,
    oids.ID_KEM_BASED_MAC,
)
OIDS += (
    oids.HMAC_WITH_SHA256,
    oids.ID_AES256_GMAC,
    oids.ID_KMAC_WITH_SHAKE256,
    oids.ID_DSA_WITH_SHA256,
    oids.ID_ALG_NO_SIGNATURE,
)

UNIVERSAL: dict[str, bytes] = {
    "absent": b"",
    "BOOLEAN": tlv(1, b"\xff"),
    "INTEGER": integer(500),
    "BIT STRING": tlv(3, b"\0\xff"),
    "OCTET STRING": tlv(4, bytes(16)),
    "NULL": tlv(5),
    "OBJECT IDENTIFIER": tlv(6, b"\x2a\x03"),
    "ObjectDescriptor": tlv(7, b"a"),
    "EXTERNAL": tlv(0x28, tlv(6, b"\x2a\x03"), tlv(0xA0, tlv(5))),
    "REAL": tlv(9, b"\x80\x00\x01"),
    "ENUMERATED": tlv(10, b"\1"),
    "EMBEDDED PDV": tlv(0x2B, tlv(0xA0, tlv(5))),
    "UTF8String": tlv(12, b"%s%n"),
    "RELATIVE-OID": tlv(13, b"\3"),
    "TIME": tlv(14, b"12"),
    "SEQUENCE": tlv(0x30),
    "SET": tlv(0x31),
    **{f"string {number}": tlv(number, b"12") for number in (18, 19, 20, 21, 22, 25, 26, 27)},
    "UTCTime": tlv(23, b"261123000000Z"),
    "GeneralizedTime": tlv(24, b"20261123000000Z"),
    "UniversalString": tlv(28, b"\0\0\0a"),
    "CHARACTER STRING": tlv(0x3D, tlv(0xA0, tlv(5))),
    "BMPString": tlv(30, b"\0a"),
    "context": tlv(0x80, b"\1"),
    "explicit": tlv(0xA0, tlv(5)),
    "application": tlv(0x41, b"\1"),
    "private": tlv(0xC1, b"\1"),
    "AlgorithmIdentifier": algorithm(oids.SHA256),
    "SEQUENCE of four": tlv(0x30, tlv(4, bytes(16)), tlv(0x30), integer(100), tlv(0x30)),
    "deep": tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x30)))),
}


def judge(kind: Kind, message: PKIMessage) -> None:
    verify(message, kind.verifier, time=NOW)


@pytest.mark.parametrize("name", EVERY)
def test_it_verifies(name: str) -> None:
    judge(EVERY[name], EVERY[name].message)


@pytest.mark.parametrize("value", UNIVERSAL)
@pytest.mark.parametrize("name", EVERY)
def test_parameters_of_every_type(name: str, value: str) -> None:
    """OpenSSL's CVE-2026-63076: each protection algorithm with each type as parameters, given to each verifier."""
    kind = EVERY[name]
    for oid in OIDS:
        one = cmpcodec.AlgorithmIdentifier.decode(algorithm(oid, UNIVERSAL[value]))
        if one == kind.message.header.protection_alg:
            continue
        header = kind.message.header.replace(protection_alg=one)
        message = cmpcodec.decode(kind.message.replace(header=header).der)
        with pytest.raises(ProtectionError):
            judge(kind, message)


@pytest.mark.parametrize("name", EVERY)
def test_wrong_parameters_are_an_unsupported_algorithm(name: str) -> None:
    """With its own OID; absent and NULL are what signatures have."""
    kind = EVERY[name]
    own = kind.message.header.protection_alg.algorithm
    for value, der in UNIVERSAL.items():
        one = cmpcodec.AlgorithmIdentifier.decode(algorithm(own, der))
        if one != kind.message.header.protection_alg and value not in ("absent", "NULL"):
            with pytest.raises(UnsupportedAlgorithm):
                judge(kind, kind.message.replace(header=kind.message.header.replace(protection_alg=one)))


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("other", EVERY)
def test_no_protection_passes_for_another(name: str, other: str) -> None:
    if name != other and EVERY[name].verifier is not EVERY[other].verifier:
        if type(EVERY[name].verifier) is type(EVERY[other].verifier):
            return  # one credential takes both
        with pytest.raises(ProtectionError):
            judge(EVERY[other], EVERY[name].message)


def refused(kind: Kind, data: bytes) -> bool:
    try:
        message = cmpcodec.decode(data)
        judge(kind, message)
    except (cmpcodec.DecodeError, ProtectionError):
        return True
    return False


def covered(message: PKIMessage) -> int:
    """Where header, body and protection end: extraCerts are not protected."""
    return next(child.end for child in cmpcodec.children(message) if child.name == "protection")


@pytest.mark.parametrize("name", EVERY)
def test_every_octet_counts(name: str) -> None:
    """Each octet of header, body and protection in turn, with one bit changed: no such message verifies."""
    kind = EVERY[name]
    der = kind.message.der
    end = covered(kind.message)
    step = max(1, end // 700)  # the long signatures of ML-DSA not octet by octet
    for at in (*range(min(end, 600)), *range(600, end, step)):
        data = bytearray(der)
        data[at] ^= 1 << at % 8
        assert refused(kind, bytes(data)), f"octet {at} does not count"


@given(data=st.data())
@pytest.mark.parametrize("name", EVERY)
def test_changed_messages(name: str, data: st.DataObject) -> None:
    """Octets replaced, removed, put in, parts moved about: a message that verifies says the same as before."""
    kind = EVERY[name]
    der = bytearray(kind.message.der)
    end = covered(kind.message)
    for _ in range(data.draw(st.integers(1, 3))):
        at, size = data.draw(st.integers(0, end - 1)), data.draw(st.integers(0, 4))
        der[at : at + size] = data.draw(st.binary(max_size=4))
    try:
        message = cmpcodec.decode(bytes(der))
        judge(kind, message)
    except (cmpcodec.DecodeError, ProtectionError):
        return
    before = kind.message
    assert (message.header, message.body, message.protection) == (before.header, before.body, before.protection)


@pytest.mark.parametrize("name", [name for name in EVERY if not name.startswith("signature")])
def test_macs_are_compared_in_constant_time(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the MAC is, hmac.compare_digest decides, on values of one length."""
    import hmac

    seen: list[tuple[bytes, bytes]] = []
    real: Callable[[bytes, bytes], bool] = hmac.compare_digest

    def watching(one: bytes, two: bytes) -> bool:
        seen.append((one, two))
        return real(one, two)

    monkeypatch.setattr(hmac, "compare_digest", watching)
    kind = EVERY[name]
    judge(kind, kind.message)
    mac = kind.message.protection.data
    for wrong in (bytes(len(mac)), mac[:-1] + bytes([mac[-1] ^ 1]), bytes([mac[0] ^ 1]) + mac[1:]):
        with pytest.raises(cmpcodec.InvalidProtection):
            judge(kind, kind.message.replace(protection=cmpcodec.BitString(wrong)))
    assert len(seen) == 4
    assert {one for one, _ in seen} == {mac}


def test_every_kind_is_there() -> None:
    assert len(EVERY) >= 11
    assert any("ml-dsa" in name for name in EVERY) == HAS_ML_DSA
