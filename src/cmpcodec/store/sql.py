"""Every SQL statement of the SQLite store: the tables, their migrations, and what is asked of them.

All values are bound parameters; no statement is put together at run time. What has to be true for all nodes at once is
the database's business: keys are unique, a version is compared and set in one UPDATE, a trigger counts revocations.

Serial numbers and certReqIds exceed 64 bits: they are BLOBs, big-endian two's complement. Times are microseconds since
1970-01-01T00:00:00Z. Foreign keys drop the answers with their transaction.
"""

from __future__ import annotations

from typing import Final

APPLICATION_ID: Final = 0x434D5063
"""In the header of our database files ("CMPc"), so that no other program's is taken for ours."""

_VERSION_1: Final = (
    """
    CREATE TABLE transactions (
        id INTEGER PRIMARY KEY,
        profile TEXT NOT NULL,
        requester TEXT NOT NULL,
        transaction_id BLOB NOT NULL,
        version INTEGER NOT NULL,
        state TEXT NOT NULL,
        nonce BLOB NOT NULL,
        expires INTEGER NOT NULL,
        request BLOB,
        asked_at INTEGER,
        serials TEXT NOT NULL,
        waiting TEXT NOT NULL,
        replaces BLOB,
        UNIQUE (transaction_id, requester, profile)
    ) STRICT
    """,
    "CREATE INDEX transactions_by_expiry ON transactions (expires)",
    """
    CREATE TABLE answers (
        transaction_row INTEGER NOT NULL REFERENCES transactions (id) ON DELETE CASCADE,
        request_digest BLOB NOT NULL,
        answer BLOB NOT NULL,
        PRIMARY KEY (transaction_row, request_digest)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE certificates (
        issuer BLOB NOT NULL,
        serial BLOB NOT NULL,
        der BLOB NOT NULL,
        profile TEXT NOT NULL,
        requester TEXT NOT NULL,
        transaction_id BLOB NOT NULL,
        cert_req_id BLOB NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('unconfirmed', 'valid', 'held', 'revoked')),
        issued_at INTEGER NOT NULL,
        confirm_before INTEGER,
        revoked_at INTEGER,
        reason INTEGER,
        invalidity_date INTEGER,
        PRIMARY KEY (serial, issuer)
    ) STRICT
    """,
    "CREATE INDEX certificates_to_confirm ON certificates (confirm_before) WHERE status = 'unconfirmed'",
    "CREATE INDEX certificates_in_crl ON certificates (issuer) WHERE status IN ('held', 'revoked')",
    """
    CREATE TABLE revocations (
        issuer BLOB NOT NULL PRIMARY KEY,
        moves INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TRIGGER revocations_are_counted AFTER UPDATE OF status ON certificates
    WHEN old.status IN ('held', 'revoked') OR new.status IN ('held', 'revoked')
    BEGIN
        INSERT INTO revocations (issuer, moves) VALUES (new.issuer, 1)
        ON CONFLICT (issuer) DO UPDATE SET moves = moves + 1;
    END
    """,
    """
    CREATE TRIGGER revoked_is_final BEFORE UPDATE OF status ON certificates
    WHEN old.status = 'revoked' AND new.status <> 'revoked'
    BEGIN
        SELECT RAISE (ABORT, 'a revoked certificate stays revoked');
    END
    """,
    """
    CREATE TABLE crls (
        issuer BLOB NOT NULL PRIMARY KEY,
        number INTEGER NOT NULL,
        der BLOB NOT NULL,
        next_update INTEGER NOT NULL,
        revocations INTEGER NOT NULL
    ) STRICT
    """,
    "PRAGMA application_id = 1129140323",
    "PRAGMA user_version = 1",
)

_VERSION_2: Final = (
    "ALTER TABLE certificates ADD COLUMN not_after INTEGER",
    "CREATE INDEX certificates_unconfirmed ON certificates (profile, requester) WHERE status = 'unconfirmed'",
    "ALTER TABLE crls ADD COLUMN this_update INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE crls ADD COLUMN signer BLOB NOT NULL DEFAULT x''",
    "PRAGMA user_version = 2",
)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (_VERSION_1, _VERSION_2)
"""Statements that lead from version n to version n + 1 of the tables; PRAGMA user_version tells n, set by the last."""

