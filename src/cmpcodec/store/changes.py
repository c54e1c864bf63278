"""What a Change means, in Python: the rules that every store shares. It knows no database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from ..server.ports import CertificateStatus, Change, IssuedCertificate, StatusMove

GONE: Final = frozenset((CertificateStatus.HELD, CertificateStatus.REVOKED))
"""Statuses with an entry in the CRL."""


def check(change: Change) -> None:
    """Raise ValueError for a change that no server should ever ask for: whatever the store holds, it makes no sense."""
    transaction = change.transaction
    if transaction is not None and transaction.version < 1:
        raise ValueError(f"a transaction's version begins with 1, not {transaction.version}")
    if (change.answer is None) != (change.request_digest is None):
        raise ValueError("an answer is kept under the digest of its request: both or neither")
    if change.answer is not None and transaction is None:
        raise ValueError("an answer is kept with its transaction, and there is none")
    for certificate in change.issued:
        if certificate.status not in (CertificateStatus.UNCONFIRMED, CertificateStatus.VALID):
            raise ValueError(f"a new certificate is UNCONFIRMED or VALID, not {certificate.status.name}")
        gone = certificate.revoked_at, certificate.reason, certificate.invalidity_date
        if gone != (None, None, None):
            raise ValueError("a new certificate was not revoked yet")
    for move in change.moves:
        if not move.since or CertificateStatus.REVOKED in move.since:
            raise ValueError("a move begins in some status, and REVOKED is never left")
        if move.to is CertificateStatus.UNCONFIRMED:
            raise ValueError("no certificate becomes UNCONFIRMED later")


def over(certificate: IssuedCertificate, settled: datetime) -> bool:
    """Whether a certificate was revoked, and had expired, before that time."""
    times = certificate.not_after, certificate.revoked_at
    return all(one is not None and one < settled for one in times)


def moved(certificate: IssuedCertificate, move: StatusMove) -> IssuedCertificate:
    """The certificate after a move.

    One that was HELD and is now REVOKED counts as revoked since it was held (X.509, 8.5.2.2).
    """
    if move.to in GONE:
        return replace(
            certificate,
            status=move.to,
            confirm_before=None,
            revoked_at=certificate.revoked_at or move.at,
            reason=move.reason,
            invalidity_date=move.invalidity_date,
        )
    return replace(certificate, status=move.to, confirm_before=None, revoked_at=None, reason=None, invalidity_date=None)
