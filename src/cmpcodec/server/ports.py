"""What the server needs from outside: a store that keeps its state, an authority that issues certificates.

Both are Protocols: anything with these methods serves. The values that pass through them stand here too. The server
decides what may happen; the store decides, atomically and for all nodes at once, that it happens only once. This file
knows no database, no key and no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NamedTuple, Protocol

from ..cmp import PKIFailureInfo
from ..crmf import OptionalValidity
from ..pkix import Certificate, Extensions, Name, SubjectPublicKeyInfo


class Refused(Exception):
    """A request that is turned down: `fail_info` and `text` go into the answer, so `text` holds no secret."""

    def __init__(self, fail_info: PKIFailureInfo, text: str) -> None:
        super().__init__(fail_info, text)
        self.fail_info = fail_info
        self.text = text

    def __str__(self) -> str:
        return self.text


class NotYet(Exception):
    """The authority needs time: ask again after `check_after` seconds. `reason` is shown to the requester."""

    def __init__(self, check_after: int, reason: str | None = None) -> None:
        super().__init__(check_after, reason)
        self.check_after = check_after
        self.reason = reason


class Conflict(Exception):
    """The store holds something else than the change expects, because another request was quicker: nothing changed."""


# --- Certificates ---


class CertificateStatus(Enum):
    """The life of a certificate; it begins as UNCONFIRMED or VALID and never leaves REVOKED."""

    UNCONFIRMED = "unconfirmed"
    """Issued; the requester has not said yet that it accepts it."""
    VALID = "valid"
    HELD = "held"
    """Revoked for now: certificateHold. It may become VALID again by removeFromCRL."""
    REVOKED = "revoked"


class TransactionKey(NamedTuple):
    """What tells transactions apart: two requesters may choose the same transactionID."""

    profile: str
    requester: str
    """The identity that the protection of the first message proved: `Party.identity`."""
    transaction_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCertificate:
    """A certificate in the store. `issuer` and `serial` name it (RFC 5280, 4.1.2.2)."""

    issuer: bytes
    """DER of the issuer's Name."""
    serial: int
    der: bytes
    transaction: TransactionKey
    cert_req_id: int
    status: CertificateStatus
    issued_at: datetime
    not_after: datetime | None = None
    """When it expires; None: not known, so it counts as never."""
    confirm_before: datetime | None = None
    """If UNCONFIRMED: when it is revoked unless it was confirmed."""
    revoked_at: datetime | None = None
    """If HELD or REVOKED: since when."""
    reason: int | None = None
    """If HELD or REVOKED: the CRLReason, None for unspecified (RFC 5280, 5.3.1)."""
    invalidity_date: datetime | None = None

    @property
    def requester(self) -> str:
        """Who asked for it."""
        return self.transaction.requester


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusMove:
    """One certificate's step from one of the statuses `since` to the status `to`."""

    issuer: bytes
    serial: int
    since: frozenset[CertificateStatus]
    to: CertificateStatus
    at: datetime
    reason: int | None = None
    invalidity_date: datetime | None = None


# --- Transactions ---


class TransactionState(Enum):
    """Where a transaction stands; the server's table says which message may come in which state."""

    WAITING = "waiting"
    """Some answer is delayed; the requester polls."""
    UNCONFIRMED = "unconfirmed"
    """Certificates were delivered; a certConf is due."""
    FINISHED = "finished"
    """Nothing more may come but the same messages again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """What the server remembers of a transaction.

    `version` counts its changes, from 1. `nonce` is the senderNonce of the last answer, which the next message has to
    bring back as recipNonce. `request` is the first message, kept while an answer to it is delayed.
    """

    key: TransactionKey
    version: int
    state: TransactionState
    nonce: bytes
    expires: datetime
    """When it may be forgotten, in whatever state it is then."""
    request: bytes | None = None
    asked_at: datetime | None = None
    """When the first message arrived."""
    serials: tuple[tuple[int, int], ...] = ()
    """(certReqId, serial number) of each certificate that still has to be confirmed."""
    waiting: tuple[int, ...] = ()
    """The certReqIds whose answer is delayed; -1 for a p10cr or for the whole message."""
    replaces: int | None = None
    """Serial number of the certificate that is revoked as superseded once the new one is confirmed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """All that one message changes; it happens completely or not at all.

    A transaction of version 1 must not exist yet; one of version n + 1 replaces version n. The answer is kept under the
    SHA-256 of the message that it answers, for as long as the transaction.
    """

    transaction: Transaction | None = None
    request_digest: bytes | None = None
    answer: bytes | None = None
    issued: Sequence[IssuedCertificate] = ()
    moves: Sequence[StatusMove] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCRL:
    """The newest CRL of an issuer, and the count of `revocations` that it was made from.

    `signer` is the SHA-256 of the CA's certificate: a CA that gets a new key under its old name has no CRL yet.
    """

    number: int
    der: bytes
    this_update: datetime
    next_update: datetime
    revocations: int
    signer: bytes


