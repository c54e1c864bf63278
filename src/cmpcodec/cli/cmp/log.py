"""The lines on standard error, in the words and by the levels of `openssl cmp`. It shows what it is told, escaped."""

from __future__ import annotations

from typing import Final, TextIO

from ..terminal import safe

DEFAULT_VERBOSITY: Final = 6
HIGHEST_VERBOSITY: Final = 8
_LEVELS: Final = {"error": (3, "error"), "warning": (4, "warning"), "info": (6, "info"), "debug": (7, "DEBUG")}
"""The number of each level (RFC 5424, as syslog), and how its lines call it."""


class Log:
    """Writes lines such as ``CMP info: sending IR`` if their level is wanted."""

    def __init__(self, stream: TextIO, verbosity: int = DEFAULT_VERBOSITY) -> None:
        self._stream = stream
        self.verbosity = verbosity

    def __call__(self, level: str, text: str) -> None:
        """Write a line; `level` is error, warning, info or debug."""
        number, word = _LEVELS[level]
        if number <= self.verbosity:
            self._stream.write(f"CMP {word}: {safe(text)}\n")
            self._stream.flush()

    def error(self, text: str) -> None:
        """Say why it does not work."""
        self("error", text)

    def warning(self, text: str) -> None:
        """Say what may not be as meant."""
        self("warning", text)

    def info(self, text: str) -> None:
        """Say what happens."""
        self("info", text)
