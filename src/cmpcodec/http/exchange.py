"""CMP over HTTP as a client sees it, without sockets: what to write, what to make of what is read. RFC 9811; RFC 9112.

Both transports, the blocking one and the one for asyncio, are thin drivers of what is here. Bytes from the network are
bounded before they are kept, and text of them is made printable before it gets into an error.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from ..asn1 import Limits
from ..client import Level, Report
from ..cmp import PKIMessage
from ..errors import DecodeError, TransportError

try:
    import h11
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "the HTTP client of cmpcodec needs the package h11: pip install 'cmpcodec[http]'", name="h11"
    ) from error

MEDIA_TYPE: Final = "application/pkixcmp"
MAX_HEADER: Final = 16 * 1024
"""Longest header of an answer, in bytes; also of the trailer of a chunked one."""
MAX_HEADER_FIELDS: Final = 64
MAX_INFORMATIONAL: Final = 8
"""Most answers of status 1xx before the real one."""
_SHOWN: Final = 200

_LAST_BODIES: Final = frozenset(("cert_conf", "rr", "error"))
_DEFAULT_LIMITS: Final = Limits()


def _silent(level: Level, text: str) -> None:
    """Report to nobody."""


class ConnectionLost(TransportError):
    """The peer closed the connection, or it broke, before an answer was complete."""


class Address(NamedTuple):
    """Where to connect to."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where messages go: server, path, whether by TLS, and through which proxy."""

    server: Address
    target: str
    """Path and query."""
    tls: bool
    proxy: Address | None = None

    @classmethod
    def parse(
        cls, url: str, path: str | None, tls: bool = False, proxy: str | None = None, no_proxy: Iterable[str] = ()
    ) -> Endpoint:
        """From ``[http[s]://][userinfo@]host[:port][/path][?query][#fragment]``; `path` takes the place of that in it.

        userinfo and fragment are ignored. `tls` means https whatever the scheme. The proxy is a URL of that form, too;
        it is not used for hosts that equal, or are within a domain of, `no_proxy`. ValueError says what is wrong.
        """
        scheme, server, found = _split(url, "server", tls)
        if path is not None:
            found = path
        target = found if found.startswith(("/", "?")) else f"/{found}"
        target = f"/{target}" if target.startswith("?") else target
        if not target.isascii() or not target.isprintable() or " " in target:
            raise ValueError(f"path: {target!r} has characters that a URL cannot have; write them as %XX")
        through = None
        if proxy and not _excluded(server.host, no_proxy):
            kind, through, _ = _split(proxy, "proxy", False)
            if kind != "http":
                raise ValueError("proxy: only http:// proxies are supported; they tunnel TLS to the server")
        return cls(server=server, target=target, tls=scheme == "https", proxy=through)

    @property
    def address(self) -> Address:
        """Where to connect to."""
        return self.proxy or self.server

    @property
    def tunnelled(self) -> bool:
        """Whether the proxy has to be asked for a tunnel first, by CONNECT."""
        return self.tls and self.proxy is not None

    @property
    def host_field(self) -> str:
        """The value of Host: with a port unless it is the default one."""
        text = str(self.server)
        return text.rpartition(":")[0] if self.server.port == (443 if self.tls else 80) else text

    @property
    def request_target(self) -> str:
        """What stands in the request line: the path, or for a proxy without a tunnel the whole URL."""
        return self.target if self.proxy is None or self.tls else f"http://{self.host_field}{self.target}"

    @property
    def url(self) -> str:
        """The URL, without what was ignored."""
        return f"{'https' if self.tls else 'http'}://{self.server}{self.target}"


