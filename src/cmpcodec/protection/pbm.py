"""PasswordBasedMac: protection by a shared secret. RFC 9810, 5.1.3.1; RFC 4211, 4.4; algorithms of RFC 9481, 6.1.

The parameters of a peer are types and numbers that somebody unknown chose: all are held against the policy before
the first hash. The secret and keys made of it appear in no representation and no error.
"""

from __future__ import annotations

import hmac
import os
from collections import OrderedDict
from contextlib import suppress
from typing import Final

from .. import oids
from .._engine import pbm_key
from ..asn1 import BitString
from ..crmf import PBMParameter
from ..errors import InvalidProtection, UnsupportedAlgorithm, counted
from ..pkix import AlgorithmIdentifier
from .digests import COSTS, HASH_OIDS, HASHES, HMAC_OIDS, HMACS, lookup, named
from .mac import MacCredential
from .policy import MAX_SALT, ProtectionPolicy

OWFS: Final = HASHES
"""One-way functions by OID, as hashlib names them."""

MACS: Final = HMACS
"""The hash of each HMAC by OID."""

_OWF_OIDS: Final = HASH_OIDS
_MAC_OIDS: Final = HMAC_OIDS

_MAX_ITERATIONS: Final = 2**31 - 1

_Which = tuple[str, int, bytes]
"""What a key was derived with: one-way function, iterations, salt."""


