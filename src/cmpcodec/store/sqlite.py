"""A store in a SQLite file, for one machine: several threads and processes may use it at once.

What was applied is on the disk. It turns records into rows and back; the statements stand in `sql`, the care for file
and connections in `database`.
"""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ..server.ports import (
    CertificateStatus,
    Change,
    Conflict,
    IssuedCertificate,
    StatusMove,
    StoredCRL,
    Transaction,
    TransactionKey,
    TransactionState,
)
from . import sql
from .changes import GONE, check
from .database import Database

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class SQLiteStore:
    """A `ports.Store` in the file `path`, which is made (mode 0600) if it is not there; its folder has to be.

    SQLite keeps two files beside it, ``-wal`` and ``-shm``: copy it with ``sqlite3 FILE ".backup COPY"``, not with
    ``cp``. It must not lie on a network file system. `timeout`, in seconds, is how long a change waits for others.

    Raises StoreError (see `errors`), as all methods do when the database fails.
    """

    def __init__(self, path: str | os.PathLike[str], *, timeout: float = 5.0) -> None:
        self._database = Database(path, timeout)

    def transaction(self, key: TransactionKey) -> Transaction | None:
        """The transaction of that key, None if there is none."""
        row = self._one(sql.TRANSACTION, _key(key))
        if row is None:
            return None
        version, state, nonce, expires, request, asked_at, serials, waiting, replaces = row
        return Transaction(
            key=key,
            version=version,
            state=TransactionState(state),
            nonce=nonce,
            expires=_time(expires),
            request=request,
            asked_at=_time_or_none(asked_at),
            serials=_pairs(serials),
            waiting=tuple(int(cert_req_id, 16) for cert_req_id in waiting.split()),
            replaces=None if replaces is None else _number(replaces),
        )

    def answer(self, key: TransactionKey, request_digest: bytes) -> bytes | None:
        """The stored answer to the message of that SHA-256 in that transaction."""
        row = self._one(sql.ANSWER, (*_key(key), request_digest))
        return None if row is None else row[0]

    def certificate(self, issuer: bytes, serial: int) -> IssuedCertificate | None:
        """The certificate of that issuer and serial number."""
        row = self._one(sql.CERTIFICATE, (_octets(serial), issuer))
        return None if row is None else _certificate(row)

    def apply(self, change: Change) -> None:
        """Make all of a change durable, or raise Conflict and change nothing; ValueError if it makes no sense."""
        check(change)
        with self._database.writing() as connection:
            if change.transaction is not None:
                row = _advance(connection, change.transaction)
                if change.answer is not None:
                    kept = connection.execute(sql.KEEP_ANSWER, (row, change.request_digest, change.answer))
                    if not kept.rowcount:
                        raise Conflict("the message was answered already")
            for certificate in change.issued:
                if not connection.execute(sql.ISSUE, _row(certificate)).rowcount:
                    raise Conflict(f"a certificate with the serial number {certificate.serial:x} exists")
            for move in change.moves:
                if not _move(connection, move):
                    raise Conflict(f"the certificate with the serial number {move.serial:x} has another status")

    def unconfirmed(self, before: datetime, limit: int) -> list[IssuedCertificate]:
        """At most `limit` certificates that are UNCONFIRMED although `confirm_before` lies before that time."""
        return [_certificate(row) for row in self._all(sql.UNCONFIRMED, (_micro(before), limit))]

    def count_unconfirmed(self, profile: str, requester: str) -> int:
        """How many certificates of a requester are UNCONFIRMED."""
        row = self._one(sql.COUNT_UNCONFIRMED, (profile, requester))
        assert row is not None
        count: int = row[0]
        return count

    def forget(self, before: datetime) -> int:
        """Drop transactions that expired before that time, with their answers; return how many. Certificates stay."""
        dropped = count = _AT_ONCE
        total = 0
        while dropped == count:  # in small steps, so that others get their turn
            with self._database.writing() as connection:
                dropped = connection.execute(sql.FORGET, (_micro(before), count)).rowcount
            total += dropped
        return total

    def revocations(self, issuer: bytes) -> int:
        """How many moves to or from HELD or REVOKED there ever were: it grows with each."""
        row = self._one(sql.REVOCATIONS, (issuer,))
        return 0 if row is None else row[0]

    def revoked(self, issuer: bytes, settled: datetime | None = None) -> list[IssuedCertificate]:
        """Certificates of that issuer that are HELD or REVOKED, in no order; not those that were over by `settled`."""
        since = _LONG_AGO if settled is None else _micro(settled)
        return [_certificate(row) for row in self._all(sql.REVOKED, (issuer, since, since))]

    def crl(self, issuer: bytes) -> StoredCRL | None:
        """The CRL of the highest number."""
        row = self._one(sql.CRL, (issuer,))
        if row is None:
            return None
        number, der, this_update, next_update, revocations, signer = row
        return StoredCRL(
            number=number,
            der=der,
            this_update=_time(this_update),
            next_update=_time(next_update),
            revocations=revocations,
            signer=signer,
        )

    def keep_crl(self, issuer: bytes, crl: StoredCRL) -> None:
        """Keep a CRL; Conflict if one of that number, or a higher one, is there."""
        times = _micro(crl.this_update), _micro(crl.next_update)
        row = (issuer, crl.number, crl.der, *times, crl.revocations, crl.signer)
        with self._database.writing() as connection:
            if not connection.execute(sql.KEEP_CRL, row).rowcount:
                raise Conflict(f"there is a CRL with the number {crl.number}, or a higher one")

    def close(self) -> None:
        """Close the database; no call may follow."""
        self._database.close()

    def __enter__(self) -> SQLiteStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self._database.path)!r})"

    def _one(self, statement: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        with self._database.reading() as connection:
            rows = connection.execute(statement, values).fetchall()  # to its end: an open statement holds a lock
            return rows[0] if rows else None

    def _all(self, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with self._database.reading() as connection:
            return connection.execute(statement, values).fetchall()


_LONG_AGO: Final = -(2**63)
"""Before any time that is kept."""
_AT_ONCE: Final = 500
"""Transactions that are forgotten in one step."""


def _advance(connection: sqlite3.Connection, transaction: Transaction) -> int:
    """Write a transaction if it is at the version before; return its row."""
    values = (
        transaction.state.value,
        transaction.nonce,
        _micro(transaction.expires),
        transaction.request,
        _micro_or_none(transaction.asked_at),
        " ".join(f"{cert_req_id:x}:{serial:x}" for cert_req_id, serial in transaction.serials),
        " ".join(f"{cert_req_id:x}" for cert_req_id in transaction.waiting),
        None if transaction.replaces is None else _octets(transaction.replaces),
    )
    key = _key(transaction.key)
    if transaction.version == 1:
        rows = connection.execute(sql.BEGIN_TRANSACTION, (*key, *values)).fetchall()
    else:
        rows = connection.execute(sql.CONTINUE_TRANSACTION, (*values, *key, transaction.version - 1)).fetchall()
    if not rows:
        raise Conflict(f"the transaction is not at version {transaction.version - 1}")
    row: int = rows[0][0]
    return row


def _move(connection: sqlite3.Connection, move: StatusMove) -> bool:
    """Write a move if the certificate is in one of the statuses `since`; tell whether it was."""
    since = [status.value for status in move.since]
    name = (_octets(move.serial), move.issuer, *since, *since[:1] * (3 - len(since)))
    if move.to in GONE:
        values = (move.to.value, _micro(move.at), move.reason, _micro_or_none(move.invalidity_date), *name)
        return connection.execute(sql.REVOKE, values).rowcount == 1
    return connection.execute(sql.RESTORE, (move.to.value, *name)).rowcount == 1


# --- Values and columns ---


def _key(key: TransactionKey) -> tuple[bytes, str, str]:
    return key.transaction_id, key.requester, key.profile


def _row(certificate: IssuedCertificate) -> tuple[Any, ...]:
    return (
        certificate.issuer,
        _octets(certificate.serial),
        certificate.der,
        certificate.transaction.profile,
        certificate.transaction.requester,
        certificate.transaction.transaction_id,
        _octets(certificate.cert_req_id),
        certificate.status.value,
        _micro(certificate.issued_at),
        _micro_or_none(certificate.not_after),
        _micro_or_none(certificate.confirm_before),
    )


def _certificate(row: tuple[Any, ...]) -> IssuedCertificate:
    (
        issuer, serial, der, profile, requester, transaction_id, cert_req_id, status, issued_at, not_after,
        confirm_before, revoked_at, reason, invalidity_date,
    ) = row  # fmt: skip
    return IssuedCertificate(
        issuer=issuer,
        serial=_number(serial),
        der=der,
        transaction=TransactionKey(profile, requester, transaction_id),
        cert_req_id=_number(cert_req_id),
        status=CertificateStatus(status),
        issued_at=_time(issued_at),
        not_after=_time_or_none(not_after),
        confirm_before=_time_or_none(confirm_before),
        revoked_at=_time_or_none(revoked_at),
        reason=reason,
        invalidity_date=_time_or_none(invalidity_date),
    )


def _octets(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "big", signed=True)


def _micro(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _micro_or_none(moment: datetime | None) -> int | None:
    return None if moment is None else _micro(moment)


def _time(micro: int) -> datetime:
    return _EPOCH + micro * _MICROSECOND


def _time_or_none(micro: int | None) -> datetime | None:
    return None if micro is None else _time(micro)


def _pairs(text: str) -> tuple[tuple[int, int], ...]:
    """Pairs of numbers in hexadecimal, such as ``0:5f3a 1:77``."""
    pairs = (pair.partition(":") for pair in text.split())
    return tuple((int(cert_req_id, 16), int(serial, 16)) for cert_req_id, _, serial in pairs)
