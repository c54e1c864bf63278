"""Files that only their owner may read, and how they come into being. Keys and databases are such files.

A file of that kind never exists with wider permissions, not even for a moment, whatever the umask; it is never made
through a link that somebody else has laid. On Windows, where permissions are no mode bits, nothing is checked.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from secrets import token_hex
from typing import Final

PRIVATE: Final = 0o600
_CHECKED: Final = os.name == "posix"
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)


class UnsafeFile(Exception):
    """A file that others could read or exchange; the text says what to do about it."""


def check_private(path: Path, found: os.stat_result) -> None:
    """Raise UnsafeFile unless `found`, the status of `path`, is that of a regular file that only we can read."""
    if stat.S_ISLNK(found.st_mode):
        raise UnsafeFile(f"{path} is a symbolic link: name the file that it points to")
    if not stat.S_ISREG(found.st_mode):
        raise UnsafeFile(f"{path} is no regular file")
    if not _CHECKED:
        return
    if found.st_uid not in (os.geteuid(), 0):
        raise UnsafeFile(f"{path} belongs to another user: make it yours, or run as the user that it belongs to")
    if found.st_mode & 0o077:
        raise UnsafeFile(
            f"{path} can be read or written by others (mode {stat.S_IMODE(found.st_mode):04o}): "
            f"run `chmod 600 {path}`, and consider whether its content has leaked"
        )


def make_folder(path: Path) -> None:
    """Make a folder for private files, mode 0700, unless it is there; UnsafeFile if others can exchange what is in it.

    Others may write to a folder only if it is sticky, as /tmp is: then they can at most be quicker to make a file, and
    that is refused, being theirs.
    """
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not _CHECKED:
        return
    for found in (path.lstat(), path.stat()):  # a link, and what it leads to
        if found.st_uid not in (os.geteuid(), 0):
            raise UnsafeFile(f"{path} belongs to another user, who can exchange what is in it: take another folder")
    if found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX:
        raise UnsafeFile(
            f"{path} can be written to by others (mode {stat.S_IMODE(found.st_mode):04o}), who can exchange what is in "
            f"it: run `chmod go-w {path}`"
        )


def create_private(path: Path) -> None:
    """Make an empty private file; FileExistsError if anything of that name is there."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | _NO_FOLLOW, PRIVATE)
    try:
        if _CHECKED:
            os.fchmod(descriptor, PRIVATE)  # a umask can only have taken bits away, even ours
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(path.parent)


def write_private(path: Path, content: bytes) -> None:
    """Make a private file with that content, durably and all at once; FileExistsError if the name is taken.

    Whoever else looks sees no file, or the whole one, also after a crash. Of several who try, one succeeds.
    """
    draft = path.with_name(f".{path.name}.{token_hex(8)}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | _NO_FOLLOW, PRIVATE)
    try:
        with open(descriptor, "wb") as file:
            if _CHECKED:
                os.fchmod(file.fileno(), PRIVATE)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if _CHECKED:
            os.link(draft, path)  # unlike a rename, this replaces nothing
        else:
            os.rename(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def read_private(path: Path, most: int) -> bytes:
    """The content of a private file of at most that many octets; raises UnsafeFile or OSError.

    A symbolic link is followed (systems that hand out secrets lay them): the file that was opened is the one checked.
    """
    with open(path, "rb", opener=_without_waiting) as file:
        check_private(path, os.fstat(file.fileno()))
        content = file.read(most + 1)
    if len(content) > most:
        raise UnsafeFile(f"{path} has more than {most} octets: that is something else")
    return content


def _without_waiting(path: str, flags: int) -> int:
    """Opening a FIFO would wait for somebody who writes."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system can."""
    if not _CHECKED:
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
