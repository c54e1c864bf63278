"""pyasn1-fasder: a decoder in Rust that makes pyasn1's objects. Knows it and the pyasn1 peer."""

from __future__ import annotations

from typing import Any

import pyasn1_fasder

from benchmarks.peers import Peer, Unsupported
from benchmarks.peers.pyasn1_peer import PyASN1


class Fasder(PyASN1):
    """Only its decoding is its own: it encodes and builds as pyasn1 does, and leaves open types undecoded."""

    name = "fasder"
    title = "pyasn1-fasder"

    def decode(self, data: bytes) -> Any:
        return pyasn1_fasder.decode_der(data, asn1Spec=self._spec)[0]

    def decode_open(self, data: bytes) -> Any:
        raise Unsupported("does not decode open types")

    def build(self, plain: dict[str, Any]) -> bytes:
        raise Unsupported("builds as pyasn1 does")


def make(name: str) -> Peer:
    """Give the peer."""
    return Fasder()
