"""What is left of a SQLite store after a crash: everything that `apply` returned for, and nothing by halves.

Kills show the order of answer and COMMIT. That the disk was reached they cannot show: for that, see the settings of each connection in
test_sqlite_file.py, and the truncated logs here.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

import cmpcodec
from cmpcodec.server.ports import CertificateStatus, Change
from cmpcodec.store import SQLiteStore
from tests.store.making import ISSUER, confirmation, digest, enrolment, key, move

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join((str(Path(cmpcodec.__file__).parents[1]), str(ROOT)))}
KILLS = int(os.environ.get("CMPCODEC_KILLS", "40"))
FRAME_HEADER, WAL_HEADER = 24, 32

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def crash(folder: Path, kills: int, mode: str) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.crashing", str(folder), str(kills), mode, "1"],
        cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result: dict[str, int] = json.loads(done.stdout)
    return result


@forks
def test_kills_lose_nothing(tmp_path: Path) -> None:
    result = crash(tmp_path, KILLS, "after")
    assert result["kills"] == KILLS
    assert result["acknowledged"] >= KILLS
    assert (result["lost"], result["torn"]) == (0, 0)


@forks
def test_the_harness_notices_an_answer_before_commit(tmp_path: Path) -> None:
    result = crash(tmp_path, 20 * KILLS, "before")
    assert result["lost"] > 0
    assert result["torn"] == 0, "even then nothing is half done"


POINTS = ("BEGIN", "INSERT INTO transactions", "INSERT INTO answers", "INSERT INTO certificates", "COMMIT", "returned")


@forks
@pytest.mark.parametrize("point", POINTS)
def test_killed_at(tmp_path: Path, point: str) -> None:
    """The process dies as the statement begins: before COMMIT nothing of the change exists, after it everything."""
    script = f"""
import os, signal, sys
from pathlib import Path
from cmpcodec.store import SQLiteStore
from tests.store.making import enrolment
store = SQLiteStore(Path(sys.argv[1]))
store.apply(enrolment(1))
def watch(statement):
    if " ".join(statement.split()).startswith({point!r}):
        os.kill(os.getpid(), signal.SIGKILL)
store._database._idle[0].set_trace_callback(watch)
store.apply(enrolment(2))
os.kill(os.getpid(), signal.SIGKILL if {point!r} == "returned" else signal.SIGTERM)
"""
    path = tmp_path / "cmp.db"
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], cwd=ROOT, env=ENVIRONMENT, timeout=120, check=False
    )
    assert done.returncode == -signal.SIGKILL
    with SQLiteStore(path) as store:
        assert parts(store, 1) == {True}
        assert parts(store, 2) == {point == "returned"}


def parts(store: SQLiteStore, number: int) -> set[bool]:
    """Whether the parts of an enrolment are there: of one that is whole, or not there at all, one value."""
    return {
        store.transaction(key(number)) is not None,
        store.answer(key(number), digest(number)) is not None,
        store.certificate(ISSUER, number + 1) is not None,
    }


# --- The log cut off where the power failed ---


def revocation(number: int) -> Change:
    return Change(moves=[move(number + 1, CertificateStatus.REVOKED, [CertificateStatus.VALID], reason=1)])


Check = Callable[[SQLiteStore], bool]


def history() -> list[tuple[Change, Check]]:
    """Changes, and how to tell that each was made."""
    changes: list[tuple[Change, Check]] = []
    for number in range(7):
        changes.append((enrolment(number, 1500), lambda store, n=number: parts(store, n) == {True}))  # type: ignore[misc]
        changes.append((confirmation(number), lambda store, n=number: confirmed(store, n)))  # type: ignore[misc]
        changes.append((revocation(number), lambda store, n=number: store.revocations(ISSUER) > n))  # type: ignore[misc]
    return changes


def confirmed(store: SQLiteStore, number: int) -> bool:
    found = store.answer(key(number), digest(("confirm", number))), store.certificate(ISSUER, number + 1)
    assert (found[0] is not None) == (found[1] is not None and found[1].confirm_before is None), "half done"
    return found[0] is not None


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes, list[int]]:
    """A database without its log, the log, and how long the log was when each change had been applied."""
    path = tmp_path_factory.mktemp("recorded") / "cmp.db"
    log = path.with_name("cmp.db-wal")
    with SQLiteStore(path) as store:
        lengths = []
        for change, _ in history():
            store.apply(change)
            lengths.append(log.stat().st_size)
        return path.read_bytes(), log.read_bytes(), lengths


def frames(log: bytes) -> list[int]:
    """Where the frames of a log end, its header first."""
    page = int.from_bytes(log[8:12])
    ends = list(range(WAL_HEADER, len(log) + 1, FRAME_HEADER + page))
    assert ends[-1] == len(log)
    assert len(ends) > 100
    return ends


def assert_recovered(folder: Path, database: bytes, log: bytes, applied: int) -> None:
    """A database with that log has exactly the first changes of the history, each of them whole."""
    path = folder / "cmp.db"
    for file, content in ((path, database), (path.with_name("cmp.db-wal"), log)):
        file.touch(0o600)
        file.write_bytes(content)
    path.with_name("cmp.db-shm").unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with SQLiteStore(path) as store:
        made = [check(store) for _, check in history()]
        assert made == [True] * applied + [False] * (len(made) - applied)
        for number in range(7):
            assert len(parts(store, number)) == 1, "half done"
        if applied < len(made):
            store.apply(history()[applied][0])  # and on it goes
        assert all(check(store) for _, check in history()[: applied + 1])


def test_log_cut_at_every_frame(recording: tuple[bytes, bytes, list[int]], tmp_path: Path) -> None:
    database, log, lengths = recording
    for end in frames(log):
        assert_recovered(tmp_path, database, log[:end], sum(length <= end for length in lengths))


@pytest.mark.parametrize("extra", [1, FRAME_HEADER, FRAME_HEADER + 2000])
def test_log_cut_inside_frames(recording: tuple[bytes, bytes, list[int]], tmp_path: Path, extra: int) -> None:
    database, log, lengths = recording
    for end in frames(log)[:-1:5]:
        assert_recovered(tmp_path, database, log[: end + extra], sum(length <= end for length in lengths))


def test_log_with_garbage_behind(recording: tuple[bytes, bytes, list[int]], tmp_path: Path) -> None:
    """The file was made longer, but its octets did not reach the disk."""
    database, log, lengths = recording
    ends = frames(log)
    for end, after in list(pairwise(ends))[::5]:
        for garbage in (bytes(after - end), b"\xff" * 4000, log[WAL_HEADER : WAL_HEADER + after - end]):
            assert_recovered(tmp_path, database, log[:end] + garbage, sum(length <= end for length in lengths))
