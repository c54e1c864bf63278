"""MACs: what all credentials have in common that protect with one, and the algorithms. RFC 9481, 6.2; RFC 9044.

It knows messages and algorithms; where the key comes from is the business of the credentials.
"""

from __future__ import annotations

import hmac
import os
from abc import ABC, abstractmethod
from datetime import datetime
from typing import Final, NamedTuple, NoReturn

from .. import oids
from ..asn1 import BitString, Null
from ..cmp import ExtraCerts, PKIHeader, PKIMessage
from ..cms import GMACParameters
from ..errors import InvalidProtection, MissingProtection, UnsupportedAlgorithm
from ..pkix import AlgorithmIdentifier
from .digests import HMAC_OIDS, HMACS, SIZES, lookup, named
from .policy import ProtectionPolicy

GMACS: Final = {
    oids.ID_AES128_GMAC: ("aes128_gmac", 16),
    oids.ID_AES192_GMAC: ("aes192_gmac", 24),
    oids.ID_AES256_GMAC: ("aes256_gmac", 32),
}
"""AES-GMAC by OID: how policies call it, and the octets of its key."""

MACS: Final = (*HMAC_OIDS, *(name for name, _ in GMACS.values()))
"""The MACs that are computed here, as policies call them: an HMAC by its hash."""

MAX_KEY_OCTETS: Final = 1024
"""No longer key is derived for an HMAC."""

_GMAC_OIDS: Final = {name: oid for oid, (name, _) in GMACS.items()}
_GMAC_NONCE: Final = 12
_GMAC_OCTETS: Final = 16
_KMACS: Final = (oids.ID_KMAC_WITH_SHAKE128, oids.ID_KMAC_WITH_SHAKE256)


class Mac(NamedTuple):
    """A MAC that an AlgorithmIdentifier comes to."""

    name: str
    """How policies call it: an HMAC by the hashlib name of its hash, else "aes128_gmac" and the like."""
    key_octets: int
    """How long the key of AES-GMAC has to be; the key of an HMAC should not be shorter."""
    nonce: bytes = b""
    """Of AES-GMAC; empty for an HMAC."""
    octets: int = 0
    """How long the MAC of AES-GMAC is."""

    @property
    def is_hmac(self) -> bool:
        """Whether it takes keys of any length."""
        return not self.nonce

    def compute(self, key: bytes, octets: bytes) -> bytes:
        """The MAC of `octets`."""
        if self.is_hmac:
            return hmac.digest(key, octets, self.name)
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # what few need, nobody waits for

        return AESGCM(key).encrypt(self.nonce, b"", octets)[: self.octets]


def read_mac(algorithm: AlgorithmIdentifier) -> Mac:
    """The MAC of an AlgorithmIdentifier; UnsupportedAlgorithm if it is unknown or its parameters are wrong."""
    oid, parameters = algorithm.algorithm, algorithm.parameters
    if oid in _KMACS:
        raise UnsupportedAlgorithm(f"mac {named(oid)} is not supported: neither hashlib nor cryptography computes it")
    if oid not in GMACS:
        name = lookup(HMACS, algorithm, "mac")
        return Mac(name, SIZES[name])
    if not isinstance(parameters, GMACParameters):
        raise UnsupportedAlgorithm(f"the parameters of {named(oid)} are no GMACParameters")
    if len(parameters.nonce) != _GMAC_NONCE or not 12 <= parameters.length <= _GMAC_OCTETS:
        raise UnsupportedAlgorithm(f"nonce or length of {named(oid)}: expected 12 octets, and 12 to 16")
    return Mac(*GMACS[oid], parameters.nonce, parameters.length)


def admit_mac(mac: Mac, policy: ProtectionPolicy) -> None:
    """Return if the policy admits that MAC; else UnsupportedAlgorithm."""
    if mac.name not in policy.macs:
        raise UnsupportedAlgorithm(f"mac {'HMAC-' if mac.is_hmac else ''}{mac.name} is not admitted by the policy")


def admit_key_octets(mac: Mac, octets: int, what: str) -> None:
    """Return if a derived key of that length fits the MAC; else UnsupportedAlgorithm, which calls it `what`."""
    if octets < mac.key_octets or (octets > mac.key_octets and not mac.is_hmac) or octets > MAX_KEY_OCTETS:
        most = MAX_KEY_OCTETS if mac.is_hmac else mac.key_octets
        raise UnsupportedAlgorithm(f"{what} is not between {mac.key_octets} and {most} octets, as {mac.name} demands")


def fresh_mac(name: str) -> AlgorithmIdentifier:
    """The AlgorithmIdentifier of one of `MACS`; AES-GMAC with a random nonce, for one message only."""
    if name in _GMAC_OIDS:
        parameters = GMACParameters(nonce=os.urandom(_GMAC_NONCE), length=_GMAC_OCTETS)
        return AlgorithmIdentifier(algorithm=_GMAC_OIDS[name], parameters=parameters)
    return hmac_algorithm(name)


def hmac_algorithm(digest: str) -> AlgorithmIdentifier:
    """The AlgorithmIdentifier of an HMAC: NULL for SHA-2 (RFC 8018, B.1.2), no parameters for SHA-3 (RFC 9688)."""
    return AlgorithmIdentifier(algorithm=HMAC_OIDS[digest], parameters=None if digest.startswith("sha3") else Null())


def expect(expected: bytes, protection: BitString) -> None:
    """Return if `protection` is the MAC that was expected, compared in constant time; else InvalidProtection."""
    if not hmac.compare_digest(expected, protection.data) or protection.unused_bits:
        raise InvalidProtection("the MAC does not fit: another secret, or a message that was altered")


class MacCredential(ABC):
    """A credential whose protection is a MAC: what `protect` and `verify` need, made of three methods.

    `algorithm`, `compute` and `check` know octets only: they serve wherever a MAC is, in proofs of possession too.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def sender_kid(self) -> bytes | None:
        """The senderKID of protected messages, None to leave it as it is."""

    @abstractmethod
    def algorithm(self) -> AlgorithmIdentifier:
        """The algorithm of one new MAC, with fresh parameters."""

    @abstractmethod
    def compute(self, algorithm: AlgorithmIdentifier, octets: bytes) -> BitString:
        """The MAC of `octets`; UnsupportedAlgorithm if the algorithm is not this credential's."""

    @abstractmethod
    def check(
        self, algorithm: AlgorithmIdentifier, octets: bytes, protection: BitString, policy: ProtectionPolicy
    ) -> None:
        """Return if `protection` is the MAC of `octets`.

        Raises UnsupportedAlgorithm before anything is computed if the algorithm is another one, if its parameters are
        not what they should be, or if `policy` refuses them; InvalidProtection if the MAC differs.
        """

    @property
    def certificates(self) -> ExtraCerts | None:
        """None: a MAC needs no certificate."""
        return None

    def prepare(self, header: PKIHeader) -> PKIHeader:
        """The header with the algorithm of a new MAC and, if there is one, the senderKID."""
        algorithm, kid = self.algorithm(), self.sender_kid
        if kid is None:
            return header.replace(protection_alg=algorithm)
        return header.replace(protection_alg=algorithm, sender_kid=kid)

    def authenticate(self, message: PKIMessage, octets: bytes, policy: ProtectionPolicy, time: datetime | None) -> None:
        """Return if the protection of `message` is the MAC of `octets`; else raise what `check` does."""
        algorithm, protection = message.header.protection_alg, message.protection
        if algorithm is None or protection is None:
            raise MissingProtection("the message carries no protection")
        self.check(algorithm, octets, protection, policy)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} holds a secret and cannot be pickled")
