"""An authority that takes its time: for tests of polling, and for a cooling-off period before certificates go out."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from ..pkix import Certificate, Name
from ..server.ports import Authority, Issue, IssuedCertificate, NotYet, Order


class Delayed:
    """Another authority, whose answers come `seconds` after the request arrived; until then it raises NotYet.

    `which` says what is delayed: "issue", "revoke" or both. `reason` is shown to the requester. Raises ValueError if
    `seconds` is negative or `which` names something else.
    """

    __slots__ = ("_authority", "_delay", "_reason", "_which")

    def __init__(
        self,
        authority: Authority,
        seconds: float,
        which: Collection[str] = ("issue", "revoke"),
        reason: str = "waiting for approval",
    ) -> None:
        if not 0 <= seconds <= 10**9:
            raise ValueError("seconds: expected 0 or more, at most a billion")
        if isinstance(which, str) or not {"issue", "revoke"}.issuperset(which):
            raise ValueError('which: expected a set of "issue" and "revoke"')
        self._authority = authority
        self._delay = timedelta(seconds=seconds)
        self._which = frozenset(which)
        self._reason = reason

    @property
    def chain(self) -> Sequence[Certificate]:
        """The chain of the authority behind."""
        return self._authority.chain

    @property
    def name(self) -> Name:
        """The name of the authority behind."""
        return self._authority.name

    def issue(self, order: Order, now: datetime) -> Issue:
        """Issue when the time has come; NotYet before."""
        self._wait("issue", order.asked_at, now)
        return self._authority.issue(order, now)

    def revoke(self, certificate: IssuedCertificate, reason: int | None, now: datetime, asked_at: datetime) -> None:
        """Consent when the time has come; NotYet before."""
        self._wait("revoke", asked_at, now)
        self._authority.revoke(certificate, reason, now, asked_at)

    def sign_crl(self, entries: Sequence[IssuedCertificate], number: int, now: datetime) -> tuple[bytes, datetime]:
        """The CRL of the authority behind, at once."""
        return self._authority.sign_crl(entries, number, now)

    def _wait(self, what: str, asked_at: datetime, now: datetime) -> None:
        remaining = asked_at + self._delay - now
        if what in self._which and remaining > timedelta():
            raise NotYet(math.ceil(remaining.total_seconds()), self._reason)

    def __repr__(self) -> str:
        return f"Delayed({self._authority!r}, {self._delay.total_seconds():g})"
