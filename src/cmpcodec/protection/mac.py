"""MACs: what all credentials have in common that protect with one, and the algorithms. RFC 9481, 6.

It knows messages and algorithms; where the key comes from is the business of the credentials.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import NoReturn

from ..asn1 import BitString
from ..cmp import PKIHeader, PKIMessage
from ..errors import MissingProtection
from ..pkix import AlgorithmIdentifier, Certificate
from .policy import ProtectionPolicy


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
    def certificates(self) -> Sequence[Certificate]:
        """None: a MAC needs no certificate."""
        return ()

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
