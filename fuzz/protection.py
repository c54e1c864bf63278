#!/usr/bin/env -S python3 -P
"""Invariant: whatever algorithms, parameters and certificates a message carries, `verify` returns or raises a
ProtectionError within a bounded CPU time; and it believes only what somebody has protected who holds the secret or key.

Inputs are whole messages. Genuine are header and body of the vectors whose protection verifies, and of one message for
each other kind of protection; a mutant that is believed must have the header and body of one of those.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from unittest import mock

from fuzz import instrumented
from fuzz._guide import Guide
from fuzz._harness import ROOT, Check, Floors, Target, run, vectors

NANOSECONDS = 400_000_000
"""CPU time for one verification; 100 000 hashes, the most that the policy admits, take a tenth of that."""
SECRET = b"mySecret"
PKI = ROOT / "tests/vectors/pki"
TRANSACTION = b"transaction"


class MLKEM768PublicKey:
    """Encapsulates always the same secret: what is protected with it now can be verified by another process."""

    def encapsulate(self) -> tuple[bytes, bytes]:
        return bytes(32), bytes(1088)


class MLKEM768PrivateKey:
    def decapsulate(self, ciphertext: bytes) -> bytes:
        return bytes(32)


class Kind(NamedTuple):
    """A message, and who verifies it."""

    message: bytes
    verifier: Any


def kinds() -> dict[str, Kind]:
    """The kinds of protection that no vector has which verifies. The same octets in every process."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    import cmpcodec as cmp

    key = X25519PrivateKey.from_private_bytes(bytes(range(32)))
    kem = cmp.KemVerifier(MLKEM768PublicKey(), TRANSACTION)
    owner, root = signer()
    found: dict[str, tuple[Any, Any]] = {
        "PBMAC1": (cmp.PBMAC1(SECRET, iterations=100), None),
        "PBMAC1 gmac": (cmp.PBMAC1(SECRET, iterations=100, mac="aes256_gmac"), None),
        "DHBasedMac": (cmp.DHBasedMAC(key, key.public_key()), None),
        "DHBasedMac gmac": (cmp.DHBasedMAC(key, key.public_key(), mac="aes128_gmac"), None),
        "KemBasedMac": (cmp.KemProtector(MLKEM768PrivateKey(), kem.info, TRANSACTION), kem),
        "Ed25519": (owner, cmp.TrustedSigners([root])),
    }
    message = cmp.decode(vectors()["ir-pbm.1-ir.der"])
    bare = cmp.PKIMessage(
        header=message.header.replace(
            sender=cmp.GeneralName(directory_name=cmp.Name([])), protection_alg=None, sender_kid=None
        ),
        body=message.body,
    )
    with mock.patch("os.urandom", bytes):
        return {name: Kind(cmp.protect(bare, one).der, verifier or one) for name, (one, verifier) in found.items()}


def signer() -> tuple[Any, Any]:
    """An Ed25519 key with its certificate, as a protector; and the root above it."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    import cmpcodec as cmp
    from cmpcodec.pkix import Certificate

    since = newest()
    keys = [Ed25519PrivateKey.from_private_bytes(bytes((number,)) * 32) for number in (1, 2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("root", "device")]

    def certificate(number: int) -> Certificate:
        builder = (
            x509.CertificateBuilder(names[0], names[number], keys[number].public_key(), number + 1)
            .not_valid_before(since - timedelta(days=1))
            .not_valid_after(since + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=not number, path_length=None), critical=True)
        )
        return Certificate(builder.sign(keys[0], None).public_bytes(Encoding.DER))

    return cmp.Signature(keys[1], certificate(1)), certificate(0)


def newest() -> datetime:
    """A time at which all certificates of the vectors are valid."""
    from cmpcodec.pkix import Certificate

    files = [*PKI.glob("root-*.cer"), *PKI.glob("[ns]*.cer")]
    return max(Certificate(file.read_bytes()).load().not_valid_before_utc for file in files).astimezone(UTC)


def seeds() -> dict[str, bytes]:
    """The vectors that are protected by something that can be verified at all, and the other kinds."""
    manifest = json.loads((ROOT / "tests/vectors/manifest.json").read_text(encoding="utf-8"))
    fit = {one["file"] for one in manifest["vectors"] if one["protection"] in ("pbm", "rsa", "ecdsa")}
    found = {name: data for name, data in vectors().items() if name in fit}
    return found | {name: kind.message for name, kind in kinds().items()}


def prepare(guide: Guide) -> Check:
    instrumented.install()
    with guide.instrument():
        import cmpcodec as cmp
        from cmpcodec.pkix import Certificate

        others = kinds()  # imports what is for few
    manifest = json.loads((ROOT / "tests/vectors/manifest.json").read_text(encoding="utf-8"))
    secrets = {one["file"]: one["secret"].encode() for one in manifest["vectors"] if "secret" in one}
    policy = cmp.ProtectionPolicy()
    policy = policy._replace(owfs=policy.owfs | {"sha1"})
    anchors = [Certificate(file.read_bytes()) for file in sorted(PKI.glob("root-*.cer"))]
    untrusted = [Certificate(file.read_bytes()) for file in sorted(PKI.glob("[ns]*.cer"))]
    signers = cmp.TrustedSigners(anchors, untrusted=untrusted)
    now = newest()
    verifiers: list[Any] = [cmp.PasswordBasedMAC(SECRET), signers, *(kind.verifier for kind in others.values())]
    genuine: set[bytes] = set()

    def verdict(message: Any, verifier: Any) -> bool:
        """Whether the verifier believes the message."""
        for _ in range(3):
            began = time.thread_time_ns()
            try:
                cmp.verify(message, verifier, policy, time=now)
                result = True
            except cmp.ProtectionError as error:
                assert str(error)
                assert SECRET.decode() not in str(error)
                guide.count((type(verifier).__name__, type(error).__name__, str(error)[:60]))
                result = False
            took = time.thread_time_ns() - began
            if took < NANOSECONDS:
                return result
        raise AssertionError(f"verifying took {took // 1_000_000} ms")

    for name, data in seeds().items():
        message = cmp.decode(data)
        own = others[name].verifier if name in others else signers
        verifier = cmp.PasswordBasedMAC(secrets[name]) if name in secrets else own
        if verdict(message, verifier):
            genuine.add(message.header.der + message.body.der)
        else:
            assert name not in others, f"{name} does not verify"
    assert len(genuine) > 150, f"only {len(genuine)} of the seeds verify"

    def check(data: bytes) -> bool:
        try:
            message = cmp.decode(data)
        except cmp.DecodeError:
            return False
        for verifier in verifiers:
            if verdict(message, verifier):
                assert message.header.der + message.body.der in genuine, "a forgery is believed"
                guide.count(("believed by", type(verifier).__name__))
        return True

    return check


TARGET = Target("protection", prepare, Floors(per_second=20, coverage=700, modules=15), seeds=seeds)

if __name__ == "__main__":
    sys.exit(run(TARGET))
