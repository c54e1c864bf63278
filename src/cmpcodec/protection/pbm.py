"""PasswordBasedMac: protection by a shared secret. RFC 9810, 5.1.3.1; RFC 4211, 4.4; RFC 9481, 6.1.1.

The parameters of a peer are types and numbers that somebody unknown chose: all are held against the policy before
the first hash.
"""

from __future__ import annotations

import os
from typing import Final

from .. import oids
from .._engine import pbm_key
from ..crmf import PBMParameter
from ..errors import UnsupportedAlgorithm
from ..pkix import AlgorithmIdentifier
from .digests import COSTS, HASH_OIDS, HASHES, HMAC_OIDS, HMACS, SIZES, lookup, named
from .mac import Mac, admit_mac
from .passwords import Derivation, SharedSecret, Use, admit_cost
from .policy import ProtectionPolicy

OWFS: Final = HASHES
"""One-way functions by OID, as hashlib names them."""

MACS: Final = HMACS
"""The hash of each HMAC by OID."""


class PasswordBasedMAC(SharedSecret):
    """A shared secret, and how messages are protected with it.

    `secret` are the octets of the secret (encode text as UTF-8 yourself). New messages are protected with `owf` and
    the HMAC of `mac` (hashlib names such as "sha256"), `iterations` and a random salt of `salt_octets`; verifying
    takes whatever parameters the policy admits. `sender_kid` goes into the header of protected messages.

    Deriving a key costs `iterations` hashes. `messages_per_salt` above 1 keeps salt and key for that many protected
    messages; a server's answers become cheap that way. Keys of messages that were verified are kept too (only then:
    so no stranger fills the memory), since a retransmission uses its salt again; `cached_keys` bounds both, 0 keeps
    none. Keys are overwritten when they are forgotten; Python may hold copies that cannot be.

    Raises TypeError or ValueError for arguments that make no sense.
    """

    __slots__ = ("mac", "owf")

    def __init__(
        self,
        secret: bytes,
        *,
        sender_kid: bytes | None = None,
        owf: str = "sha256",
        mac: str = "sha256",
        iterations: int = 1000,
        salt_octets: int = 16,
        messages_per_salt: int = 1,
        cached_keys: int = 64,
    ) -> None:
        super().__init__(
            secret,
            sender_kid=sender_kid,
            iterations=iterations,
            salt_octets=salt_octets,
            messages_per_salt=messages_per_salt,
            cached_keys=cached_keys,
        )
        if owf not in HASH_OIDS:
            raise ValueError(f"owf: {owf!r} is none of {', '.join(HASH_OIDS)}")
        if mac not in HMAC_OIDS:
            raise ValueError(f"mac: {mac!r} is none of {', '.join(HMAC_OIDS)}")
        self.owf = owf
        self.mac = mac

    def _fresh(self) -> AlgorithmIdentifier:
        parameter = PBMParameter(
            salt=os.urandom(self.salt_octets),
            owf=AlgorithmIdentifier(algorithm=HASH_OIDS[self.owf]),
            iteration_count=self.iterations,
            mac=AlgorithmIdentifier(algorithm=HMAC_OIDS[self.mac]),
        )
        return AlgorithmIdentifier(algorithm=oids.ID_PASSWORD_BASED_MAC, parameters=parameter)

    def _read(self, algorithm: AlgorithmIdentifier) -> Use:
        if algorithm.algorithm != oids.ID_PASSWORD_BASED_MAC:
            raise UnsupportedAlgorithm(f"protected by {named(algorithm.algorithm)}, not by id-PasswordBasedMac")
        parameter = algorithm.parameters
        if not isinstance(parameter, PBMParameter):
            raise UnsupportedAlgorithm("the parameters of id-PasswordBasedMac are no PBMParameter")
        owf, mac = lookup(OWFS, parameter.owf, "owf"), lookup(MACS, parameter.mac, "mac")
        return Use((owf, parameter.iteration_count, parameter.salt, SIZES[owf]), Mac(mac, SIZES[mac]))

    def _admit(self, use: Use, policy: ProtectionPolicy) -> int:
        owf = use.derivation[0]
        if owf not in policy.owfs:
            raise UnsupportedAlgorithm(f"owf {owf} is not admitted by the policy")
        admit_mac(use.mac, policy)
        return admit_cost(use.derivation, COSTS[owf], policy)

    def _derive(self, derivation: Derivation) -> bytes:
        owf, iterations, salt, _ = derivation
        return pbm_key(self._secret, salt, owf, iterations)

    def __repr__(self) -> str:
        return (
            f"PasswordBasedMAC(<secret>, sender_kid={self.sender_kid!r}, owf={self.owf!r}, mac={self.mac!r}, "
            f"iterations={self.iterations})"
        )
