"""One SQLite database file: its safety, its connections, and its failures put into words.

Each connection is used by one thread at a time and by one process only: none crosses a fork. Every one of them waits
for the disk before a COMMIT returns. It knows no table; `sql` has the statements, `sqlite` their meaning.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final, TypeVar
from weakref import WeakSet

from . import sql
from .errors import StoreBusy, StoreDamaged, StoreError, StoreFull, StoreReadOnly, StoreRefused
from .private_files import UnsafeFile, check_private, create_private

T = TypeVar("T")

OLDEST_SQLITE: Final = (3, 37, 0)
"""STRICT tables are of that version."""

_SETTINGS: Final = (
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",  # on macOS, fsync alone does not reach the disk
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
)
_MUST_BE: Final = (("PRAGMA journal_mode", "wal"), ("PRAGMA synchronous", 2), ("PRAGMA foreign_keys", 1))
"""Asked of every connection: SQLite ignores a setting that it cannot follow."""
_FAILURES: Final = (sqlite3.Error, UnsafeFile, OSError, OverflowError, UnicodeEncodeError)
"""What SQLite and the system raise."""


class Database:
    """A pool of connections to a database file, which is made (mode 0600) if it is not there.

    Raises StoreRefused for a file that others can read, a symbolic link, another program's database or one of a newer
    version of the tables; any other StoreError if the database does not do what it should. `timeout`, in seconds, is
    how long to wait for somebody else's lock.
    """

    def __init__(self, path: str | os.PathLike[str], timeout: float) -> None:
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            raise StoreRefused(f"SQLite {sqlite3.sqlite_version} is too old: 3.37 is needed")
        if not 0 <= timeout <= 3600:
            raise ValueError("timeout: expected 0 to 3600 seconds")
        self.path = Path(os.path.abspath(path))  # not resolve(): a link has to be seen
        self._timeout = timeout
        self._closed = False
        self._start()
        try:
            self._check_files()
            self._prepare()
        except _FAILURES as error:
            raise self._explained(error) from error
        _databases.add(self)

    def _start(self) -> None:
        """Begin without connections, here and in the child of a fork."""
        self._idle: list[sqlite3.Connection] = []
        self._guard = Lock()
        self._turn = Lock()

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns, called with a connection for single statements that change nothing."""
        try:
            connection = self._take()
            try:
                result = work(connection)
            except sqlite3.Error:
                connection.close()  # who knows what state it is in: the next user gets a new one
                raise
            except BaseException:
                if connection.in_transaction:
                    connection.execute(sql.ROLLBACK)
                self._keep(connection)
                raise
            self._keep(connection)
        except _FAILURES as error:
            raise self._explained(error) from error
        return result

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns, called inside a transaction: durable when this returns, without a trace if it raises.

        The threads of this process queue up here rather than in SQLite, which would let them sleep and try again.
        """

        def transaction(connection: sqlite3.Connection) -> T:
            connection.execute(sql.BEGIN)
            result = work(connection)
            connection.execute(sql.COMMIT)
            return result

        if not self._turn.acquire(timeout=self._timeout):
            raise StoreBusy(f"{self.path}: other threads did not finish writing within {self._timeout:g} seconds")
        try:
            return self.read(transaction)
        finally:
            self._turn.release()

    def close(self) -> None:
        """Close all connections; those in use when their users are done."""
        with self._guard:
            self._closed = True
        self._close_idle()

    def _take(self) -> sqlite3.Connection:
        """A connection of the pool, for one user at a time."""
        with self._guard:
            if self._closed:
                raise StoreError(f"{self.path}: the store was closed")
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _keep(self, connection: sqlite3.Connection) -> None:
        with self._guard:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def _close_idle(self) -> None:
        with self._guard:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = self._open()
        try:
            for setting in _SETTINGS:
                connection.execute(setting)
            for question, answer in _MUST_BE:
                found = connection.execute(question).fetchone()[0]
                if found != answer:
                    raise StoreError(f"{self.path}: {question} is {found}, not {answer}: changes would not be safe")
        except BaseException:
            connection.close()
            raise
        return connection

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(
            f"{self.path.as_uri()}?mode=rw",  # never create it here: its permissions would follow the umask
            uri=True,
            timeout=self._timeout,
            isolation_level=None,  # BEGIN and COMMIT are ours
            check_same_thread=False,  # the pool gives a connection to one thread at a time
        )

    # --- Opening the file for the first time ---

    def _check_files(self) -> None:
        """Make the file if it is not there; raise UnsafeFile if it, or one of those that go with it, is not ours alone.

        Nothing is opened here: closing a descriptor of the file would drop the locks of this process's connections.
        """
        with suppress(FileExistsError):
            create_private(self.path)
        for suffix in ("", "-wal", "-shm", "-journal"):
            file = self.path.with_name(self.path.name + suffix)
            with suppress(FileNotFoundError):
                check_private(file, os.lstat(file))

    def _prepare(self) -> None:
        connection = self._open()
        try:
            if not self._is_ours(connection):
                raise StoreRefused(f"{self.path} is the database of another program")
            self._use_wal(connection)
            for setting in _SETTINGS:
                connection.execute(setting)
            connection.execute(sql.BEGIN)
            version = self._version(connection)
            if version > len(sql.MIGRATIONS):
                raise StoreRefused(
                    f"{self.path} was written by a newer cmpcodec (tables of version {version}; this one knows "
                    f"{len(sql.MIGRATIONS)}): use that, or restore the backup from before its first start"
                )
            for statements in sql.MIGRATIONS[version:]:
                for statement in statements:
                    connection.execute(statement)
            connection.execute(sql.WRITE_NOTHING)
            connection.execute(sql.COMMIT)
        finally:
            connection.close()  # rolls back what is not committed

    @staticmethod
    def _version(connection: sqlite3.Connection) -> int:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        return version

    def _is_ours(self, connection: sqlite3.Connection) -> bool:
        """Whether the file is empty or has our tables. In this order: another process may be making them just now."""
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if not tables and not self._version(connection):
            return True
        found: int = connection.execute("PRAGMA application_id").fetchone()[0]
        return found == sql.APPLICATION_ID

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        """Switch to write-ahead logging. SQLite does not wait if another process does so just now; we do."""
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL").fetchall()
                return
            except sqlite3.OperationalError as error:
                if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(0.01)

    # --- Failures ---

    def _explained(self, error: BaseException) -> StoreError:
        """What SQLite or the system raised, in words."""
        match error:
            case sqlite3.Error():
                return self._explain(error)
            case UnsafeFile():
                return StoreRefused(str(error))
            case FileNotFoundError():
                return StoreReadOnly(f"{self.path.parent}: there is no such folder; make it with mode 0700")
            case OSError():
                return StoreReadOnly(f"{self.path}: {error.strerror or error}; the server needs to write here")
            case _:
                return StoreError("a number or text that the database cannot hold")

    def _explain(self, error: sqlite3.Error) -> StoreError:
        code = _code(error)
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return StoreBusy(
                f"{self.path}: locked by another process for more than {self._timeout:g} seconds: "
                "is a backup or a shell with an open transaction running?"
            )
        if code == sqlite3.SQLITE_FULL:
            return StoreFull(f"{self.path}: no space left: free some; what was stored before is safe")
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            return StoreReadOnly(f"{self.path}: cannot be written ({error}): check owner and mode of file and folder")
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return StoreDamaged(f"{self.path}: no sound SQLite database ({error}): restore it from a backup")
        if code == sqlite3.SQLITE_IOERR:
            return StoreError(f"{self.path}: {error}: the system's log may say why (disk, limits, quota)")
        return StoreError(f"{self.path}: {error}")

    def __repr__(self) -> str:
        return f"Database({str(self.path)!r})"


def _code(error: sqlite3.Error) -> int:
    """The primary result code of SQLite, 0 if the error is not from there."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


# --- Forks. A connection that two processes use destroys the database; even closing it in the child is forbidden. ---

_databases: WeakSet[Database] = WeakSet()


def _before_fork() -> None:
    for database in list(_databases):
        database._close_idle()


def _in_child() -> None:
    for database in list(_databases):
        database._start()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_in_child)
