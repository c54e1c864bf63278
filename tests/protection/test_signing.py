"""Signature: what it writes into a message, in every scheme; what it refuses; and what OpenSSL signed.

Whom to believe is test_trust's subject; keys and certificates are those of pki.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, x25519
from cryptography.hazmat.primitives.hashes import SHA3_256, SHA256, SHA384, SHA512

import cmpcodec
from cmpcodec import (
    BitString,
    Certificate,
    CMPCertificate,
    GeneralName,
    InvalidProtection,
    Null,
    ProtectionPolicy,
    Signature,
    SubjectPublicKeyInfo,
    TrustedSigners,
    UnsupportedAlgorithm,
    oids,
    verify,
)
from cmpcodec.protection import protected_part
from cmpcodec.protection.digests import HASH_OIDS
from cmpcodec.protection.keys import load_public_key
from cmpcodec.protection.policy import SIGNATURES
from cmpcodec.protection.signatures import algorithm_for
from tests.protection.by_hand import part_by_hand
from tests.protection.pki import BARE, HAS_ML_DSA, KINDS, NOW, ca, key, owner, signed

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
ROOT = ca("root")


def schemes() -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = [(kind, {}) for kind in KINDS]
    for digest in sorted(set(HASH_OIDS) - {"sha1"}):
        found += [("rsa", {"digest": digest}), ("rsa", {"digest": digest, "pss": True}), ("p256", {"digest": digest})]
    return [*found, ("p256", {"digest": "shake128"}), ("p384", {"digest": "shake256"})]


@pytest.mark.parametrize(("kind", "options"), schemes(), ids=str)
def test_every_scheme(kind: str, options: dict[str, Any]) -> None:
    device = owner("device", ROOT, kind=kind, number=1)
    try:
        message = signed(device, **options)
    except ValueError as error:
        assert "shake" in options.get("digest", ""), error  # an older OpenSSL
        pytest.skip(str(error))
    trusted = TrustedSigners([ROOT.certificate])
    assert verify(message, trusted, time=NOW).certificate == device.certificate
    other = BARE.replace(header=message.header.replace(transaction_id=b"other"), protection=message.protection)
    with pytest.raises(InvalidProtection):
        verify(other.replace(extra_certs=message.extra_certs), trusted, time=NOW)


@pytest.mark.parametrize(
    ("kind", "options", "verify_bare"),
    [
        ("rsa", {}, (padding.PKCS1v15(), SHA256())),
        ("rsa", {"digest": "sha3_256"}, (padding.PKCS1v15(), SHA3_256())),
        ("rsa", {"pss": True}, (padding.PSS(padding.MGF1(SHA256()), 32), SHA256())),
        ("rsa", {"pss": True, "digest": "sha512"}, (padding.PSS(padding.MGF1(SHA512()), 64), SHA512())),
        ("p256", {}, (ec.ECDSA(SHA256()),)),
        ("p384", {}, (ec.ECDSA(SHA384()),)),
        ("p521", {}, (ec.ECDSA(SHA512()),)),
        ("ed25519", {}, ()),
        ("ed448", {}, ()),
    ],
)
def test_cryptography_called_bare_agrees(kind: str, options: dict[str, Any], verify_bare: tuple[Any, ...]) -> None:
    """The octets that are signed are cut out by hand."""
    device = owner("device", ROOT, kind=kind, number=1)
    message = signed(device, **options)
    device.key.public_key().verify(message.protection.data, part_by_hand(message.der), *verify_bare)


# --- what a signed message looks like ---


def test_certificates_and_names() -> None:
    sub = ca("sub", ROOT)
    device = owner("device", sub)
    others = [CMPCertificate(one.certificate.der) for one in (ROOT, sub)]
    message = signed(device, sub, message=BARE.replace(extra_certs=others))
    assert [one.der for one in message.extra_certs] == [one.certificate.der for one in (device, sub, ROOT)]
    assert message.header.sender.directory_name.rfc4514() == "CN=device"
    assert message.header.sender_kid == device.kid
    again = signed(device, sub, message=message)
    assert again.extra_certs == message.extra_certs
    assert again.header == message.header


@pytest.mark.parametrize("sender", [GeneralName(dns_name="device"), GeneralName(rfc822_name="")])
def test_a_sender_that_is_named_stays(sender: GeneralName) -> None:
    device = owner("device", ROOT, kid=False)
    header = BARE.header.replace(sender=sender, sender_kid=b"theirs")
    message = signed(device, message=BARE.replace(header=header))
    assert (message.header.sender, message.header.sender_kid) == (sender, b"theirs")


def test_rsa_has_null_and_nobody_else_parameters() -> None:
    assert algorithm_for(key("rsa")).parameters == Null()
    for kind in KINDS:
        if kind != "rsa":
            assert algorithm_for(key(kind)).parameters is None


# --- what is refused ---


def test_arguments() -> None:
    device = owner("device", ROOT)
    with pytest.raises(ValueError, match="not that of the private key"):
        Signature(key("p256", 5), device.certificate)
    with pytest.raises(ValueError, match=r"\w"):
        Signature(device.key, Certificate(b"\x30\x00"))
    with pytest.raises(TypeError, match="key: expected"):
        Signature(x25519.X25519PrivateKey.generate(), device.certificate)  # type: ignore[arg-type]
    for options in ({"digest": "md5"}, {"pss": True}, {"digest": ""}):
        with pytest.raises(ValueError, match=r"pss|digest"):
            Signature(device.key, device.certificate, **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="shake128"):
        Signature(key("rsa"), device.certificate, digest="shake128")


def test_it_shows_and_gives_away_nothing() -> None:
    credential = Signature(key("p256", hash("device")), owner("device", ROOT).certificate)
    assert repr(credential) == "Signature(<key>, 'CN=device')"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(credential)


def admitted(message: cmpcodec.PKIMessage, **policy: Any) -> None:
    with pytest.raises(UnsupportedAlgorithm):
        verify(message, TrustedSigners([ROOT.certificate]), ProtectionPolicy(**policy), time=NOW)


def test_the_policy_decides_before_anything_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    from cmpcodec.protection import trust

    device = owner("device", ROOT, kind="rsa", number=1)
    plain, pss = signed(device), signed(device, pss=True)
    with monkeypatch.context() as watched:
        watched.setattr(trust, "verify_with", None)  # to call it would be a TypeError
        admitted(plain, signatures=SIGNATURES - {"rsa"})
        admitted(pss, signatures=SIGNATURES - {"rsa_pss"})
        admitted(plain, digests=frozenset({"sha512"}))
        admitted(pss, digests=frozenset({"sha512"}))
        admitted(plain, min_rsa_bits=2049)
        admitted(signed(owner("small", ROOT, kind="rsa1024", number=1)))
        admitted(signed(owner("small", ROOT, kind="p256", number=1)), min_ec_bits=257)
    sha1 = BARE.replace(header=BARE.header.replace(protection_alg=algorithm_for(device.key, "sha1")))
    made = device.key.sign(protected_part(sha1), padding.PKCS1v15(), SHA256())
    admitted(sha1.replace(protection=BitString(made)))


# --- keys for which anybody can sign ---


def edwards(name: str) -> tuple[int, int, int]:
    """The prime, d and the order of the x-coordinate's sign bit of a curve of RFC 8032."""
    if name == "ed25519":
        prime = 2**255 - 19
        return prime, -121665 * pow(121666, -1, prime) % prime, -1
    prime = 2**448 - 2**224 - 1
    return prime, -39081 % prime, 1