class Store(Protocol):
    """Where the server keeps its state. Methods may be called by several threads, and by several nodes of a server.

    Times are aware datetimes in UTC, kept to the microsecond. An error of the database is an exception of its own kind;
    the server answers systemFailure and nothing has happened.
    """

    def transaction(self, key: TransactionKey) -> Transaction | None:
        """The transaction of that key, None if there is none."""
        ...

    def answer(self, key: TransactionKey, request_digest: bytes) -> bytes | None:
        """The stored answer to the message of that SHA-256 in that transaction."""
        ...

    def certificate(self, issuer: bytes, serial: int) -> IssuedCertificate | None:
        """The certificate of that issuer and serial number."""
        ...

    def apply(self, change: Change) -> None:
        """Make all of a change durable, or raise Conflict and change nothing.

        Conflict: the transaction's version is not the one before, a certificate of that issuer and serial exists, or a
        certificate that should move is in none of the statuses `since`.
        """
        ...

    def unconfirmed(self, before: datetime, limit: int) -> Sequence[IssuedCertificate]:
        """Certificates that are UNCONFIRMED although `confirm_before` lies before that time, at most `limit`."""
        ...

    def count_unconfirmed(self, profile: str, requester: str) -> int:
        """How many certificates of a requester are UNCONFIRMED."""
        ...

    def forget(self, before: datetime) -> int:
        """Drop transactions that expired before that time, with their answers; return how many. Certificates stay."""
        ...

    def revocations(self, issuer: bytes) -> int:
        """How many moves to or from HELD or REVOKED there ever were: it grows with each."""
        ...

    def revoked(self, issuer: bytes, settled: datetime | None = None) -> Sequence[IssuedCertificate]:
        """All certificates of that issuer that are HELD or REVOKED, but not those that were so, and had expired too,
        before `settled`.
        """
        ...

    def crl(self, issuer: bytes) -> StoredCRL | None:
        """The CRL of the highest number."""
        ...

    def keep_crl(self, issuer: bytes, crl: StoredCRL) -> None:
        """Keep a CRL; Conflict if one of that number, or a higher one, is there."""
        ...

    def close(self) -> None:
        """Give back what the store holds; no call may follow."""
        ...


# --- The authority ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A certificate that an authenticated requester may have, as far as the protocol is concerned.

    The server has verified the protection and the proof of possession; whether and what to issue is the authority's
    decision.
    """

    transaction: TransactionKey
    body: str
    """The kind of request: "ir", "cr", "kur" or "p10cr"."""
    cert_req_id: int
    subject: Name | None
    public_key: SubjectPublicKeyInfo
    extensions: Extensions | None = None
    validity: OptionalValidity | None = None
    replaces: IssuedCertificate | None = None
    """The certificate that a kur renews."""
    asked_at: datetime
    """When the request first arrived: for delayed orders this lies before now."""


@dataclass(frozen=True, slots=True)
class Issue:
    """What the authority issued: the certificate, and whether it differs from what was asked (grantedWithMods)."""

    certificate: Certificate
    modified: bool = False


class Authority(Protocol):
    """Issues certificates and signs CRLs under one name."""

    @property
    def chain(self) -> Sequence[Certificate]:
        """The CA's certificate, then those of its issuers as far as they are known, the root last."""
        ...

    @property
    def name(self) -> Name:
        """The subject of the CA's certificate: the issuer of all that it issues."""
        ...

    def issue(self, order: Order, now: datetime) -> Issue:
        """Sign a certificate with a fresh serial number.

        Raises Refused if there will be none, NotYet if it has to be asked again later. Nothing counts as issued before
        the store has it: a certificate that was signed for a conflicting change is thrown away.
        """
        ...

    def revoke(self, certificate: IssuedCertificate, reason: int | None, now: datetime, asked_at: datetime) -> None:
        """Consent to a revocation, or (reason 8, removeFromCRL) to its end; raises Refused or NotYet as `issue` does.

        Certificates that nobody confirmed, or that were rejected or superseded, are revoked without asking.
        """
        ...

    def sign_crl(self, entries: Sequence[IssuedCertificate], number: int, now: datetime) -> tuple[bytes, datetime]:
        """The DER of a CRL with those entries, and its nextUpdate."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answers, and what one may log or count about it. No part of it is secret.

    `fail_info` and `text` say why a request failed; `detail` is for the operator alone. All text may hold what a
    stranger wrote: escape it before it reaches a terminal.
    """

    der: bytes
    request: str = "unreadable"
    """The kind of body that was received, as PKIBody names it."""
    body: str = "error"
    """The kind of body of the answer."""
    status: int | None = None
    """The worst PKIStatus in the answer, None if it has none."""
    fail_info: PKIFailureInfo | None = None
    text: str = ""
    detail: str = ""
    requester: str | None = None
    """Who was authenticated, None if nobody was."""
    transaction_id: bytes | None = None
    repeated: bool = False
    """Whether this is the stored answer to a message that came again."""
    serials: tuple[int, ...] = field(default=())
    """Serial numbers of the certificates in question."""
    vain_hashes: int = 0
    """What it cost to find out that nobody can be authenticated, in hashes of SHA-256."""