def _split(url: str, what: str, tls: bool) -> tuple[str, Address, str]:
    """Scheme, address and path of a URL that may lack its scheme."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}", allow_fragments=True)
        host, port = parts.hostname, parts.port
    except ValueError:
        # The URL, and the error that quotes it, may hold a password.
        raise ValueError(f"{what}: not a URL of the form http[s]://host[:port][/path]") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{what}: expected http:// or https://, not {parts.scheme}://")
    if not host or not host.isprintable() or " " in host or port == 0:
        raise ValueError(f"{what}: the URL names no host that could be one, or port 0")
    scheme = "https" if tls else parts.scheme
    try:
        host = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise ValueError(f"{what}: {host!r} is no host name") from error
    query = f"?{parts.query}" if parts.query else ""
    return scheme, Address(host, port or (443 if scheme == "https" else 80)), (parts.path or "/") + query


def _excluded(host: str, no_proxy: Iterable[str]) -> bool:
    for one in no_proxy:
        name = one.strip().lower().strip("[]")
        if name == "*" or (name and (host == name or host.endswith("." + name.lstrip(".")))):
            return True
    return False


class Response(NamedTuple):
    """A complete answer of HTTP."""

    status: int
    reason: str
    media_type: str
    """In lower case, without parameters."""
    location: str
    body: bytes


class Wire:
    """One connection: requests to be written, and answers put together from what is read, one after the other.

    Errors are TransportErrors, ConnectionLost where the connection ended early.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._h11 = _connection()
        self._head: h11.Response | None = None
        self._body: list[bytes] = []
        self._size = 0
        self._informational = 0
        self.answering = False
        """Whether anything of the answer to the last request has come."""

    def post(self, endpoint: Endpoint, body: bytes, keep_alive: bool) -> bytes:
        """The octets of a POST, to be written at once."""
        head = h11.Request(
            method="POST",
            target=endpoint.request_target,
            headers=[
                ("Host", endpoint.host_field),
                ("Content-Type", MEDIA_TYPE),
                ("Content-Length", str(len(body))),
                ("Cache-Control", "no-cache"),
                ("Connection", "keep-alive" if keep_alive else "close"),
            ],
        )
        return self._request(head, body)

    def connect(self, endpoint: Endpoint) -> bytes:
        """The octets that ask a proxy for a tunnel."""
        target = str(endpoint.server)
        return self._request(h11.Request(method="CONNECT", target=target, headers=[("Host", target)]), b"")

    def _request(self, head: h11.Request, body: bytes) -> bytes:
        self._h11 = _connection()
        self._head, self._body, self._size, self._informational, self.answering = None, [], 0, 0, False
        events = [head, h11.Data(data=body), h11.EndOfMessage()] if body else [head, h11.EndOfMessage()]
        return b"".join(self._h11.send(event) or b"" for event in events)

    def receive(self, data: bytes) -> Response | None:
        """Take what was read (b"" for the end); the answer when it is complete, None until then."""
        self.answering = self.answering or bool(data)
        try:
            self._h11.receive_data(data)
            while True:
                event = self._h11.next_event()
                if event is h11.NEED_DATA:
                    return None
                if event is h11.PAUSED or isinstance(event, h11.EndOfMessage):
                    return self._finished()
                if isinstance(event, h11.ConnectionClosed):
                    raise ConnectionLost("the server closed the connection without an answer")
                if isinstance(event, h11.Event):
                    self._take(event)
        except h11.RemoteProtocolError as error:
            if not data:
                raise ConnectionLost("the server closed the connection within its answer") from error
            raise TransportError(f"what the server sends is no HTTP: {shown(str(error))}") from error

    def _take(self, event: h11.Event) -> None:
        if isinstance(event, h11.InformationalResponse):
            self._informational += 1
            if self._informational > MAX_INFORMATIONAL:
                raise TransportError("the server sends only answers of status 1xx")
        elif isinstance(event, h11.Response):
            self._head = event
            if len(event.headers) > MAX_HEADER_FIELDS:
                raise TransportError(f"the answer has more than {MAX_HEADER_FIELDS} header fields")
            announced = _field(event, b"content-length")
            if announced.isdigit() and int(announced) > self._limits.max_size:
                raise self._too_large()
        elif isinstance(event, h11.Data):
            self._size += len(event.data)
            if self._size > self._limits.max_size:
                raise self._too_large()
            self._body.append(bytes(event.data))

    def _too_large(self) -> TransportError:
        return TransportError(f"the answer is larger than {self._limits.max_size} bytes, which is the limit")

    def _finished(self) -> Response:
        head = self._head
        assert head is not None
        return Response(
            status=head.status_code,
            reason=shown(head.reason.decode("latin-1")),
            media_type=_field(head, b"content-type").partition(";")[0].strip().lower(),
            location=shown(_field(head, b"location")),
            body=b"".join(self._body),
        )

    @property
    def reusable(self) -> bool:
        """Whether the server keeps the connection open for another request, and has said nothing beyond its answer."""
        head = self._head
        if head is None or self.left_over:
            return False
        # h11 thinks that HTTP/1.0 always closes; with keep-alive and a length it need not (RFC 9112, C.2.2).
        kept = head.http_version == b"1.0" and _field(head, b"connection").lower() == "keep-alive"
        return self._h11.their_state is h11.DONE or (kept and bool(_field(head, b"content-length")))

    @property
    def left_over(self) -> bool:
        """Whether octets came that belong to no answer."""
        return bool(self._h11.trailing_data[0])


