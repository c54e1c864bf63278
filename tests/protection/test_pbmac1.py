"""PBMAC1: values computed by hashlib and by the program openssl, every bound before any derivation, keys that are kept.

The parameters are built of TLVs here; messages and MACs are those of by_hand.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import pickle
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import cmpcodec
from cmpcodec import (
    PBMAC1,
    BitString,
    InvalidProtection,
    PKIMessage,
    ProtectionPolicy,
    UnsupportedAlgorithm,
    oids,
    protect,
    verify,
)
from cmpcodec.cms import PBKDF2_params
from cmpcodec.protection import pbmac1
from cmpcodec.protection.digests import HMAC_OIDS, SIZES
from tests.mutations import tlv
from tests.openssl import needs_openssl
from tests.protection.by_hand import CONFIRMATION, SALT, SECRET, algorithm, announcing, integer, part_by_hand

NULL = tlv(5)
VECTORS = Path(__file__).resolve().parents[1] / "vectors"
HASHES = [name for name in SIZES if name != "sha1"]


def hmac_der(name: str) -> bytes:
    return algorithm(HMAC_OIDS[name], NULL)


def parameters(
    salt: bytes = tlv(4, SALT),
    count: bytes = integer(100),
    length: bytes = integer(32),
    prf: bytes = hmac_der("sha256"),
    mac: bytes = hmac_der("sha256"),
    kdf: str = oids.ID_PBKDF2,
) -> bytes:
    """DER of an AlgorithmIdentifier of PBMAC1."""
    return algorithm(oids.ID_PBMAC1, tlv(0x30, algorithm(kdf, tlv(0x30, salt, count, length, prf)), mac))


def by_hand(der: bytes, prf: str = "sha256", mac: str = "sha256", count: int = 100, octets: int = 32) -> PKIMessage:
    """A message with these parameters and the MAC that hashlib computes."""
    bare = announcing(der)
    key = hashlib.pbkdf2_hmac(prf, SECRET, SALT, count, octets)
    return cmpcodec.decode(bare.replace(protection=BitString(hmac.digest(key, part_by_hand(bare.der), mac))).der)


@pytest.fixture
def derived(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was derived from now on."""
    found: list[Any] = []
    real = hashlib.pbkdf2_hmac

    def watching(*args: Any) -> bytes:
        found.append(args)
        return real(*args)

    monkeypatch.setattr(pbmac1, "pbkdf2_hmac", watching)
    return found


def refused(der: bytes, derived: list[Any], policy: ProtectionPolicy | None = None) -> str:
    with pytest.raises(UnsupportedAlgorithm) as caught:
        verify(announcing(der), PBMAC1(SECRET), policy or ProtectionPolicy())
    assert caught.value.fail_info == "BAD_ALG"
    assert not derived
    return str(caught.value)


# --- values ---


@pytest.mark.parametrize("mac", HASHES)
@pytest.mark.parametrize("prf", HASHES)
def test_hashlib_agrees(prf: str, mac: str) -> None:
    octets = SIZES[mac]
    der = parameters(length=integer(octets), prf=hmac_der(prf), mac=hmac_der(mac))
    verify(by_hand(der, prf, mac, octets=octets), PBMAC1(SECRET))
    own = protect(CONFIRMATION, PBMAC1(SECRET, prf=prf, mac=mac, iterations=100))
    used = own.header.protection_alg.parameters.key_derivation_func.parameters
    key = hashlib.pbkdf2_hmac(prf, SECRET, used.salt.specified, 100, octets)
    assert own.protection.data == hmac.digest(key, part_by_hand(own.der), mac)


@pytest.mark.parametrize(("mac", "octets"), [("aes128_gmac", 16), ("aes192_gmac", 24), ("aes256_gmac", 32)])
def test_gmac(mac: str, octets: int) -> None:
    """AES-GMAC is AES-GCM of nothing, over additional data."""
    own = cmpcodec.decode(protect(CONFIRMATION, PBMAC1(SECRET, mac=mac, iterations=100)).der)
    verify(own, PBMAC1(SECRET))
    one = own.header.protection_alg.parameters
    used, scheme = one.key_derivation_func.parameters, one.message_auth_scheme.parameters
    assert used.key_length == octets
    key = hashlib.pbkdf2_hmac("sha256", SECRET, used.salt.specified, 100, octets)
    assert own.protection.data == AESGCM(key).encrypt(scheme.nonce, b"", part_by_hand(own.der))
    with pytest.raises(InvalidProtection):
        verify(own.replace(protection=BitString(own.protection.data[:12])), PBMAC1(SECRET))