def small_order_points(name: str) -> set[tuple[int, int]]:
    """All points whose order divides the cofactor, found by doubling down from the identity with the curve's equation."""
    prime, d, a = edwards(name)

    def root(square: int) -> list[int]:
        if square == 0:
            return [0]
        if pow(square, (prime - 1) // 2, prime) != 1:
            return []
        if prime % 4 == 3:
            one = pow(square, (prime + 1) // 4, prime)
        else:
            one = pow(square, (prime + 3) // 8, prime)
            if one * one % prime != square % prime:
                one = one * pow(2, (prime - 1) // 4, prime) % prime
        return [one, prime - one]

    def double(x: int, y: int) -> tuple[int, int]:
        # a x^2 + y^2 = 1 + d x^2 y^2, the addition law applied to a point and itself
        t = d * x * x * y * y % prime
        return 2 * x * y * pow(1 + t, -1, prime) % prime, (y * y - a * x * x) * pow(1 - t, -1, prime) % prime

    points = {(0, 1), (0, prime - 1)}
    points |= {(x, 0) for x in root(pow(a, -1, prime))}  # order 4: twice is (0, -1)
    if name == "ed25519":  # order 8: twice has y = 0, so y^2 = a x^2, and the equation is d y^4 / a - 2 y^2 + 1 = 0
        for s in root((1 - d * pow(a, -1, prime)) % prime):
            for y in root((1 + s) * a * pow(d, -1, prime) % prime):
                points |= {(x, y) for x in root(y * y * pow(a, -1, prime) % prime)}
    for x, y in points:
        assert (a * x * x + y * y - 1 - d * x * x * y * y) % prime == 0
        for _ in range(3 if name == "ed25519" else 2):
            x, y = double(x, y)
        assert (x, y) == (0, 1)
    return points


@pytest.mark.parametrize(("name", "size", "count"), [("ed25519", 32, 8), ("ed448", 57, 4)])
def test_points_of_small_order(name: str, size: int, count: int) -> None:
    """Each of them, with either sign, and written with y + p where that has room."""
    prime = edwards(name)[0]
    points = small_order_points(name)
    assert len(points) == count
    oid = {"ed25519": oids.ID_ED25519, "ed448": oids.ID_ED448}[name]
    bits = 255 if name == "ed25519" else 455
    for _, y in points:
        for written in (y, y + prime):
            for sign in (0, 1):
                if written < 1 << bits:
                    octets = (written | sign << 8 * size - 1).to_bytes(size, "little")
                    info = SubjectPublicKeyInfo(
                        algorithm=cmpcodec.AlgorithmIdentifier(algorithm=oid), subject_public_key=BitString(octets)
                    )
                    with pytest.raises(UnsupportedAlgorithm):
                        load_public_key(info)
    for _ in range(20):
        load_public_key(SubjectPublicKeyInfo.decode(spki(name)))


def spki(name: str) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.__wrapped__(name).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


# --- what OpenSSL signed ---


def signed_vectors() -> list[str]:
    manifest = json.loads((VECTORS / "manifest.json").read_text())
    rows = manifest["vectors"] if isinstance(manifest, dict) and "vectors" in manifest else manifest
    names = rows if isinstance(rows, dict) else {row["file"]: row for row in rows}
    return [name for name, row in names.items() if row.get("protection") in ("rsa", "ecdsa") and "built" not in name]


@pytest.mark.parametrize("name", signed_vectors())
def test_what_openssl_signed(name: str) -> None:
    """Both ends of its sessions; the sender's certificate is in extraCerts or known before."""
    certificates = {path.stem: Certificate(path.read_bytes()) for path in (VECTORS / "pki").glob("*.cer")}
    trusted = TrustedSigners(
        [certificates["root-ec"], certificates["root-rsa"]],
        untrusted=[certificates[name] for name in ("dev-ec", "dev-rsa", "srv-ec", "srv-rsa")],
    )
    message = cmpcodec.decode((VECTORS / name).read_bytes())
    time = message.header.message_time
    signer = verify(message, trusted, time=time)
    assert signer.certificate.der == message.extra_certs[0].der
    with pytest.raises(InvalidProtection):
        verify(message.replace(header=message.header.replace(sender_nonce=bytes(16))), trusted, time=time)


def test_some_vectors_are_signed() -> None:
    assert len(signed_vectors()) >= 40


def test_ml_dsa_is_there() -> None:
    """It says so where this cryptography has none."""
    if not HAS_ML_DSA:
        pytest.skip("this cryptography has no ML-DSA")
    message = signed(owner("device", kind="ml-dsa-65", number=3))
    assert message.header.protection_alg.algorithm == oids.ID_ML_DSA_65
