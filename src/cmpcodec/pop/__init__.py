"""Proof of possession: whoever asks for a certificate has the private key. RFC 9810, 5.2.8; RFC 4211, 4.

`signing`, `agreeing` and `enclosing` make and verify what a request carries, `verifying` takes any of them;
`certificates` and `challenges` are the proofs that follow. It knows requests and keys; not who asks, whom one trusts,
or in which transaction.
"""

from __future__ import annotations

from .agreeing import prove_by_agreement
from .certificates import decrypt_certificate, encrypt_certificate
from .challenges import challenge, check_response, respond
from .enclosing import prove_by_key
from .signing import prove, prove_identity, verify_pkcs10, verify_request
from .verifying import Possession, verify_proof

__all__ = [
    "Possession",
    "challenge",
    "check_response",
    "decrypt_certificate",
    "encrypt_certificate",
    "prove",
    "prove_by_agreement",
    "prove_by_key",
    "prove_identity",
    "respond",
    "verify_pkcs10",
    "verify_proof",
    "verify_request",
]
