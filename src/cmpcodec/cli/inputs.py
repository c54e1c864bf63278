"""From whatever a user has at hand to DER: files, standard input, PEM, hexadecimal, base64, dumps, HTTP.

The form is detected by content, never by a file's name. Of ASN.1 it knows where the outermost TLV ends, to
tell messages that follow each other apart; whether the DER is any good is for others to say.
"""

from __future__ import annotations

import binascii
import re
import sys
from typing import NamedTuple

MAX_READ = 64 * 1024 * 1024
"""Octets of one input. Text forms are larger than their messages, and many messages may follow each other."""

_TEXT_OCTETS = bytes(range(0x20, 0x7F)) + b"\t\r\n"
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
# Patterns are compiled when first used: DER, the usual input, needs none.
_HTTP = rb"(?:HTTP/1\.[01] \d{3}|(?:POST|GET|PUT) \S+ HTTP/1\.[01]\r?\n)"
_PEM = r"-----BEGIN ([^\r\n]*?)-----[ \t]*\r?\n"
_PEM_HEADER = r"(?m)^[A-Za-z-]+:.*(?:\r?\n[ \t]+.*)*"
_DUMP = r"\s*(?:0x)?([0-9a-fA-F]{4,8})(?::?[ \t]+(.*)|\s*)$"
_HEX_DRESS = r"""0x|\\x|[\s:,;"'{}]"""
_HEX = r"(?:[0-9a-fA-F]{2})+"
_BASE64 = r"[A-Za-z0-9+/]+={0,2}"


class NotRecognised(Exception):
    """An input of no known form, or a damaged one; the text says what is wrong with it."""


class Found(NamedTuple):
    """The octets of one message, and the form in which they came."""

    data: bytes
    form: str
    """DER, PEM, hex, hex dump, base64 or HTTP."""
    pem_label: str = ""
    start: int = 0
    """Where they stood among messages that followed each other."""


def read(source: str) -> bytes:
    """All of a file, or of standard input if `source` is ``-``. OSError; NotRecognised if it is too long."""
    if source == "-":
        if sys.stdin is None:
            raise OSError("it is closed")
        data = sys.stdin.buffer.read(MAX_READ + 1)
    else:
        with open(source, "rb") as file:
            data = file.read(MAX_READ + 1)
    if len(data) > MAX_READ:
        raise NotRecognised(f"more than {MAX_READ >> 20} MiB, too much for CMP messages")
    return data


def messages(data: bytes) -> list[Found]:
    """The DER of the messages in an input, at least one. NotRecognised if there is none."""
    if not data:
        raise NotRecognised("empty input")
    if data.startswith((b"HTTP/1.", b"POST ", b"GET ", b"PUT ")) and re.match(_HTTP, data):
        return _from_http(data)
    text = _as_text(data)
    if text is not None:
        return _from_text(text)
    if data[0] != 0x30 and b"-----BEGIN " in data:
        return _from_pem(data.decode("latin-1"))
    return _apart(data, "DER")


def _as_text(data: bytes) -> str | None:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                return None
    return None if data.translate(None, _TEXT_OCTETS) else data.decode("ascii")


def _from_text(text: str) -> list[Found]:
    if "-----BEGIN " in text:
        return _from_pem(text)
    octets = _from_dump(text)
    if octets:
        return _apart(octets, "hex dump")
    bare = re.sub(_HEX_DRESS, "", text)
    if re.fullmatch(_HEX, bare):
        return _apart(bytes.fromhex(bare), "hex")
    bare = re.sub(r"""[\s"']""", "", text).translate({0x2D: "+", 0x5F: "/"})
    if re.fullmatch(_BASE64, bare):
        try:
            octets = _base64(bare)
        except ValueError:
            octets = b""
        if octets[:1] == b"0" or (octets and end_of_value(octets, 0) == len(octets)):  # else it is prose
            return _apart(octets, "base64")
    if not bare:
        raise NotRecognised("nothing but white space")
    raise NotRecognised(f"neither DER nor PEM, hex or base64: it begins with {text.strip()[:24]!a}")


