"""What reaches the terminal: colours, escaped text, hexadecimal. No text of a message gets there otherwise.

Styled strings carry ANSI escape sequences; `Output` takes them out where colours are not wanted. That is
exact because `safe` and `quoted` let no control character of the message through. Knows no ASN.1.
"""

from __future__ import annotations

import os
import re
from typing import TextIO

_STYLES = re.compile(r"\x1b\[\d+m")
_WINDOW = 16


def safe(text: str) -> str:
    """Text of unknown origin, with all that does not print (controls, line ends, bidi marks) escaped."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _escape(one) for one in text)


def quoted(text: str) -> str:
    """Text of unknown origin in quotation marks; backslashes and quotation marks in it are escaped too."""
    return '"' + safe(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _escape(character: str) -> str:
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def dim(text: str) -> str:
    """What one may skip."""
    return f"\x1b[2m{text}\x1b[0m"


def bold(text: str) -> str:
    """What one looks for."""
    return f"\x1b[1m{text}\x1b[0m"


def bad(text: str) -> str:
    """Errors and rejections."""
    return f"\x1b[31m{text}\x1b[0m"


def good(text: str) -> str:
    """What was checked and is right."""
    return f"\x1b[32m{text}\x1b[0m"


def label(text: str) -> str:
    """Names of components."""
    return f"\x1b[36m{text}\x1b[0m"


def plain(text: str) -> str:
    """A styled string without its styles."""
    return _STYLES.sub("", text)


def wants_colour(stream: TextIO, choice: str) -> bool:
    """Whether to colour: always, never, or auto: on terminals, minding NO_COLOR and FORCE_COLOR."""
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


class Output:
    """Lines for one stream, in its encoding, with or without colours."""

    def __init__(self, stream: TextIO, colour: str) -> None:
        self._stream = stream
        self._colour = wants_colour(stream, colour)
        self._encoding = stream.encoding or "ascii"
        self._unicode = self._encoding.lower().replace("-", "") in ("utf8", "utf16", "utf32")

    def line(self, text: str = "") -> None:
        """Write a styled line."""
        if not self._colour:
            text = plain(text)
        if not self._unicode:
            text = text.replace("\u2026", "...")
            text = text.encode(self._encoding, "backslashreplace").decode(self._encoding)
        self._stream.write(text + "\n")

    def flush(self) -> None:
        """Make the lines appear now."""
        self._stream.flush()


def window(data: bytes, offset: int) -> tuple[int, bytes]:
    """Some octets of `data` around `offset`, and where they begin."""
    start = max(0, min(offset - _WINDOW // 2, len(data) - _WINDOW))
    return start, data[start : start + _WINDOW]


def hex_window(data: bytes, offset: int) -> list[str]:
    """Two lines: some octets of `data` around `offset`, and a mark below the octet in question."""
    start, octets = window(data, offset)
    before = f"at {start}:  " if start else ""
    after = "" if start + _WINDOW < len(data) else "  (end)"
    mark = len(before) + 3 * (offset - start)
    return [f"{before}{octets.hex(' ')}{dim(after)}", " " * mark + bad("^^")]