@needs_openssl
def test_openssl_agrees(tmp_path: Path) -> None:
    """The commands `openssl kdf ... PBKDF2` and `openssl mac ... HMAC`."""
    own = protect(CONFIRMATION, PBMAC1(SECRET, prf="sha512", mac="sha384", iterations=1234))
    used = own.header.protection_alg.parameters.key_derivation_func.parameters

    def run(*command: str) -> bytes:
        return subprocess.run(["openssl", *command], cwd=tmp_path, check=True, capture_output=True).stdout

    options = ["digest:SHA512", f"hexpass:{SECRET.hex()}", f"hexsalt:{used.salt.specified.hex()}", "iter:1234"]
    flags = [part for one in options for part in ("-kdfopt", one)]
    key = run("kdf", "-keylen", "48", *flags, "-binary", "PBKDF2")
    (tmp_path / "octets").write_bytes(part_by_hand(own.der))
    made = run("mac", "-digest", "SHA384", "-macopt", f"hexkey:{key.hex()}", "-binary", "-in", "octets", "HMAC")
    assert own.protection.data == made


def test_the_vector() -> None:
    """built-genm-pbmac1.der was made with pyasn1 and hashlib."""
    rows = json.loads((VECTORS / "manifest.json").read_text())["vectors"]
    row = next(one for one in rows if one["file"] == "built-genm-pbmac1.der")
    message = cmpcodec.decode((VECTORS / row["file"]).read_bytes())
    verify(message, PBMAC1(row.get("secret", "mySecret").encode()))
    with pytest.raises(InvalidProtection):
        verify(message, PBMAC1(b"another"))


# --- what is refused before anything is derived ---


def test_key_length(derived: list[Any]) -> None:
    """OpenSSL's CVE-2026-34181: a key of one octet is guessed at once."""
    for octets in (-1, 0, 1, 16, 20, 31, 1025, 2**31, 2**64):
        assert "keyLength is not between 32 and 1024 octets" in refused(parameters(length=integer(octets)), derived)
    assert "keyLength" in refused(parameters(length=integer(48), mac=hmac_der("sha512")), derived)
    for octets in (32, 33, 64, 1024):
        verify(by_hand(parameters(length=integer(octets)), octets=octets), PBMAC1(SECRET))


def test_key_length_of_gmac_is_exact(derived: list[Any]) -> None:
    mac = algorithm(oids.ID_AES128_GMAC, tlv(0x30, tlv(4, bytes(12)), integer(16)))
    for octets in (1, 15, 17, 32):
        assert "keyLength is not between 16 and 16" in refused(parameters(length=integer(octets), mac=mac), derived)


def test_an_absent_key_length_is_the_hash() -> None:
    for mac in ("sha256", "sha512"):
        der = parameters(length=b"", mac=hmac_der(mac))
        verify(by_hand(der, mac=mac, octets=SIZES[mac]), PBMAC1(SECRET))


def test_key_length_in_bits_is_refused() -> None:
    """Some RA wrote 256 and meant 32 octets; some RA read 32 and took 4 octets."""
    for written, octets in ((256, 32), (32, 4)):
        with pytest.raises(InvalidProtection):
            verify(by_hand(parameters(length=integer(written)), octets=octets), PBMAC1(SECRET))


