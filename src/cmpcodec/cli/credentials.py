"""Where a secret comes from: `--secret` and its forms. Knows nothing of what the secret is for.

No error contains any of it, not even an argument that is misspelt.
"""

from __future__ import annotations

import os

from . import UsageError

FORMS = "pass:SECRET, env:VARIABLE, file:PATH or fd:NUMBER"
_LONGEST = 64 * 1024


def read_secret(option: str) -> bytes:
    """The secret that an option such as ``env:CMP_SECRET`` points to. UsageError; OSError for files.

    Of a file or a descriptor it is the first line, without the line end.
    """
    form, colon, where = option.partition(":")
    if not colon or form not in ("pass", "env", "file", "fd"):
        raise UsageError(f"--secret takes {FORMS}")
    if form == "pass":
        return os.fsencode(where)
    if form == "env":
        value = os.environ.get(where)
        if value is None:
            raise UsageError("--secret env: names a variable that is not set")
        return os.fsencode(value)
    if form == "file":
        with open(where, "rb") as file:
            return _first_line(file.readline(_LONGEST))
    if not where.isascii() or not where.isdecimal() or len(where) > 9:
        raise UsageError("--secret fd: takes the number of an open file descriptor")
    with open(int(where), "rb", buffering=0, closefd=False) as file:  # leaves what follows the line
        return _first_line(file.readline(_LONGEST))


def _first_line(line: bytes) -> bytes:
    return line.rstrip(b"\r\n")
