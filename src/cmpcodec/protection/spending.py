"""What it costs to find out who signed: added up, and bounded before the next signature is verified.

A stranger may send certificates that lead in circles, with keys that are dear to use. Costs are counted in hashes of
SHA-256, as those of PasswordBasedMac are.
"""

from __future__ import annotations

from typing import Final

from ..errors import TooCostly
from .keys import PublicKey, cost

READING: Final = 1000
"""About what it costs to read one certificate."""


class Spending:
    """The account of one message: `spent` so far, of at most `most` for signatures."""

    __slots__ = ("_most", "spent")

    def __init__(self, most: int) -> None:
        self._most = most
        self.spent = 0

    def read(self) -> None:
        """Count one certificate that is read. Their number is bounded elsewhere."""
        self.spent += READING
        self._most += READING

    def verify(self, key: PublicKey) -> None:
        """Count one signature that is verified with that key; TooCostly if it goes beyond the bound."""
        price = cost(key)
        if self.spent + price > self._most:
            raise TooCostly("the signatures of the message and its certificates cost more than the policy admits")
        self.spent += price
