"""Where a secret comes from: `pass:`, `env:`, `file:` and `fd:`. Knows nothing of what the secret is for.

No error contains any of it, not even an argument that is misspelt.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

FORMS: Final = "pass:SECRET, env:VARIABLE, file:PATH or fd:NUMBER"
_LONGEST = 64 * 1024


class SecretError(ValueError):
    """A form that names no secret. The text is a sentence without its subject, to be put behind an option's name."""


def read_secret(form: str, folder: Path | None = None) -> bytes:
    """The secret that a form such as ``env:CMP_SECRET`` points to. SecretError; OSError for files.

    Of a file or a descriptor it is the first line, without the line end. A relative path starts at `folder`, if given.
    """
    kind, colon, where = form.partition(":")
    if not colon or kind not in ("pass", "env", "file", "fd"):
        raise SecretError(f"takes {FORMS}")
    if kind == "pass":
        return os.fsencode(where)
    if kind == "env":
        value = os.environ.get(where)
        if value is None:
            raise SecretError("env: names a variable that is not set")
        return os.fsencode(value)
    if kind == "file":
        with open(where if folder is None else folder / where, "rb") as file:
            return _first_line(file.readline(_LONGEST))
    if not where.isascii() or not where.isdecimal() or len(where) > 9:
        raise SecretError("fd: takes the number of an open file descriptor")
    with open(int(where), "rb", buffering=0, closefd=False) as file:  # leaves what follows the line
        return _first_line(file.readline(_LONGEST))


def _first_line(line: bytes) -> bytes:
    return line.rstrip(b"\r\n")
