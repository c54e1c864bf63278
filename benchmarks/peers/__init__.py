"""The uniform face of everything that is measured: our two engines and each peer.

A peer states what it can do by overriding methods; what it cannot do raises `Unsupported` with a sentence
that the report prints. Nothing here knows a particular peer, nor how time is taken.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

from benchmarks.der import object_identifier
from benchmarks.reading import Description

Loop = Callable[[int], object]
"""Does one operation as many times as it is told."""

PEERS = {
    "cython": "benchmarks.peers.ours",
    "python": "benchmarks.peers.ours",
    "openssl": "benchmarks.peers.openssl",
    "hazmat": "benchmarks.peers.hazmat",
    "asn1crypto": "benchmarks.peers.asn1crypto_peer",
    "asn1tools": "benchmarks.peers.asn1tools_peer",
    "fasder": "benchmarks.peers.fasder",
    "pyasn1": "benchmarks.peers.pyasn1_peer",
}
"""Name of each contestant -> module that holds it. The first two are ours."""


class Unsupported(Exception):
    """This peer cannot do this; the text says why."""


class Peer:
    """One contestant. `decode` and `encode` are its own objects' way; leaves are plain Python values."""

    name: str
    title: str
    note: str = ""

    def decode(self, data: bytes) -> Any:
        """Decode one PKIMessage."""
        raise Unsupported("does not decode PKIMessage")

    def decode_open(self, data: bytes) -> Any:
        """Decode one PKIMessage with its open types, as a reader of every field would ask for it."""
        return self.decode(data)

    def encode(self, message: Any) -> bytes:
        """Serialise a decoded message again."""
        raise Unsupported("does not serialise PKIMessage")

    def prepare(self, plain: dict[str, Any]) -> Any:
        """Turn the values that `benchmarks.plain` lists into what this interface starts from; not timed."""
        return plain

    def build(self, prepared: Any) -> bytes:
        """Build and serialise the ir from prepared values, in the quickest way that the interface offers."""
        raise Unsupported("no build from values")

    def construct(self, prepared: Any) -> bytes:
        """Build and serialise it by a call for each record; most interfaces know no other way."""
        return self.build(prepared)

    def describe(self, value: Any) -> Description:
        """Say how one of its values is read: see `benchmarks.reading`."""
        raise Unsupported("its values are not read from Python")

    def reading_namespace(self) -> dict[str, Any]:
        """Names that the spellings given by `describe` use."""
        return {}

    def normal(self, leaf: Any) -> Any:
        """Turn one leaf into the form in which all peers' leaves are compared."""
        return leaf

    def same(self, expected: Any, leaf: Any) -> bool:
        """Whether its normal leaf says the same as the expected one; an open value may have stayed DER."""
        return bool(expected == leaf) or leaf in undecoded(expected)

    def decode_loop(self, data: bytes) -> Loop:
        """The decode of one message, repeated; the clock runs around it."""
        decode = self.decode

        def loop(number: int) -> None:
            for _ in range(number):
                decode(data)

        return loop


def undecoded(value: Any) -> list[bytes]:
    """The DER of a value that some peers leave undecoded: the named curve among the parameters of a key."""
    is_oid = isinstance(value, str) and value.replace(".", "").isdigit()
    return [object_identifier(value)] if is_oid else []


def load(name: str) -> Peer:
    """Give the contestant of that name, or raise `Unsupported` if this machine lacks what it needs."""
    try:
        module = importlib.import_module(PEERS[name])
        peer: Peer = module.make(name)
    except ImportError as error:
        raise Unsupported(f"not installed: {error}") from error
    return peer


def chosen() -> list[str]:
    """Names of the contestants to run: all, or those in CMPCODEC_BENCH_PEERS (separated by commas)."""
    wanted = os.environ.get("CMPCODEC_BENCH_PEERS")
    return [name for name in PEERS if wanted is None or name in wanted.split(",")]
