"""PBMAC1: protection by a shared secret, its key derived by PBKDF2. RFC 8018, 7.1; RFC 9481, 6.1.2; RFC 9579.

What went wrong elsewhere is refused here before anything is derived: keys shorter than the hash, which make every
secret guessable, salts from other sources, and costs without bound, which the length of the key multiplies.
"""

from __future__ import annotations

import os
from hashlib import pbkdf2_hmac
from typing import Final

from .. import oids
from ..cms import PBKDF2_params, PBMAC1_params, Salt
from ..errors import UnsupportedAlgorithm
from ..pkix import AlgorithmIdentifier
from .digests import COSTS, HMACS, SIZES, lookup, named
from .mac import MACS, admit_key_octets, admit_mac, fresh_mac, hmac_algorithm, read_mac
from .passwords import Derivation, SharedSecret, Use, admit_cost
from .policy import ProtectionPolicy

PRFS: Final = tuple(name for name in SIZES if name != "sha1")
"""Hash functions of the HMAC inside PBKDF2 that a credential of our own may use."""


class PBMAC1(SharedSecret):
    """A shared secret, and how messages are protected with it, by PBMAC1.

    `secret` are the octets of the secret (encode text as UTF-8 yourself). New messages are protected with PBKDF2 over
    the HMAC of `prf`, `iterations` and a random salt of `salt_octets`, and with `mac`: an HMAC by its hash ("sha256"),
    or "aes128_gmac", "aes192_gmac", "aes256_gmac". The key is as long as the hash, or as AES wants it. Verifying takes
    whatever the policy admits; a keyLength that is absent means that length too.

    `sender_kid`, `messages_per_salt` and `cached_keys` are those of PasswordBasedMAC. Raises TypeError or ValueError
    for arguments that make no sense; AES-GMAC takes a fresh key for each message.
    """

    __slots__ = ("mac", "prf")

    def __init__(
        self,
        secret: bytes,
        *,
        sender_kid: bytes | None = None,
        prf: str = "sha256",
        mac: str = "sha256",
        iterations: int = 10_000,
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
        if prf not in PRFS:
            raise ValueError(f"prf: {prf!r} is none of {', '.join(PRFS)}")
        if mac not in MACS or mac == "sha1":
            raise ValueError(f"mac: {mac!r} is none of {', '.join(name for name in MACS if name != 'sha1')}")
        if mac.endswith("gmac") and messages_per_salt > 1:
            raise ValueError("messages_per_salt: AES-GMAC must not meet the same key and nonce twice")
        self.prf = prf
        self.mac = mac

    def _fresh(self) -> AlgorithmIdentifier:
        scheme = fresh_mac(self.mac)
        derivation = PBKDF2_params(
            salt=Salt(specified=os.urandom(self.salt_octets)),
            iteration_count=self.iterations,
            key_length=read_mac(scheme).key_octets,
            prf=hmac_algorithm(self.prf),
        )
        parameters = PBMAC1_params(
            key_derivation_func=AlgorithmIdentifier(algorithm=oids.ID_PBKDF2, parameters=derivation),
            message_auth_scheme=scheme,
        )
        return AlgorithmIdentifier(algorithm=oids.ID_PBMAC1, parameters=parameters)

    def _read(self, algorithm: AlgorithmIdentifier) -> Use:
        if algorithm.algorithm != oids.ID_PBMAC1:
            raise UnsupportedAlgorithm(f"protected by {named(algorithm.algorithm)}, not by id-PBMAC1")
        parameters = algorithm.parameters
        if not isinstance(parameters, PBMAC1_params):
            raise UnsupportedAlgorithm("the parameters of id-PBMAC1 are no PBMAC1-params")
        function = parameters.key_derivation_func
        if function.algorithm != oids.ID_PBKDF2:
            raise UnsupportedAlgorithm(f"keyDerivationFunc {named(function.algorithm)} is not id-PBKDF2")
        derivation = function.parameters
        if not isinstance(derivation, PBKDF2_params):
            raise UnsupportedAlgorithm("the parameters of id-PBKDF2 are no PBKDF2-params")
        salt = derivation.salt.specified
        if salt is None:
            raise UnsupportedAlgorithm("the salt of PBKDF2 is not specified but from another source")
        prf, mac = lookup(HMACS, derivation.prf, "prf"), read_mac(parameters.message_auth_scheme)
        octets = mac.key_octets if derivation.key_length is None else derivation.key_length
        return Use((prf, derivation.iteration_count, salt, octets), mac)

    def _admit(self, use: Use, policy: ProtectionPolicy) -> int:
        (prf, _, _, octets), mac = use
        if prf not in policy.prfs:
            raise UnsupportedAlgorithm(f"prf HMAC-{prf} is not admitted by the policy")
        admit_mac(mac, policy)
        admit_key_octets(mac, octets, "keyLength")
        blocks = -(-octets // SIZES[prf])
        return admit_cost(use.derivation, 2 * COSTS[prf] * blocks, policy)

    def _derive(self, derivation: Derivation) -> bytes:
        prf, iterations, salt, octets = derivation
        return pbkdf2_hmac(prf, self._secret, salt, iterations, octets)

    def __repr__(self) -> str:
        return (
            f"PBMAC1(<secret>, sender_kid={self.sender_kid!r}, prf={self.prf!r}, mac={self.mac!r}, "
            f"iterations={self.iterations})"
        )
