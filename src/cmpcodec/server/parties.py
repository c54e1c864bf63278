"""Who sends the messages: parties, and how the party that a message names is found.

It knows headers and credentials; nothing of profiles, transactions and certificates. Secrets stay inside credentials.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from ..cmp import PKIHeader
from ..crmf import PBMParameter
from ..protection import Credential, PasswordBasedMAC
from ..protection.pbm import MACS, OWFS

_ANSWERS_PER_SALT: Final = 1000
_ITERATIONS: Final = 1000


class Party(Protocol):
    """Someone whose messages can be verified, and to whom answers can be protected."""

    @property
    def identity(self) -> str:
        """A name that never changes and, within a profile, is nobody else's: certificates belong to it."""
        ...

    @property
    def credential(self) -> Credential:
        """Verifies what this party sends."""
        ...

    def answering(self, header: PKIHeader) -> Credential:
        """Protects the answer to a message with that header, in kind; the header names what the policy admits."""
        ...


Lookup = Callable[[PKIHeader], Party | None]
"""Who claims to have sent the message with this header? None: nobody that is known."""


class SharedSecretParty:
    """A party that shares a secret with us; answers mirror the hash functions of its PasswordBasedMac.

    Answers use one salt for 1000 messages, so that their key is derived once: what a MAC costs, the request costs.
    """

    __slots__ = ("_answering", "_credential", "_identity", "_secret")

    def __init__(self, identity: str, secret: bytes) -> None:
        self._identity = identity
        self._secret = secret
        self._credential = PasswordBasedMAC(secret)
        self._answering: dict[tuple[str, str], PasswordBasedMAC] = {}

    @property
    def identity(self) -> str:
        """The name under which its transactions and certificates are kept."""
        return self._identity

    @property
    def credential(self) -> PasswordBasedMAC:
        """Verifies its messages."""
        return self._credential

    def answering(self, header: PKIHeader) -> PasswordBasedMAC:
        """The same secret with the request's owf and mac (SHA-256 where it names none that we have)."""
        owf, mac = "sha256", "sha256"
        algorithm = header.protection_alg
        if algorithm is not None and isinstance(parameter := algorithm.parameters, PBMParameter):
            owf = OWFS.get(parameter.owf.algorithm, owf)
            mac = MACS.get(parameter.mac.algorithm, mac)
        # As many entries as there are pairs of functions, at most: 9 times 9, and a policy admits fewer.
        credential = self._answering.get((owf, mac))
        if credential is None:
            credential = PasswordBasedMAC(
                self._secret,
                owf=owf,
                mac=mac,
                iterations=_ITERATIONS,
                messages_per_salt=_ANSWERS_PER_SALT,
                cached_keys=1,
            )
            self._answering[owf, mac] = credential
        return credential

    def __repr__(self) -> str:
        return f"SharedSecretParty({self._identity!r}, <secret>)"


class SharedSecrets:
    """Looks parties up by senderKID; `default` serves those who name none (as OpenSSL's client without -ref)."""

    __slots__ = ("_default", "_parties")

    def __init__(self, secrets: Mapping[bytes, bytes], default: bytes | None = None) -> None:
        self._parties = {kid: SharedSecretParty(f"kid:{kid.hex()}", secret) for kid, secret in secrets.items()}
        self._default = None if default is None else SharedSecretParty("default", default)

    def __call__(self, header: PKIHeader) -> Party | None:
        """The party of that senderKID, None if there is none."""
        if not header.sender_kid:
            return self._default
        return self._parties.get(header.sender_kid)
