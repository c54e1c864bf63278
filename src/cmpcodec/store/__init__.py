"""Stores: where the server keeps transactions, certificates and CRLs. Each is a `server.ports.Store`.

What they share (which changes make sense, what a move does) stands in `changes`, how they fail in `errors`.
"""

from __future__ import annotations

from .errors import StoreBusy, StoreDamaged, StoreError, StoreFull, StoreReadOnly, StoreRefused
from .memory import MemoryStore
from .sqlite import SQLiteStore

__all__ = [
    "MemoryStore",
    "SQLiteStore",
    "StoreBusy",
    "StoreDamaged",
    "StoreError",
    "StoreFull",
    "StoreReadOnly",
    "StoreRefused",
]