def _connection() -> h11.Connection:
    """The state of one request and its answer; what is left over of one must never be taken for part of the next."""
    return h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEADER)


def _field(head: h11.Response, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in head.headers if key == name), "")


def shown(text: str) -> str:
    """Text from the network, printable and short."""
    return "".join(one if " " <= one <= "~" else "?" for one in text[:_SHOWN])


def message_of(response: Response, limits: Limits) -> PKIMessage:
    """The PKIMessage of an answer: of any success, and of any error that carries one. RFC 9811, 3.3.

    Raises TransportError if there is none, DecodeError if a success brings something that calls itself one and is not.
    """
    status = f"HTTP status {response.status}{' ' if response.reason else ''}{response.reason}"
    if 300 <= response.status < 400:
        where = f" to {response.location}" if response.location else ""
        raise TransportError(f"{status}: the server redirects{where}, and redirects are not followed")
    success = 200 <= response.status < 300
    if response.media_type != MEDIA_TYPE:
        if not success:
            raise TransportError(f"the server answers with {status}")
        found = shown(response.media_type) or "no Content-Type"
        raise TransportError(f"{status}, but with {found} instead of {MEDIA_TYPE}")
    try:
        return PKIMessage.decode(response.body, limits=limits)
    except DecodeError as error:
        if success:
            raise
        raise TransportError(f"the server answers with {status}, and its body is no PKIMessage") from error


class Exchange:
    """What the transports have in common: their settings, and what becomes of errors.

    A subclass says how to drop its connection at once, and sends and receives what a `Wire` says.
    """

    def __init__(
        self,
        url: str,
        *,
        path: str | None = None,
        tls: ssl.SSLContext | None = None,
        tls_host: str | None = None,
        proxy: str | None = None,
        no_proxy: Iterable[str] = (),
        timeout: float | None = 120.0,
        keep_alive: int = 1,
        limits: Limits = _DEFAULT_LIMITS,
        report: Report = _silent,
    ) -> None:
        if keep_alive not in (0, 1, 2):
            raise ValueError("keep_alive: expected 0, 1 or 2")
        self._endpoint = Endpoint.parse(url, path, tls is not None, proxy, no_proxy)
        self._tls = (tls or ssl.create_default_context()) if self._endpoint.tls else None
        self._tls_host = tls_host or self._endpoint.server.host
        self._timeout = timeout
        self._keep_alive = keep_alive
        self._limits = limits
        self._report = report
        self._wire = Wire(limits)

    @property
    def url(self) -> str:
        """Where messages go."""
        return self._endpoint.url

    def _drop(self) -> None:
        """Close the connection, if one is open, without waiting for anything."""
        raise NotImplementedError

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Drop the connection when anything fails, and make TransportErrors of errors of sockets and TLS."""
        try:
            yield
        except BaseException as error:
            self._drop()
            if isinstance(error, TransportError) or not isinstance(error, OSError):
                raise
            if isinstance(error, TimeoutError):
                raise TransportError(f"no answer from {self._endpoint.address} in time") from error
            raise TransportError(f"{self._endpoint.address}: {_words(error)}") from error

    def _asks_keep_alive(self, message: PKIMessage) -> bool:
        """Whether the connection is to stay open behind a message: not if it ends a transaction, as with OpenSSL."""
        return self._keep_alive > 0 and message.body.name not in _LAST_BODIES

    def _is_kept(self, asked: bool) -> bool:
        """Whether the server keeps the connection open behind its answer; TransportError if that was demanded."""
        kept = asked and self._wire.reusable
        if asked and not kept and self._keep_alive > 1:
            raise TransportError("the server does not keep the connection open, which was demanded")
        return kept

    def _new_wire(self) -> None:
        """Begin a connection."""
        endpoint = self._endpoint
        self._report("debug", f"connecting to CMP server {endpoint.server}{' using TLS' if endpoint.tls else ''}")
        self._wire = Wire(self._limits)

    def _tunnelled(self, response: Response) -> None:
        """Begin anew within the tunnel that a proxy gives; TransportError if it gives none."""
        if not 200 <= response.status < 300 or self._wire.left_over:
            raise TransportError(f"the proxy refuses the tunnel: HTTP status {response.status} {response.reason}")
        self._wire = Wire(self._limits)

    def _message(self, response: Response) -> PKIMessage:
        self._report("debug", "finished reading response from CMP server")
        return message_of(response, self._limits)


def _words(error: OSError) -> str:
    """What went wrong with a connection, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not verify: {error.verify_message}"
    return error.strerror or str(error) or type(error).__name__
