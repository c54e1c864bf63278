"""How the server treats the requests of one kind of clients: its CA, what is allowed and how it answers.

A profile is immutable data and two things to call: an `Authority`, and a lookup of the party that a message names.
It decides nothing itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ..asn1 import Limits
from ..cmp import PKIStatus
from ..protection import ProtectionPolicy
from .parties import Lookup
from .ports import Authority

BODIES: Final = frozenset(("ir", "cr", "kur", "p10cr", "rr", "cert_conf", "poll_req", "error"))
"""The kinds of body that this server serves, as PKIBody names them."""

_DEFAULT_POLICY: Final = ProtectionPolicy()
_DEFAULT_LIMITS: Final = Limits()
_LONGEST: Final = timedelta(days=3650)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How one kind of clients is served.

    Certificates and transactions belong to a requester within a profile: the same secret in two profiles makes two
    requesters. Raises ValueError if a duration is negative or beyond ten years, `remember` is less than twice
    `message_time_window`, `max_requests` is not within 1 to 32, `max_unconfirmed` is less than 1, or `bodies` names
    what is not served.
    """

    name: str
    authority: Authority
    lookup: Lookup
    bodies: frozenset[str] = BODIES
    """The kinds of body that are served; any other is refused."""
    policy: ProtectionPolicy = _DEFAULT_POLICY
    limits: Limits = _DEFAULT_LIMITS
    strict: bool = False
    """Whether messages have to follow RFC 9483 to the letter: sender, senderKID, one request a message, certReqId 0.
    OpenSSL's client does not by default: it names neither sender nor senderKID."""
    message_time_window: timedelta | None = timedelta(minutes=5)
    """How far messageTime may be off; None does not look at it."""
    message_time_required: bool = True
    """Whether messages without messageTime are refused. Without it, a message that was recorded could be sent again
    after `remember`: a new certificate for the same key, or an old revocation or its end."""
    max_requests: int = 8
    """Most CertReqMsgs, RevDetails, CertStatus or PollReqs in one message."""
    revocation_status: PKIStatus = PKIStatus.ACCEPTED
    """What a granted rr is answered with; some servers say REVOCATION_NOTIFICATION."""
    ca_pubs: bool = True
    """Whether ip, cp and kup carry the CA's chain in caPubs; in a strict profile only ip does (RFC 9483, 4.1.2)."""
    extra_certs: bool = False
    """Whether they carry it in extraCerts."""
    implicit_confirm: bool = True
    """Whether implicitConfirm is granted to those who ask for it."""
    confirm_wait: timedelta = timedelta(minutes=5)
    """How long a certificate may stay unconfirmed."""
    max_unconfirmed: int | None = 1000
    """Most certificates of one requester that may be unconfirmed at a time: each may end in the CRL. Requests at the
    same moment may go beyond it together. None: no such limit. Devices that share a secret are one requester."""
    confirm_wait_info: bool = True
    """Whether the answer tells this time as confirmWaitTime in generalInfo (RFC 9810, 5.1.1.2)."""
    revoke_replaced: bool = False
    """Whether a kur's old certificate is revoked (superseded) when the new one is confirmed."""
    unprotected_errors: bool = False
    """Whether answers to PasswordBasedMac that could not be authenticated go out unprotected, so that anybody can read
    why; else they are protected in kind by a secret that nobody knows, and the requester sees a wrong MAC. They are
    never protected by the secret that the message names: a stranger could try passwords on such an answer."""
    remember: timedelta = timedelta(hours=1)
    """How long a finished transaction answers the same messages with the same answers."""
    poll_within: timedelta = timedelta(days=7)
    """How long a delayed request is kept after the last time that it was asked for."""
    crl_renew_before: timedelta = timedelta(minutes=10)
    """How long before its nextUpdate a CRL is made anew; keep it well below the lifetime of the CRLs."""

    def __post_init__(self) -> None:
        for name in ("message_time_window", "confirm_wait", "remember", "poll_within", "crl_renew_before"):
            value = getattr(self, name)
            if value is not None and not timedelta(0) <= value <= _LONGEST:
                raise ValueError(f"{name}: expected between 0 and 10 years, not {value}")
        if self.message_time_window is not None and self.remember < 2 * self.message_time_window:
            raise ValueError(
                "remember: expected at least twice message_time_window, else old messages could be replayed"
            )
        if not 1 <= self.max_requests <= 32:
            raise ValueError(f"max_requests: expected 1 to 32, not {self.max_requests}")
        if self.max_unconfirmed is not None and self.max_unconfirmed < 1:
            raise ValueError(f"max_unconfirmed: expected at least 1, or None, not {self.max_unconfirmed}")
        if not self.bodies <= BODIES:
            raise ValueError(f"bodies: {', '.join(sorted(self.bodies - BODIES))} cannot be served")
