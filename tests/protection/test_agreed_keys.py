"""DHBasedMac and KemBasedMac: both ends, values computed another way, and who may not do what.

The derivations are written out here with hashlib and hmac. Messages are those of by_hand.
"""

from __future__ import annotations

import hashlib
import hmac
import pickle
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x448, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import cmpcodec
from cmpcodec import (
    AlgorithmIdentifier,
    BitString,
    DHBasedMAC,
    InvalidProtection,
    KemBMParameter,
    KemCiphertextInfo,
    KemProtector,
    KemVerifier,
    PKIBody,
    ProtectionPolicy,
    UnsupportedAlgorithm,
    oids,
    protect,
    verify,
)
from cmpcodec.protection import protected_part
from cmpcodec.protection.digests import HASH_OIDS, HMAC_OIDS, SIZES
from cmpcodec.protection.kem import ciphertext_in, ciphertext_info
from tests.mutations import tlv
from tests.protection.by_hand import CONFIRMATION, part_by_hand

mlkem = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.mlkem", reason="this cryptography has no ML-KEM")
TRANSACTION = CONFIRMATION.header.transaction_id
KEMS = {"768": mlkem.MLKEM768PrivateKey.generate(), "1024": mlkem.MLKEM1024PrivateKey.generate()}

# --- Diffie-Hellman ---

PAIRS: dict[str, tuple[Any, Any]] = {
    "p256": (ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())),
    "p521": (ec.generate_private_key(ec.SECP521R1()), ec.generate_private_key(ec.SECP521R1())),
    "x25519": (x25519.X25519PrivateKey.generate(), x25519.X25519PrivateKey.generate()),
    "x448": (x448.X448PrivateKey.generate(), x448.X448PrivateKey.generate()),
}


def agreed(kind: str) -> bytes:
    one, two = PAIRS[kind]
    return one.exchange(ec.ECDH(), two.public_key()) if kind.startswith("p") else one.exchange(two.public_key())


@pytest.mark.parametrize("owf", SIZES)
@pytest.mark.parametrize("kind", PAIRS)
def test_dh_with_hmac(kind: str, owf: str) -> None:
    one, two = PAIRS[kind]
    message = cmpcodec.decode(protect(CONFIRMATION, DHBasedMAC(one, two.public_key(), owf=owf, mac="sha512")).der)
    key = hashlib.new(owf, agreed(kind)).digest()
    assert message.protection.data == hmac.digest(key, part_by_hand(message.der), "sha512")
    policy = ProtectionPolicy(owfs=ProtectionPolicy().owfs | {"sha1"})
    verify(message, DHBasedMAC(two, one.public_key()), policy)
    other = DHBasedMAC(two, two.public_key())
    with pytest.raises(InvalidProtection):
        verify(message, other, policy)
    if owf == "sha1":
        with pytest.raises(UnsupportedAlgorithm):
            verify(message, DHBasedMAC(two, one.public_key()))


@pytest.mark.parametrize(("owf", "mac", "octets"), [("sha256", "aes128_gmac", 16), ("sha1", "aes256_gmac", 32), ("sha224", "aes256_gmac", 32)])  # fmt: skip
def test_dh_keys_are_cut_and_lengthened(owf: str, mac: str, octets: int) -> None:
    """RFC 9810, 5.1.3.2: OWF("1" || BASEKEY) follows where BASEKEY is too short."""
    one, two = PAIRS["x25519"]
    message = protect(CONFIRMATION, DHBasedMAC(one, two.public_key(), owf=owf, mac=mac))
    base = hashlib.new(owf, agreed("x25519")).digest()
    key = (base + hashlib.new(owf, b"1" + base).digest())[:octets]
    nonce = message.header.protection_alg.parameters.mac.parameters.nonce
    assert message.protection.data == AESGCM(key).encrypt(nonce, b"", part_by_hand(message.der))


def test_dh_arguments() -> None:
    one, two = PAIRS["p256"]
    for key, peer in ((one, PAIRS["x448"][0].public_key()), (rsa.generate_private_key(65537, 2048), two.public_key())):
        with pytest.raises(TypeError, match="expected two"):
            DHBasedMAC(key, peer)
    with pytest.raises(ValueError, match=r"."):
        DHBasedMAC(one, PAIRS["p521"][0].public_key())
    with pytest.raises(ValueError, match=r"."):
        DHBasedMAC(PAIRS["x25519"][0], x25519.X25519PublicKey.from_public_bytes(bytes(32)))
    for options in ({"owf": "md5"}, {"mac": "kmac"}):
        with pytest.raises(ValueError, match="is none of"):
            DHBasedMAC(one, two.public_key(), **options)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="holds a secret"):
        pickle.dumps(DHBasedMAC(one, two.public_key()))