class _Keys:
    """Derived keys, the least recently used forgotten first; a key that goes is overwritten.

    Threads may share it without a lock: a key leaves the table before it is overwritten, so what was copied while it
    was in the table, and is in it still, was copied whole.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._keys: OrderedDict[_Which, bytearray] = OrderedDict()

    def get(self, which: _Which) -> bytes | None:
        key = self._keys.get(which)
        if key is None:
            return None
        copy = bytes(key)
        with suppress(KeyError):
            self._keys.move_to_end(which)
            if self._keys[which] is key:
                return copy
        return None

    def put(self, which: _Which, key: bytes) -> None:
        if self._size:
            _wipe(self._keys.pop(which, None))
            self._keys[which] = bytearray(key)
            while len(self._keys) > self._size:
                self._drop_one()

    def clear(self) -> None:
        while self._keys:
            self._drop_one()

    def _drop_one(self) -> None:
        with suppress(KeyError):  # another thread was quicker
            _wipe(self._keys.popitem(last=False)[1])


def _wipe(key: bytearray | None) -> None:
    if key is not None:
        key[:] = bytes(len(key))


class PasswordBasedMAC(MacCredential):
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

    __slots__ = (
        "_algorithm",
        "_kept",
        "_keys",
        "_secret",
        "_sender_kid",
        "iterations",
        "mac",
        "owf",
        "per_salt",
        "salt_octets",
    )

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
        if not isinstance(secret, bytes | bytearray):
            raise TypeError(f"secret: expected bytes, not {type(secret).__name__}; encode text as UTF-8")
        if sender_kid is not None and type(sender_kid) is not bytes:
            raise TypeError(f"sender_kid: expected bytes or None, not {type(sender_kid).__name__}")
        for name, number in (
            ("iterations", iterations),
            ("salt_octets", salt_octets),
            ("messages_per_salt", messages_per_salt),
            ("cached_keys", cached_keys),
        ):
            if type(number) is not int:
                raise TypeError(f"{name}: expected int, not {type(number).__name__}")
        if owf not in _OWF_OIDS:
            raise ValueError(f"owf: {owf!r} is none of {', '.join(_OWF_OIDS)}")
        if mac not in _MAC_OIDS:
            raise ValueError(f"mac: {mac!r} is none of {', '.join(_MAC_OIDS)}")
        if not 100 <= iterations <= _MAX_ITERATIONS:
            raise ValueError("iterations: RFC 9810 demands 100 or more, and 2147483647 are the most")
        if not 8 <= salt_octets <= MAX_SALT:
            raise ValueError(f"salt_octets: expected 8 to {MAX_SALT}")
        if messages_per_salt < 1 or cached_keys < 0:
            raise ValueError("messages_per_salt has to be 1 or more, cached_keys 0 or more")
        self._secret = bytes(secret)
        self._sender_kid = sender_kid
        self.owf = owf
        self.mac = mac
        self.iterations = iterations
        self.salt_octets = salt_octets
        self.per_salt = messages_per_salt
        self._keys = _Keys(cached_keys)
        self._algorithm: AlgorithmIdentifier | None = None
        self._kept = 0

    @property
    def sender_kid(self) -> bytes | None:
        """The senderKID of protected messages, None to leave it as it is."""
        return self._sender_kid

    def algorithm(self) -> AlgorithmIdentifier:
        """The protectionAlg of a new message, with a fresh salt unless the last one still lasts."""
        algorithm = self._algorithm
        if algorithm is None or self._kept <= 0:
            parameter = PBMParameter(
                salt=os.urandom(self.salt_octets),
                owf=AlgorithmIdentifier(algorithm=_OWF_OIDS[self.owf]),
                iteration_count=self.iterations,
                mac=AlgorithmIdentifier(algorithm=_MAC_OIDS[self.mac]),
            )
            algorithm = AlgorithmIdentifier(algorithm=oids.ID_PASSWORD_BASED_MAC, parameters=parameter)
            self._algorithm = algorithm
            self._kept = self.per_salt
        self._kept -= 1
        return algorithm

    def compute(self, algorithm: AlgorithmIdentifier, octets: bytes) -> BitString:
        """The MAC of `octets` with the parameters that `algorithm` holds; UnsupportedAlgorithm if it holds none."""
        parameter = _parameter(algorithm)
        owf, mac = lookup(OWFS, parameter.owf, "owf"), lookup(MACS, parameter.mac, "mac")
        which = (owf, parameter.iteration_count, parameter.salt)
        key = self._keys.get(which)
        if key is None:
            key = pbm_key(self._secret, parameter.salt, owf, parameter.iteration_count)
            if self.per_salt > 1:
                self._keys.put(which, key)
        return BitString(hmac.digest(key, octets, mac))

    def check(
        self, algorithm: AlgorithmIdentifier, octets: bytes, protection: BitString, policy: ProtectionPolicy
    ) -> None:
        """Return if `protection` is the MAC of `octets`.

        Raises UnsupportedAlgorithm before any hash is computed if the algorithm is no id-PasswordBasedMac, if its
        parameters are not what they should be, or if `policy` refuses them; InvalidProtection if the MAC differs.
        """
        parameter, owf, mac = _admitted(algorithm, policy)
        which = (owf, parameter.iteration_count, parameter.salt)
        known = self._keys.get(which)
        key = known or pbm_key(self._secret, parameter.salt, owf, parameter.iteration_count)
        expected = hmac.digest(key, octets, mac)
        if not hmac.compare_digest(expected, protection.data) or protection.unused_bits:
            if known is not None:  # else the time would tell that a salt which somebody recorded is one of ours
                pbm_key(self._secret, parameter.salt, owf, parameter.iteration_count)
            raise InvalidProtection("the MAC does not fit: another secret, or a message that was altered")
        if known is None:
            self._keys.put(which, key)

    def forget(self) -> None:
        """Overwrite and drop all derived keys; the next message gets a fresh salt."""
        self._keys.clear()
        self._algorithm = None

    def __repr__(self) -> str:
        return (
            f"PasswordBasedMAC(<secret>, sender_kid={self._sender_kid!r}, owf={self.owf!r}, mac={self.mac!r}, "
            f"iterations={self.iterations})"
        )


def _parameter(algorithm: AlgorithmIdentifier) -> PBMParameter:
    if algorithm.algorithm != oids.ID_PASSWORD_BASED_MAC:
        raise UnsupportedAlgorithm(f"protected by {named(algorithm.algorithm)}, not by id-PasswordBasedMac")
    parameter = algorithm.parameters
    if not isinstance(parameter, PBMParameter):
        raise UnsupportedAlgorithm("the parameters of id-PasswordBasedMac are no PBMParameter")
    return parameter


def cost(algorithm: AlgorithmIdentifier | None, policy: ProtectionPolicy) -> int:
    """What it costs to find out that a protection does not fit, in hashes of SHA-256; 0 if that takes none."""
    if algorithm is None:
        return 0
    try:
        parameter, owf, _ = _admitted(algorithm, policy)
    except UnsupportedAlgorithm:
        return 0
    return parameter.iteration_count * COSTS[owf]


def _admitted(algorithm: AlgorithmIdentifier, policy: ProtectionPolicy) -> tuple[PBMParameter, str, str]:
    """The parameters of a PasswordBasedMac and its two hash functions, if the policy admits them."""
    parameter = _parameter(algorithm)
    owf, mac = lookup(OWFS, parameter.owf, "owf"), lookup(MACS, parameter.mac, "mac")
    _admit(parameter, owf, mac, policy)
    return parameter, owf, mac


def _admit(parameter: PBMParameter, owf: str, mac: str, policy: ProtectionPolicy) -> None:
    if owf not in policy.owfs:
        raise UnsupportedAlgorithm(f"owf {owf} is not admitted by the policy")
    if mac not in policy.macs:
        raise UnsupportedAlgorithm(f"mac HMAC-{mac} is not admitted by the policy")
    low, high = max(policy.min_iterations, 1), min(policy.max_iterations, _MAX_ITERATIONS) // COSTS[owf]
    if not low <= parameter.iteration_count <= high:
        raise UnsupportedAlgorithm(f"iterationCount is not between {low} and {high}, as the policy demands")
    if not policy.min_salt <= len(parameter.salt) <= min(policy.max_salt, MAX_SALT):
        raise UnsupportedAlgorithm(
            f"salt of {counted(len(parameter.salt), 'octet')} is not between {policy.min_salt} and "
            f"{min(policy.max_salt, MAX_SALT)}, as the policy demands"
        )
