#!/usr/bin/env -S python3 -P
"""Invariant: whatever algorithms, parameters and certificates a message carries, `verify` returns or raises a
ProtectionError within a bounded CPU time; and it believes only what somebody has protected who holds the secret or key.

Inputs are whole messages. Genuine are header and body of the vectors whose protection verifies; a mutant that is
believed must have the header and body of one of those.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

from fuzz import instrumented
from fuzz._guide import Guide
from fuzz._harness import ROOT, Check, Floors, Target, run, vectors

NANOSECONDS = 400_000_000
"""CPU time for one verification; 100 000 hashes, the most that the policy admits, take a tenth of that."""
SECRET = "mySecret"
PKI = ROOT / "tests/vectors/pki"


def seeds() -> dict[str, bytes]:
    """The vectors that are protected by something that can be verified at all."""
    manifest = json.loads((ROOT / "tests/vectors/manifest.json").read_text(encoding="utf-8"))
    fit = {one["file"] for one in manifest["vectors"] if one["protection"] in ("pbm", "rsa", "ecdsa")}
    return {name: data for name, data in vectors().items() if name in fit}


def prepare(guide: Guide) -> Check:
    instrumented.install()
    with guide.instrument():
        import cmpcodec as cmp
        from cmpcodec.pkix import Certificate
        from cmpcodec.protection import TrustedSigners

    manifest = json.loads((ROOT / "tests/vectors/manifest.json").read_text(encoding="utf-8"))
    secrets = sorted({one["secret"] for one in manifest["vectors"] if "secret" in one})
    policy = cmp.ProtectionPolicy()
    policy = policy._replace(owfs=policy.owfs | {"sha1"})
    anchors = [Certificate(file.read_bytes()) for file in sorted(PKI.glob("root-*.cer"))]
    others = [Certificate(file.read_bytes()) for file in sorted(PKI.glob("[ns]*.cer"))]
    shared = cmp.PasswordBasedMAC(SECRET.encode())
    signers = TrustedSigners(anchors, untrusted=others)
    now = anchors[0].load().not_valid_before_utc.astimezone(UTC)
    now = max(now, *(one.load().not_valid_before_utc for one in others))
    verifiers: list[Any] = [shared, signers]
    by_secret = {secret: cmp.PasswordBasedMAC(secret.encode()) for secret in secrets}
    genuine: set[bytes] = set()

    def verdict(message: Any, verifier: Any, now: datetime) -> bool:
        """Whether the verifier believes the message."""
        for _ in range(3):
            began = time.thread_time_ns()
            try:
                cmp.verify(message, verifier, policy, time=now)
                result = True
            except cmp.ProtectionError as error:
                assert str(error)
                assert SECRET not in str(error)
                guide.count((type(error).__name__, str(error)[:60]))
                result = False
            took = time.thread_time_ns() - began
            if took < NANOSECONDS:
                return result
        raise AssertionError(f"verifying took {took // 1_000_000} ms")

    for name, data in seeds().items():
        secret = next((one.get("secret") for one in manifest["vectors"] if one["file"] == name), None)
        message = cmp.decode(data)
        if verdict(message, signers if secret is None else by_secret[secret], now):
            genuine.add(message.header.der + message.body.der)
    assert len(genuine) > 150, f"only {len(genuine)} vectors verify"

    def check(data: bytes) -> bool:
        try:
            message = cmp.decode(data)
        except cmp.DecodeError:
            return False
        for verifier in verifiers:
            if verdict(message, verifier, now):
                assert message.header.der + message.body.der in genuine, "a forgery is believed"
                guide.count("believed")
        return True

    return check


TARGET = Target("protection", prepare, Floors(per_second=20, coverage=500, modules=15), seeds=seeds)

if __name__ == "__main__":
    sys.exit(run(TARGET))