# --- KEM ---


def hkdf(digest: str, secret: bytes, info: bytes, octets: int) -> bytes:
    """RFC 5869, without salt."""
    size = SIZES[digest]
    prk = hmac.digest(bytes(size), secret, digest)
    out = block = b""
    number = 0
    while len(out) < octets:
        number += 1
        block = hmac.digest(prk, block + info + bytes([number]), digest)
        out += block
    return out[:octets]


def other_info(transaction: bytes, context: bytes | None = None) -> bytes:
    """KemOtherInfo of TLVs. RFC 9810, 5.1.3.4."""
    inner = [tlv(0x30, tlv(0x0C, b"CMP-KEM")), tlv(4, transaction)]
    return tlv(0x30, *inner, *([] if context is None else [tlv(0xA0, tlv(4, context))]))


@pytest.mark.parametrize("kdf", ["sha256", "sha384", "sha512", "sha3_256"])
@pytest.mark.parametrize("kind", KEMS)
def test_kem(kind: str, kdf: str) -> None:
    private = KEMS[kind]
    bob = KemVerifier(private.public_key(), TRANSACTION)
    sent = KemCiphertextInfo.decode(bob.info.der)
    alice = KemProtector(private, sent, TRANSACTION, kdf=kdf, mac="sha512", sender_kid=b"alice")
    message = cmpcodec.decode(protect(CONFIRMATION, alice).der)
    verify(message, bob)
    assert message.header.sender_kid == b"alice"
    assert message.header.protection_alg.parameters.len == 64
    key = hkdf(kdf, private.decapsulate(sent.ct), other_info(TRANSACTION), 64)
    assert message.protection.data == hmac.digest(key, part_by_hand(message.der), "sha512")


def kem_message(bob: KemVerifier, private: Any, parameter: KemBMParameter, key: bytes, mac: str) -> cmpcodec.PKIMessage:
    algorithm = AlgorithmIdentifier(algorithm=oids.ID_KEM_BASED_MAC, parameters=parameter)
    message = CONFIRMATION.replace(header=CONFIRMATION.header.replace(protection_alg=algorithm))
    return message.replace(protection=BitString(hmac.digest(key, protected_part(message), mac)))


@pytest.mark.parametrize("context", [None, b"", b"context"])
@pytest.mark.parametrize(("kdf", "before"), [(oids.ID_KDF_KDF2, False), (oids.ID_KDF_KDF3, True)])
def test_kem_with_other_derivations(kdf: str, before: bool, context: bytes | None) -> None:
    """KDF2 hashes secret, counter, info; KDF3 counter, secret, info. ANSI X9.44; RFC 9690, 2."""
    private = KEMS["768"]
    bob = KemVerifier(private.public_key(), TRANSACTION)
    secret, info = private.decapsulate(bob.info.ct), other_info(TRANSACTION, context)
    key = b""
    for number in (1, 2):
        counter = number.to_bytes(4, "big")
        key += hashlib.sha256((counter + secret if before else secret + counter) + info).digest()
    parameter = KemBMParameter(
        kdf=AlgorithmIdentifier(algorithm=kdf, parameters=AlgorithmIdentifier(algorithm=HASH_OIDS["sha256"])),
        kem_context=context,
        len=48,
        mac=AlgorithmIdentifier(algorithm=HMAC_OIDS["sha384"]),
    )
    message = kem_message(bob, private, parameter, key[:48], "sha384")
    verify(message, bob)
    with pytest.raises(InvalidProtection):
        verify(kem_message(bob, private, parameter.replace(kem_context=b"other"), key[:48], "sha384"), bob)
    with pytest.raises(UnsupportedAlgorithm):
        verify(message, bob, ProtectionPolicy(kdfs=frozenset({"hkdf"})))


