"""pyasn1-fasder: a decoder in Rust that makes pyasn1's objects. Knows it and what it shares with the pyasn1 peer."""

from __future__ import annotations

from typing import Any

import pyasn1_fasder

from benchmarks.peers import Peer
from benchmarks.peers.pyasn1_peer import PyASN1


class Fasder(PyASN1):
    """Encodes and builds as pyasn1 does, so only its decoding differs."""

    name = "fasder"
    title = "pyasn1-fasder"

    def decode(self, data: bytes) -> Any:
        return pyasn1_fasder.decode_der(data, asn1Spec=self._spec)[0]


def make(name: str) -> Peer:
    """Give the peer."""
    return Fasder()
