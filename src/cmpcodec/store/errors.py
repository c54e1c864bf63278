"""What a store raises when its database does not do what it should; each text says what the operator can do.

The server answers the request with the failInfo of the class; nothing of the change has happened. Texts name files and
causes, never what was to be stored.
"""

from __future__ import annotations

from typing import ClassVar

from ..errors import CMPError


class StoreError(CMPError):
    """The database failed, and nothing has happened. Base of all errors of stores but Conflict."""

    fail_info: ClassVar[str] = "SYSTEM_FAILURE"


class StoreBusy(StoreError):
    """Somebody else kept the database locked for longer than we wait: the same request may succeed later."""

    fail_info: ClassVar[str] = "SYSTEM_UNAVAIL"


class StoreFull(StoreError):
    """The disk, a quota or a limit of the file system is used up."""

    fail_info: ClassVar[str] = "SYSTEM_UNAVAIL"


class StoreReadOnly(StoreError):
    """The database, or the folder that it lies in, cannot be written."""


class StoreDamaged(StoreError):
    """The file is no sound database."""


class StoreRefused(StoreError):
    """The file is not used: others could read or exchange it, or it is another program's or a newer version's."""