def test_the_key_is_for_one_transaction_and_one_ciphertext() -> None:
    private = KEMS["768"]
    bob = KemVerifier(private.public_key(), TRANSACTION)
    for info, transaction in (
        (bob.info, b"another"),
        (KemVerifier(private.public_key(), TRANSACTION).info, TRANSACTION),
    ):
        with pytest.raises(InvalidProtection):
            verify(protect(CONFIRMATION, KemProtector(private, info, transaction)), bob)
    assert KemVerifier(private.public_key(), TRANSACTION).info != bob.info


def test_who_encapsulates_cannot_protect_and_who_holds_the_key_cannot_verify() -> None:
    """Anybody can encapsulate: a MAC by that end would prove nothing."""
    private = KEMS["768"]
    bob = KemVerifier(private.public_key(), TRANSACTION)
    alice = KemProtector(private, bob.info, TRANSACTION)
    with pytest.raises(AttributeError):
        protect(CONFIRMATION, bob)  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        verify(protect(CONFIRMATION, alice), alice)  # type: ignore[arg-type]


def test_ciphertexts_that_are_not_for_the_key() -> None:
    info = KemVerifier(KEMS["768"].public_key(), TRANSACTION).info
    wrong = [
        (KEMS["1024"], info),
        (KEMS["768"], info.replace(ct=info.ct[:-1])),
        (KEMS["768"], info.replace(ct=b"")),
        (KEMS["768"], info.replace(kem=AlgorithmIdentifier(algorithm=oids.ID_RSA_KEM))),
        (KEMS["768"], info.replace(kem=info.kem.replace(parameters=cmpcodec.Null()))),
    ]
    for private, one in wrong:
        with pytest.raises(InvalidProtection):
            KemProtector(private, one, TRANSACTION)
    with pytest.raises(TypeError, match="expected an ML-KEM key"):
        KemVerifier(PAIRS["p256"][0].public_key(), TRANSACTION)


def test_lengths_and_contexts_are_bounded() -> None:
    private = KEMS["768"]
    bob = KemVerifier(private.public_key(), TRANSACTION)
    good = protect(CONFIRMATION, KemProtector(private, bob.info, TRANSACTION)).header.protection_alg.parameters
    for octets in (-1, 0, 1, 31, 1025, 2**64):
        with pytest.raises(UnsupportedAlgorithm, match="len is not between 32 and 1024"):
            verify(kem_message(bob, private, good.replace(len=octets), b"", "sha256"), bob)
    with pytest.raises(UnsupportedAlgorithm, match="kemContext"):
        verify(kem_message(bob, private, good.replace(kem_context=bytes(1025)), b"", "sha256"), bob)
    for kdf in (oids.ID_PBKDF2, oids.SHA256, "1.2.3.4"):
        with pytest.raises(UnsupportedAlgorithm, match="is not supported"):
            changed = good.replace(kdf=AlgorithmIdentifier(algorithm=cmpcodec.ObjectIdentifier(kdf)))
            verify(kem_message(bob, private, changed, b"", "sha256"), bob)
    with pytest.raises(UnsupportedAlgorithm, match="sha384 is not admitted"):
        changed = good.replace(kdf=AlgorithmIdentifier(algorithm=oids.ID_ALG_HKDF_WITH_SHA384))
        verify(kem_message(bob, private, changed, b"", "sha256"), bob, ProtectionPolicy(owfs=frozenset({"sha256"})))


def test_the_ciphertext_travels_in_a_header_or_a_body() -> None:
    info = KemVerifier(KEMS["768"].public_key(), TRANSACTION).info
    item = ciphertext_info(info)
    assert ciphertext_in(CONFIRMATION) is None
    for question in (ciphertext_info(), cmpcodec.InfoTypeAndValue(info_type=oids.ID_IT_IMPLICIT_CONFIRM)):
        for message in (
            CONFIRMATION.replace(header=CONFIRMATION.header.replace(general_info=[question, item])),
            CONFIRMATION.replace(body=PKIBody(genp=cmpcodec.GenRepContent([question, item]))),
            CONFIRMATION.replace(body=PKIBody(genm=cmpcodec.GenMsgContent([question, item]))),
        ):
            assert ciphertext_in(cmpcodec.decode(message.der)) == info


def test_kem_shows_nothing() -> None:
    bob = KemVerifier(KEMS["768"].public_key(), TRANSACTION)
    alice = KemProtector(KEMS["768"], bob.info, TRANSACTION)
    for one in (alice, bob):
        assert "<secret>" in repr(one)
        with pytest.raises(TypeError, match="holds a secret"):
            pickle.dumps(one)
