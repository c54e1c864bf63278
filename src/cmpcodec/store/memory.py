"""A store in the memory of one process: for tests, and for a server whose state may be lost with it.

It knows the meaning of `ports.Store` and a lock; nothing of files. What it holds grows with the number of certificates.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from datetime import datetime
from threading import Lock
from typing import TypeAlias

from ..server.ports import (
    CertificateStatus,
    Change,
    Conflict,
    IssuedCertificate,
    StoredCRL,
    Transaction,
    TransactionKey,
)
from .changes import GONE, check, moved, over

_Name: TypeAlias = tuple[bytes, int]
"""Issuer and serial number."""


class MemoryStore:
    """A `ports.Store` that forgets everything when the process ends."""

    __slots__ = (
        "_answers",
        "_certificates",
        "_crls",
        "_gone",
        "_lock",
        "_revocations",
        "_transactions",
        "_unconfirmed",
        "_unconfirmed_of",
    )

    def __init__(self) -> None:
        self._lock = Lock()
        self._transactions: dict[TransactionKey, Transaction] = {}
        self._answers: dict[TransactionKey, dict[bytes, bytes]] = {}
        self._certificates: dict[_Name, IssuedCertificate] = {}
        self._unconfirmed: set[_Name] = set()
        self._unconfirmed_of: Counter[tuple[str, str]] = Counter()
        self._gone: defaultdict[bytes, dict[int, IssuedCertificate]] = defaultdict(dict)
        self._revocations: defaultdict[bytes, int] = defaultdict(int)
        self._crls: dict[bytes, StoredCRL] = {}

    def transaction(self, key: TransactionKey) -> Transaction | None:
        """The transaction of that key, None if there is none."""
        with self._lock:
            return self._transactions.get(key)

    def answer(self, key: TransactionKey, request_digest: bytes) -> bytes | None:
        """The stored answer to the message of that SHA-256 in that transaction."""
        with self._lock:
            return self._answers.get(key, {}).get(request_digest)

    def certificate(self, issuer: bytes, serial: int) -> IssuedCertificate | None:
        """The certificate of that issuer and serial number."""
        with self._lock:
            return self._certificates.get((issuer, serial))

    def apply(self, change: Change) -> None:
        """Make all of a change, or raise Conflict and change nothing; ValueError if it makes no sense."""
        check(change)
        with self._lock:
            self._expect(change)
            staged, counts = self._stage(change)
            # From here on nothing can fail.
            transaction = change.transaction
            if transaction is not None:
                self._transactions[transaction.key] = transaction
                if change.request_digest is not None and change.answer is not None:
                    self._answers.setdefault(transaction.key, {})[change.request_digest] = change.answer
            for name, certificate in staged.items():
                self._keep(name, certificate)
            for issuer in counts:
                self._revocations[issuer] += 1

    def _expect(self, change: Change) -> None:
        """Conflict if the transaction is not at the version before, or the message was answered already."""
        transaction = change.transaction
        if transaction is None:
            return
        known = self._transactions.get(transaction.key)
        version = 0 if known is None else known.version
        if version != transaction.version - 1:
            raise Conflict(f"the transaction is at version {version}, not {transaction.version - 1}")
        if change.request_digest in self._answers.get(transaction.key, {}):
            raise Conflict("the message was answered already")

    def _stage(self, change: Change) -> tuple[dict[_Name, IssuedCertificate], list[bytes]]:
        """The certificates as the change leaves them, and the issuer of each that came to or left the CRL."""
        staged: dict[_Name, IssuedCertificate] = {}
        counts = []
        for certificate in change.issued:
            name = certificate.issuer, certificate.serial
            if name in self._certificates or name in staged:
                raise Conflict(f"a certificate with the serial number {certificate.serial:x} exists")
            staged[name] = certificate
        for move in change.moves:
            name = move.issuer, move.serial
            current = staged.get(name) or self._certificates.get(name)
            if current is None or current.status not in move.since:
                raise Conflict(f"the certificate with the serial number {move.serial:x} has another status")
            staged[name] = moved(current, move)
            if current.status in GONE or move.to in GONE:
                counts.append(move.issuer)
        return staged, counts

    def _keep(self, name: _Name, certificate: IssuedCertificate) -> None:
        issuer, serial = name
        self._certificates[name] = certificate
        if certificate.status is CertificateStatus.UNCONFIRMED:
            self._unconfirmed.add(name)
            self._unconfirmed_of[certificate.transaction[:2]] += 1
        elif name in self._unconfirmed:
            self._unconfirmed.remove(name)
            self._unconfirmed_of[certificate.transaction[:2]] -= 1
        if certificate.status in GONE:
            self._gone[issuer][serial] = certificate
        elif issuer in self._gone:
            self._gone[issuer].pop(serial, None)

    def unconfirmed(self, before: datetime, limit: int) -> list[IssuedCertificate]:
        """At most `limit` certificates that are UNCONFIRMED although `confirm_before` lies before that time."""
        with self._lock:
            waiting = [self._certificates[name] for name in self._unconfirmed]
        late = [(due, one.serial, one) for one in waiting if (due := one.confirm_before) is not None and due < before]
        return [one for _, _, one in heapq.nsmallest(limit, late, key=lambda entry: entry[:2])]

    def count_unconfirmed(self, profile: str, requester: str) -> int:
        """How many certificates of a requester are UNCONFIRMED."""
        with self._lock:
            return self._unconfirmed_of.get((profile, requester), 0)

    def forget(self, before: datetime) -> int:
        """Drop transactions that expired before that time, with their answers; return how many. Certificates stay."""
        with self._lock:
            old = [key for key, transaction in self._transactions.items() if transaction.expires < before]
            for key in old:
                del self._transactions[key]
                self._answers.pop(key, None)
            return len(old)

    def revocations(self, issuer: bytes) -> int:
        """How many moves to or from HELD or REVOKED there ever were: it grows with each."""
        with self._lock:
            return self._revocations.get(issuer, 0)

    def revoked(self, issuer: bytes, settled: datetime | None = None) -> list[IssuedCertificate]:
        """Certificates of that issuer that are HELD or REVOKED, in no order; not those that were over by `settled`."""
        with self._lock:
            found = list(self._gone[issuer].values()) if issuer in self._gone else []
        return found if settled is None else [one for one in found if not over(one, settled)]

    def crl(self, issuer: bytes) -> StoredCRL | None:
        """The CRL of the highest number."""
        with self._lock:
            return self._crls.get(issuer)

    def keep_crl(self, issuer: bytes, crl: StoredCRL) -> None:
        """Keep a CRL; Conflict if one of that number, or a higher one, is there."""
        with self._lock:
            known = self._crls.get(issuer)
            if known is not None and known.number >= crl.number:
                raise Conflict(f"there is a CRL with the number {known.number}")
            self._crls[issuer] = crl

    def close(self) -> None:
        """Nothing to give back."""