def _base64(text: str) -> bytes:
    text = text.rstrip("=")
    return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)


def _from_pem(text: str) -> list[Found]:
    found: list[Found] = []
    at = 0
    begin = re.compile(_PEM)
    while match := begin.search(text, at):
        line = f"-----END {match[1]}-----"
        end = text.find(line, match.end())
        if end < 0:
            raise NotRecognised(f"PEM block {len(found) + 1} has no end, a line {line[:40]!a}")
        at = end + len(line)
        body = re.sub(_PEM_HEADER, "", text[match.end() : end])
        try:
            octets = _base64(re.sub(r"\s", "", body))
        except ValueError as error:  # binascii.Error, or what is not ASCII
            raise NotRecognised(f"PEM block {len(found) + 1} is not base64: {error}") from None
        if not octets:
            raise NotRecognised(f"PEM block {len(found) + 1} is empty")
        found.append(Found(octets, "PEM", match[1]))
    if not found:
        raise NotRecognised("-----BEGIN is there, but not as a line of its own that ends in -----")
    return found


def _from_dump(text: str) -> bytes:
    """The octets of a dump with offsets by xxd, hexdump -C, od -A x -t x1 or Wireshark; else nothing."""
    lines: list[tuple[int, str]] = []
    for line in text.splitlines():
        if line.strip():
            match = re.match(_DUMP, line)
            if match is None or (not lines and (int(match[1], 16) or not match[2])):
                return b""
            lines.append((int(match[1], 16), re.split(r"[ \t]{3,}|\|", match[2] or "")[0]))
    octets = bytearray()
    width = lines[1][0] if len(lines) > 1 else 16
    for offset, columns in lines:
        if offset != len(octets):
            return b""
        room = width
        for token in columns.split():
            if not re.fullmatch(_HEX, token) or len(token) > 2 * room:
                break  # the column of characters
            octets += bytes.fromhex(token)
            room -= len(token) // 2
    return bytes(octets)


def _from_http(data: bytes) -> list[Found]:
    """The bodies of HTTP/1 messages that follow each other."""
    found: list[Found] = []
    at = 0
    first_line, blank_line = re.compile(_HTTP), re.compile(rb"\r?\n\r?\n")
    while first_line.match(data, at):
        blank = blank_line.search(data, at)
        if blank is None:
            raise NotRecognised("HTTP header without end")
        header = data[at : blank.start()].lower()
        if re.search(rb"\ntransfer-encoding:[^\n]*chunked", header):
            raise NotRecognised("HTTP body in chunks; save the body alone")
        length = re.search(rb"\ncontent-length:[ \t]*(\d{1,9})[ \t\r]*(?:\n|$)", header)
        end = blank.end() + int(length[1]) if length else len(data)
        if data[blank.end() : end]:
            found.append(Found(data[blank.end() : end], "HTTP"))
        at = end
    if not found:
        raise NotRecognised("HTTP without a body")
    return found


def _apart(data: bytes, form: str) -> list[Found]:
    """Messages that follow each other without anything between; all of `data` as one where that is not so."""
    found: list[Found] = []
    at = 0
    while at < len(data):
        end = end_of_value(data, at) if data[at] == 0x30 else None
        if end is None or (end > len(data) and not found):
            return [Found(data, form)]
        found.append(Found(data[at:end], form, start=at))
        at = end
    return found


def end_of_value(data: bytes, at: int) -> int | None:
    """Where the value that begins at `at` says it ends, perhaps behind the data; None if it does not say."""
    if at + 2 > len(data) or data[at] & 0x1F == 0x1F:
        return None
    length, at = data[at + 1], at + 2
    if length >= 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4 or at + count > len(data):
            return None
        length, at = int.from_bytes(data[at : at + count], "big"), at + count
    return at + length