@pytest.mark.parametrize(
    ("prf", "octets", "most"),
    [("sha256", 32, 50_000), ("sha256", 33, 25_000), ("sha256", 1024, 1562), ("sha512", 64, 12_500), ("sha512", 65, 6_250), ("sha3_256", 32, 6_250)],
)  # fmt: skip
def test_the_cost_is_bounded(prf: str, octets: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Iterations times blocks of the key times what a hash costs."""
    seen: list[Any] = []
    monkeypatch.setattr(pbmac1, "pbkdf2_hmac", lambda *args: seen.append(args) or bytes(octets))

    def der(count: int) -> bytes:
        return parameters(count=integer(count), length=integer(octets), prf=hmac_der(prf))

    for count in (-1, 0, 1, 99, most + 1, 2**31, 2**64, 2**4000):
        assert "iterationCount is not between 100 and" in refused(der(count), seen)
    for count in (100, most):
        with pytest.raises(InvalidProtection):
            verify(announcing(der(count)), PBMAC1(SECRET))
    assert [one[3] for one in seen] == [100, most]


def test_salts(derived: list[Any]) -> None:
    for octets in (0, 7, 65, 5000):
        assert f"salt of {octets} octets" in refused(parameters(salt=tlv(4, bytes(octets))), derived)
    other = parameters(salt=algorithm(oids.SHA256))
    assert refused(other, derived) == "the salt of PBKDF2 is not specified but from another source"


def test_sha1_takes_an_explicit_word(derived: list[Any]) -> None:
    """It is the DEFAULT of prf, so whoever leaves prf out asks for it."""
    for prf in (b"", hmac_der("sha1").replace(hmac_der("sha1"), algorithm(oids.HMAC_WITH_SHA1))):
        assert "prf HMAC-sha1 is not admitted" in refused(parameters(prf=prf), derived)
    word = ProtectionPolicy(prfs=ProtectionPolicy().prfs | {"sha1"})
    verify(by_hand(parameters(prf=b""), prf="sha1"), PBMAC1(SECRET), word)
    verify(by_hand(parameters(mac=hmac_der("sha1"), length=integer(20)), mac="sha1", octets=20), PBMAC1(SECRET))
    derived.clear()
    strict = ProtectionPolicy(macs=frozenset({"sha256"}))
    assert "mac HMAC-sha1 is not admitted" in refused(parameters(mac=hmac_der("sha1")), derived, strict)


def test_other_algorithms(derived: list[Any]) -> None:
    for kdf in (oids.ID_PBES2, oids.ID_ALG_HKDF_WITH_SHA256, oids.ID_PBMAC1):
        assert "is not id-PBKDF2" in refused(parameters(kdf=kdf), derived)
    for oid in (oids.ID_KMAC_WITH_SHAKE128, oids.ID_KMAC_WITH_SHAKE256):
        assert "neither hashlib nor cryptography" in refused(parameters(mac=algorithm(oid)), derived)
    for oid in (oids.HMAC_WITH_SHA512_224, oids.SHA256, oids.ID_PBMAC1, "1.2.3.4"):
        assert "is not supported" in refused(parameters(mac=algorithm(oid)), derived)
        assert "is not supported" in refused(parameters(prf=algorithm(oid)), derived)


@pytest.mark.parametrize(("nonce", "octets"), [(0, 16), (11, 16), (13, 16), (12, 11), (12, 17), (12, -1), (12, 2**64)])
def test_parameters_of_gmac(nonce: int, octets: int, derived: list[Any]) -> None:
    mac = algorithm(oids.ID_AES256_GMAC, tlv(0x30, tlv(4, bytes(nonce)), integer(octets)))
    assert "expected 12 octets, and 12 to 16" in refused(parameters(mac=mac), derived)


# --- keys that are kept, and secrets ---


def test_keys_are_kept_as_those_of_password_based_mac(derived: list[Any]) -> None:
    credential = PBMAC1(SECRET, iterations=100, messages_per_salt=3)
    messages = [protect(CONFIRMATION, credential) for _ in range(4)]
    assert len(derived) == 2
    peer = PBMAC1(SECRET)
    for message in messages * 2:
        verify(message, peer)
    assert len(derived) == 4
    with pytest.raises(InvalidProtection):
        verify(protect(CONFIRMATION, PBMAC1(b"another", iterations=100)), peer)
    assert len(peer._keys._keys) == 2
    peer.forget()
    assert not peer._keys._keys


def test_a_nonce_of_gmac_is_never_used_twice() -> None:
    with pytest.raises(ValueError, match="messages_per_salt"):
        PBMAC1(SECRET, mac="aes256_gmac", messages_per_salt=2)
    credential = PBMAC1(SECRET, mac="aes256_gmac", iterations=100)
    found = {
        (one.key_derivation_func.parameters.salt.specified, one.message_auth_scheme.parameters.nonce)
        for one in (credential.algorithm().parameters for _ in range(50))
    }
    assert len(found) == len({nonce for _, nonce in found}) == 50


def test_arguments() -> None:
    for options in (
        {"prf": "sha1"},
        {"prf": "md5"},
        {"mac": "sha1"},
        {"mac": "kmac"},
        {"iterations": 99},
        {"salt_octets": 7},
    ):
        with pytest.raises(ValueError, match=r"prf|mac|iterations|salt"):
            PBMAC1(SECRET, **options)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="encode text"):
        PBMAC1("text")  # type: ignore[arg-type]
    credential = PBMAC1(b"canary-5d1a", sender_kid=b"device-1")
    assert repr(credential) == "PBMAC1(<secret>, sender_kid=b'device-1', prf='sha256', mac='sha256', iterations=10000)"
    with pytest.raises(TypeError, match="holds a secret"):
        pickle.dumps(credential)
    assert protect(CONFIRMATION, credential).header.sender_kid == b"device-1"


def test_own_parameters_say_everything() -> None:
    """KeyLength is there, as RFC 9579 wants it, and prf has its NULL."""
    one = PBMAC1(SECRET).algorithm().parameters.key_derivation_func.parameters
    assert isinstance(one, PBKDF2_params)
    assert (one.iteration_count, one.key_length, len(one.salt.specified)) == (10_000, 32, 16)
    assert one.prf.der == hmac_der("sha256")
