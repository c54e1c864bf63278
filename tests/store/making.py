"""Makes transactions, certificates and changes for the tests of stores. Knows the values of `ports`, no store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from cmpcodec.server.ports import (
    CertificateStatus,
    Change,
    IssuedCertificate,
    StatusMove,
    Transaction,
    TransactionKey,
    TransactionState,
)

NOW = datetime(2026, 11, 23, 12, 0, 0, 123457, tzinfo=UTC)
HOUR = timedelta(hours=1)
ISSUER = b"\x30\x0a the issuer"
OTHER = b"\x30\x0a another one"
ANY = frozenset((CertificateStatus.UNCONFIRMED, CertificateStatus.VALID, CertificateStatus.HELD))
WAITING, UNCONFIRMED, FINISHED = TransactionState


def key(number: int = 1, *, profile: str = "p", requester: str = "kid:01") -> TransactionKey:
    return TransactionKey(profile, requester, number.to_bytes(16))


def digest(text: object) -> bytes:
    return hashlib.sha256(repr(text).encode()).digest()


def transaction(number: int = 1, version: int = 1, **more: Any) -> Transaction:
    given = {"key": key(number), "state": UNCONFIRMED, "nonce": b"n" * 16, "expires": NOW + HOUR}
    return Transaction(version=version, **(given | more))


def certificate(serial: int = 1, **more: Any) -> IssuedCertificate:
    given = {
        "issuer": ISSUER,
        "der": b"certificate %x" % serial,
        "transaction": key(),
        "cert_req_id": 0,
        "status": CertificateStatus.UNCONFIRMED,
        "issued_at": NOW,
        "not_after": NOW + 1000 * HOUR,
        "confirm_before": NOW + HOUR,
    }
    return IssuedCertificate(serial=serial, **(given | more))


def valid(serial: int = 1, **more: Any) -> IssuedCertificate:
    return certificate(serial, status=CertificateStatus.VALID, confirm_before=None, **more)


def move(serial: int, to: CertificateStatus, since: Iterable[CertificateStatus] = ANY, **more: Any) -> StatusMove:
    given = {"issuer": ISSUER, "at": NOW}
    return StatusMove(serial=serial, to=to, since=frozenset(since), **(given | more))


def enrolment(number: int, size: int = 900) -> Change:
    """What an ir changes: transaction, answer and certificate, all of them recognisable by the number."""
    name = key(number)
    return Change(
        transaction=transaction(number, serials=((0, number + 1),)),
        request_digest=digest(number),
        answer=b"%08d" % number + bytes(size),
        issued=(certificate(number + 1, transaction=name, der=b"%08d" % number + bytes(size)),),
    )


def confirmation(number: int) -> Change:
    """What the certConf of that enrolment changes."""
    return Change(
        transaction=transaction(number, 2, state=FINISHED),
        request_digest=digest(("confirm", number)),
        answer=b"confirmed %08d" % number,
        moves=(move(number + 1, CertificateStatus.VALID, [CertificateStatus.UNCONFIRMED]),),
    )
