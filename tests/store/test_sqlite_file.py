"""The SQLite store and its file: who may read it, what versions it takes, and how its failures are told."""

from __future__ import annotations

import ast
import gc
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread

import pytest

import cmpcodec
from cmpcodec.server.ports import Change, Conflict
from cmpcodec.store import (
    SQLiteStore,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreRefused,
    sql,
)
from cmpcodec.store import database as database_module
from tests.store.making import HOUR, ISSUER, NOW, certificate, digest, enrolment, key, transaction

posix = pytest.mark.skipif(os.name != "posix", reason="permissions are no mode bits here")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cmp.db"


@contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- Permissions ---


@posix
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_files_are_private_whatever_the_umask(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with SQLiteStore(path) as store:
            store.apply(enrolment(1))
            files = sorted(path.parent.iterdir())
            assert [file.name for file in files] == ["cmp.db", "cmp.db-shm", "cmp.db-wal"]
            assert [mode(file) for file in files] == [0o600] * 3
    finally:
        os.umask(before)


@posix
def test_the_file_was_never_open_to_others(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even between its making and a chmod: the mode is given to open(2)."""
    seen = []
    real = os.open

    def watching(name: object, flags: int, mode: int = 0o777, **more: object) -> int:
        descriptor = real(name, flags, mode, **more)  # type: ignore[arg-type, call-overload]
        if flags & os.O_CREAT:
            seen.append((stat.S_IMODE(os.fstat(descriptor).st_mode), bool(flags & os.O_EXCL)))
        return descriptor

    monkeypatch.setattr(os, "open", watching)
    before = os.umask(0)
    try:
        SQLiteStore(path).close()
    finally:
        os.umask(before)
    assert seen == [(0o600, True)]


@posix
@pytest.mark.parametrize("bits", [0o644, 0o640, 0o660, 0o604, 0o602, 0o610])
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_a_file_that_others_can_use_is_refused(path: Path, bits: int, suffix: str) -> None:
    SQLiteStore(path).close()
    file = path.with_name(path.name + suffix)
    file.touch()
    file.chmod(bits)
    with pytest.raises(StoreRefused, match=f"{file} can be .* by others .*{bits:04o}.*chmod 600") as caught:
        SQLiteStore(path)
    assert caught.value.fail_info == "SYSTEM_FAILURE"
    file.chmod(0o600)
    SQLiteStore(path).close()


@posix
def test_links_are_refused(path: Path) -> None:
    SQLiteStore(path).close()
    link = path.with_name("link.db")
    link.symlink_to(path)
    with pytest.raises(StoreRefused, match="symbolic link"):
        SQLiteStore(link)
    dangling = path.with_name("dangling.db")
    dangling.symlink_to(path.with_name("nowhere"))
    with pytest.raises(StoreRefused, match="symbolic link"):
        SQLiteStore(dangling)
    assert not path.with_name("nowhere").exists()


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="no regular file"):
        SQLiteStore(tmp_path)


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such folder"):
        SQLiteStore(tmp_path / "missing" / "cmp.db")


def test_strange_file_names(tmp_path: Path) -> None:
    """The path becomes a URI on its way to SQLite."""
    folder = tmp_path / "a b%41?mode=memory#ä"
    folder.mkdir()
    with SQLiteStore(folder / "x?y#z %20.db") as store:
        store.apply(enrolment(1))
    assert sorted(file.name for file in folder.iterdir()) == ["x?y#z %20.db"]


# --- Settings and versions ---


def test_every_connection_waits_for_the_disk(path: Path) -> None:
    with SQLiteStore(path) as store, store._database.writing() as first, store._database.reading() as second:
        assert first is not second
        for connection in (first, second):
            assert connection.execute("PRAGMA synchronous").fetchall() == [(2,)], "2 is FULL"
            assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
            assert connection.execute("PRAGMA foreign_keys").fetchall() == [(1,)]
            assert connection.execute("PRAGMA fullfsync").fetchall() == [(1,)]


def test_a_setting_that_does_not_hold_is_noticed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "_SETTINGS", ("PRAGMA synchronous = NORMAL", "PRAGMA foreign_keys = ON"))
    with SQLiteStore(path) as store, pytest.raises(StoreError, match="PRAGMA synchronous is 1, not 2"):
        store.apply(enrolment(1))


def test_the_file_says_what_it_is(path: Path) -> None:
    SQLiteStore(path).close()
    with raw(path) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (sql.APPLICATION_ID,)
        assert connection.execute("PRAGMA user_version").fetchone() == (len(sql.MIGRATIONS),)
        tables = connection.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'").fetchall()
        assert all(strict for name, strict in tables if not name.startswith("sqlite_"))
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    SQLiteStore(path).close()
    with raw(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(sql.MIGRATIONS) + 1}")
    before = path.read_bytes()
    with pytest.raises(StoreRefused, match=r"newer cmpcodec .tables of version 3; this one knows 2"):
        SQLiteStore(path)
    assert path.read_bytes() == before


def test_another_program_s_database_is_refused_and_left_alone(path: Path) -> None:
    path.touch(0o600)
    with raw(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()
    with pytest.raises(StoreRefused, match="another program"):
        SQLiteStore(path)
    assert path.read_bytes() == before


def test_an_empty_database_of_another_program_is_refused(path: Path) -> None:
    path.touch(0o600)
    with raw(path) as connection:
        connection.execute("PRAGMA user_version = 5")
    with pytest.raises(StoreRefused, match="another program"):
        SQLiteStore(path)


def test_a_file_that_was_taken_away_is_not_made_anew(path: Path) -> None:
    """A second, empty database would issue and answer as if nothing had ever happened, under the umask's permissions."""
    with SQLiteStore(path) as store:
        path.unlink()
        with pytest.raises(StoreReadOnly, match="unable to open"):
            store.apply(enrolment(1))
        assert not path.exists()


def test_what_is_no_database_is_left_alone(path: Path) -> None:
    path.touch(0o600)
    path.write_bytes(b"-----BEGIN PRIVATE KEY-----\n" * 100)
    with pytest.raises(StoreDamaged, match=r"no sound SQLite database.*backup"):
        SQLiteStore(path)
    assert path.read_bytes() == b"-----BEGIN PRIVATE KEY-----\n" * 100


def test_an_empty_file_is_taken(path: Path) -> None:
    """A crash between the making of the file and that of its tables leaves one."""
    path.touch(0o600)
    with SQLiteStore(path) as store:
        store.apply(enrolment(1))


NEXT = (
    "CREATE TABLE more (x INTEGER NOT NULL) STRICT",
    "INSERT INTO more SELECT count(*) FROM certificates",
    f"PRAGMA user_version = {len(sql.MIGRATIONS) + 1}",
)


def test_a_database_of_version_1(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It did not know when certificates end, nor who signed a CRL: the first never leave CRLs, the second is made anew."""
    path.touch(0o600)
    with raw(path) as connection:
        for statement in sql.MIGRATIONS[0]:
            connection.execute(statement)
        for serial, status in ((1, "revoked"), (2, "valid")):
            connection.execute(
                "INSERT INTO certificates (issuer, serial, der, profile, requester, transaction_id, cert_req_id, status,"
                " issued_at, revoked_at) VALUES (?, ?, x'', 'p', 'r', x'00', x'00', ?, 0, 0)",
                (ISSUER, bytes([serial]), status),
            )
        connection.execute("INSERT INTO crls VALUES (?, 7, x'aa', 5, 1)", (ISSUER,))
        connection.commit()
    with SQLiteStore(path) as store:
        assert [(one.serial, one.not_after) for one in store.revoked(ISSUER, NOW)] == [(1, None)]
        kept = store.crl(ISSUER)
        assert kept is not None
        assert (kept.number, kept.der, kept.signer) == (7, b"\xaa", b"")
        store.apply(enrolment(9))
        assert store.certificate(ISSUER, 2) is not None


def test_migration(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SQLiteStore(path) as store:
        store.apply(enrolment(1))
    monkeypatch.setattr(sql, "MIGRATIONS", (*sql.MIGRATIONS, NEXT))
    for _ in range(2):
        with SQLiteStore(path) as store:
            assert store.certificate(ISSUER, 2) is not None
        with raw(path) as connection:
            assert connection.execute("SELECT x FROM more").fetchall() == [(1,)], "once"
            assert connection.execute("PRAGMA user_version").fetchone() == (len(sql.MIGRATIONS),)


def test_a_migration_that_fails_leaves_the_old_version(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SQLiteStore(path) as store:
        store.apply(enrolment(1))
    with monkeypatch.context() as patch:
        patch.setattr(sql, "MIGRATIONS", (*sql.MIGRATIONS, (*NEXT[:2], "DROP TABLE unheard_of", NEXT[2])))
        with pytest.raises(StoreError, match="no such table"):
            SQLiteStore(path)
    with raw(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(sql.MIGRATIONS),)
        assert connection.execute("SELECT name FROM sqlite_schema WHERE name = 'more'").fetchall() == []
    with SQLiteStore(path) as store:
        assert store.certificate(ISSUER, 2) is not None


def test_no_statement_is_put_together_at_run_time() -> None:
    """All SQL stands in sql.py, as constants; what is executed is one of them, or a literal."""
    for file in sorted(Path(cmpcodec.__file__).parent.joinpath("store").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and "execute" in node.func.attr:
                first = node.args[0]
                assert node.func.attr == "execute"
                assert isinstance(first, ast.Name | ast.Constant) or ast.unparse(first).startswith("sql."), file
            if isinstance(node, ast.JoinedStr) and file.name == "sql.py":
                raise AssertionError("an f-string in sql.py")


def test_the_trigger_guards_what_an_operator_does_by_hand(path: Path) -> None:
    with SQLiteStore(path) as store:
        store.apply(enrolment(1))
        with raw(path) as connection:
            connection.execute("UPDATE certificates SET status = 'revoked', revoked_at = 0")
            with pytest.raises(sqlite3.IntegrityError, match="stays revoked"):
                connection.execute("UPDATE certificates SET status = 'valid'")
        assert store.revocations(ISSUER) == 1
        assert len(store.revoked(ISSUER)) == 1


# --- Failures ---


def test_locked_by_another_process(path: Path) -> None:
    with SQLiteStore(path, timeout=0.05) as store:
        store.apply(enrolment(1))
        with raw(path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreBusy, match=r"locked by another process for more than 0\.05") as caught:
                store.apply(enrolment(2))
            assert caught.value.fail_info == "SYSTEM_UNAVAIL"
            assert store.transaction(key(1)) is not None, "reading goes on"
            connection.execute("ROLLBACK")
        assert store.transaction(key(2)) is None
        store.apply(enrolment(2))


def test_locked_for_a_moment(path: Path) -> None:
    with SQLiteStore(path, timeout=60) as store:
        with raw(path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            waiting = Thread(target=store.apply, args=(enrolment(1),))
            waiting.start()
            waiting.join(0.2)
            assert waiting.is_alive()
            connection.execute("ROLLBACK")
        waiting.join()
        assert store.transaction(key(1)) is not None


def test_other_threads_hold_the_turn(path: Path) -> None:
    with SQLiteStore(path, timeout=0.05) as store:
        strange: list[BaseException] = []

        def apply() -> None:
            try:
                store.apply(enrolment(1))
            except BaseException as error:
                strange.append(error)

        with store._database.writing():
            other = Thread(target=apply)
            other.start()
            other.join()
        assert [type(error) for error in strange] == [StoreBusy]
        store.apply(enrolment(1))


@pytest.mark.parametrize(
    "change",
    [
        Change(transaction=transaction(9), issued=[certificate(9, der="no octets")]),
        Change(transaction=transaction(9), issued=[certificate(9, der=None)]),
        Change(transaction=transaction(9), issued=[certificate(9, transaction=key(requester="\ud800"))]),
        Change(transaction=transaction(9, state=transaction().state, nonce="text")),
    ],
)
def test_values_that_do_not_fit(path: Path, change: Change) -> None:
    """A mistake of ours must not be half done either."""
    with SQLiteStore(path) as store:
        with pytest.raises(StoreError):
            store.apply(change)
        assert store.transaction(key(9)) is None
        store.apply(Change(transaction=transaction(9)))


def test_a_closed_store(path: Path) -> None:
    store = SQLiteStore(path)
    store.apply(enrolment(1))
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.transaction(key(1))
    with pytest.raises(StoreError, match="closed"):
        store.apply(enrolment(2))
    assert sorted(file.name for file in path.parent.iterdir()) == ["cmp.db"], "the last one tidies up"


def test_close_while_in_use(path: Path) -> None:
    store = SQLiteStore(path)
    with store._database.reading() as connection:
        store.close()
        assert connection.execute("SELECT 1").fetchall() == [(1,)]
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_threads_leave_no_connections(path: Path) -> None:
    """A server that starts a thread for each request must not collect connections."""
    with SQLiteStore(path) as store:
        for number in range(40):
            thread = Thread(target=store.apply, args=(enrolment(number),))
            thread.start()
            thread.join()
        gc.collect()
        assert len(store._database._idle) == 1


def test_repr_has_no_content(path: Path) -> None:
    with SQLiteStore(path) as store:
        store.apply(enrolment(1))
        assert repr(store) == f"SQLiteStore({str(path)!r})"


def in_child(body: str, path: Path, before: Sequence[str] = (), *, unprivileged: bool = False) -> str:
    """What a child process prints; as root, it gives up its rights first, so that permissions mean something."""
    drop = "os.setgid(65534); os.setuid(65534)\n" if unprivileged and os.geteuid() == 0 else ""
    script = (
        "import encodings.idna, os, sqlite3, sys, threading, traceback\nfrom pathlib import Path\n"
        f"from cmpcodec.store import *\nfrom tests.store.making import *\npath = Path(sys.argv[1])\n{drop}{body}"
    )
    done = subprocess.run(
        [*before, sys.executable, "-c", script, str(path)], capture_output=True, text=True, timeout=120, cwd=ROOT,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(Path(cmpcodec.__file__).parents[1]), str(ROOT)))},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder of a user without rights, which it can reach."""
    with tempfile.TemporaryDirectory(dir=tempfile.gettempdir(), prefix="cmpcodec-test-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            os.chown(folder, 65534, 65534)
        yield folder
        folder.chmod(0o700)


CATCH = """
def attempt(what):
    try:
        print("done", what())
    except StoreError as error:
        print(type(error).__name__, error)
"""


@posix
def test_read_only_database(public_folder: Path) -> None:
    path = public_folder / "cmp.db"
    in_child("with SQLiteStore(path) as s: s.apply(enrolment(1))", path, unprivileged=True)
    path.chmod(0o400)
    content = path.read_bytes()
    said = in_child(CATCH + "attempt(lambda: SQLiteStore(path))", path, unprivileged=True)
    assert said.startswith("StoreReadOnly"), said
    assert "check owner and mode" in said
    assert path.read_bytes() == content


@posix
def test_read_only_folder(public_folder: Path) -> None:
    public_folder.chmod(0o500)
    said = in_child(CATCH + "attempt(lambda: SQLiteStore(path))", public_folder / "cmp.db", unprivileged=True)
    assert said.startswith("StoreReadOnly"), said
    assert "Permission denied" in said


@posix
def test_a_file_of_another_user(public_folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make one")
    path = public_folder / "cmp.db"
    in_child("SQLiteStore(path).close()", path, unprivileged=True)
    with pytest.raises(StoreRefused, match="belongs to another user"):
        SQLiteStore(path)


LIMITED = """
import resource
limit = max(file.stat().st_size for file in path.parent.iterdir()) + 30_000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
def free():
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""
SMALL_DISK = """
status = os.statvfs(path.parent)
filler = path.with_name("filler")
filler.write_bytes(bytes(status.f_bavail * status.f_frsize - 40_000))
def free():
    filler.unlink()
"""
FULL = """
store = SQLiteStore(path)
store.apply(enrolment(0))
SPACE
stored, failed = [0], []
for number in range(1, 300):
    try:
        store.apply(enrolment(number))
        stored.append(number)
    except StoreError as error:
        failed.append(number)
        assert type(error) is StoreFull or "disk I/O error" in str(error), error  # EFBIG is no ENOSPC
        assert store.transaction(key(number)) is None
        assert store.answer(key(number), digest(number)) is None
        assert store.certificate(ISSUER, number + 1) is None
    if len(failed) == 4:
        break
assert all(store.certificate(ISSUER, number + 1) for number in stored)
free()
for number in failed:
    store.apply(enrolment(number))
print(len(failed), all(store.certificate(ISSUER, number + 1) for number in stored + failed))
store.close()
"""


@posix
def test_files_cannot_grow(path: Path) -> None:
    """A limit on file sizes: nothing is half done, reading goes on, and writing when there is space."""
    assert in_child(FULL.replace("SPACE", LIMITED), path).split() == ["4", "True"]


def test_disk_full(path: Path) -> None:
    """A real file system without space, where we may mount one."""
    mount = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=2m,mode=700 none "$0" && exec "$@"']
    try:
        subprocess.run([*mount, str(path.parent), "true"], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("no right to mount a small file system")
    said = in_child(FULL.replace("SPACE", SMALL_DISK), path, [*mount, str(path.parent)])
    assert said.split() == ["4", "True"]


def test_full_is_told(path: Path) -> None:
    with SQLiteStore(path) as store:
        store.apply(enrolment(0))
        (connection,) = store._database._idle
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 4}")
        stored = 1
        with pytest.raises(StoreFull, match=r"no space left.*what was stored before is safe") as caught:
            for stored in range(1, 100):
                store.apply(enrolment(stored))
        assert caught.value.fail_info == "SYSTEM_UNAVAIL"
        found = [store.certificate(ISSUER, number + 1) is not None for number in range(stored + 1)]
        assert found == [True] * stored + [False]
        assert store.transaction(key(stored)) is None


# --- Forks and processes ---


FORK = """
import os, threading
store = SQLiteStore(path)
store.apply(enrolment(0))
store.transaction(key(0))
before = set(map(id, store._database._idle))
child = os.fork()
if not child:
    assert not store._database._idle, "a connection crossed the fork"
    assert not any("cmp.db" in os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")
                   if os.path.lexists(f"/proc/self/fd/{n}")) if os.path.isdir("/proc/self/fd") else True
    for number in range(1, 30):
        store.apply(enrolment(number))
    store.close()
    os._exit(0)
for number in range(100, 130):
    store.apply(enrolment(number))
print(os.waitpid(child, 0)[1])
print(all(store.certificate(ISSUER, n + 1) for n in (*range(30), *range(100, 130))))
store.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fork(path: Path) -> None:
    assert in_child(FORK, path).split() == ["0", "True"]


FORK_WHILE_WRITING = """
import os, threading
store = SQLiteStore(path)
inside, go_on = threading.Event(), threading.Event()
def hold():
    with store._database.writing():
        inside.set()
        go_on.wait()
other = threading.Thread(target=hold)
other.start()
inside.wait()
import warnings
warnings.simplefilter("ignore")
child = os.fork()
if not child:
    print("child reads", store.transaction(key(1)), flush=True)
    os.kill(os.getppid(), 0)
    os._exit(0)
print(os.waitpid(child, 0)[1])
go_on.set()
other.join()
store.apply(enrolment(1))
print(store.transaction(key(1)) is not None)
store.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fork_while_another_thread_writes(path: Path) -> None:
    """The child has locks of its own, else it would wait for ever for a thread that it does not have."""
    assert in_child(FORK_WHILE_WRITING, path).splitlines() == ["child reads None", "0", "True"]


START = """
import time
while time.time() < float(sys.argv[2]):
    time.sleep(0.001)
with SQLiteStore(path, timeout=60) as store:
    won = []
    for number in range(25):
        try:
            store.apply(Change(transaction=transaction(number, nonce=sys.argv[3].encode()),
                request_digest=digest(sys.argv[3]), answer=b"", issued=[certificate(number + 1, der=sys.argv[3].encode())]))
            won.append(number)
        except Conflict:
            pass
print(*won)
"""


def test_processes_start_at_once_and_contend(path: Path) -> None:
    """Four nodes make the tables and use them at the same time: each transaction has one winner."""
    import time

    when = str(time.time() + 1.5)
    script = (
        "import sys\nfrom pathlib import Path\nfrom cmpcodec.store import *\nfrom cmpcodec.server.ports import Conflict\n"
        f"from tests.store.making import *\npath = Path(sys.argv[1])\n{START}"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(Path(cmpcodec.__file__).parents[1]), str(ROOT)))}
    nodes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(path), when, name], cwd=ROOT, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for name in "ABCD"
    ]  # fmt: skip
    won = {}
    for name, node in zip("ABCD", nodes, strict=True):
        output, errors = node.communicate(timeout=120)
        assert node.returncode == 0, errors
        won[name] = [int(number) for number in output.split()]
    assert sorted(number for numbers in won.values() for number in numbers) == list(range(25))
    with SQLiteStore(path) as store:
        for name, numbers in won.items():
            for number in numbers:
                one, issued = store.transaction(key(number)), store.certificate(ISSUER, number + 1)
                assert one is not None
                assert issued is not None
                assert (one.nonce, issued.der) == (name.encode(), name.encode())
                assert store.answer(key(number), digest(name)) == b""
        assert store.forget(NOW + 2 * HOUR) == 25
    with pytest.raises(Conflict), SQLiteStore(path) as store:
        store.apply(Change(issued=[certificate(1)]))


def test_errors_are_of_one_kind() -> None:
    assert all(issubclass(one, StoreError) for one in (StoreBusy, StoreFull, StoreReadOnly, StoreDamaged, StoreRefused))
    assert issubclass(StoreError, cmpcodec.CMPError)
