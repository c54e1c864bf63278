"""Shared secrets: what PasswordBasedMac and PBMAC1 have in common. RFC 9481, 6.1.

Keys are derived from the secret and a salt at some cost, kept for a while, and overwritten when they are forgotten. The
secret and keys made of it appear in no representation and no error.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import OrderedDict
from contextlib import suppress
from typing import Final, NamedTuple, TypeAlias

from ..asn1 import BitString
from ..errors import InvalidProtection, UnsupportedAlgorithm, counted
from ..pkix import AlgorithmIdentifier
from .mac import Mac, MacCredential, expect
from .policy import MAX_SALT, ProtectionPolicy

MAX_ITERATIONS: Final = 2**31 - 1

Derivation: TypeAlias = tuple[str, int, bytes, int]
"""What a key is derived with: hash function, iterations, salt, octets of the key."""


class Use(NamedTuple):
    """What the parameters of a peer ask for."""

    derivation: Derivation
    mac: Mac


class _Keys:
    """Derived keys, the least recently used forgotten first; a key that goes is overwritten.

    Threads may share it without a lock: a key leaves the table before it is overwritten, so what was copied while it
    was in the table, and is in it still, was copied whole.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._keys: OrderedDict[Derivation, bytearray] = OrderedDict()

    def get(self, which: Derivation) -> bytes | None:
        key = self._keys.get(which)
        if key is None:
            return None
        copy = bytes(key)
        with suppress(KeyError):
            self._keys.move_to_end(which)
            if self._keys[which] is key:
                return copy
        return None

    def put(self, which: Derivation, key: bytes) -> None:
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


class SharedSecret(MacCredential):
    """A secret, the keys that were made of it, and how long a salt of our own lasts.

    `secret` are octets. `messages_per_salt` above 1 keeps salt and key for that many protected messages. Keys of
    messages that were verified are kept too (only then: so no stranger fills the memory), since a retransmission uses
    its salt again; `cached_keys` bounds both, 0 keeps none.

    Raises TypeError or ValueError for arguments that make no sense.
    """

    __slots__ = ("_kept", "_keys", "_own", "_secret", "_sender_kid", "iterations", "per_salt", "salt_octets")

    def __init__(
        self,
        secret: bytes,
        *,
        sender_kid: bytes | None,
        iterations: int,
        salt_octets: int,
        messages_per_salt: int,
        cached_keys: int,
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
        if not 100 <= iterations <= MAX_ITERATIONS:
            raise ValueError("iterations: RFC 9810 demands 100 or more, and 2147483647 are the most")
        if not 8 <= salt_octets <= MAX_SALT:
            raise ValueError(f"salt_octets: expected 8 to {MAX_SALT}")
        if messages_per_salt < 1 or cached_keys < 0:
            raise ValueError("messages_per_salt has to be 1 or more, cached_keys 0 or more")
        self._secret = bytes(secret)
        self._sender_kid = sender_kid
        self.iterations = iterations
        self.salt_octets = salt_octets
        self.per_salt = messages_per_salt
        self._keys = _Keys(cached_keys)
        self._own: tuple[AlgorithmIdentifier, Use] | None = None
        self._kept = 0

    @abstractmethod
    def _fresh(self) -> AlgorithmIdentifier:
        """The algorithm with a fresh salt."""

    @abstractmethod
    def _read(self, algorithm: AlgorithmIdentifier) -> Use:
        """What an algorithm asks for; UnsupportedAlgorithm if that is not known here."""

    @abstractmethod
    def _admit(self, use: Use, policy: ProtectionPolicy) -> int:
        """Return what deriving the key costs, if the policy admits that; else UnsupportedAlgorithm."""

    @abstractmethod
    def _derive(self, derivation: Derivation) -> bytes:
        """The key, made of the secret."""

    @property
    def sender_kid(self) -> bytes | None:
        """The senderKID of protected messages, None to leave it as it is."""
        return self._sender_kid

    def algorithm(self) -> AlgorithmIdentifier:
        """The protectionAlg of a new message, with a fresh salt unless the last one still lasts."""
        own = self._own
        if own is None or self._kept <= 0:
            algorithm = self._fresh()
            self._own = own = algorithm, self._read(algorithm)
            self._kept = self.per_salt
        self._kept -= 1
        return own[0]

    def compute(self, algorithm: AlgorithmIdentifier, octets: bytes) -> BitString:
        """The MAC of `octets` with the parameters that `algorithm` holds; UnsupportedAlgorithm if it holds none."""
        own = self._own
        derivation, mac = own[1] if own is not None and own[0] == algorithm else self._read(algorithm)
        key = self._keys.get(derivation)
        if key is None:
            key = self._derive(derivation)
            if self.per_salt > 1:
                self._keys.put(derivation, key)
        return BitString(mac.compute(key, octets))

    def check(
        self, algorithm: AlgorithmIdentifier, octets: bytes, protection: BitString, policy: ProtectionPolicy
    ) -> None:
        """Return if `protection` is the MAC of `octets`.

        Raises UnsupportedAlgorithm before any hash is computed if the algorithm is another one, if its parameters are
        not what they should be, or if `policy` refuses them; InvalidProtection if the MAC differs.
        """
        use = self._read(algorithm)
        self._admit(use, policy)
        known = self._keys.get(use.derivation)
        key = known or self._derive(use.derivation)
        try:
            expect(use.mac.compute(key, octets), protection)
        except InvalidProtection:
            if known is not None:  # else the time would tell that a salt which somebody recorded is one of ours
                self._derive(use.derivation)
            raise
        if known is None:
            self._keys.put(use.derivation, key)

    def cost(self, algorithm: AlgorithmIdentifier, policy: ProtectionPolicy) -> int:
        """What it costs to find out that a protection does not fit, in hashes of SHA-256.

        Raises UnsupportedAlgorithm if the algorithm is another one, or not admitted: then it costs nothing.
        """
        return self._admit(self._read(algorithm), policy)

    def forget(self) -> None:
        """Overwrite and drop all derived keys; the next message gets a fresh salt."""
        self._keys.clear()
        self._own = None


def admit_cost(derivation: Derivation, hashes: int, policy: ProtectionPolicy) -> int:
    """Return the cost if the policy admits iterations, each worth `hashes` of SHA-256, and salt.

    Raises UnsupportedAlgorithm if it does not.
    """
    _, iterations, salt, _ = derivation
    low, high = max(policy.min_iterations, 1), min(policy.max_iterations, MAX_ITERATIONS) // hashes
    if not low <= iterations <= high:
        raise UnsupportedAlgorithm(f"iterationCount is not between {low} and {high}, as the policy demands")
    longest = min(policy.max_salt, MAX_SALT)
    if not policy.min_salt <= len(salt) <= longest:
        raise UnsupportedAlgorithm(
            f"salt of {counted(len(salt), 'octet')} is not between {policy.min_salt} and {longest}, "
            "as the policy demands"
        )
    return iterations * hashes
