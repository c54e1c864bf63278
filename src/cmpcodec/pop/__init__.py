"""Proof of possession: whoever asks for a certificate has the private key. RFC 9810, 5.2.8; RFC 4211, 4.

It knows requests, keys and signatures; not who asks, whom one trusts, or in which transaction.
"""

from __future__ import annotations

from .signing import prove, verify_pkcs10, verify_request

__all__ = ["prove", "verify_pkcs10", "verify_request"]
