"""A process that is killed while it applies changes, again and again, and the one that kills it and looks what is left.

Run by the tests: ``python -m tests.store.crashing FOLDER KILLS MODE SEED`` prints a JSON summary. MODE "after" acknowledges a change when
`apply` has returned; "before" does so just before COMMIT, as a careless server would, and stops when something was lost. A kill during
the COMMIT itself loses little, since the kernel keeps what was written. Needs fork; runs no threads.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import struct
import sys
import time
from contextlib import closing
from pathlib import Path

from cmpcodec.store import SQLiteStore
from tests.store.making import ISSUER, confirmation, digest, enrolment, key

NUMBER = struct.Struct(">Q")


def child(path: Path, first: int, pipe: int, mode: str) -> None:
    """Apply changes until somebody ends this process; write the number of each to the pipe."""
    store = SQLiteStore(path)
    number = first
    if mode == "before":
        connect = store._database._connect

        def tracing() -> sqlite3.Connection:
            connection = connect()
            connection.set_trace_callback(
                lambda statement: statement.startswith("COMMIT") and os.write(pipe, NUMBER.pack(number)) and None
            )
            return connection

        store._database._connect = tracing  # type: ignore[method-assign]  # the mistake that the harness has to notice
    while True:
        store.apply(enrolment(number // 2) if number % 2 == 0 else confirmation(number // 2))
        if mode == "after":
            os.write(pipe, NUMBER.pack(number))
        number += 1


def kill_one(path: Path, first: int, mode: str, chance: random.Random) -> list[int]:
    """Let a child run for a moment; the numbers that it acknowledged."""
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        try:
            os.close(reading)
            child(path, first, writing, mode)
        finally:
            os._exit(1)
    os.close(writing)
    data = os.read(reading, NUMBER.size)  # it runs
    time.sleep(chance.uniform(0, 0.02))
    os.kill(process, signal.SIGKILL)
    while part := os.read(reading, 1 << 16):
        data += part
    os.close(reading)
    _, status = os.waitpid(process, 0)
    assert os.WIFSIGNALED(status), "the child ended by itself"
    return [number for (number,) in NUMBER.iter_unpack(data[: len(data) // NUMBER.size * NUMBER.size])]


def look(path: Path, first: int, acknowledged: list[int]) -> tuple[int, int, int]:
    """How many acknowledged changes are missing, how many are there in part, and the next number."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    with SQLiteStore(path) as store:
        torn, number, there = 0, first, set()
        while True:
            half, second = divmod(number, 2)
            one = store.transaction(key(half))
            issued = store.certificate(ISSUER, half + 1)
            if second:
                parts = {
                    one is not None and one.version == 2,
                    issued is not None and issued.confirm_before is None,
                    store.answer(key(half), digest(("confirm", half))) is not None,
                }
            else:
                parts = {one is not None, issued is not None, store.answer(key(half), digest(half)) is not None}
            torn += len(parts) == 2
            if True not in parts:
                break
            there.add(number)
            number += 1
        return len(set(acknowledged) - there), torn, number


def main(folder: str, kills: str, mode: str, seed: str) -> None:
    path = Path(folder) / "cmp.db"
    chance = random.Random(int(seed))
    total = {"kills": 0, "acknowledged": 0, "lost": 0, "torn": 0}
    first = 0
    SQLiteStore(path).close()
    for _ in range(int(kills)):
        acknowledged = kill_one(path, first, mode, chance)
        lost, torn, first = look(path, first, acknowledged)
        total["kills"] += 1
        total["acknowledged"] += len(acknowledged)
        total["lost"] += lost
        total["torn"] += torn
        if lost and mode == "before":
            break
    print(json.dumps(total))


if __name__ == "__main__":
    main(*sys.argv[1:])
