"""How much a stranger may cost an HTTP server: deadlines, sizes, counts.

Only numbers and what they mean; it opens nothing and waits for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CHEAP: Final = 5_000
"""Hashes (of SHA-256) that are not worth counting: they cost what the rest of a request costs. OpenSSL uses 1024."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """What the stand-alone server grants a connection. Times are seconds, each for the whole and not for a pause."""

    header: float = 8.0
    """From the first moment (or the TCP accept) to the end of the header, a TLS handshake included."""
    body: float = 20.0
    """From the end of the header to the end of the body."""
    idle: float = 15.0
    """How long a kept connection may wait for its next request."""
    send: float = 20.0
    """How long an answer may take to leave; a CRL can be large."""
    linger: float = 2.0
    """After the last answer: how long what still comes is read and dropped, so that no reset destroys the answer."""
    grace: float = 10.0
    """At shutdown: how long requests that are under way may take to finish."""
    header_bytes: int = 16 * 1024
    """Longest request line and header fields together."""
    header_lines: int = 64
    """Most header fields."""
    connections: int = 4096
    """Most open connections; fewer where the system allows fewer open files. When all are taken, the connection that
    has waited longest in its phase without a complete request makes room."""
    connections_per_address: int | None = None
    """Most connections from one address, with the same policy among them; None: no such cap. Beware of NAT."""
    held: int = 64 * 1024 * 1024
    """Octets of unfinished requests and of answers that clients have not taken yet, all connections together; beyond,
    the connection goes that began first. More than the largest CRL."""
    threads: int = 8
    """Threads that answer requests. They mostly wait for disks and hash without the GIL."""
    waiting: int = 256
    """Most requests that wait for a thread; the next one is answered 503."""
    waiting_per_address: int | None = 32
    """Most of these from one address (of IPv6: from one /64 network); None: no such cap. The addresses whose requests
    wait have their turns one after the other."""
    vain_hashes_per_second: int | None = 1_000_000
    """Hashes (of SHA-256) that may be computed in a second, in the long run, for one address (of IPv6: one /64 network)
    whose requests then cannot be authenticated: the dearest thing that a stranger can ask for. Beyond, its requests
    that cost more than `CHEAP` are answered systemUnavail; what cheap ones cost is not counted, and they are served,
    so nobody can shut others out who come by the same proxy. None or 0: no such limit."""
    vain_hashes_burst: int = 20_000_000
    """How many of these may come at once: about a second of a processor."""
    sweep: float = 15.0
    """Between two rounds of housekeeping: revoking what was not confirmed, forgetting what has expired."""
    retry_after: int = 5
    """What a 503 tells the client to wait, in seconds."""

    def __post_init__(self) -> None:
        for name in ("header", "body", "idle", "send", "linger", "sweep"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be more than 0 seconds")
        if self.grace < 0:
            raise ValueError("grace must not be negative")
        counts = ("header_bytes", "header_lines", "connections", "held", "threads", "waiting", "vain_hashes_burst")
        for name in (*counts, "retry_after"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        for name in ("connections_per_address", "waiting_per_address"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, or None")
        if self.vain_hashes_per_second is not None and self.vain_hashes_per_second < 0:
            raise ValueError("vain_hashes_per_second must not be negative")
