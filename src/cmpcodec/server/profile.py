"""How the server treats the requests of one kind of clients: its CA, its secrets, what is allowed and how it answers.

A profile is immutable data and two things to call: an `Authority`, and a lookup of the party that a message names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from ..asn1 import Limits
from ..cmp import PKIHeader, PKIStatus
from ..protection import Credential, PasswordBasedMAC, ProtectionPolicy
from .ports import Authority

BODIES = frozenset(("ir", "cr", "kur", "p10cr", "rr", "cert_conf", "poll_req", "error"))
"""The kinds of body that this server serves, as PKIBody names them."""


class Party(Protocol):
    """Someone whose messages can be verified, and to whom answers can be protected."""

    @property
    def identity(self) -> str:
        """A name that never changes and is nobody else's: certificates belong to it."""
        ...

    @property
    def credential(self) -> Credential:
        """Verifies what this party sends."""
        ...

    def answering(self, header: PKIHeader) -> Credential:
        """Protects the answer to a message with that (verified) header, in kind."""
        ...


Lookup = Callable[[PKIHeader], Party | None]
"""Who claims to have sent the message with this header? None: nobody that is known."""


class SharedSecretParty:
    """A party that shares a secret with us; answers mirror the hash functions of its PasswordBasedMac."""

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
        """The same secret with the request's owf and mac, and a salt that serves for many answers."""
        raise NotImplementedError


class SharedSecrets:
    """Looks parties up by senderKID; `default` serves those who name none (as OpenSSL's client without -ref)."""

    def __init__(self, secrets: Mapping[bytes, bytes], default: bytes | None = None) -> None:
        self._parties = {kid: SharedSecretParty(f"kid:{kid.hex()}", secret) for kid, secret in secrets.items()}
        self._default = None if default is None else SharedSecretParty("default", default)

    def __call__(self, header: PKIHeader) -> Party | None:
        """The party of that senderKID, None if there is none."""
        if not header.sender_kid:
            return self._default
        return self._parties.get(header.sender_kid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How one kind of clients is served. Durations must not be negative."""

    name: str
    authority: Authority
    lookup: Lookup
    bodies: frozenset[str] = BODIES
    """The kinds of body that are served; any other is refused."""
    policy: ProtectionPolicy = ProtectionPolicy()
    limits: Limits = Limits()
    strict: bool = False
    """Whether the header has to follow RFC 9483, section 3, to the letter. OpenSSL's client does not by default: it names
    neither sender nor senderKID."""
    message_time_window: timedelta | None = timedelta(minutes=5)
    """How far messageTime may be off; None does not look at it."""
    message_time_required: bool = False
    max_requests: int = 8
    """Most CertReqMsgs, RevDetails or CertStatus in one message."""
    revocation_status: PKIStatus = PKIStatus.ACCEPTED
    """What a granted rr is answered with; some servers say REVOCATION_NOTIFICATION."""
    ca_pubs: bool = True
    """Whether ip, cp and kup carry the CA's chain in caPubs."""
    extra_certs: bool = False
    """Whether they carry it in extraCerts."""
    implicit_confirm: bool = True
    """Whether implicitConfirm is granted to those who ask for it."""
    confirm_wait: timedelta = timedelta(minutes=5)
    """How long a certificate may stay unconfirmed."""
    revoke_replaced: bool = False
    """Whether a kur's old certificate is revoked (superseded) when the new one is confirmed."""
    unprotected_errors: bool = False
    """Whether errors go out unprotected where the sender could not be authenticated; else they are protected by the secret that
    the message names, or, if it names nobody, by one that nobody knows."""
    remember: timedelta = timedelta(hours=1)
    """How long a finished transaction answers the same messages with the same answers; at least twice the window."""