BEGIN: Final = "BEGIN IMMEDIATE"
COMMIT: Final = "COMMIT"
ROLLBACK: Final = "ROLLBACK"
WRITE_NOTHING: Final = "DELETE FROM crls WHERE FALSE"
"""Fails if the database is read-only; SQLite's BEGIN IMMEDIATE does not."""

TRANSACTION: Final = """
    SELECT version, state, nonce, expires, request, asked_at, serials, waiting, replaces
    FROM transactions WHERE transaction_id = ? AND requester = ? AND profile = ?
"""
BEGIN_TRANSACTION: Final = """
    INSERT INTO transactions
        (transaction_id, requester, profile, version, state, nonce, expires, request, asked_at, serials,
        waiting, replaces)
    VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING
    RETURNING id
"""
CONTINUE_TRANSACTION: Final = """
    UPDATE transactions
    SET version = version + 1, state = ?, nonce = ?, expires = ?, request = ?, asked_at = ?, serials = ?,
        waiting = ?, replaces = ?
    WHERE transaction_id = ? AND requester = ? AND profile = ? AND version = ?
    RETURNING id
"""
FORGET: Final = """
    DELETE FROM transactions WHERE id IN (SELECT id FROM transactions WHERE expires < ? LIMIT ?)
"""

ANSWER: Final = """
    SELECT answer FROM answers JOIN transactions ON id = transaction_row
    WHERE transaction_id = ? AND requester = ? AND profile = ? AND request_digest = ?
"""
KEEP_ANSWER: Final = """
    INSERT INTO answers (transaction_row, request_digest, answer) VALUES (?, ?, ?) ON CONFLICT DO NOTHING
"""

_CERTIFICATE: Final = """
    SELECT issuer, serial, der, profile, requester, transaction_id, cert_req_id, status, issued_at, not_after,
        confirm_before, revoked_at, reason, invalidity_date
    FROM certificates
"""
CERTIFICATE: Final = _CERTIFICATE + "WHERE serial = ? AND issuer = ?"
UNCONFIRMED: Final = (
    _CERTIFICATE + "WHERE status = 'unconfirmed' AND confirm_before < ? ORDER BY confirm_before, serial LIMIT ?"
)
COUNT_UNCONFIRMED: Final = (
    "SELECT count(*) FROM certificates WHERE profile = ? AND requester = ? AND status = 'unconfirmed'"
)
REVOKED: Final = (
    _CERTIFICATE + "WHERE issuer = ? AND status IN ('held', 'revoked') "
    "AND (not_after IS NULL OR not_after >= ? OR revoked_at >= ?)"
)
ISSUE: Final = """
    INSERT INTO certificates
        (issuer, serial, der, profile, requester, transaction_id, cert_req_id, status, issued_at, not_after,
        confirm_before)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING
"""
REVOKE: Final = """
    UPDATE certificates
    SET status = ?, confirm_before = NULL, revoked_at = COALESCE (revoked_at, ?), reason = ?, invalidity_date = ?
    WHERE serial = ? AND issuer = ? AND status IN (?, ?, ?)
"""
RESTORE: Final = """
    UPDATE certificates
    SET status = ?, confirm_before = NULL, revoked_at = NULL, reason = NULL, invalidity_date = NULL
    WHERE serial = ? AND issuer = ? AND status IN (?, ?, ?)
"""

REVOCATIONS: Final = "SELECT moves FROM revocations WHERE issuer = ?"
CRL: Final = "SELECT number, der, this_update, next_update, revocations, signer FROM crls WHERE issuer = ?"
KEEP_CRL: Final = """
    INSERT INTO crls (issuer, number, der, this_update, next_update, revocations, signer) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (issuer) DO UPDATE
    SET number = excluded.number, der = excluded.der, this_update = excluded.this_update,
        next_update = excluded.next_update, revocations = excluded.revocations, signer = excluded.signer
    WHERE excluded.number > crls.number
"""
