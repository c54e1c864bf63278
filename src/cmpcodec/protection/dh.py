"""DHBasedMac: a MAC whose key comes of two Diffie-Hellman keys. RFC 9810, 5.1.3.2.

`cryptography` computes the exchange; on curves only, as it gives up finite fields. Whose the peer's public key is has
to be known before: this file trusts nobody.
"""

from __future__ import annotations

import hashlib
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, x448, x25519

from .. import oids
from ..asn1 import BitString
from ..cmp import DHBMParameter
from ..errors import UnsupportedAlgorithm
from ..pkix import AlgorithmIdentifier
from .digests import HASH_OIDS, HASHES, lookup, named
from .mac import MACS, Mac, MacCredential, admit_mac, expect, fresh_mac, read_mac
from .policy import ProtectionPolicy

AgreementKey: TypeAlias = ec.EllipticCurvePrivateKey | x25519.X25519PrivateKey | x448.X448PrivateKey
AgreementPublicKey: TypeAlias = ec.EllipticCurvePublicKey | x25519.X25519PublicKey | x448.X448PublicKey


class DHBasedMAC(MacCredential):
    """Our private key and the peer's public key, both of one curve, and how messages are protected with them.

    New messages are protected with the hash function `owf` over the agreed secret and with `mac`: an HMAC by its hash
    ("sha256"), or "aes128_gmac" and the like. Verifying takes what the policy admits. The secret of two static keys is
    always the same; it is computed once. `sender_kid` goes into the header of protected messages.

    Raises ValueError if the keys do not go together, TypeError for keys of other kinds.
    """

    __slots__ = ("_secret", "_sender_kid", "mac", "owf")

    def __init__(
        self,
        key: AgreementKey,
        peer: AgreementPublicKey,
        *,
        sender_kid: bytes | None = None,
        owf: str = "sha256",
        mac: str = "sha256",
    ) -> None:
        if owf not in HASH_OIDS:
            raise ValueError(f"owf: {owf!r} is none of {', '.join(HASH_OIDS)}")
        if mac not in MACS:
            raise ValueError(f"mac: {mac!r} is none of {', '.join(MACS)}")
        self._secret = _agree(key, peer)
        self._sender_kid = sender_kid
        self.owf = owf
        self.mac = mac

    @property
    def sender_kid(self) -> bytes | None:
        """The senderKID of protected messages, None to leave it as it is."""
        return self._sender_kid

    def algorithm(self) -> AlgorithmIdentifier:
        """The protectionAlg of a new message."""
        parameter = DHBMParameter(owf=AlgorithmIdentifier(algorithm=HASH_OIDS[self.owf]), mac=fresh_mac(self.mac))
        return AlgorithmIdentifier(algorithm=oids.ID_DH_BASED_MAC, parameters=parameter)

    def compute(self, algorithm: AlgorithmIdentifier, octets: bytes) -> BitString:
        """The MAC of `octets` with the parameters that `algorithm` holds; UnsupportedAlgorithm if it holds none."""
        owf, mac = _read(algorithm)
        return BitString(mac.compute(self._key(owf, mac), octets))

    def check(
        self, algorithm: AlgorithmIdentifier, octets: bytes, protection: BitString, policy: ProtectionPolicy
    ) -> None:
        """Return if `protection` is the MAC of `octets`; else UnsupportedAlgorithm or InvalidProtection."""
        owf, mac = _read(algorithm)
        if owf not in policy.owfs:
            raise UnsupportedAlgorithm(f"owf {owf} is not admitted by the policy")
        admit_mac(mac, policy)
        expect(mac.compute(self._key(owf, mac), octets), protection)

    def _key(self, owf: str, mac: Mac) -> bytes:
        """BASEKEY for an HMAC, which takes all of it; cut or lengthened for AES, as RFC 9810, 5.1.3.2 says."""
        key = base = hashlib.new(owf, self._secret).digest()
        if mac.is_hmac:
            return key
        number = 0
        while len(key) < mac.key_octets:
            number += 1
            key += hashlib.new(owf, str(number).encode() + base).digest()
        return key[: mac.key_octets]

    def __repr__(self) -> str:
        return f"DHBasedMAC(<key>, sender_kid={self.sender_kid!r}, owf={self.owf!r}, mac={self.mac!r})"


def _read(algorithm: AlgorithmIdentifier) -> tuple[str, Mac]:
    if algorithm.algorithm != oids.ID_DH_BASED_MAC:
        raise UnsupportedAlgorithm(f"protected by {named(algorithm.algorithm)}, not by id-DHBasedMac")
    parameter = algorithm.parameters
    if not isinstance(parameter, DHBMParameter):
        raise UnsupportedAlgorithm("the parameters of id-DHBasedMac are no DHBMParameter")
    return lookup(HASHES, parameter.owf, "owf"), read_mac(parameter.mac)


def _agree(key: AgreementKey, peer: AgreementPublicKey) -> bytes:
    """The agreed secret: the x-coordinate, as long as the field wants it."""
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(peer, ec.EllipticCurvePublicKey):
        return key.exchange(ec.ECDH(), peer)
    if isinstance(key, x25519.X25519PrivateKey) and isinstance(peer, x25519.X25519PublicKey):
        return key.exchange(peer)
    if isinstance(key, x448.X448PrivateKey) and isinstance(peer, x448.X448PublicKey):
        return key.exchange(peer)
    raise TypeError(f"expected two EC, X25519 or X448 keys, not {type(key).__name__} and {type(peer).__name__}")
