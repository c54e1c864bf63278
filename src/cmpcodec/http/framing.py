"""HTTP/1.x requests out of bytes, strictly: where a header ends, what it says, how the body is delimited. RFC 9112.

llhttp (by httptools) reads request lines, fields and chunks. What could be read in two ways is refused here, because
some proxy in front may read it the other way (request smuggling). It opens no socket and waits for nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import httptools

END: Final = b"\r\n\r\n"

_LENGTH = re.compile(rb"[0-9]{1,18}")
_LONE = re.compile(rb"\r(?!\n)|(?<!\r)\n|\r\n[ \t]|\x00")  # a bare CR or LF, a folded line, a NUL
_TOKENS = re.compile(rb"[^,\s]+")


class BadRequest(Exception):
    """A request that HTTP does not allow, or that is too large: answer with `status`, and close. The text is ours."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Head:
    """Request line and header fields, and what they mean for the connection."""

    method: str
    target: bytes
    fields: list[tuple[bytes, bytes]]
    """Names in lower case."""
    old: bool
    """HTTP/1.0 rather than 1.1."""
    length: int | None
    """Content-Length, None if there is none."""
    chunked: bool
    keep_alive: bool
    """Whether the client lets the connection stay open: in HTTP/1.0 it has to ask for that."""
    expects_continue: bool

    @property
    def has_body(self) -> bool:
        """Whether octets of a body follow."""
        return self.chunked or bool(self.length)


class _HeadReader:
    """Callbacks of httptools that collect one header."""

    def __init__(self) -> None:
        self.target = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        self.complete = True


def read_head(block: bytes, most_fields: int) -> Head:
    """Read everything up to and including the empty line; raises BadRequest."""
    if block.count(b"\r\n") > most_fields + 2:
        raise BadRequest(431, f"There are more than {most_fields} header fields.")
    if _LONE.search(block) or block.partition(b"\r\n")[0].count(b" ") != 2:
        raise BadRequest(400, "The lines are not as lines of HTTP are.")
    reader = _HeadReader()
    parser = httptools.HttpRequestParser(reader)
    try:
        parser.feed_data(block)
    except httptools.HttpParserUpgrade:
        pass  # an offer to change the protocol; we stay with HTTP/1.1 (RFC 9110, 7.8)
    except httptools.HttpParserError:
        raise BadRequest(400, "This is no HTTP request.") from None
    if not reader.complete:
        raise BadRequest(400, "This is no HTTP request.")
    version = parser.get_http_version()
    if version not in ("1.0", "1.1"):
        raise BadRequest(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.")
    return _understand(parser.get_method().decode("ascii"), reader, version == "1.0")


def _understand(method: str, reader: _HeadReader, old: bool) -> Head:
    found: dict[bytes, list[bytes]] = {}
    for name, value in reader.fields:
        found.setdefault(name, []).append(value)
    hosts = found.get(b"host", ())
    if len(hosts) > 1 or (not hosts and not old):
        raise BadRequest(400, "There must be one Host.")
    lengths, codings = found.get(b"content-length", ()), found.get(b"transfer-encoding", ())
    if codings and (lengths or old or len(codings) > 1 or codings[0].lower() != b"chunked"):
        raise BadRequest(400, "The length of the body is ambiguous.")
    if len(lengths) > 1 or (lengths and not _LENGTH.fullmatch(lengths[0])):
        raise BadRequest(400, "Content-Length must be one number.")
    expectations = [value.lower() for value in found.get(b"expect", ())]
    if not old and expectations not in ([], [b"100-continue"]):
        raise BadRequest(417, "The only expectation that can be met is 100-continue.")
    wishes = {token.lower() for value in found.get(b"connection", ()) for token in _TOKENS.findall(value)}
    return Head(
        method=method,
        target=reader.target,
        fields=reader.fields,
        old=old,
        length=int(lengths[0]) if lengths else None,
        chunked=bool(codings),
        keep_alive=b"close" not in wishes and (not old or b"keep-alive" in wishes),
        expects_continue=bool(expectations) and not old,
    )


class Chunks:
    """A chunked body as it arrives: at most `most` octets, in chunks that are not mostly overhead. RFC 9112, 7.1."""

    def __init__(self, most: int) -> None:
        self.body = bytearray()
        self.complete = False
        self._most = most
        self._raw = 2 * most + 4096
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(b"POST / HTTP/1.1\r\nHost: -\r\nTransfer-Encoding: chunked\r\n\r\n")

    def feed(self, data: bytes) -> bool:
        """Take more of it; whether it is complete now. What follows the last chunk is dropped. Raises BadRequest."""
        self._raw -= len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            if len(self.body) <= self._most and not self.complete:
                raise BadRequest(400, "The chunks of the body are malformed.") from None
        if len(self.body) > self._most:
            raise BadRequest(413, f"A message has at most {self._most} octets here.")
        if self._raw < 0 and not self.complete:
            raise BadRequest(400, "The chunks of the body are too small.")
        return self.complete

    def on_body(self, part: bytes) -> None:
        """Callback of httptools."""
        if not self.complete:
            self.body += part
            if len(self.body) > self._most:
                raise ValueError  # stops the parser

    def on_message_complete(self) -> None:
        """Callback of httptools."""
        self.complete = True
