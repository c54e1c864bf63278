"""What counts as one source of requests, and what a source may cost with requests that nobody can be held to.

It knows addresses and clocks; nothing of HTTP or CMP.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

MOST_SOURCES: Final = 10_000
"""How many sources a budget remembers; beyond, the one goes whose last failure is the oldest."""

_NETWORK_BITS: Final = 64


def source_of(address: str) -> str:
    """The source that an address belongs to: an IPv4 address itself, the /64 network of an IPv6 address.

    Whoever has one IPv6 address usually has 2**64 of them. What is no address (a proxy's word, "") is taken as it is.
    """
    if ":" not in address:
        return address
    try:
        found = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Address(int(found) >> _NETWORK_BITS << _NETWORK_BITS))


class FailureBudget:
    """A token bucket for each source: a failure takes what it has cost, and `per_second` come back, up to `burst`.

    A failure is only known when its work is done, so as many as run at once may fail beyond the budget; that debt has
    to be made good too. An address that is not known, "", has no budget. Methods may be called by several threads.
    """

    def __init__(self, per_second: float, burst: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        if not per_second > 0 or burst < 1:
            raise ValueError("a budget of failures needs a rate above 0 and a burst of at least 1")
        self._per_second = per_second
        self._burst = float(burst)
        self._clock = clock
        self._lock = threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # source: (tokens, when there were so many)

    def __len__(self) -> int:
        return len(self._left)

    def spent(self, address: str) -> bool:
        """Whether the source of an address has no token left."""
        if not address or not self._left:
            return False
        source = source_of(address)
        with self._lock:
            return self._tokens(source) < 1

    def failed(self, address: str, cost: int = 1) -> None:
        """Take so many tokens from the source of an address."""
        if not address or cost <= 0:
            return
        source = source_of(address)
        with self._lock:
            self._left[source] = (self._tokens(source) - cost, self._clock())
            self._left.move_to_end(source)
            if len(self._left) > MOST_SOURCES:
                self._left.popitem(last=False)

    def _tokens(self, source: str) -> float:
        tokens, since = self._left.get(source, (self._burst, 0.0))
        return min(self._burst, tokens + (self._clock() - since) * self._per_second)
